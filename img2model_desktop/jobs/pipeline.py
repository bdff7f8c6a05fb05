"""How a job runs: the only place that knows the order of the stages."""

import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop import __version__
from img2model_desktop.core import atomic
from img2model_desktop.core.chooser import Choice
from img2model_desktop.core.events import (
    Chosen,
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
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem, no_memory
from img2model_desktop.jobs import kept
from img2model_desktop.jobs.attempts import DEFAULT_POLICY, Policy
from img2model_desktop.jobs.kept import load_shape
from img2model_desktop.jobs.opening import Note, open_mesh
from img2model_desktop.jobs.plan import INPUT_STEM, OPENED, RESULT, Plan, kept_input

__all__ = ["INPUT_STEM", "load_shape", "made_name", "run_job"]

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
        last = _failed(run.job_id, problem)
    except MemoryError:
        last = _failed(run.job_id, no_memory())
    except Exception:  # noqa: BLE001 - the worker entry: an exception lost here would leave the job running for ever
        last = Failed(
            run.job_id,
            time.time(),
            "bug",
            "Something went wrong inside the program.",
            "Run the job again; if it fails again, please report it with the details.",
            traceback.format_exc(),
        )
    emit(last)
    return last


def _failed(job_id: str, problem: Img2ModelError) -> Failed:
    return Failed(job_id, time.time(), problem.kind, problem.message, problem.advice, problem.details)


@dataclass(slots=True)
class _Run:
    """One job under way."""

    plan: Plan
    bench: Bench
    folder: Path
    emit: Emit
    is_cancelled: IsCancelled
    policy: Policy

    @property
    def job_id(self) -> str:
        return self.folder.name

    def to_the_end(self) -> Finished:
        began = time.monotonic()
        request = self.plan.request
        self.emit(Started(self.job_id, time.time()))
        if request.mesh:
            return self._finished(OPENED, self._open(), began)
        for spec in self._specs():
            self.bench.require(spec)  # what is missing is told before the work
        if request.goal == "pictures":
            return self._pictures(began)
        # 1 and 2: a picture with the subject cut out
        cut, choice = self._cut_out()
        # 3: a mesh, in the engine's own unit
        mesh, key = self._sculpt(cut, choice)
        # 4 and 6: clean, real size, on the ground, written with its recipe
        return self._finished(key, self._finish(mesh, self._recipe(key), request.size_mm), began)

    def _specs(self, sculptor: str = "") -> list[EngineSpec]:
        """The engines of this job; of sculptors the one with that key, or the user's where the user chose one."""
        plan = self.plan
        found = [catalog.find(plan.maker.key, Role.MAKER)] if plan.maker else []
        if plan.request.goal == "pictures":
            return found
        if plan.cutter:
            found.append(catalog.find(plan.cutter.key, Role.CUTTER))
        key = sculptor or ("" if plan.is_auto else plan.request.engine)
        return [*found, catalog.find(key, Role.SCULPTOR)] if key else found

    def _finished(self, key: str, facts: Facts | None, began: float, name: str = RESULT) -> Finished:
        seconds = time.monotonic() - began
        return Finished(self.job_id, time.time(), str(self.folder / name), key, facts, seconds)

    def _open(self) -> Facts:
        """Takes a mesh file in as it is: what is wrong with it, the verdict is to say."""
        request = self.plan.request
        progress = self._begin(Stage.OPEN)
        file = (request.mesh, request.mesh_up, request.mesh_unit)
        opened: tuple[Facts, tuple[Note, ...]]
        opened = self._aside(open_mesh, *file, self.folder / RESULT, tick=progress.update)
        facts, notes = opened
        for message, advice in notes:
            self.emit(Warned(self.job_id, time.time(), message, advice))
        return facts

    def _cut_out(self) -> tuple[Picture, Choice | None]:
        path = self.folder / CUT_OUT
        found = self._kept(kept.kept_picture, path, Stage.CUT_OUT)
        cut: Picture | None = found[0] if found else None
        if cut is None:
            picture = self._picture()
            progress = self._begin(Stage.CUT_OUT)
            cutter, strokes = self.plan.cutter, self.plan.request.strokes
            assert cutter is not None  # only a plan that opens a mesh has none
            spec = catalog.find(cutter.key, Role.CUTTER)
            cut = self.bench.cut(spec, picture, strokes, cutter.options, progress.part(0.0, 0.8))
            if self.plan.is_auto and not strokes and _is_lost(picture, cut):
                cut = picture
            self._aside(kept.keep_picture, cut, path, {"cutter": spec.key}, tick=progress.update)
        findings, choice = self._aside(
            kept.judge, cut, self.plan.is_auto, tick=self._progress(Stage.CUT_OUT, 0.8).update
        )
        for finding in findings:
            if self.plan.maker and finding.key == "parts":
                continue  # letters are parts by nature
            self.emit(Warned(self.job_id, time.time(), finding.message, finding.advice))
        self.emit(Preview(self.job_id, time.time(), Stage.CUT_OUT, str(path)))
        return cut, choice

    def _picture(self) -> Picture:
        """Stage 1: the user's picture, or one made from the prompt, or the user's redrawn."""
        if self.plan.maker is None:
            return self._given_picture(self._begin(Stage.PICTURE))
        path = self.folder / MADE
        found = self._kept(kept.kept_picture, path, Stage.PICTURE)
        if found:
            picture: Picture = found[0]
            return picture
        progress = self._begin(Stage.PICTURE)
        before = self._given_picture(progress.part(0.0, 0.05)) if self.plan.request.restyle else None
        return self._make(before, self.plan.request.seed, path, progress)

    def _pictures(self, began: float) -> Finished:
        """All of a job that asks for pictures."""
        request = self.plan.request
        progress, before = self._begin(Stage.PICTURE), None
        keys: list[str] = []
        for number in range(1, request.variants + 1):
            path = self.folder / made_name(number)
            share = progress.part((number - 1) / request.variants, number / request.variants)
            found = self._aside(kept.kept_picture, path, tick=share.update) if path.is_file() else None
            if not found:
                if request.restyle and before is None:
                    before = self._given_picture(share.part(0.0, 0.05))
                self._make(before, request.seed + number - 1, path, share)
            keys.append(self._maker().key if not found else str(found[1].get("maker", self._maker().key)))
            self.emit(Preview(self.job_id, time.time(), Stage.PICTURE, str(path)))
        return self._finished(keys[0], None, began, made_name(1))

    def _given_picture(self, progress: Progress) -> Picture:
        request, limits = self.plan.request, self.plan.limits
        path = kept_input(self.folder) or _keep_input(Path(request.picture), self.folder, limits.max_bytes)
        accepted = Limits(limits.max_bytes, limits.max_pixels)
        name = Path(request.picture).name
        picture: Picture = self._aside(kept.read_input, path, name, accepted, tick=progress.update)
        return picture

    def _maker(self) -> EngineSpec:
        assert self.plan.maker is not None  # only asked where there is one
        return catalog.find(self.plan.maker.key, Role.MAKER)

    def _make(self, before: Picture | None, seed: int, path: Path, progress: Progress) -> Picture:
        """One picture by the maker, kept with its recipe.

        Args:
            before: the picture that is redrawn, or None.
            seed: of this picture.
            path: where it is kept.
        """
        request, spec = self.plan.request, self._maker()
        assert self.plan.maker is not None
        style = request.style or (spec.styles[0] if spec.styles else "")
        wish = (request.prompt, style, self.plan.maker.options, seed, progress)
        made = self.bench.make(spec, *wish) if before is None else self.bench.restyle(spec, before, *wish)
        recipe = {
            "program": PROGRAM,
            "maker": spec.key,
            "prompt": request.prompt,
            "style": style,
            "seed": seed,
            "options": asdict(self.plan.maker.options),
            "restyled": before is not None,
            "licence": self.bench.licence_of(spec),
        }
        self._aside(kept.keep_picture, made, path, recipe, tick=progress.update)
        return made

    def _sculpt(self, cut: Picture, choice: Choice | None) -> tuple[Mesh, str]:
        path = self.folder / SHAPE
        key = choice.engine if choice else self.plan.request.engine
        if choice:
            self.emit(Chosen(self.job_id, time.time(), key, choice.reason))
        found = self._kept(kept.kept_shape, path, Stage.SCULPT)
        if found is not None:
            mesh: Mesh = found[0]
            return mesh, str(found[1].get("engine", key))
        progress = self._begin(Stage.SCULPT)
        spec = catalog.find(key, Role.SCULPTOR)
        options = self.plan.sculptor(key).options
        mesh = self.bench.sculpt(spec, cut, options, self.plan.request.seed, progress)
        self._aside(kept.keep_shape, mesh, path, {"engine": key}, tick=progress.update)
        self.emit(Preview(self.job_id, time.time(), Stage.SCULPT, str(path)))
        return mesh, key

    def _kept(self, load: Callable[..., Any], path: Path, stage: Stage) -> Any:
        """What an earlier run of this job left of a stage, or None when there is nothing usable."""
        if not path.is_file():
            return None
        result = self._aside(load, path, tick=self._check)
        if result is not None:
            self.emit(StageBegan(self.job_id, time.time(), stage, resumed=True))
        return result

    def _check(self, fraction: float) -> None:  # noqa: ARG002 - a tick that only stops
        if self.is_cancelled():
            raise Cancelled

    def _finish(self, mesh: Mesh, recipe: dict[str, Any], size_mm: float) -> Facts:
        progress = self._begin(Stage.CLEAN)
        mesh = self._aside(kept.clean_up, mesh, size_mm, tick=progress.update)
        progress = self._begin(Stage.SAVE)
        facts: Facts = self._aside(kept.save, mesh, self.folder / RESULT, recipe, tick=progress.update)
        (self.folder / SHAPE).unlink(missing_ok=True)  # the result holds all of it
        return facts

    def _recipe(self, key: str) -> dict[str, Any]:
        """What "make again" needs: the request, the hash of the picture, the program's version."""
        request = self.plan.request
        given = kept_input(self.folder)
        name = Path(request.picture).name if request.picture else ""  # a full path would tell the user's name
        recipe: dict[str, Any] = {
            "program": PROGRAM,
            "request": replace(request, picture=name).to_dict(),
            "engine": key,
        }
        if given:
            content = given.read_bytes()
            recipe["picture_sha256"] = hashlib.sha256(content).hexdigest()
            made = recipe_in(content)
            if "maker" in made:
                recipe["picture_recipe"] = made
        licences = {spec.key: self.bench.licence_of(spec) for spec in self._specs(key) if spec.weights}
        if licences:
            recipe["weights_licences"] = licences
        return recipe

    def _begin(self, stage: Stage) -> Progress:
        self.emit(StageBegan(self.job_id, time.time(), stage))
        return self._progress(stage)

    def _progress(self, stage: Stage, low: float = 0.0) -> Progress:
        """A token for a stage, or for what is left of it from the fraction `low` on."""
        progress = Progress(
            lambda fraction: self.emit(Progressed(self.job_id, time.time(), stage, fraction)), self.is_cancelled
        ).part(low, 1.0)
        progress.update(0.0)
        return progress

    def _aside(self, function: Callable[..., Any], *args: Any, tick: Callable[[float], None]) -> Any:
        return self.bench.worker.run(function, *args, tick=tick)


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
