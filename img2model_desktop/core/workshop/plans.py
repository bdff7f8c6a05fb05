"""Plans: what to do to make a mesh fit for a purpose, said in plain sentences, and done until it is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import OptionValue
from img2model_desktop.core.verdict.findings import Conditions, Purpose, Severity, Verdict
from img2model_desktop.core.verdict.judge import judge
from img2model_desktop.core.workshop.catalog import find
from img2model_desktop.core.workshop.stack import Work, check, do_steps
from img2model_desktop.core.workshop.step import Step, step
from img2model_desktop.errors import EngineProblem, InputProblem

ORDER = (
    "turn", "scale", "weld", "drop_bad", "turn_out", "close_holes", "solid", "unite", "drop_debris", "mirror", "cut",
    "hollow", "base", "smooth", "remesh", "decimate", "unwrap", "texture_size", "recentre", "floor",
)  # fmt: skip
"""Size first, for lengths are in millimetres; mending before shaping; fewer triangles before a new layout."""

REPLACED = ("weld", "drop_bad", "turn_out", "close_holes", "unite")
"""What “Make solid” does by itself."""

ROUNDS = 4
"""Times that what is still wrong is tried to be mended."""

CRUMBS = 0.05
"""Share of the surface from which on small parts are no debris."""

SAME_SIZE = 1e-3
"""Share by which a mesh may differ from the wanted size."""

THICKER = 1.05
"""Times what a wall should have: it is measured square to the surface."""

LARGEST_SHEET = 0.025
"""Of the longest side: a thicker wall is no wall any more."""

CELLS = (160, 256)
"""Along the longest side, least and most, so that a wall has `CELLS_IN_WALL`."""

CELLS_IN_WALL = 1.6

Sort = tuple[bool, int, int]


class Fixed(NamedTuple):
    """What became of a mesh that was to be made fit.

    Args:
        mesh: the result; the given mesh itself when nothing helped.
        steps: what was done, in order.
        notes: what the operations said.
        before, after: the verdicts.
    """

    mesh: Mesh
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    before: Verdict
    after: Verdict


# -- what to do --------------------------------------------------------------------------------------------------------


def plan_for(verdict: Verdict, purpose: Purpose) -> tuple[Step, ...]:
    """The operations that make a mesh fit for a purpose, in the order in which they are to be done, none twice.

    Findings that are only worth knowing are left alone. Of two steps with one operation the one that goes farther
    counts. Empty for a mesh that is fit.
    """
    wanted: dict[str, Step] = {}
    for finding in verdict.concerning(purpose):
        if finding.severity[purpose] is Severity.NOTE:
            continue
        steps = finding.fix
        if finding.key == "thin_walls":
            steps = (_solid_step(verdict),)
        for one in steps:
            one = _solid_step(verdict) if one.operation == "solid" and purpose is Purpose.PRINT else one
            wanted[one.operation] = _farther(wanted.get(one.operation, one), one)
    if (verdict.measures.get("debris_area_share") or 0.0) > CRUMBS:
        wanted.pop("drop_debris", None)
    if "solid" in wanted:
        wanted = {key: one for key, one in wanted.items() if key not in REPLACED}
    if purpose in (Purpose.GAME, Purpose.WEB) and not _stands(verdict):
        wanted.setdefault("floor", step("floor"))
    return tuple(sorted(wanted.values(), key=lambda one: ORDER.index(one.operation)))


def _farther(one: Step, other: Step) -> Step:
    """Of two steps with one operation the one with the smaller number of triangles, texels or millimetres."""
    first, second = dict(one.options), dict(other.options)
    for name in ("faces", "texture_px", "size_mm"):
        if name in first and name in second:
            return one if float(first[name]) <= float(second[name]) else other
    return one


def _solid_step(verdict: Verdict) -> Step:
    """“Make solid” with sheets as thick as the printer needs."""
    longest = float(verdict.measures.get("longest_mm") or 0.0)
    wall = verdict.conditions.wall_mm * THICKER
    if longest <= 0 or wall > LARGEST_SHEET * longest:
        return step("solid")
    cells = min(max(CELLS_IN_WALL * longest / wall, CELLS[0]), CELLS[1])
    return step("solid", detail=int(-(-cells // 16) * 16), sheet_mm=round(wall, 3))


def _stands(verdict: Verdict) -> bool:
    """Whether the mesh stands on the ground, in the middle, as far as the measures tell."""
    low, size = verdict.measures.get("low_mm"), verdict.measures.get("size_mm")
    if low is None or size is None:
        return False
    off = (abs(low[0] + size[0] / 2), abs(low[1]), abs(low[2] + size[2] / 2))
    return bool(max(off) <= 1e-4 * max(size))


# -- said in words -----------------------------------------------------------------------------------------------------


def describe(steps: tuple[Step, ...], verdict: Verdict | None = None) -> tuple[str, ...]:
    """One plain sentence for each step: what it will do.

    Args:
        steps: in order.
        verdict: on the mesh that they will be done to, for numbers such as "Closes 3 holes".
    """
    measures = verdict.measures if verdict is not None else {}
    return tuple(_sentence(one, measures) for one in steps)


def _sentence(one: Step, measures: Mapping[str, Any]) -> str:
    options = _whole(one)
    said = SENTENCES.get(one.operation)
    return find(one.operation).summary if said is None else said(options, measures)


def _whole(one: Step) -> dict[str, OptionValue]:
    """All options of a step, with the defaults."""
    record = find(one.operation).build(one)
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _some(measures: Mapping[str, Any], name: str, single: str, several: str) -> str:
    """ "3 holes" where the number is known, else "holes"."""
    number = measures.get(name)
    if not number:
        return several
    return f"1 {single}" if number == 1 else f"{number:,} {several}"


def _cut_words(options: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    return f"Cuts it square to {options['axis']} at {options['at']:.0%} and keeps {options['keep']}."


def _base_words(options: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    if options["kind"] == "cut":
        return f"Cuts {options['height_mm']:g} mm off the bottom, so that it stands flat."
    return f"Stands it on a {options['kind']}, {options['height_mm']:g} mm high."


def _scale_words(options: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    along = "longest side" if options["axis"] == "longest" else f"{options['axis']} side"
    return f"Scales it: its {along} will be {options['size_mm']:g} mm."


def _solid_words(options: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    thick = f", with walls of {options['sheet_mm']:g} mm at least" if options["sheet_mm"] else ""
    return f"Builds one closed solid around it{thick}."


def _hollow_words(options: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    drain = f" and a hole of {options['drain_mm']:g} mm" if options["drain_mm"] else ""
    return f"Hollows it out and leaves a wall of {options['wall_mm']:g} mm{drain}."


Words = Callable[[Mapping[str, Any], Mapping[str, Any]], str]

SENTENCES: Mapping[str, Words] = {
    "weld": lambda _, __: "Joins vertices at the same place.",
    "drop_bad": lambda _, m: (
        f"Drops {_some(m, 'doubled_faces', 'doubled face', 'doubled faces')} and faces without area."
    ),
    "drop_debris": lambda _, m: f"Drops {_some(m, 'debris_parts', 'loose crumb', 'loose crumbs')}.",
    "turn_out": lambda _, m: f"Turns {_some(m, 'turned_faces', 'face', 'faces')} so that all look outwards.",
    "close_holes": lambda _, m: f"Closes {_some(m, 'holes', 'hole', 'holes')}.",
    "solid": _solid_words,
    "unite": lambda _, __: "Merges the parts that overlap into one skin.",
    "hollow": _hollow_words,
    "base": _base_words,
    "cut": _cut_words,
    "mirror": lambda o, _: f"Makes it symmetric along {o['axis']}.",
    "smooth": lambda _, __: "Smooths it.",
    "decimate": lambda o, _: f"Reduces it to {o['faces']:,} triangles.",
    "remesh": lambda o, _: f"Covers it with about {o['faces']:,} even triangles.",
    "unwrap": lambda o, _: f"Lays its surface out anew on a texture of {o['texture_px']:,} px.",
    "texture_size": lambda o, _: f"Makes its texture {o['texture_px']:,} px at most.",
    "recentre": lambda _, __: "Moves it to the middle.",
    "floor": lambda _, __: "Stands it on the ground, in the middle.",
    "scale": _scale_words,
    "turn": lambda o, _: f"Turns it by {o['degrees']:g} degrees around {o['axis']}.",
}


# -- done --------------------------------------------------------------------------------------------------------------


def fix(mesh: Mesh, purpose: Purpose, conditions: Conditions | None = None, progress: Progress | None = None) -> Fixed:
    """Makes a mesh fit for a purpose as far as that goes; the result is never worse than what was given.

    It gets the size of the conditions first. What is still wrong after a plan is planned for again; a mesh that is to
    be printed and is no closed solid by then is made one. A textured mesh keeps its look.

    Raises:
        EngineProblem: no face of the mesh has an area.
        OutOfMemory: the mesh is too large for this machine.
        Cancelled: from `progress`.
    """
    conditions, progress = conditions or Conditions(), progress or Progress()
    before = judge(mesh, conditions, progress.part(0.0, 0.1))
    scaling = _scaling(mesh, conditions)
    scaled = _after(Work(mesh), scaling, purpose, progress.part(0.1, 0.12))
    steps, work, after = _tried(Tried(scaling, scaled, before), purpose, progress.part(0.12, 0.7))
    if rank(after, purpose) >= rank(before, purpose):
        steps, work = scaling, scaled
        after = judge(work.mesh, conditions, progress.part(0.7, 0.9)) if scaling else before
    if work.source is not None:
        work = work.dressed(progress.part(0.7, 0.9))
        after = judge(work.mesh, conditions, progress.part(0.9, 1.0))
    progress.update(1.0)
    return Fixed(work.mesh, steps, work.notes, before, after)


def _scaling(mesh: Mesh, conditions: Conditions) -> tuple[Step, ...]:
    """The step that gives the mesh the size of the conditions, where it has another."""
    longest = 1000.0 * float(mesh.size_m.max())
    if conditions.size_mm is None or longest <= 0 or abs(longest / conditions.size_mm - 1) <= SAME_SIZE:
        return ()
    return (step("scale", size_mm=float(conditions.size_mm), axis="longest"),)


def rank(verdict: Verdict, purpose: Purpose) -> Sort:
    """What is better sorts first: for print a closed solid above all, then fewer faults."""
    found = [finding.severity[purpose] for finding in verdict.concerning(purpose)]
    is_open = purpose is Purpose.PRINT and not is_solid(verdict)
    return is_open, found.count(Severity.STOP), found.count(Severity.FIX)


def is_solid(verdict: Verdict) -> bool:
    """Whether a mesh bounds a volume and is a manifold everywhere."""
    return bool(verdict.measures.get("watertight")) and bool(verdict.measures.get("manifold"))


class Tried(NamedTuple):
    """How far the mending is.

    Args:
        steps: that were done.
        work: what came of them.
        verdict: on that.
    """

    steps: tuple[Step, ...]
    work: Work
    verdict: Verdict


def _tried(now: Tried, purpose: Purpose, progress: Progress) -> Tried:
    """What the plans that helped made of it."""
    for number in range(ROUNDS):
        part = progress.part(number / ROUNDS, (number + 1) / ROUNDS)
        for plan in _plans(now.verdict, purpose, now.steps):
            tried = _with(now, plan, purpose, part)
            if tried is not None and rank(tried.verdict, purpose) < rank(now.verdict, purpose):
                now = tried
                break
        else:
            break
    progress.update(1.0)
    return now


def _plans(verdict: Verdict, purpose: Purpose, done: tuple[Step, ...]) -> list[tuple[Step, ...]]:
    """What could be done next, gentlest first."""
    plan = plan_for(verdict, purpose)
    plans = [plan] if plan else []
    if purpose is Purpose.PRINT and (plan or not is_solid(verdict)):
        solid = _solid_step(verdict)
        if solid not in plan and solid not in done:
            plans.append((solid,))
            plans.append((step("solid"),))
    return plans


def _with(now: Tried, plan: tuple[Step, ...], purpose: Purpose, progress: Progress) -> Tried | None:
    """What one more plan makes of it; None where the plan cannot be done to this mesh."""
    try:
        work = _after(now.work, plan, purpose, progress.part(0.0, 0.7))
    except (InputProblem, EngineProblem):
        return None
    return Tried(now.steps + plan, work, judge(work.mesh, now.verdict.conditions, progress.part(0.7, 1.0)))


def _after(work: Work, plan: tuple[Step, ...], purpose: Purpose, progress: Progress) -> Work:
    """The mesh after a plan. Its look may wait where it is to be printed: nobody asks for it while steps are tried."""
    if purpose is not Purpose.PRINT:
        mesh, said = do_steps(work.mesh, plan, progress)
        return Work(mesh, work.notes + said)
    check(plan)
    for number, one in enumerate(plan):
        work = work.then(one, progress.part(number / len(plan), (number + 1) / len(plan)))
    return work
