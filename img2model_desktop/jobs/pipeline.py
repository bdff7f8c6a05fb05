"""How a job runs: the only place that knows the order of the stages."""

import contextlib
import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from img2model_desktop import __version__
from img2model_desktop.core import atomic
from img2model_desktop.core.chooser import Choice
from img2model_desktop.core.events import (
    Chosen,
    Decided,
    Decision,
    Facts,
    Failed,
    Finished,
    JobEvent,
    Preview,
    Progressed,
    Stage,
    StageBegan,
    Started,
    Stopped,
    Warned,
)
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import Limits
from img2model_desktop.core.picture_recipe import recipe_in
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.styles import whole_words
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem, PassingTrouble, no_memory
from img2model_desktop.jobs import kept
from img2model_desktop.jobs.attempts import DEFAULT_POLICY, Attempts, Made, Policy, Task, stand_in
from img2model_desktop.jobs.kept import load_shape
from img2model_desktop.jobs.opening import Note, open_mesh
from img2model_desktop.jobs.plan import INPUT_STEM, OPENED, RESULT, Plan, kept_input, styles_of, wished_engines

__all__ = ["INPUT_STEM", "load_shape", "made_name", "run_job"]

T = TypeVar("T")

Emit = Callable[[JobEvent], None]
IsCancelled = Callable[[], bool]

CUT_OUT = "cutout.png"
SHAPE = "shape.npz"
MADE = "made.png"
LOST_SHARE = 0.04  # of the frame
PROGRAM = f"Image2Model Desktop {__version__}"


def made_name(number: int) -> str:
    """Of the file of a picture that was asked for; they count from 1."""
    return f"made-{number}.png"


def run_job(
    plan: Plan,
    bench: Bench,
    folder: Path,
    emit: Emit,
    is_cancelled: IsCancelled,
    policy: Policy = DEFAULT_POLICY,
) -> JobEvent:
    """Runs one job to its end and returns its last event.

    Never raises: whatever happens becomes exactly one Finished, Failed or Stopped, which is also sent.

    Args:
        plan: what to do.
        bench: calls the engines, and the heavy pure functions through its worker.
        folder: of the job, named after its id; there already, and the only place written to. The output of a
            finished stage that lies in it is used again.
        emit: called in this thread with every event.
        is_cancelled: asked often, from this thread.
        policy: how hard it tries.
    """
    run = _Run(plan, bench, folder, emit, is_cancelled, policy)
    try:
        last: JobEvent = run.to_the_end()
    except Cancelled:
        last = Stopped(run.job_id, time.time())
    except Img2ModelError as problem:
        last = run.failed(problem)
    except MemoryError:
        last = run.failed(no_memory())
    except Exception:  # noqa: BLE001 - the worker entry: an exception lost here would leave the job running for ever
        last = Failed(
            run.job_id,
            time.time(),
            "bug",
            "Something went wrong inside the program.",
            "Run the job again; if it fails again, please report it with the details.",
            traceback.format_exc(),
            run.stage,
            run.engine,
        )
    if isinstance(last, Failed):
        run.give_up()
    emit(last)
    return last


class _Run:
    """One job under way.

    Attributes:
        stage: in which it is, or None before the first.
        engine: key of the engine that is at work, or "".
    """

    def __init__(
        self, plan: Plan, bench: Bench, folder: Path, emit: Emit, is_cancelled: IsCancelled, policy: Policy
    ) -> None:
        self.stage: Stage | None = None
        self.engine = ""
        self.job_id = folder.name
        self._plan = plan
        self._bench = bench
        self._folder = folder
        self._emit = emit
        self._is_cancelled = is_cancelled
        self._set_aside = frozenset(policy.set_aside)
        request = plan.request
        self._attempts = Attempts(bench, policy, request.quality, request.falls_back, folder, self._decide)
        self._made_by: dict[Role, dict[str, str]] = {}  # what really did the work: engine and rung

    def to_the_end(self) -> Finished:
        began = time.monotonic()
        request = self._plan.request
        self._emit(Started(self.job_id, time.time()))
        if request.mesh:
            return self._finished(OPENED, self._open(), began)
        done = self._kept(kept.kept_result, self._folder / RESULT, Stage.SAVE, self._plain_request())
        if done:  # killed between its result and its last event
            facts, recipe = done
            return self._finished(str(recipe["engine"]), facts, began)
        for spec in wished_engines(self._plan):
            self.engine = spec.key
            self._attempts.check(spec)  # what is missing is told before the work
        self.engine = ""
        if request.goal == "pictures":
            return self._pictures(began)
        # 1 and 2: a picture with the subject cut out
        cut, choice = self._cut_out()
        # 3: a mesh, in the engine's own unit
        mesh, key = self._sculpt(cut, choice)
        # 4 and 6: clean, real size, on the ground, written with its recipe
        return self._finished(key, self._finish(mesh, self._recipe(key), request.size_mm), began)

    def failed(self, problem: Img2ModelError) -> Failed:
        """The last event for a problem."""
        text = (problem.kind, problem.message, problem.advice, problem.details)
        return Failed(self.job_id, time.time(), *text, self.stage, self.engine)

    def give_up(self) -> None:
        """The job failed: when the user wishes it again, it begins as it was wished."""
        self._attempts.forget()

    def _finished(self, key: str, facts: Facts | None, began: float, name: str = RESULT) -> Finished:
        self._attempts.forget()
        with contextlib.suppress(OSError):
            (self._folder / SHAPE).unlink(missing_ok=True)  # the result holds all of it
        seconds = time.monotonic() - began
        return Finished(self.job_id, time.time(), str(self._folder / name), key, facts, seconds)

    def _open(self) -> Facts:
        """Takes a mesh file in as it is: what is wrong with it, the verdict is to say."""
        request = self._plan.request
        progress = self._begin(Stage.OPEN)
        file = (request.mesh, request.mesh_up, request.mesh_unit)
        opened: tuple[Facts, tuple[Note, ...]]
        opened = self._aside(open_mesh, *file, self._folder / RESULT, tick=progress.update)
        facts, notes = opened
        for message, advice in notes:
            self._emit(Warned(self.job_id, time.time(), message, advice))
        return facts

    def _cut_out(self) -> tuple[Picture, Choice | None]:
        path = self._folder / CUT_OUT
        found = self._kept(kept.kept_picture, path, Stage.CUT_OUT)
        if found:
            cut, self._made_by[Role.CUTTER] = found[0], {"engine": self._plan.request.cutter} | found[1]
        else:
            cut = self._cut(self._picture(), path)
        tick = self._progress(Stage.CUT_OUT, 0.8).update
        findings, choice = self._aside(kept.judge, cut, self._plan.is_auto, self._set_aside, tick=tick)
        for finding in findings:
            if self._plan.maker and finding.key == "parts":
                continue  # letters are parts by nature
            self._emit(Warned(self.job_id, time.time(), finding.message, finding.advice))
        self._emit(Preview(self.job_id, time.time(), Stage.CUT_OUT, str(path)))
        return cut, choice

    def _cut(self, picture: Picture, path: Path) -> Picture:
        step, strokes = self._plan.cutter, self._plan.request.strokes
        assert step is not None  # only a plan that opens a mesh has none

        def work(spec: EngineSpec, options: Any, progress: Progress) -> Picture:
            return self._bench.cut(spec, picture, strokes, options, progress.part(0.0, 0.8))

        spec = catalog.find(step.key, Role.CUTTER)
        made = self._try(Task(Stage.CUT_OUT, spec, step.options, work, self._beginner(Stage.CUT_OUT), _any_of(spec)))
        cut, self._made_by[Role.CUTTER] = made.result, made.made_by()
        if self._plan.is_auto and not strokes and _is_lost(picture, cut):
            cut = picture
        self._aside(kept.keep_picture, cut, path, made.made_by(), tick=self._check)
        return cut

    def _picture(self) -> Picture:
        """Stage 1: the user's picture, or one made from the prompt, or the user's redrawn."""
        if self._plan.maker is None:
            return self._given_picture(self._begin(Stage.PICTURE))
        path = self._folder / MADE
        found = self._kept(kept.kept_picture, path, Stage.PICTURE)
        if found:
            picture: Picture = found[0]
            self._made_by[Role.MAKER] = _maker_in(found[1])
            return picture
        progress = self._begin(Stage.PICTURE, self._maker())
        before = self._given_picture(progress.part(0.0, 0.05)) if self._plan.request.restyle else None
        return self._make(before, self._plan.request.seed, path, progress)

    def _pictures(self, began: float) -> Finished:
        """All of a job that asks for pictures."""
        request, before, first = self._plan.request, None, ""
        progress = self._begin(Stage.PICTURE, self._maker())
        for number in range(1, request.variants + 1):
            path = self._folder / made_name(number)
            share = progress.part((number - 1) / request.variants, number / request.variants)
            found = self._aside(kept.kept_picture, path, tick=self._check) if path.is_file() else None
            if found:
                self._made_by[Role.MAKER] = _maker_in(found[1])
            else:
                if request.restyle and before is None:
                    before = self._given_picture(share.part(0.0, 0.05))
                self._make(before, request.seed + number - 1, path, share)
            first = first or self._made_by[Role.MAKER]["engine"]
            self._emit(Preview(self.job_id, time.time(), Stage.PICTURE, str(path)))
        return self._finished(first, None, began, made_name(1))

    def _given_picture(self, progress: Progress) -> Picture:
        request, limits = self._plan.request, self._plan.limits
        path = kept_input(self._folder) or _keep_input(Path(request.picture), self._folder, limits.max_bytes)
        accepted = Limits(limits.max_bytes, limits.max_pixels)
        name = Path(request.picture).name
        picture: Picture = self._aside(kept.read_input, path, name, accepted, tick=progress.update)
        return picture

    def _maker(self) -> EngineSpec:
        assert self._plan.maker is not None  # only asked where there is one
        return catalog.find(self._plan.maker.key, Role.MAKER)

    def _make(self, before: Picture | None, seed: int, path: Path, progress: Progress) -> Picture:
        """One picture by the maker, kept with its recipe.

        Args:
            before: the picture that is redrawn, or None.
            seed: of this picture.
            path: where it is kept.
            progress: of this picture.
        """
        request, wished = self._plan.request, self._maker()
        assert self._plan.maker is not None
        style = request.style or next(iter(styles_of(wished)), "")

        def work(spec: EngineSpec, options: Any, progress: Progress) -> Picture:
            wish = (request.prompt, style, options, seed, progress)
            return self._bench.make(spec, *wish) if before is None else self._bench.restyle(spec, before, *wish)

        def begin(spec: EngineSpec) -> Progress:
            self.engine = spec.key
            return progress

        made = self._try(Task(Stage.PICTURE, wished, self._plan.maker.options, work, begin, _any_of(wished)))
        self._made_by[Role.MAKER] = made.made_by()
        recipe = {
            "program": PROGRAM,
            "maker": made.way.spec.key,
            "rung": made.way.title,
            "prompt": request.prompt,
            "style": style,
            "seed": seed,
            "options": asdict(made.way.options),
            "restyled": before is not None,
            "licence": self._bench.licence_of(made.way.spec, made.way.options),
        }
        if wished.has_own_styles:
            recipe |= whole_words(request.prompt, style)
        self._aside(kept.keep_picture, made.result, path, recipe, tick=progress.update)
        return made.result

    def _sculpt(self, cut: Picture, choice: Choice | None) -> tuple[Mesh, str]:
        path, request = self._folder / SHAPE, self._plan.request
        wished = choice.engine if choice else request.engine
        if choice:
            self._emit(Chosen(self.job_id, time.time(), wished, choice.reason))
            self._tell_left_out(wished)
        found = self._kept(kept.kept_shape, path, Stage.SCULPT)
        if found:
            mesh: Mesh = found[0]
            self._made_by[Role.SCULPTOR] = {"engine": wished} | found[1]
            return mesh, self._made_by[Role.SCULPTOR]["engine"]
        spec = catalog.find(wished, Role.SCULPTOR)

        def work(spec: EngineSpec, options: Any, progress: Progress) -> Mesh:
            return self._bench.sculpt(spec, cut, options, request.seed, progress)

        def instead(but: frozenset[str]) -> EngineSpec | None:
            suits = self._aside(kept.choose, cut, but, tick=self._check).engine
            return None if suits in but else catalog.find(suits, Role.SCULPTOR)

        options = self._plan.sculptor(wished).options
        made = self._try(Task(Stage.SCULPT, spec, options, work, self._beginner(Stage.SCULPT), instead))
        self._made_by[Role.SCULPTOR] = made.made_by()
        self._aside(kept.keep_shape, made.result, path, made.made_by(), tick=self._check)
        self._emit(Preview(self.job_id, time.time(), Stage.SCULPT, str(path)))
        return made.result, made.way.spec.key

    def _tell_left_out(self, key: str) -> None:
        """Says which options the sculptor that was chosen does not have."""
        names = self._plan.left_out(key)
        if names:
            title, listed = catalog.find(key, Role.SCULPTOR).title, ", ".join(f"“{name}”" for name in names)
            message = f"{title}, which was chosen, has no option {listed}."
            self._emit(Warned(self.job_id, time.time(), message, "Choose the engine yourself to have it."))

    def _try(self, task: Task[T]) -> Made[T]:
        made = self._attempts.run(task)
        self.engine = ""  # what goes wrong from here on is not its fault
        return made

    def _beginner(self, stage: Stage) -> Callable[[EngineSpec], Progress]:
        return lambda spec: self._begin(stage, spec)

    def _decide(self, decision: Decision, stage: Stage, engine: str, message: str, advice: str, kind: str) -> None:
        self._emit(Decided(self.job_id, time.time(), decision, stage, engine, message, advice, kind))

    def _kept(self, load: Callable[..., Any], path: Path, stage: Stage, *more: Any) -> Any:
        """What an earlier run of this job left of a stage, or None when there is nothing usable."""
        if not path.is_file():
            return None
        result = self._aside(load, path, *more, tick=self._check)
        if result is not None:
            self.stage = stage
            self._emit(StageBegan(self.job_id, time.time(), stage, resumed=True))
        return result

    def _check(self, fraction: float) -> None:  # noqa: ARG002 - a tick that only stops
        if self._is_cancelled():
            raise Cancelled

    def _finish(self, mesh: Mesh, recipe: dict[str, Any], size_mm: float) -> Facts:
        progress = self._begin(Stage.CLEAN)
        mesh = self._aside(kept.clean_up, mesh, size_mm, tick=progress.update)
        progress = self._begin(Stage.SAVE)
        facts: Facts = self._aside(kept.save, mesh, self._folder / RESULT, recipe, tick=progress.update)
        return facts

    def _recipe(self, key: str) -> dict[str, Any]:
        """What "make again" needs: the request, the hash of the picture, the program's version; and what the program
        decided by itself: the engines and rungs that took the place of the wished ones."""
        given = kept_input(self._folder)
        recipe: dict[str, Any] = {
            "program": PROGRAM,
            "request": self._plain_request(),
            "engine": key,
        }
        if given:
            content = given.read_bytes()
            recipe["picture_sha256"] = hashlib.sha256(content).hexdigest()
            made = recipe_in(content)
            if "maker" in made:
                recipe["picture_recipe"] = made
        recipe |= self._engines_used()
        return recipe

    def _plain_request(self) -> dict[str, Any]:
        request = self._plan.request
        name = Path(request.picture).name if request.picture else ""  # a full path would tell the user's name
        return replace(request, picture=name).to_dict()

    def _engines_used(self) -> dict[str, Any]:
        wished = {spec.role: spec for spec in wished_engines(self._plan)}
        used: dict[Role, EngineSpec] = {}
        for role, by in self._made_by.items():
            with contextlib.suppress(InputProblem):  # an engine of an older version, whose result was kept
                used[role] = catalog.find(by["engine"], role)
        licences = {spec.key: self._bench.licence_of(spec) for spec in used.values() if spec.weights}
        hashes = {spec.key: sha256 for spec in used.values() if (sha256 := self._bench.sha256_of(spec))}
        rungs = {by["engine"]: by["rung"] for by in self._made_by.values() if by.get("rung")}
        instead = {
            spec.key: used[role].key for role, spec in wished.items() if role in used and used[role].key != spec.key
        }
        told = {"weights_licences": licences, "weights_sha256": hashes, "rungs": rungs, "instead_of": instead}
        return {name: value for name, value in told.items() if value}

    def _begin(self, stage: Stage, spec: EngineSpec | None = None) -> Progress:
        self.stage, self.engine = stage, spec.key if spec else ""
        self._emit(StageBegan(self.job_id, time.time(), stage, engine=self.engine))
        return self._progress(stage)

    def _progress(self, stage: Stage, low: float = 0.0) -> Progress:
        """A token for a stage, or for what is left of it from the fraction `low` on."""
        progress = Progress(
            lambda fraction: self._emit(Progressed(self.job_id, time.time(), stage, fraction)), self._is_cancelled
        ).part(low, 1.0)
        progress.update(0.0)
        return progress

    def _aside(self, function: Callable[..., Any], *args: Any, tick: Callable[[float], None]) -> Any:
        """Runs a pure function where heavy work runs; what is kept is whole or not there, so it may run twice."""
        while True:
            try:
                return self._bench.worker.run(function, *args, tick=tick)
            except PassingTrouble as trouble:
                self._check(0.0)
                if self.stage is None or not self._attempts.again(self.stage, trouble):
                    raise


def _any_of(wished: EngineSpec) -> Callable[[frozenset[str]], EngineSpec | None]:
    """Chooses a built-in engine of the same role."""
    return lambda but: stand_in(wished, but)


def _maker_in(recipe: dict[str, Any]) -> dict[str, str]:
    """Engine and rung in the recipe of a kept picture."""
    return {"engine": str(recipe.get("maker", "")), "rung": str(recipe.get("rung", ""))}


def _is_lost(picture: Picture, cut: Picture) -> bool:
    """Whether so little was cut out of an opaque picture that the picture as a whole must have been meant."""
    return not picture.is_cut_out and float(np.mean(cut.alpha >= 128)) < LOST_SHARE


def _keep_input(source: Path, folder: Path, max_bytes: int) -> Path:
    """Copies the picture into the job folder, so that the job outlives the original."""
    try:
        if source.stat().st_size > max_bytes:
            raise InputProblem(
                f"“{source.name}” has {source.stat().st_size / 1e6:.0f} MB; the limit is {max_bytes / 1e6:.0f} MB.",
                "Make the picture smaller, or raise the limit in the settings.",
            )
        data = source.read_bytes()
    except OSError as error:
        raise InputProblem(
            f"“{source.name}” could not be read.", "Check that it is still there and that you may open it.", str(error)
        ) from None
    target = folder / (INPUT_STEM + (source.suffix.lower()[:10] or ".bin"))
    atomic.write_file(target, data)
    return target
