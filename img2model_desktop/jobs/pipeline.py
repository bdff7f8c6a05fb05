"""How a job runs: the only place that knows the order of the stages."""

import hashlib
import io
import time
import traceback
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from img2model_desktop import __version__
from img2model_desktop.core import atomic
from img2model_desktop.core.chooser import Choice, choose_sculptor
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
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import Limits, decode_picture, read_picture, write_png
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.subject import Finding, check_subject
from img2model_desktop.core.workshop.mend import clean
from img2model_desktop.core.workshop.place import scaled_to
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem, no_memory
from img2model_desktop.jobs.opening import Note, open_mesh
from img2model_desktop.jobs.plan import INPUT_STEM, OPENED, RESULT, Plan, kept_input

Emit = Callable[[JobEvent], None]
IsCancelled = Callable[[], bool]

CUT_OUT = "cutout.png"
SHAPE = "shape.npz"
MADE = "made.png"
LOST_SHARE = 0.04  # of the frame


def run_job(plan: Plan, bench: Bench, folder: Path, emit: Emit, is_cancelled: IsCancelled) -> JobEvent:
    """Runs one job to its end and returns its last event.

    Never raises: whatever happens becomes exactly one Finished, Failed or Stopped, which is also sent.

    Args:
        plan: what to do.
        bench: calls the engines, and the heavy pure functions through its worker.
        folder: of the job, named after its id; there already, and the only place written to. The output of a
            finished stage that lies in it is used again.
        emit: called in this thread with every event.
        is_cancelled: asked often, from this thread.
    """
    run = _Run(plan, bench, folder, emit, is_cancelled)
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
        if plan.cutter:
            found.append(catalog.find(plan.cutter.key, Role.CUTTER))
        key = sculptor or ("" if plan.is_auto else plan.request.engine)
        return [*found, catalog.find(key, Role.SCULPTOR)] if key else found

    def _finished(self, key: str, facts: Facts, began: float) -> Finished:
        seconds = time.monotonic() - began
        return Finished(self.job_id, time.time(), str(self.folder / RESULT), key, facts, seconds)

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
        cut: Picture | None = self._kept(_kept_picture, path, Stage.CUT_OUT)
        if cut is None:
            picture = self._picture()
            progress = self._begin(Stage.CUT_OUT)
            cutter, strokes = self.plan.cutter, self.plan.request.strokes
            assert cutter is not None  # only a plan that opens a mesh has none
            spec = catalog.find(cutter.key, Role.CUTTER)
            cut = self.bench.cut(spec, picture, strokes, cutter.options, progress.part(0.0, 0.8))
            if self.plan.is_auto and not strokes and _is_lost(picture, cut):
                cut = picture
            self._aside(_write_png, cut, path, tick=progress.update)
        findings, choice = self._aside(_judge, cut, self.plan.is_auto, tick=self._progress(Stage.CUT_OUT, 0.8).update)
        for finding in findings:
            if self.plan.maker and finding.key == "parts":
                continue  # letters are parts by nature
            self.emit(Warned(self.job_id, time.time(), finding.message, finding.advice))
        self.emit(Preview(self.job_id, time.time(), Stage.CUT_OUT, str(path)))
        return cut, choice

    def _picture(self) -> Picture:
        """Stage 1: the user's picture, or one made from the prompt."""
        plan, request = self.plan, self.plan.request
        progress = self._begin(Stage.PICTURE)
        if plan.maker is None:
            path = kept_input(self.folder) or _keep_input(Path(request.picture), self.folder, plan.limits.max_bytes)
            limits = Limits(plan.limits.max_bytes, plan.limits.max_pixels)
            name = Path(request.picture).name
            picture: Picture = self._aside(_read, path, name, limits, tick=progress.update)
            return picture
        spec = catalog.find(plan.maker.key, Role.MAKER)
        style = request.style or (spec.styles[0] if spec.styles else "")
        made = self.bench.make(spec, request.prompt, style, plan.maker.options, request.seed, progress)
        self._aside(_write_png, made, self.folder / MADE, tick=progress.update)
        return made

    def _sculpt(self, cut: Picture, choice: Choice | None) -> tuple[Mesh, str]:
        path = self.folder / SHAPE
        key = choice.engine if choice else self.plan.request.engine
        if choice:
            self.emit(Chosen(self.job_id, time.time(), key, choice.reason))
        kept: Mesh | None = self._kept(_kept_shape, path, Stage.SCULPT)
        if kept is not None:
            return kept, key
        progress = self._begin(Stage.SCULPT)
        spec = catalog.find(key, Role.SCULPTOR)
        options = self.plan.sculptor(key).options
        mesh = self.bench.sculpt(spec, cut, options, self.plan.request.seed, progress)
        self._aside(_keep_shape, mesh, path, tick=progress.update)
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
        mesh = self._aside(_clean, mesh, size_mm, tick=progress.update)
        progress = self._begin(Stage.SAVE)
        facts: Facts = self._aside(_save, mesh, self.folder / RESULT, recipe, tick=progress.update)
        (self.folder / SHAPE).unlink(missing_ok=True)  # the result holds all of it
        return facts

    def _recipe(self, key: str) -> dict[str, Any]:
        """What "make again" needs: the request, the hash of the picture, the program's version."""
        request = self.plan.request
        kept = kept_input(self.folder)
        name = Path(request.picture).name if request.picture else ""  # a full path would tell the user's name
        recipe: dict[str, Any] = {
            "program": f"Image2Model Desktop {__version__}",
            "request": replace(request, picture=name).to_dict(),
            "engine": key,
        }
        if kept:
            recipe["picture_sha256"] = hashlib.sha256(kept.read_bytes()).hexdigest()
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


# What runs aside: module-level functions whose last two arguments are `report` and `is_cancelled`.


def _read(path: Path, name: str, limits: Limits, report: Any, is_cancelled: Any) -> Picture:  # noqa: ARG001
    return decode_picture(path.read_bytes(), name, limits)  # messages name the user's file, not our copy


def _write_png(picture: Picture, path: Path, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001
    write_png(picture, path)


def _kept_picture(path: Path, report: Any, is_cancelled: Any) -> Picture | None:  # noqa: ARG001
    try:
        return read_picture(path, Limits())
    except InputProblem:  # damaged by a power cut: cut out again
        return None


def _judge(
    cut: Picture,
    is_auto: bool,
    report: Any,
    is_cancelled: Any,  # noqa: ARG001
) -> tuple[tuple[Finding, ...], Choice | None]:
    findings = check_subject(cut)
    report(0.5)
    return findings, choose_sculptor(cut) if is_auto else None


def _keep_shape(mesh: Mesh, path: Path, report: Any, is_cancelled: Any) -> None:  # noqa: ARG001
    arrays: dict[str, Any] = {"vertices": mesh.vertices, "faces": mesh.faces}
    if mesh.uv is not None:
        arrays["uv"] = mesh.uv
    for name in ("base_colour", "metallic_roughness", "normal"):
        picture = getattr(mesh, name)
        if picture is not None:
            arrays[name] = picture.pixels
    content = io.BytesIO()
    np.savez(content, **arrays)
    atomic.write_file(path, content.getvalue())


def load_shape(path: Path, report: Any, is_cancelled: Any) -> Mesh:  # noqa: ARG001
    """The mesh that stage 3 left, before it was cleaned and scaled."""
    with path.open("rb") as file, np.load(file) as arrays:  # np.load leaves a damaged file open when it opens it
        pictures = {
            name: Picture.own(arrays[name])
            for name in ("base_colour", "metallic_roughness", "normal")
            if name in arrays
        }
        uv = arrays.get("uv")
        return Mesh(arrays["vertices"], arrays["faces"], uv, **pictures).validate()


def _kept_shape(path: Path, report: Any, is_cancelled: Any) -> Mesh | None:
    try:
        return load_shape(path, report, is_cancelled)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # damaged by a power cut: sculpt again
        return None


def _clean(mesh: Mesh, size_mm: float, report: Any, is_cancelled: Any) -> Mesh:
    return scaled_to(clean(mesh, Progress(report, is_cancelled)), size_mm)


def _save(mesh: Mesh, path: Path, recipe: dict[str, Any], report: Any, is_cancelled: Any) -> Facts:  # noqa: ARG001
    facts = measure(mesh)
    report(0.3)
    write_mesh(mesh, path, recipe)
    return facts.brief()
