"""From what the user asked for to what will be done: every default filled in, every problem found at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from img2model_desktop.core.request import AUTO, GOALS, MAX_VARIANTS, OptionValue, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role, build_options
from img2model_desktop.engines.styles import Styles
from img2model_desktop.errors import InputProblem

MAX_PROMPT = 600  # characters
SIZE_MM = (1.0, 10_000.0)
OPENED = "opened"  # stands where a job names its engine, when a mesh file was opened
INPUT_STEM = "input"  # of the copy of the picture in a job folder
MESH_UPS = ("y", "z")
MESH_UNITS = ("mm", "cm", "m", "in")
RESULT = "result.glb"  # in a job folder
PICTURES = "pictures"  # of `GOALS`


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a request from becoming a job."""

    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How large a picture file may be.

    Args:
        max_bytes: of the file.
        max_pixels: width times height, asked before decoding.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 64_000_000


DEFAULT_LIMITS = PictureLimits()


@dataclass(frozen=True, slots=True)
class Step:
    """One engine of a plan, by its catalogue key, with its whole option record."""

    key: str
    options: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """A request with every default filled in.

    Args:
        request: as the user made it.
        maker: makes the picture or redraws the user's, or None when that is taken as it is.
        cutter: cuts it out, or None when a mesh is opened or pictures alone are wanted.
        sculptors: one step, or, for "auto", one for each sculptor that may be chosen; none where there is no cutter.
        limits: how large the user's picture may be.
    """

    request: Request
    maker: Step | None
    cutter: Step | None
    sculptors: tuple[Step, ...]
    limits: PictureLimits = DEFAULT_LIMITS

    @property
    def is_auto(self) -> bool:
        """Whether the program chooses the sculptor."""
        return self.request.engine == AUTO

    def sculptor(self, key: str) -> Step:
        """The step of the sculptor with this key."""
        return next(step for step in self.sculptors if step.key == key)

    def left_out(self, key: str) -> tuple[str, ...]:
        """Options without an engine's name that mean other sculptors than the one with this key, which the program has
        chosen; in the request's order."""
        plain = [name for name, _ in self.request.options if "." not in name]
        others = [catalog.find(step.key, Role.SCULPTOR) for step in self.sculptors if step.key != key]
        chosen = catalog.find(key, Role.SCULPTOR)
        return tuple(name for name in plain if not _has(chosen, name) and any(_has(other, name) for other in others))


def resolve(request: Request, limits: PictureLimits = DEFAULT_LIMITS) -> Plan:
    """The plan for a request. Reads no pixel and imports no engine.

    Raises:
        InputProblem: with every problem that there is, not only the first.
    """
    checked = None if request.mesh else _Checked(request)
    found = checked.problems if checked else _mesh_problems(request)
    if found:
        first, *others = found
        more = "".join(f"\n{problem.message} {problem.advice}" for problem in others)
        raise InputProblem(first.message, first.advice + more)
    maker, cutter, sculptors = checked.steps() if checked else (None, None, ())
    return Plan(request, maker, cutter, sculptors, limits)


def wished_engines(plan: Plan) -> tuple[EngineSpec, ...]:
    """The engines that the user wishes, in the order of their stages; no sculptor where the program chooses one."""
    keys = {Role.MAKER: plan.maker.key if plan.maker else ""}
    if plan.request.goal == "mesh":
        keys[Role.CUTTER] = plan.cutter.key if plan.cutter else ""
        keys[Role.SCULPTOR] = "" if plan.is_auto or not plan.sculptors else plan.request.engine
    return tuple(catalog.find(key, role) for role, key in keys.items() if key)


def resolve_again(request: Request, folder: Path, limits: PictureLimits = DEFAULT_LIMITS) -> Plan:
    """The plan of a job that was queued before, whose picture may by now be only in its folder.

    Raises:
        InputProblem: as `resolve`.
    """
    kept = kept_input(folder)
    plan = resolve(replace(request, picture=str(kept)) if kept and request.picture else request, limits)
    return replace(plan, request=request)


def cutter_step(request: Request) -> Step | None:
    """What a request's cut-out would be made with, for a preview; None while its cutter or an option is wrong."""
    return _Checked(request).cutter_step()


def kept_input(folder: Path) -> Path | None:
    """The copy of the user's picture in a job folder, or None."""
    return next(iter(sorted(folder.glob(f"{INPUT_STEM}.*"))), None)


def problems(request: Request) -> tuple[Problem, ...]:
    """What keeps this request from running, in the order of the form; empty when it can run."""
    return tuple(_mesh_problems(request) if request.mesh else _Checked(request).problems)


def _mesh_problems(request: Request) -> list[Problem]:
    """What keeps a mesh file from being opened, as far as can be told without reading it."""
    path, found = Path(request.mesh), []
    if path.is_dir():
        found.append(Problem(f"“{path.name}” is a folder.", "Choose a mesh file."))
    elif not path.is_file():
        found.append(Problem(f"There is no file “{path.name}”.", "Choose the mesh again; it may have been moved."))
    if request.picture or request.prompt:
        found.append(Problem("A mesh was given together with a picture or a prompt.", "Give one of them."))
    if request.mesh_up not in ("", *MESH_UPS):
        found.append(Problem(f"“{request.mesh_up}” is not an axis that can point up.", "Use y or z."))
    if request.mesh_unit not in ("", *MESH_UNITS):
        found.append(Problem(f"“{request.mesh_unit}” is not a unit of length.", f"Use {', '.join(MESH_UNITS)}."))
    return found


class _Checked:
    """A request held against the catalogue: its engines, its problems, its steps."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.problems: list[Problem] = []
        self._check_source()
        self._check_numbers()
        makes_mesh = request.goal != PICTURES
        self._maker = self._find(request.maker, Role.MAKER) if request.restyle or not request.picture else None
        self._cutter = self._find(request.cutter, Role.CUTTER) if makes_mesh else None
        self._sculptors = self._find_sculptors() if makes_mesh else ()
        self._check_goal()
        self._check_style()
        self._steps = self._build_steps()
        self._check_strength()

    def steps(self) -> tuple[Step | None, Step | None, tuple[Step, ...]]:
        """Maker, cutter and sculptors; only when there is no problem."""
        maker = self._steps[self._maker.key] if self._maker else None
        cutter = self._steps[self._cutter.key] if self._cutter else None
        return maker, cutter, tuple(self._steps[spec.key] for spec in self._sculptors)

    def cutter_step(self) -> Step | None:
        """The cutter, also when there are problems elsewhere."""
        return self._steps.get(self._cutter.key) if self._cutter else None

    def _say(self, message: str, advice: str) -> None:
        self.problems.append(Problem(message, advice))

    def _check_source(self) -> None:
        request = self._request
        if request.picture:
            path = Path(request.picture)
            if path.is_dir():
                self._say(f"“{path.name}” is a folder.", "Choose a picture file.")
            elif not path.is_file():
                self._say(f"There is no file “{path.name}”.", "Choose the picture again; it may have been moved.")
        elif not request.prompt.strip():
            self._say("There is no picture and no prompt.", "Drop a picture, or type a few words.")
        if request.restyle and request.picture and not request.prompt.strip():
            self._say("Redrawing a picture needs a prompt.", "Say in a few words what it shall become.")
        if len(request.prompt) > MAX_PROMPT:
            self._say(f"The prompt has {len(request.prompt)} characters.", f"Shorten it to {MAX_PROMPT}.")
        if request.strokes and not request.picture:
            self._say("Brush strokes need a picture.", "Choose the picture again, or clear the strokes.")

    def _check_numbers(self) -> None:
        low, high = SIZE_MM
        if not (math.isfinite(self._request.size_mm) and low <= self._request.size_mm <= high):
            self._say(f"The size cannot be {self._request.size_mm:g} mm.", f"Choose {low:g} to {high:g} mm.")
        if self._request.seed < 0:
            self._say("The seed is negative.", "Choose 0 or a positive whole number.")

    def _check_goal(self) -> None:
        request, maker = self._request, self._maker
        if request.goal not in GOALS:
            self._say(f"“{request.goal}” is not something to make.", f"Choose one of: {', '.join(GOALS)}.")
        if request.goal == PICTURES and request.picture and not request.restyle:
            self._say("There is a picture already.", "Give a prompt instead, or let the picture be redrawn.")
        if request.restyle and not request.picture:
            self._say("There is no picture to redraw.", "Drop one, or leave redrawing out.")
        if request.restyle and maker and not maker.restyles:
            able = [spec.key for spec in catalog.of_role(Role.MAKER) if spec.restyles]
            self._say(f"{maker.title} cannot redraw a picture.", f"Use one of: {', '.join(able) or 'none'}.")
        if not 1 <= request.variants <= MAX_VARIANTS:
            self._say(f"There cannot be {request.variants} variants.", f"Choose 1 to {MAX_VARIANTS}.")
        elif request.variants > 1 and request.goal != PICTURES:
            self._say("A mesh is made of one picture.", "Ask for pictures alone to have variants to pick from.")
        elif request.variants > 1 and maker and not maker.uses_seed:
            self._say(f"{maker.title} would make the same picture each time.", "Ask for one, or use another maker.")

    def _check_style(self) -> None:
        style, maker = self._request.style, self._maker
        if style and not maker and self._request.picture:
            self._say("A style needs a prompt, not a picture.", "Leave the style out.")
        elif style and maker and style not in (styles := styles_of(maker)):
            self._say(f"{maker.title} has no style “{style}”.", f"Choose one of: {', '.join(styles)}.")

    def _check_strength(self) -> None:
        """Of redrawing: said without anything to redraw, it would do nothing."""
        said = any(name.rpartition(".")[2] == "strength" for name, _ in self._request.options)
        if said and self._maker and hasattr(self._maker.options, "strength") and not self._request.restyle:
            self._say("The strength is that of redrawing a picture.", "Leave it out, or let a picture be redrawn.")

    def _find(self, key: str, role: Role) -> EngineSpec | None:
        try:
            return catalog.find(key, role)
        except InputProblem as problem:
            self._say(problem.message, problem.advice)
            return None

    def _find_sculptors(self) -> tuple[EngineSpec, ...]:
        if self._request.engine == AUTO:
            return catalog.of_role(Role.SCULPTOR)
        spec = self._find(self._request.engine, Role.SCULPTOR)
        return (spec,) if spec else ()

    def _build_steps(self) -> dict[str, Step]:
        specs = [spec for spec in (*self._sculptors, self._cutter, self._maker) if spec]
        given: dict[str, dict[str, OptionValue]] = {spec.key: {} for spec in specs}
        for name, value in self._request.options:
            for spec in self._owners(name, specs):
                given[spec.key][name.rpartition(".")[2]] = value
        steps: dict[str, Step] = {}
        for spec in specs:
            try:
                options = build_options(spec, self._request.quality, given[spec.key])
                steps[spec.key] = Step(spec.key, self._with_background(spec, options, steps))
            except InputProblem as problem:
                self._say(problem.message, problem.advice)
        return steps

    def _with_background(self, spec: EngineSpec, options: Any, steps: Mapping[str, Step]) -> Any:
        """The cutter's options, with "auto" for the background replaced by what the sculptor works on."""
        if spec.role is not Role.CUTTER or getattr(options, "background", "") != AUTO or not self._sculptors:
            return options
        keeps = all(_keeps_background(sculptor, steps.get(sculptor.key)) for sculptor in self._sculptors)
        return replace(options, background="keep" if keeps else "remove")

    def _owners(self, name: str, specs: list[EngineSpec]) -> list[EngineSpec]:
        """The engine that an option belongs to, where the program chooses the sculptor every one that has it; says what
        is wrong where there is none."""
        prefix, _, plain = name.rpartition(".")
        having = [spec for spec in specs if _has(spec, plain)]
        if prefix:
            having = [spec for spec in having if spec.key == prefix]
        if not having:
            names = sorted({f"{spec.key}.{item.name}" for spec in specs for item in fields(spec.options)})
            self._say(f"No engine of this job has an option “{name}”.", f"There are: {', '.join(names)}.")
        return [spec for spec in having if spec.role is Role.SCULPTOR] or having[:1]


def _has(spec: EngineSpec, option: str) -> bool:
    """Whether an engine has an option of this name."""
    return option in {item.name for item in fields(spec.options)}


def styles_of(maker: EngineSpec) -> tuple[str, ...]:
    """The keys of a picture maker's styles, the default first."""
    return tuple(style.key for style in Styles().all()) if maker.has_own_styles else maker.styles


def _keeps_background(sculptor: EngineSpec, step: Step | None) -> bool:
    """Whether a sculptor, with its options, works on a whole picture."""
    chosen = step.options if step else None
    cut_out = any(getattr(chosen, name, None) in values for name, values in sculptor.cut_out_for.items())
    return sculptor.keeps_background and not cut_out
