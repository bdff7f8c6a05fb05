"""A job runs through its stages, resumes, stops and fails as promised: exactly one last event, nothing half-written."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.aside import Helper, Inline, Worker
from img2model_desktop.core.events import (
    LAST,
    Chosen,
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
from img2model_desktop.core.mesh_files import read_mesh, read_recipe
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import EngineProblem
from img2model_desktop.jobs import pipeline
from img2model_desktop.jobs.plan import PictureLimits, Plan, resolve
from tests.shapes import box

STAGES = [Stage.PICTURE, Stage.CUT_OUT, Stage.SCULPT, Stage.CLEAN, Stage.SAVE]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A shaded ball with a stalk, cut out."""
    rows, columns = np.mgrid[0:192, 0:192]
    inside = (np.hypot(rows - 110, columns - 96) < 60) | ((abs(columns - 96) < 7) & (rows < 80) & (rows > 20))
    light = np.clip(220 - np.hypot(rows - 90, columns - 76), 40, 255)
    path = tmp_path / "geheim-äpfel.png"
    write_png(Picture(np.dstack([light, light / 2, light / 4, inside * 255]).astype(np.uint8)), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "20260101-job"
    folder.mkdir()
    return folder


@pytest.fixture
def bench() -> Bench:
    return Bench(Inline())


def plan_for(picture: Path, **changes: object) -> Plan:
    request = Request(picture=str(picture), engine="inflate", quality=Quality.DRAFT)
    return resolve(replace(request, **changes))  # type: ignore[arg-type]  # values of many kinds


def run(
    plan: Plan, bench: Bench, folder: Path, is_cancelled: Callable[[], bool] = lambda: False
) -> tuple[list[JobEvent], JobEvent]:
    events: list[JobEvent] = []
    last = pipeline.run_job(plan, bench, folder, events.append, is_cancelled)
    assert [event for event in events if isinstance(event, LAST)] == [last]
    assert events[-1] is last
    assert isinstance(events[0], Started)
    assert {event.job_id for event in events} == {folder.name}
    return events, last


def stages(events: list[JobEvent]) -> list[tuple[Stage, bool]]:
    return [(event.stage, event.resumed) for event in events if isinstance(event, StageBegan)]


def test_whole_job(picture: Path, folder: Path, bench: Bench) -> None:
    events, last = run(plan_for(picture, size_mm=80.0), bench, folder)
    assert isinstance(last, Finished)
    assert stages(events) == [(stage, False) for stage in STAGES]
    assert last.path == str(folder / "result.glb")
    mesh = read_mesh(folder / "result.glb")
    facts = measure(mesh)
    assert last.facts == facts.brief()
    assert facts.watertight
    assert facts.manifold
    assert float(mesh.size_m.max()) == pytest.approx(0.080, rel=1e-6)
    low, high = mesh.bounds
    assert low[1] == 0.0
    assert low[[0, 2]] + high[[0, 2]] == pytest.approx([0, 0], abs=1e-7)
    assert sorted(path.name for path in folder.iterdir()) == ["cutout.png", "input.png", "result.glb"]
    assert {event.stage for event in events if isinstance(event, Preview)} == {Stage.CUT_OUT, Stage.SCULPT}
    assert any(isinstance(event, Progressed) for event in events)


def test_recipe_makes_it_again_and_tells_no_path(picture: Path, folder: Path, bench: Bench) -> None:
    run(plan_for(picture, options=(("relief", 0.5),)), bench, folder)
    recipe = read_recipe(folder / "result.glb")
    assert str(picture.parent) not in json.dumps(recipe)
    request = Request.from_dict(recipe["request"])
    assert request.picture == picture.name
    again = folder.parent / "again"
    again.mkdir()
    run(resolve(replace(request, picture=str(picture))), bench, again)
    assert (again / "result.glb").read_bytes() == (folder / "result.glb").read_bytes()


def test_auto_says_what_it_chose(picture: Path, folder: Path, bench: Bench) -> None:
    events, last = run(plan_for(picture, engine="auto"), bench, folder)
    assert isinstance(last, Finished)
    (chosen,) = [event for event in events if isinstance(event, Chosen)]
    assert chosen.engine == last.engine
    assert chosen.reason.endswith(".")


def test_prompt_makes_the_picture(folder: Path, bench: Bench) -> None:
    events, last = run(resolve(Request(prompt="Hi", quality=Quality.DRAFT)), bench, folder)
    assert isinstance(last, Finished)
    assert not [event for event in events if isinstance(event, Warned)]  # two letters and a dot are no accident
    assert stages(events)[0] == (Stage.PICTURE, False)
    assert (folder / "made.png").is_file()


def test_original_may_vanish_once_the_job_runs(picture: Path, folder: Path, bench: Bench) -> None:
    data = picture.read_bytes()
    plan = plan_for(picture)
    (folder / "input.png").write_bytes(data)
    picture.unlink()
    _, last = run(plan, bench, folder)
    assert isinstance(last, Finished)


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_in_any_stage_then_go_on(
    stage: Stage, picture: Path, folder: Path, bench: Bench, tmp_path: Path
) -> None:
    whole = tmp_path / "whole" / folder.name
    whole.mkdir(parents=True)
    run(plan_for(picture), bench, whole)
    seen: list[JobEvent] = []
    last = pipeline.run_job(
        plan_for(picture),
        bench,
        folder,
        seen.append,
        lambda: any(isinstance(event, StageBegan) and event.stage is stage for event in seen),
    )
    assert isinstance(last, Stopped)
    assert [event for event in seen if isinstance(event, LAST)] == [last]
    assert not (folder / "result.glb").exists()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    events, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Finished)
    assert (folder / "result.glb").read_bytes() == (whole / "result.glb").read_bytes()
    finished_before = {Stage.SCULPT: Stage.CUT_OUT, Stage.CLEAN: Stage.SCULPT, Stage.SAVE: Stage.SCULPT}
    if stage in finished_before:
        assert (finished_before[stage], True) in stages(events)


def test_finished_stages_are_not_computed_again(picture: Path, folder: Path, bench: Bench) -> None:
    write_png(Picture(np.full((40, 40, 4), 255, np.uint8)), folder / "cutout.png")  # not what cutting would give
    events, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Finished)
    assert stages(events)[0] == (Stage.CUT_OUT, True)
    width, height, _ = last.facts.size_m
    assert width == pytest.approx(height, rel=0.05)  # the square of the kept cut-out, not the ball with its stalk


def test_damaged_leftovers_are_made_again(picture: Path, folder: Path, bench: Bench) -> None:
    (folder / "cutout.png").write_bytes(b"half a file")
    (folder / "shape.npz").write_bytes(b"PK\x03\x04 and then the power went")
    events, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Finished)
    assert stages(events) == [(stage, False) for stage in STAGES]


def test_a_result_without_its_last_event_is_taken_as_it_is(picture: Path, folder: Path, bench: Bench) -> None:
    """The program was killed between the two."""
    _, first = run(plan_for(picture), bench, folder)
    made = (folder / "result.glb").stat()
    (folder / "shape.npz").write_bytes(b"left")
    events, again = run(plan_for(picture), bench, folder)
    assert stages(events) == [(Stage.SAVE, True)]
    assert isinstance(first, Finished)
    assert isinstance(again, Finished)
    assert again == replace(first, at=again.at, seconds=again.seconds)
    now = (folder / "result.glb").stat()
    assert (now.st_ino, now.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert not (folder / "shape.npz").exists()


@pytest.mark.parametrize("content", [b"glTF and then the power went", None], ids=["damaged", "of another request"])
def test_a_result_that_is_none_is_made_again(content: bytes | None, picture: Path, folder: Path, bench: Bench) -> None:
    run(plan_for(picture, size_mm=50.0), bench, folder)
    if content:
        (folder / "result.glb").write_bytes(content)
    events, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Finished)
    assert (Stage.SAVE, False) in stages(events)
    assert float(read_mesh(folder / "result.glb").size_m.max()) == pytest.approx(0.1, rel=1e-6)


def test_unreadable_picture_fails_with_advice(picture: Path, folder: Path, bench: Bench) -> None:
    picture.write_bytes(picture.read_bytes()[:200])
    _, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Failed)
    assert last.kind == "input"
    assert last.message
    assert last.advice
    assert "Traceback" not in last.message + last.advice


def test_nothing_in_the_picture(picture: Path, folder: Path, bench: Bench) -> None:
    write_png(Picture(np.zeros((64, 64, 4), np.uint8)), picture)
    _, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Failed)
    assert last.kind == "input"


def test_file_over_the_limit(picture: Path, folder: Path, bench: Bench) -> None:
    _, last = run(replace(plan_for(picture), limits=PictureLimits(max_bytes=1000)), bench, folder)
    assert isinstance(last, Failed)
    assert last.kind == "input"
    assert list(folder.iterdir()) == []


def test_warnings_reach_the_user(picture: Path, folder: Path, bench: Bench) -> None:
    pixels = np.full((100, 100, 4), 200, np.uint8)
    pixels[:, :10, 3] = 0
    write_png(Picture(pixels), picture)
    events, last = run(plan_for(picture), bench, folder)
    assert isinstance(last, Finished)
    assert any("cut off" in event.message for event in events if isinstance(event, Warned))


class Faulty:
    """An engine that fails in a chosen way; for what real engines must never do."""

    def __init__(self, fault: Exception | None) -> None:
        self._fault = fault

    def sculpt(self, picture: Picture, options: object, seed: int, progress: Progress) -> Mesh:
        progress.update(0.5)
        if self._fault:
            raise self._fault
        return Mesh(np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]], np.int32))

    def close(self) -> None:
        """Holds nothing."""


def bug() -> Faulty:
    return Faulty(ZeroDivisionError("planted"))


def out_of_memory() -> Faulty:
    return Faulty(MemoryError())


def useless() -> Faulty:
    return Faulty(EngineProblem("No mesh.", "Try another."))


def invalid() -> Faulty:
    return Faulty(None)


@pytest.fixture(params=["inline", "helper"])
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    worker = Inline() if request.param == "inline" else Helper(warm_modules=("cv2",))
    yield worker
    worker.close()


@pytest.mark.parametrize(
    ("fault", "kind"), [("bug", "bug"), ("out_of_memory", "memory"), ("useless", "engine"), ("invalid", "engine")]
)
def test_engine_failures(
    fault: str, kind: str, picture: Path, folder: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = tuple(
        replace(spec, entry=f"{__name__}:{fault}") if spec.key == "inflate" else spec for spec in catalog.ENGINES
    )
    monkeypatch.setattr(catalog, "ENGINES", faulty)
    _, last = run(plan_for(picture), Bench(worker), folder)
    assert isinstance(last, Failed)
    assert last.kind == kind
    assert "Traceback" not in last.message + last.advice
    assert ("ZeroDivisionError: planted" in last.details) == (fault == "bug")
    monkeypatch.undo()
    _, last = run(plan_for(picture), Bench(worker), folder)
    assert isinstance(last, Finished)


def test_helper_and_inline_give_the_same_bytes(picture: Path, folder: Path, bench: Bench, tmp_path: Path) -> None:
    run(plan_for(picture), bench, folder)
    aside = tmp_path / "aside"
    aside.mkdir()
    helper = Helper()
    try:
        run(plan_for(picture), Bench(helper), aside)
        began = time.monotonic()
        stopped = pipeline.run_job(plan_for(picture), Bench(helper), tmp_path / "x", lambda _: None, lambda: True)
        assert isinstance(stopped, Stopped)
        assert time.monotonic() - began < 10
    finally:
        helper.close()
    assert (aside / "result.glb").read_bytes() == (folder / "result.glb").read_bytes()


@pytest.mark.parametrize("engine", ["relief", "auto"])
def test_scene_without_a_subject_becomes_a_relief_of_the_whole_picture(
    engine: str, folder: Path, bench: Bench, tmp_path: Path
) -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    waves = 120 + 40 * np.sin(columns / 11 + rows / 17) + 40 * np.sin(rows / 7 - columns / 23)
    moon = np.hypot(rows - 30, columns - 120) < 9
    shades = np.where(moon, 255, waves)
    scene = tmp_path / "scene.png"
    write_png(
        Picture(np.dstack([shades, shades * 0.8, shades * 0.5, np.full_like(shades, 255)]).astype(np.uint8)), scene
    )
    events, last = run(plan_for(scene, engine=engine), bench, folder)
    assert isinstance(last, Finished)
    assert last.engine == "relief"
    width, height, _ = last.facts.size_m
    assert width / height == pytest.approx(160 / 120, rel=0.02)
    assert not [event for event in events if isinstance(event, Warned)]


def test_missing_weights_are_told_before_the_work(picture: Path, folder: Path, tmp_path: Path) -> None:
    events, last = run(plan_for(picture, engine="triposr"), Bench(Inline(), tmp_path / "weights"), folder)
    assert isinstance(last, Failed)
    assert last.kind == "setup"
    assert "TripoSR needs its weights" in last.message
    assert stages(events) == []
    assert list(folder.iterdir()) == []


class Lent(Bench):
    """A bench whose TripoSR is somewhere else: it sends a box."""

    def require(self, spec: EngineSpec) -> None:
        """Nothing is missing."""

    def sculpt(self, spec: EngineSpec, picture: Picture, options: object, seed: int, progress: Progress) -> Mesh:
        """The box."""
        return box()


def test_the_licence_of_weights_goes_into_the_recipe(picture: Path, folder: Path) -> None:
    run(plan_for(picture, engine="triposr"), Lent(Inline()), folder)
    assert read_recipe(folder / "result.glb")["weights_licences"] == {"triposr": "MIT"}


def test_the_hash_of_weights_goes_into_the_recipe(picture: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lent, "sha256_of", lambda _, spec: "5a" * 32 if spec.weights else "")
    run(plan_for(picture, engine="triposr"), Lent(Inline()), folder)
    assert read_recipe(folder / "result.glb")["weights_sha256"] == {"triposr": "5a" * 32}


def test_an_option_that_the_chosen_engine_lacks_is_told(picture: Path, folder: Path, bench: Bench) -> None:
    events, _ = run(plan_for(picture, engine="auto", options=(("faces", 2000), ("depth_file", ""))), bench, folder)
    (chosen,) = [event for event in events if isinstance(event, Chosen)]
    assert chosen.engine != "relief"
    told = [event.message for event in events if isinstance(event, Warned) and "no option" in event.message]
    title = catalog.find(chosen.engine, Role.SCULPTOR).title
    assert told == [f"{title}, which was chosen, has no option “depth_file”."]


def test_built_in_engines_need_no_licence_in_the_recipe(picture: Path, folder: Path, bench: Bench) -> None:
    run(plan_for(picture), bench, folder)
    assert "weights_licences" not in read_recipe(folder / "result.glb")
