"""`img2model convert`: pictures or a prompt to meshes."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from img2model_desktop import paths, settings
from img2model_desktop.aside import Inline
from img2model_desktop.cli.speech import print_json, say_problem
from img2model_desktop.core.events import (
    Chosen,
    Decided,
    Failed,
    Finished,
    JobEvent,
    Progressed,
    StageBegan,
    Stopped,
    Warned,
)
from img2model_desktop.core.request import AUTO, OptionValue, Quality, Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import EXIT_BUG, EXIT_CANCELLED, KINDS, Cancelled, Img2ModelError, InputProblem
from img2model_desktop.jobs.plan import PICTURES, PictureLimits, Plan, resolve
from img2model_desktop.jobs.scratch import no_room, scratch

SCRATCH_PREFIX = "img2model-job-"


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    add = parser.add_argument
    add("pictures", nargs="*", metavar="PICTURE", help="picture files; none with --prompt")
    add("-o", "--out", required=True, metavar="OUT", help="mesh file (its suffix is the format) or a folder")
    add("--prompt", default="", metavar="TEXT", help="makes the picture instead of PICTURE; with --restyle, redraws it")
    add("--restyle", action="store_true", help="lets the maker redraw PICTURE by the prompt first")
    add("--pictures-only", action="store_true", help="makes pictures (PNG) and no mesh")
    add(
        "--variants", type=int, default=1, metavar="N", help="pictures to make with --pictures-only, seeds N apart by 1"
    )
    add("--skip-existing", action="store_true", help="leaves every OUT that is there already as it is: done, code 0")
    add_request_options(parser)
    add("--json", action="store_true", help="one JSON object a result")
    parser.set_defaults(run=_convert)


def add_request_options(parser: argparse.ArgumentParser) -> None:
    """What a request says beside its picture or prompt; read by `request_of`."""
    add = parser.add_argument
    add("--engine", default=AUTO, metavar="KEY", help="sculptor: %(default)s, or a key of “img2model engines”")
    add("--maker", default="lettering", metavar="KEY", help="of the picture from the prompt; default: %(default)s")
    add("--style", default="", metavar="S", help="of the picture made from the prompt")
    add("--negative", default="", metavar="TEXT", help="what the picture made from the prompt shall not show")
    add("--quality", default="standard", choices=[str(q) for q in Quality], help="default: %(default)s")
    add("--seed", type=int, default=0, metavar="N", help="for engines that draw random numbers")
    add("--size-mm", type=float, default=None, metavar="N", help="longest side, millimetres")
    add("--up", default=None, choices=["y", "z"], help="up axis of OBJ, STL and PLY files")
    add("--fall-back", action="store_true", help="lets a built-in engine take over from one that cannot do it")
    add(
        *("--set", "--option"),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option, e.g. relief=0.4 (repeatable)",
    )


def stored_settings() -> settings.Settings:
    """What the user has set, for what the command line leaves open."""
    return settings.load(paths.settings_file())


def request_of(arguments: argparse.Namespace, stored: settings.Settings) -> Request:
    """The request that the options of `add_request_options` make, without picture and prompt. Raises InputProblem."""
    options = _options(arguments.set)
    if arguments.negative:
        options[f"{arguments.maker}.negative"] = arguments.negative
    return Request(
        maker=arguments.maker,
        style=arguments.style,
        engine=arguments.engine,
        quality=Quality(arguments.quality),
        seed=arguments.seed,
        size_mm=stored.size_mm if arguments.size_mm is None else arguments.size_mm,
        options=tuple(sorted(options.items())),
        falls_back=arguments.fall_back,
    )


def _convert(arguments: argparse.Namespace) -> int:
    if arguments.pictures and arguments.prompt and not arguments.restyle:
        raise InputProblem("A picture and a prompt were given.", "Give one of them, or add --restyle.")
    stored = stored_settings()
    sources = arguments.pictures or [""]
    base = replace(
        request_of(arguments, stored),
        prompt=arguments.prompt,
        restyle=arguments.restyle,
        goal=PICTURES if arguments.pictures_only else "mesh",
        variants=arguments.variants,
    )
    suffix = ".png" if arguments.pictures_only else ".glb"
    targets = _targets(arguments.out, sources, arguments.prompt, suffix)
    cancel = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: cancel.set())
    bench = Bench(Inline(), paths.weights_dir())
    try:
        codes = []
        for source, target in zip(sources, targets, strict=True):
            if cancel.is_set():
                codes.append(EXIT_CANCELLED)
                break
            if arguments.skip_existing and target.is_file():
                _say_skipped(source, target, arguments.json)
                codes.append(0)
                continue
            one = _One(arguments, replace(base, picture=source), target, stored)
            codes.append(one.convert(bench, cancel))
    finally:
        signal.signal(signal.SIGINT, before)
        bench.close()
    return EXIT_CANCELLED if EXIT_CANCELLED in codes else next((code for code in codes if code), 0)


def _say_skipped(source: str, target: Path, as_json: bool) -> None:
    if as_json:
        print_json({"picture": source, "path": str(target), "skipped": True})
    else:
        print(f"{target}: is there already")


class _One:
    """One picture or prompt on its way to one file."""

    def __init__(
        self, arguments: argparse.Namespace, request: Request, target: Path, stored: settings.Settings
    ) -> None:
        self._as_json = arguments.json
        self._up = arguments.up or ("y" if target.suffix.lower() == ".glb" else stored.up_axis)
        self._request = request
        self._target = target
        self._stored = stored
        self._name = Path(request.picture).name or request.prompt
        self._told = _Told(self._name)

    def convert(self, bench: Bench, cancel: threading.Event) -> int:
        """Does it, says how it went, and gives the exit code."""
        try:
            plan = self._plan()
            with scratch(SCRATCH_PREFIX) as folder:
                result = self._run(plan, bench, folder, cancel)
        except Img2ModelError as problem:
            self._say_failed(problem.kind, problem.message, problem.advice)
            return problem.exit_code
        except OSError as error:
            full = no_room(error.strerror or "")
            self._say_failed(full.kind, full.message, f"{full.advice} ({full.details})")
            return full.exit_code
        return result

    def _plan(self) -> Plan:
        from img2model_desktop.jobs.export import ExportOptions, can_write

        plan = resolve(self._request, PictureLimits(self._stored.max_picture_bytes, self._stored.max_picture_pixels))
        if self._request.goal == PICTURES:
            return plan
        problem = can_write(self._target, ExportOptions(up=self._up))
        if problem is not None:
            raise problem
        return plan

    def _run(self, plan: Plan, bench: Bench, folder: Path, cancel: threading.Event) -> int:
        from img2model_desktop.jobs.export import ExportOptions, export_mesh
        from img2model_desktop.jobs.pipeline import run_job

        last = run_job(plan, bench, folder, self._told.event, cancel.is_set)
        self._told.end()
        if isinstance(last, Stopped):
            raise Cancelled
        if isinstance(last, Failed):
            if last.kind == "bug":
                print(last.details, file=sys.stderr)
            self._say_failed(last.kind, last.message, last.advice)
            return KINDS[last.kind].exit_code if last.kind in KINDS else EXIT_BUG
        assert isinstance(last, Finished)
        if last.facts is None:
            self._take_pictures(last)
            return 0
        export_mesh(Path(last.path), self._target, ExportOptions(up=self._up))
        self._say_done(last)
        return 0

    def _take_pictures(self, last: Finished) -> None:
        """Copies the pictures that were made to where they were wished, and says so."""
        from img2model_desktop.core.atomic import write_file
        from img2model_desktop.jobs.pipeline import made_name

        count, target = self._request.variants, self._target
        for number in range(1, count + 1):
            made = Path(last.path).with_name(made_name(number))
            path = target if count == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
            write_file(path, made.read_bytes())
            seed = self._request.seed + number - 1
            if self._as_json:
                print_json(
                    {
                        "picture": self._request.picture,
                        "prompt": self._request.prompt,
                        "path": str(path),
                        "engine": last.engine,
                        "seed": seed,
                        "warnings": self._told.warnings,
                        "decisions": self._told.decisions,
                        "seconds": round(last.seconds / count, 3),
                    }
                )
            else:
                print(f"{path}: {last.engine}, seed {seed}")

    def _say_done(self, last: Finished) -> None:
        facts = last.facts
        assert facts is not None  # only pictures have none
        width, height, depth = (side * 1000 for side in facts.size_m)
        if self._as_json:
            print_json(
                {
                    "picture": self._request.picture,
                    "prompt": self._request.prompt,
                    "path": str(self._target),
                    "engine": last.engine,
                    "reason": self._told.reason,
                    "warnings": self._told.warnings,
                    "decisions": self._told.decisions,
                    "seconds": round(last.seconds, 3),
                    "size_mm": [round(side, 3) for side in (width, height, depth)],
                    **{name: getattr(facts, name) for name in ("vertices", "faces", "parts", "watertight")},
                }
            )
            return
        sound = "watertight" if facts.watertight else "not watertight"
        print(
            f"{self._target}: {last.engine}, {facts.faces} triangles, {width:.1f} x {height:.1f} x {depth:.1f} mm, "
            f"{sound}, {last.seconds:.2f} s"
        )

    def _say_failed(self, kind: str, message: str, advice: str) -> None:
        self._told.end()
        if self._as_json:
            print_json(
                {
                    "picture": self._request.picture,
                    "prompt": self._request.prompt,
                    "error": {"kind": kind, "message": message, "advice": advice},
                }
            )
        say_problem(f"{self._name}: {message}" if self._name else message, advice)


class _Told:
    """Writes a job's events to stderr: one line that changes on a terminal, one line a stage elsewhere."""

    def __init__(self, name: str) -> None:
        self.reason = ""
        self.warnings: list[str] = []
        self.decisions: list[str] = []
        self._name = name
        self._is_terminal = sys.stderr.isatty()
        self._is_open = False

    def event(self, event: JobEvent) -> None:
        """Shows one event."""
        if isinstance(event, Progressed) and self._is_terminal:
            print(f"\r\x1b[K{self._name}: {event.stage} {event.fraction:4.0%}", end="", file=sys.stderr, flush=True)
            self._is_open = True
        elif isinstance(event, StageBegan) and not self._is_terminal:
            print(f"{self._name}: {event.stage}", file=sys.stderr, flush=True)
        elif isinstance(event, Chosen):
            self.reason = event.reason
            self._line(f"{event.engine}: {event.reason}")
        elif isinstance(event, Warned):
            self.warnings.append(f"{event.message} {event.advice}".strip())
            self._line(self.warnings[-1])
        elif isinstance(event, Decided):
            self.decisions.append(f"{event.message} {event.advice}".strip())
            self._line(self.decisions[-1])

    def end(self) -> None:
        """Ends the line that changes."""
        if self._is_open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._is_open = False

    def _line(self, text: str) -> None:
        self.end()
        print(f"{self._name}: {text}", file=sys.stderr)


def _options(given: Sequence[str]) -> dict[str, OptionValue]:
    options: dict[str, OptionValue] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputProblem(f"“{text}” sets nothing.", "Write --set name=value, e.g. --set relief=0.4.")
        options[name.strip()] = value.strip()
    return options


def _targets(out: str, sources: Sequence[str], prompt: str, suffix: str) -> list[Path]:
    """One file for each source: `out` itself, or in the folder `out` one named after each picture."""
    path = Path(out)
    is_file = not path.is_dir() and not out.endswith(("/", "\\"))
    if suffix == ".png" and is_file and path.suffix.lower() != suffix:
        if path.suffix:
            raise InputProblem(f"Pictures are written as PNG, not as {path.suffix}.", "Give a folder, or a .png file.")
        is_file = False
    if len(sources) == 1 and is_file:
        return [path]
    if path.exists() and not path.is_dir():
        raise InputProblem(f"“{path.name}” is a file.", "For several pictures give a folder as OUT.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KINDS["setup"](
            f"The folder “{path}” could not be made.", "Choose a folder that you may write to.", str(error)
        ) from None
    taken: set[str] = set()
    targets = []
    for source in sources:
        stem = Path(source).stem or _stem(prompt)
        name, number = stem, 1
        while name.lower() in taken:  # two pictures of one name from two folders
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        targets.append(path / f"{name}{suffix}")
    return targets


def _stem(prompt: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in prompt).split())[:60] or "result"
