"""`img2model inspect`, `fix`, `edit` and `export`: what can be done with a mesh file."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img2model_desktop.cli.speech import print_json
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import OptionValue
from img2model_desktop.core.workshop.step import Step
from img2model_desktop.errors import EngineProblem, InputProblem

if TYPE_CHECKING:  # they bring numpy, which the help does without
    from img2model_desktop.core.mesh import Mesh
    from img2model_desktop.core.verdict.findings import Conditions, Finding, Purpose, Verdict
    from img2model_desktop.jobs.export import ExportOptions

PURPOSES = ("print", "game", "web", "render")
UNITS = ("mm", "cm", "m", "in")


# -- arguments ---------------------------------------------------------------------------------------------------------


def add_mesh(parser: argparse.ArgumentParser) -> None:
    """The mesh file, and what it may not say about itself."""
    add = parser.add_argument
    add("mesh", type=Path, metavar="MESH", help="GLB, glTF, OBJ, STL, PLY, 3MF, OFF or our own USDZ")
    add("--from-up", default="", choices=["y", "z"], help="up axis of a file that does not say; default: y")
    add("--from-unit", default="", choices=UNITS, help="unit of such a file; default: mm")


def add_conditions(parser: argparse.ArgumentParser) -> None:
    """What the verdict is measured against."""
    add = parser.add_argument
    add("--size-mm", type=float, default=None, metavar="N", help="longest side that it will have; default: as it is")
    add("--wall-mm", type=float, default=None, metavar="N", help="thinnest wall that the printer makes")
    add("--overhang-deg", type=float, default=None, metavar="N", help="steepest overhang without support")
    add("--bed-mm", default=None, metavar="WxDxH", help="what the printer reaches, e.g. 220x220x250")


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add_mesh(parser)
    add_conditions(parser)
    add = parser.add_argument
    add("--for", dest="purpose", default=None, choices=PURPOSES, help="findings for this purpose alone")
    add("--check", action="store_true", help="with --for: exit code 5 unless the mesh is fit")
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_inspect)


def add_fix(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add_mesh(parser)
    add_conditions(parser)
    add = parser.add_argument
    add("-o", "--out", required=True, type=Path, metavar="OUT", help="mesh file; its suffix is the format")
    add("--for", dest="purpose", default="print", choices=PURPOSES, help="default: %(default)s")
    add("--dry-run", action="store_true", help="says what it would do, and does nothing")
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_fix)


def add_edit(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add_mesh(parser)
    add = parser.add_argument
    add("-o", "--out", required=True, type=Path, metavar="OUT", help="mesh file; its suffix is the format")
    add("--do", action="append", required=True, metavar="KEY[:NAME=VALUE,...]", dest="steps",
        help="an operation of “img2model operations”, e.g. decimate:faces=5000 (repeatable, in order)")  # fmt: skip
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_edit)


def add_export(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add_mesh(parser)
    add = parser.add_argument
    add("-o", "--out", required=True, type=Path, metavar="OUT", help="mesh file; its suffix is the format")
    add("--preset", default=None, metavar="KEY", help="of “img2model presets”; other arguments go before it")
    add("--size-mm", type=float, default=None, metavar="N", help="longest side, millimetres")
    add("--up", default=None, choices=["y", "z"], help="up axis of OBJ, STL and PLY files")
    add("--unit", default=None, choices=UNITS, help="unit of OBJ, STL and PLY files")
    add("--origin", default=None, choices=["keep", "floor", "centre"], help="where the origin lies")
    add("--faces", type=int, default=None, metavar="N", help="triangles at most")
    add("--texture-px", type=int, default=None, metavar="N", help="longest side of the texture at most")
    add("--levels", default="", metavar="N,N", help="also coarser files OUT_lod1, ... with at most so many triangles")
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_export)


# -- the work ----------------------------------------------------------------------------------------------------------


@contextmanager
def progress_on_terminal(name: str, words: Callable[[float], str] = "{:4.0%}".format) -> Iterator[Progress]:
    """A token that shows how far the work is, where stderr is a terminal, and that Ctrl+C cancels.

    Args:
        name: of the work.
        words: for how far it is, 0..1.
    """
    cancel = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: cancel.set())
    is_terminal = sys.stderr.isatty()

    def show(fraction: float) -> None:
        if is_terminal:
            print(f"\r\x1b[K{name}: {words(fraction)}", end="", file=sys.stderr, flush=True)

    try:
        yield Progress(show, cancel.is_set)
    finally:
        signal.signal(signal.SIGINT, before)
        if is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def open_mesh(arguments: argparse.Namespace) -> "tuple[Mesh, dict[str, Any]]":
    """The mesh that the arguments name, and its recipe, empty where it has none. What was left out goes to stderr."""
    from img2model_desktop.core.formats.frame import PLAIN, Frame
    from img2model_desktop.core.mesh_files import read, read_recipe

    up, unit = arguments.from_up, arguments.from_unit
    found = read(arguments.mesh, frame=Frame(up or PLAIN.up, unit or PLAIN.unit) if up or unit else None)
    for note in found.notes:
        print(f"{arguments.mesh.name}: {note}", file=sys.stderr)
    return found.mesh, read_recipe(arguments.mesh)


def conditions_of(arguments: argparse.Namespace) -> "Conditions":
    """What `add_conditions` was given."""
    from img2model_desktop.core.verdict.findings import Conditions

    given: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("size_mm", "wall_mm", "overhang_deg")
        if getattr(arguments, name) is not None
    }
    for name, value in given.items():
        if not 0 < value < 1e6:
            raise InputProblem(f"--{name.replace('_', '-')} cannot be {value:g}.", "Use a number above 0.")
    if arguments.bed_mm is not None:
        given["bed_mm"] = _bed(arguments.bed_mm)
    return Conditions(**given)


def _bed(text: str) -> tuple[float, float, float]:
    try:
        width, depth, height = (float(side) for side in text.lower().split("x"))
    except ValueError:
        raise InputProblem(f"“{text}” is not the size of a printer.", "Write it like 220x220x250.") from None
    return width, depth, height


def _inspect(arguments: argparse.Namespace) -> int:
    from img2model_desktop.core.verdict.findings import Level, Purpose
    from img2model_desktop.core.verdict.judge import judge

    mesh, recipe = open_mesh(arguments)
    with progress_on_terminal(arguments.mesh.name) as progress:
        verdict = judge(mesh, conditions_of(arguments), progress)
    purpose = Purpose(arguments.purpose) if arguments.purpose else None
    if arguments.json:
        print_json({"mesh": str(arguments.mesh)} | _plain(verdict, purpose) | {"recipe": recipe})
    else:
        _print_verdict(verdict, purpose)
    is_fit = purpose is None or verdict.level(purpose) is Level.FIT
    return EngineProblem.exit_code if arguments.check and not is_fit else 0


def _plain(verdict: "Verdict", purpose: "Purpose | None") -> dict[str, Any]:
    plain = verdict.to_dict()
    if purpose is not None:
        plain["findings"] = [finding.to_dict() for finding in verdict.concerning(purpose)]
    return plain


def _print_verdict(verdict: "Verdict", purpose: "Purpose | None") -> None:
    from img2model_desktop.core.verdict.findings import Purpose

    for one in Purpose:
        print(f"{one.value:<8}{verdict.level(one).value}")
    for finding in verdict.concerning(purpose) if purpose else verdict.findings:
        print(f"\n{_marked(finding, purpose)}{finding.title}\n    {finding.reason} {finding.advice}".rstrip())
    print()
    width = max(len(name) for name in verdict.measures)
    for name, value in verdict.measures.items():
        print(f"{name:<{width}}  {_shown(value)}")


def _marked(finding: "Finding", purpose: "Purpose | None") -> str:
    """What the finding means, before its title."""
    if purpose is not None:
        return f"[{finding.severity[purpose].value}] "
    return f"[{', '.join(f'{one.value}: {severity.value}' for one, severity in finding.severity.items())}] "


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    return "–" if value is None else str(value)


def _fix(arguments: argparse.Namespace) -> int:
    from img2model_desktop.core.verdict.findings import Purpose
    from img2model_desktop.core.verdict.judge import judge
    from img2model_desktop.core.workshop import plans
    from img2model_desktop.jobs.export import export_mesh

    purpose, conditions = Purpose(arguments.purpose), conditions_of(arguments)
    mesh, recipe = open_mesh(arguments)
    if arguments.dry_run:
        verdict = judge(mesh, conditions)
        steps = plans.plan_for(verdict, purpose)
        _say_plan(arguments, steps, plans.describe(steps, verdict))
        return 0
    check_out(arguments.out)
    with progress_on_terminal(arguments.mesh.name) as progress:
        fixed = plans.fix(mesh, purpose, conditions, progress.part(0.0, 0.9))
        done = export_mesh(
            fixed.mesh, arguments.out, recipe=with_steps(recipe, fixed.steps), progress=progress.part(0.9, 1.0)
        )
    level = fixed.after.level(purpose)
    if arguments.json:
        plain = {"path": str(done.path), "before": fixed.before.level(purpose).value, "after": level.value}
        steps_done = [step.to_dict() for step in fixed.steps]
        print_json(plain | {"steps": steps_done, "notes": list(fixed.notes)} | _plain(fixed.after, purpose))
        return 0
    for sentence in (*plans.describe(fixed.steps, fixed.before), *fixed.notes):
        print(sentence, file=sys.stderr)
    print(f"{done.path}: {purpose.value}: {fixed.before.level(purpose).value} -> {level.value}, {done.faces} triangles")
    return 0


def _say_plan(arguments: argparse.Namespace, steps: Sequence[Step], sentences: Sequence[str]) -> None:
    if arguments.json:
        print_json({"steps": [step.to_dict() for step in steps], "sentences": list(sentences)})
        return
    for sentence in sentences or ("Nothing to fix.",):
        print(sentence)


def _edit(arguments: argparse.Namespace) -> int:
    from img2model_desktop.core.workshop.stack import do_steps
    from img2model_desktop.jobs.export import export_mesh

    steps = [read_step(text) for text in arguments.steps]
    mesh, recipe = open_mesh(arguments)
    check_out(arguments.out)
    with progress_on_terminal(arguments.mesh.name) as progress:
        outcome = do_steps(mesh, steps, progress.part(0.0, 0.9))
        done = export_mesh(
            outcome.mesh, arguments.out, recipe=with_steps(recipe, steps), progress=progress.part(0.9, 1.0)
        )
    _say_exported(arguments, done, outcome.notes)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from img2model_desktop.jobs.export import export_levels, export_mesh

    options, levels = _export_options(arguments), _levels(arguments.levels)
    mesh, recipe = open_mesh(arguments)
    check_out(arguments.out, options)
    for sentence in _losses(arguments.out, mesh, options):
        print(sentence, file=sys.stderr)
    with progress_on_terminal(arguments.mesh.name) as progress:
        if levels:
            saved = export_levels(mesh, arguments.out, levels, options, recipe, progress)
        else:
            saved = (export_mesh(mesh, arguments.out, options, recipe, progress),)
    for done in saved:
        _say_exported(arguments, done, done.notes)
    return 0


def _losses(out: Path, mesh: "Mesh", options: "ExportOptions") -> tuple[str, ...]:
    """What the format and the options take from this mesh."""
    from img2model_desktop.jobs.export import losses, without_surface

    colour = mesh.base_colour
    side = None if colour is None else max(colour.width, colour.height)
    has_surface = mesh.metallic_roughness is not None or mesh.normal is not None
    flat = without_surface(mesh) if out.suffix.lower() == ".3mf" else 0
    return losses(out.suffix, options, colour is not None, len(mesh.faces), side, has_surface, flat)


def _levels(text: str) -> tuple[int, ...]:
    """Triangle counts of `--levels`. Raises InputProblem."""
    try:
        return tuple(int(part) for part in filter(None, text.split(",")))
    except ValueError:
        raise InputProblem(f"“{text}” is no list of triangle counts.", "Write --levels 5000,1000.") from None


def _export_options(arguments: argparse.Namespace) -> "ExportOptions":
    from dataclasses import replace

    from img2model_desktop.jobs import presets
    from img2model_desktop.jobs.export import ExportOptions

    options = presets.find(arguments.preset).options if arguments.preset else ExportOptions()
    names = ("size_mm", "up", "unit", "origin", "faces", "texture_px")
    return replace(
        options, **{name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    )


def check_out(out: Path, options: "ExportOptions | None" = None) -> None:
    """Raises the problem that saving there would meet, before the work."""
    from img2model_desktop.jobs.export import can_write

    problem = can_write(out, options)
    if problem is not None:
        raise problem


def with_steps(recipe: Mapping[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    """The recipe with steps added to those that were done before."""
    from img2model_desktop.jobs.edits import RECIPE_ENTRY

    before = recipe.get(RECIPE_ENTRY, [])
    return {**recipe, RECIPE_ENTRY: [*(before if isinstance(before, list) else []), *(one.to_dict() for one in steps)]}


def _say_exported(arguments: argparse.Namespace, done: Any, notes: Sequence[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)
    size = [round(side, 3) for side in done.size_mm]
    if arguments.json:
        beside = [str(path) for path in done.companions]
        print_json(
            {"path": str(done.path), "companions": beside, "faces": done.faces, "size_mm": size, "notes": list(notes)}
        )
        return
    print(f"{done.path}: {done.faces} triangles, {' x '.join(f'{side:.1f}' for side in size)} mm, {done.seconds:.2f} s")


def read_step(text: str) -> Step:
    """The step in `key` or `key:name=value,name=value`. Raises InputProblem."""
    from img2model_desktop.core.workshop.catalog import find

    key, _, rest = text.partition(":")
    options: dict[str, OptionValue] = {}
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise InputProblem(f"“{part}” sets nothing.", "Write --do decimate:faces=5000.")
        options[name.strip()] = value.strip()
    operation, plain = find(key.strip()), Step(key.strip(), tuple(sorted(options.items())))
    record = operation.build(plain)
    return Step(operation.key, tuple((name, getattr(record, name)) for name in sorted(options)))
