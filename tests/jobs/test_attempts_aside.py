"""Engines fail for real in a real helper process: it is killed in each stage, and its memory runs out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img2model_desktop.aside import Helper, Inline
from img2model_desktop.core.events import Decided, Decision, Failed, Finished, JobEvent, Stage
from img2model_desktop.core.mesh_files import read_mesh, read_recipe
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role, Rung, build_options, ways
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.room import Room
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import resolve
from tests.jobs.faulty import die_once, small_card
from tests.jobs.test_attempts import picture_in

RUNGS = (Rung("5 000 triangles", {"faces": 5_000}, 20), Rung("1 000 triangles", {"faces": 1_000}, 10))


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    """One for all that let it live."""
    helper = Helper(warm_modules=())
    yield helper
    helper.close()


@pytest.fixture
def mortal() -> Iterator[Helper]:
    helper = Helper(warm_modules=())
    yield helper
    helper.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "20260101-job"
    folder.mkdir()
    return folder


def hungry(monkeypatch: pytest.MonkeyPatch, entry: str, **changes: Any) -> None:
    spec = replace(catalog.find("inflate", Role.SCULPTOR), entry=f"tests.jobs.faulty:{entry}", rungs=RUNGS, **changes)
    engines = tuple(spec if other.key == "inflate" else other for other in catalog.ENGINES)
    monkeypatch.setattr(catalog, "ENGINES", engines)


def run(bench: Bench, folder: Path, **changes: Any) -> tuple[list[JobEvent], JobEvent]:
    request = Request(picture=str(picture_in(folder.parent)), engine="inflate", quality=Quality.DRAFT)
    events: list[JobEvent] = []
    plan = resolve(replace(request, **changes))
    return events, run_job(plan, bench, folder, events.append, lambda: False)


def decided(events: list[JobEvent]) -> list[tuple[Decision, Stage, str]]:
    return [(event.decision, event.stage, event.engine) for event in events if isinstance(event, Decided)]


DOWN = (Decision.STEP_DOWN, Stage.SCULPT, "inflate")
AGAIN = (Decision.RETRY, Stage.SCULPT, "inflate")


@pytest.mark.parametrize("entry", ["of_torch", "of_python"])
def test_memory_runs_out_for_real(entry: str, helper: Helper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hungry(monkeypatch, entry)
    events, last = run(Bench(helper), folder)
    assert isinstance(last, Finished)
    assert decided(events) == [DOWN, DOWN]
    assert read_recipe(folder / "result.glb")["rungs"] == {"inflate": "1 000 triangles"}


def test_killed_for_its_memory(mortal: Helper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hungry(monkeypatch, "killed_for_it")
    events, last = run(Bench(mortal), folder)
    assert isinstance(last, Finished)
    assert decided(events) == [AGAIN, DOWN]
    assert read_recipe(folder / "result.glb")["rungs"] == {"inflate": "5 000 triangles"}


def test_memory_for_no_rung(helper: Helper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hungry(monkeypatch, "never")
    events, last = run(Bench(helper), folder)
    assert isinstance(last, Failed)
    assert (last.kind, last.stage, last.engine) == ("memory", Stage.SCULPT, "inflate")
    assert decided(events) == [DOWN, DOWN]
    assert last.advice.startswith(
        "Tried: as wished (ran out of memory); 5 000 triangles (ran out of memory); 1 000 triangles (ran out of"
    )


def test_the_card_is_asked_where_the_engine_runs(helper: Helper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rungs = (*RUNGS, Rung("the processor", {"faces": 1_000}, 10, on_processor=True))
    hungry(monkeypatch, "of_python", card_mib=30)
    monkeypatch.setattr(
        catalog, "ENGINES", tuple(replace(s, rungs=rungs) if s.key == "inflate" else s for s in catalog.ENGINES)
    )
    events, last = run(Bench(helper, gauge=small_card), folder)
    assert isinstance(last, Finished)
    (event,) = [event for event in events if isinstance(event, Decided)]
    assert event.message == (
        "Inflate needs 33 MB of memory on the graphics card, where 15 MB are free, so it goes on with the processor."
    )


class Deadly(Helper):
    """A helper that dies once in the middle of each different work."""

    def __init__(self, marks: Path) -> None:
        super().__init__(warm_modules=())
        self._marks = marks
        self.done: list[str] = []

    def run(self, function: Callable[..., Any], *args: Any, tick: Any) -> Any:
        """Runs it in a process that dies the first time."""
        name = function.__name__ + ("-" + args[1] if function.__name__ == "call_engine" else "")
        name += "-" + str(args[1]).rpartition(":")[2] if function.__name__ == "make_room" else ""
        result = super().run(die_once, self._marks / name.replace("/", "-"), function, args, tick=tick)
        self.done.append(name)
        return result


def test_killed_once_in_each_work_of_each_stage(folder: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    helper = Deadly(marks)
    try:
        events, last = run(Bench(helper), folder, prompt="Hi", picture="")
    finally:
        helper.close()
    assert isinstance(last, Finished)
    died = {path.name for path in marks.iterdir()}
    assert {"call_engine-make", "call_engine-cut", "call_engine-sculpt", "keep_picture", "keep_shape"} <= died
    assert {"judge", "clean_up", "save", "make_room"} <= {name.partition("-")[0] for name in died}
    decisions = decided(events)
    assert [decision for decision, _, _ in decisions] == [Decision.RETRY] * len(died)
    assert {stage for _, stage, _ in decisions} == set(Stage) - {Stage.OPEN, Stage.PAINT}
    assert len([name for name in helper.done if name.startswith("call_engine")]) == 3  # none computed twice
    whole = tmp_path / "whole"
    whole.mkdir()
    _, again = run(Bench(plain := Helper(())), whole, prompt="Hi", picture="")
    plain.close()
    assert isinstance(again, Finished)
    assert (whole / "result.glb").read_bytes() == (folder / "result.glb").read_bytes()


class Tight(Bench):
    """A bench with room for the last rung of one engine alone."""

    def room(self, spec: EngineSpec, mib: int, card_mib: int, progress: Progress) -> Room:
        """Measured for others."""
        if spec.role is not Role.SCULPTOR:
            return super().room(spec, mib, card_mib, progress)
        return Room(ways(spec, build_options(spec, Quality.HIGH, {}))[-1].mib)


@pytest.mark.parametrize("key", ["inflate", "lathe", "extrude"])
def test_the_rungs_of_built_in_sculptors_are_true(key: str, folder: Path) -> None:
    """With room for the last rung alone, the real engine makes a smaller mesh, and says so."""
    rung = catalog.find(key, Role.SCULPTOR).rungs[-1]
    _, last = run(Tight(Inline()), folder, engine=key, quality=Quality.HIGH)
    assert isinstance(last, Finished)
    assert read_recipe(folder / "result.glb")["rungs"] == {key: rung.title}
    mesh = read_mesh(folder / "result.glb")
    assert len(mesh.faces) <= 1.1 * float(rung.options["faces"])
    assert mesh.base_colour is not None
    assert max(mesh.base_colour.width, mesh.base_colour.height) <= float(rung.options["texture_px"])
