"""How engines are tried: whatever they do wrong, a job ends once, after a bounded number of tries, and says why."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from img2model_desktop.aside import Inline
from img2model_desktop.core.events import (
    LAST,
    Decided,
    Decision,
    Failed,
    Finished,
    JobEvent,
    Stage,
    StageBegan,
    Started,
    Stopped,
)
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import read_recipe
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.picture_recipe import recipe_in
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Rung
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.room import Room
from img2model_desktop.errors import (
    EngineProblem,
    HelperDied,
    InputProblem,
    OutOfMemory,
    PassingTrouble,
    SetupProblem,
)
from img2model_desktop.jobs import pipeline
from img2model_desktop.jobs.attempts import DEFAULT_POLICY, NOTES, Policy
from img2model_desktop.jobs.plan import resolve
from tests.shapes import box

FINE_FACES = Rung("20 000 triangles", {"faces": 20_000, "texture_px": 512}, 100)
FEW_FACES = Rung("2 000 triangles", {"faces": 2_000, "texture_px": 256}, 50)
LATHE = replace(catalog.find("lathe", catalog.Role.SCULPTOR), rungs=(FINE_FACES, FEW_FACES), peak_mib=200)
CUTOUT = replace(catalog.find("cutout", catalog.Role.CUTTER), stands_in=True)
INFLATE = replace(catalog.find("inflate", catalog.Role.SCULPTOR), stands_in=True)
SMALL = Rung("a size of 512 px", {"size_px": 512}, 50)
LETTERING = replace(catalog.find("lettering", catalog.Role.MAKER), rungs=(SMALL,))
OURS = {spec.key: spec for spec in (LATHE, CUTOUT, INFLATE, LETTERING)}
ENGINES = tuple(OURS.get(spec.key, spec) for spec in catalog.ENGINES)

Fault = Callable[[], Exception] | None

FAULTS: dict[str, Fault] = {
    "none": None,
    "memory": lambda: OutOfMemory("No room.", "Close something."),
    "no memory": MemoryError,
    "killed": lambda: HelperDied(-9),
    "crashed": lambda: HelperDied(-11),
    "passing": lambda: PassingTrouble("A hiccup.", "Try again."),
    "bug": lambda: ZeroDivisionError("planted"),
    "useless": lambda: EngineProblem("No mesh.", "Try another."),
    "not ready": lambda: SetupProblem("A file is damaged.", "Import it again."),
    "input": lambda: InputProblem("Nothing there.", "Choose another picture."),
}


class Scripted(Bench):
    """A bench whose engines fail as a script says, and otherwise give a box and the picture as it is."""

    def __init__(self, faults: list[str], rooms: list[int] | None = None, missing: tuple[str, ...] = ()) -> None:
        super().__init__(Inline())
        self.faults = list(faults)
        self.rooms = list(rooms or [])
        self.missing_keys = missing
        self.log: list[Any] = []
        self.cancels: Callable[[], None] = lambda: None

    def require(self, spec: EngineSpec) -> None:
        """As the script says."""
        if spec.key in self.missing_keys:
            raise SetupProblem(f"{spec.title} needs its weights.", "Import the weights.")

    def room(self, spec: EngineSpec, mib: int, card_mib: int, progress: Progress) -> Room:
        """As the script says, then plenty."""
        return Room(self.rooms.pop(0) if self.rooms else 100_000)

    def make(self, spec: EngineSpec, prompt: str, style: str, options: Any, seed: int, progress: Progress) -> Picture:
        """A grey picture of the seed."""
        self._call(spec, "make", (options,), progress)
        return Picture(np.full((16, 16, 4), 100 + seed, np.uint8))

    def cut(self, spec: EngineSpec, picture: Picture, strokes: Any, options: Any, progress: Progress) -> Picture:
        """The picture as it is."""
        self._call(spec, "cut", (options,), progress)
        return picture

    def sculpt(self, spec: EngineSpec, picture: Picture, options: Any, seed: int, progress: Progress) -> Mesh:
        """The box."""
        self._call(spec, "sculpt", (options,), progress)
        return box()

    def _call(self, spec: EngineSpec, method: str, args: tuple[Any, ...], progress: Progress) -> Any:
        self.log.append((spec.key, args[0]))
        progress.update(0.5)
        name = self.faults.pop(0) if self.faults else "none"
        if name == "cancel":
            self.cancels()
            raise HelperDied(-9)
        fault = FAULTS[name]
        if fault:
            raise fault()


def picture_in(folder: Path) -> Path:
    rows, columns = np.mgrid[0:64, 0:64]
    disc = np.hypot(rows - 32, columns - 32) < 25
    path = folder / "ball.png"
    write_png(Picture(np.dstack([rows * 3, columns * 3, rows, disc * 255]).astype(np.uint8)), path)
    return path


class Job:
    """One job of a scripted bench, and everything that happened in it in its order."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder / "20260101-job"
        self.folder.mkdir(exist_ok=True)
        request = Request(picture=str(picture_in(folder)), engine="lathe", quality=Quality.HIGH)
        self.request = replace(request, **changes)

    def run(self, bench: Scripted, policy: Policy = DEFAULT_POLICY) -> JobEvent:
        self.log: list[Any] = []
        bench.log = self.log
        is_cancelled = [False]
        bench.cancels = lambda: is_cancelled.__setitem__(0, True)
        with mock.patch.object(catalog, "ENGINES", ENGINES):
            last = pipeline.run_job(
                resolve(self.request), bench, self.folder, self.log.append, lambda: is_cancelled[0], policy
            )
        return last

    @property
    def events(self) -> list[JobEvent]:
        return [entry for entry in self.log if isinstance(entry, JobEvent)]

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return [entry for entry in self.log if isinstance(entry, tuple)]

    @property
    def decisions(self) -> list[Decided]:
        return [event for event in self.events if isinstance(event, Decided)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def told(job: Job) -> list[tuple[Decision, str]]:
    return [(event.decision, event.engine) for event in job.decisions]


# -- whatever happens --------------------------------------------------------------------------------------------------


@settings(max_examples=120)
@given(
    faults=st.lists(st.sampled_from([*FAULTS, *["none", "memory", "killed"], "cancel"]), max_size=10),
    rooms=st.lists(st.sampled_from([10, 60, 150, 100_000]), max_size=6),
    falls_back=st.booleans(),
    retries=st.integers(0, 3),
    engine=st.sampled_from(["lathe", "auto", "inflate", "twin"]),
    strikes=st.integers(0, 3),
    aside=st.sampled_from([(), ("lathe",), ("inflate",), ("twin",), ("lathe", "inflate", "twin"), ("cutout",)]),
)
def test_any_trouble_ends_once_and_is_told(
    faults: list[str],
    rooms: list[int],
    falls_back: bool,
    retries: int,
    engine: str,
    strikes: int,
    aside: tuple[str, ...],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), falls_back=falls_back, engine=engine)
        failures = {"lathe": strikes, "inflate": strikes, "twin": strikes, "cutout": strikes}
        policy = Policy(retries=retries, failures=failures, set_aside=dict.fromkeys(aside, "It failed too often."))
        last = job.run(Scripted(faults, rooms), policy)
        _check_order(job, last)
        _check_decisions(job, retries)
        assert not {key for key, _ in job.calls} & set(aside)
        assert (job.folder / "result.glb").exists() == isinstance(last, Finished)
        assert not (isinstance(last, Finished) and (job.folder / NOTES).exists())


def _check_order(job: Job, last: JobEvent) -> None:
    assert isinstance(job.events[0], Started)
    assert [event for event in job.events if isinstance(event, LAST)] == [last]
    assert job.events[-1] is last
    began = [event for event in job.events if isinstance(event, StageBegan)]
    order = list(Stage)
    assert [order.index(event.stage) for event in began] == sorted(order.index(event.stage) for event in began)
    if isinstance(last, Failed):
        assert last.message
        assert last.message[-1] in ".)"
        assert last.stage == (began[-1].stage if began else None)
    if isinstance(last, Finished):
        sculpted = [key for key, _ in job.calls if key != "cutout"]
        assert last.engine == sculpted[-1]


def _check_decisions(job: Job, retries: int) -> None:
    """Each is told in its stage, with its reason, before it is followed; the number of tries is bounded."""
    stage, called, free = None, None, False
    for entry in job.log:
        if isinstance(entry, StageBegan):
            if entry.stage is not stage:
                called = None
            stage = entry.stage
        elif isinstance(entry, Decided):
            assert entry.stage is stage
            assert entry.message.endswith((".", ")"))
            assert entry.kind
            assert entry.engine
            free = free or entry.decision is not Decision.SET_ASIDE
        elif isinstance(entry, tuple):
            assert called is None or free  # nothing is tried again without a word
            called, free = entry[0], False
    for key in ("cutout", "lathe", "twin", "inflate"):
        rungs = 2 if key == "lathe" else 0
        assert len([1 for called_key, _ in job.calls if called_key == key]) <= 1 + retries + rungs
    for event in job.decisions:
        if event.decision is Decision.SET_ASIDE:
            assert event.kind in ("engine", "bug", "memory")
    assert len({event.engine for event in job.decisions if event.decision is Decision.SET_ASIDE}) == len(
        [1 for event in job.decisions if event.decision is Decision.SET_ASIDE]
    )


# -- each rule ---------------------------------------------------------------------------------------------------------


def test_nothing_is_decided_where_nothing_goes_wrong(job: Job) -> None:
    assert isinstance(job.run(Scripted([])), Finished)
    assert job.decisions == []
    assert [key for key, _ in job.calls] == ["cutout", "lathe"]
    engines = [(event.stage, event.engine) for event in job.events if isinstance(event, StageBegan)]
    assert engines == [
        (Stage.PICTURE, ""),
        (Stage.CUT_OUT, "cutout"),
        (Stage.SCULPT, "lathe"),
        (Stage.CLEAN, ""),
        (Stage.SAVE, ""),
    ]
    recipe = read_recipe(job.folder / "result.glb")
    assert {"rungs", "instead_of"} & set(recipe) == set()


@pytest.mark.parametrize("fault", ["killed", "crashed", "passing", "bug"])
def test_what_may_pass_is_tried_again(job: Job, fault: str) -> None:
    assert isinstance(job.run(Scripted(["none", fault])), Finished)
    assert told(job) == [(Decision.RETRY, "lathe")]
    (before, again) = job.calls[1:]
    assert before == again
    assert job.decisions[0].stage is Stage.SCULPT


def test_a_limit_of_retries(job: Job) -> None:
    last = job.run(Scripted(["none", *["passing"] * 9]), Policy(retries=3))
    assert isinstance(last, Failed)
    assert (last.kind, last.stage, last.engine) == ("engine", Stage.SCULPT, "lathe")
    assert told(job) == [(Decision.RETRY, "lathe")] * 3
    assert len(job.calls) == 1 + 4


def test_a_bug_is_tried_again_once(job: Job) -> None:
    last = job.run(Scripted(["none", "bug", "bug", "none"]))
    assert isinstance(last, Failed)
    assert last.kind == "bug"
    assert "ZeroDivisionError: planted" in last.details
    assert len(job.calls) == 3


@pytest.mark.parametrize("fault", ["input", "not ready", "useless"])
def test_what_will_not_pass_is_not_tried_again(job: Job, fault: str) -> None:
    last = job.run(Scripted(["none", fault]))
    assert isinstance(last, Failed)
    assert job.decisions == []
    assert len(job.calls) == 2


def test_input_problems_never_bring_another_engine(job: Job) -> None:
    job.request = replace(job.request, falls_back=True)
    last = job.run(Scripted(["none", "input"]), Policy(failures={"lathe": 9}))
    assert isinstance(last, Failed)
    assert (last.kind, last.message) == ("input", "Nothing there.")
    assert job.decisions == []


def test_stopped_while_the_helper_dies_it_is_stopped(job: Job) -> None:
    job.request = replace(job.request, falls_back=True)
    assert isinstance(job.run(Scripted(["none", "cancel"])), Stopped)
    assert job.decisions == []
    assert len(job.calls) == 2


@pytest.mark.parametrize("fault", ["memory", "no memory"])
def test_memory_goes_down_the_ladder_by_name(job: Job, fault: str) -> None:
    assert isinstance(job.run(Scripted(["none", fault, fault])), Finished)
    assert told(job) == [(Decision.STEP_DOWN, "lathe")] * 2
    assert [event.message for event in job.decisions] == [
        "Lathe ran out of memory, so it goes on with 20 000 triangles.",
        "Lathe ran out of memory, so it goes on with 2 000 triangles.",
    ]
    wished, fine, few = (options for key, options in job.calls if key == "lathe")
    assert (wished.faces, wished.texture_px) == (200_000, 2048)
    assert fine == replace(wished, faces=20_000, texture_px=512)  # nothing else
    assert few == replace(wished, faces=2_000, texture_px=256)
    assert read_recipe(job.folder / "result.glb")["rungs"] == {"lathe": "2 000 triangles"}


def test_after_the_last_rung_it_says_what_was_tried(job: Job) -> None:
    last = job.run(Scripted(["none", *["memory"] * 9]))
    assert isinstance(last, Failed)
    assert (last.kind, last.stage, last.engine) == ("memory", Stage.SCULPT, "lathe")
    assert last.message == "No room."
    for title in ("as wished", "20 000 triangles", "2 000 triangles"):
        assert title in last.advice
    assert len(job.calls) == 1 + 3


def test_killed_twice_it_is_taken_for_lack_of_memory(job: Job) -> None:
    assert isinstance(job.run(Scripted(["none", "killed", "killed"])), Finished)
    assert told(job) == [(Decision.RETRY, "lathe"), (Decision.STEP_DOWN, "lathe")]
    assert job.calls[-1][1].faces == 20_000


def test_room_is_asked_before_the_work(job: Job) -> None:
    assert isinstance(job.run(Scripted([], [100_000, 150, 150])), Finished)
    (event,) = job.decisions
    assert event.message == (
        "Lathe needs 220 MB of memory on this machine, where 150 MB are free, so it goes on with 20 000 triangles."
    )
    assert [options.faces for key, options in job.calls if key == "lathe"] == [20_000]


def test_refused_where_nothing_fits(job: Job) -> None:
    last = job.run(Scripted([], [100_000, 40, 40, 40]))
    assert isinstance(last, Failed)
    assert (last.kind, last.stage, last.engine) == ("memory", Stage.SCULPT, "lathe")
    assert last.message == "Lathe needs 55 MB of memory on this machine, where 40 MB are free."
    assert "20 000 triangles (did not fit)" in last.advice
    assert [key for key, _ in job.calls] == ["cutout"]


def test_what_is_wished_cheaply_needs_no_more(job: Job) -> None:
    job.request = replace(job.request, quality=Quality.DRAFT, options=(("texture_px", 256),))
    assert isinstance(job.run(Scripted([], [100_000, 111])), Finished)  # 12 000 triangles: as the first rung
    assert job.decisions == []
    assert job.calls[-1][1].faces == 12_000


def test_a_built_in_engine_takes_over_and_it_is_told(job: Job) -> None:
    job.request = replace(job.request, falls_back=True, options=(("faces", 3000),))
    last = job.run(Scripted(["none", "useless"]))
    assert isinstance(last, Finished)
    assert last.engine == "twin"
    assert told(job) == [(Decision.FALL_BACK, "lathe")]
    assert job.decisions[0].kind == "engine"
    assert "Twin" in job.decisions[0].message
    assert "No mesh." in job.decisions[0].message
    recipe = read_recipe(job.folder / "result.glb")
    assert recipe["engine"] == "twin"
    assert recipe["instead_of"] == {"lathe": "twin"}
    assert recipe["request"]["engine"] == "lathe"  # "make again" asks for what was wished
    assert job.calls[-1][1].faces == 3000  # what both have in common is as wished


def test_never_silently(job: Job) -> None:
    last = job.run(Scripted(["none", "useless"]))
    assert isinstance(last, Failed)
    assert last.engine == "lathe"
    assert last.advice == "Try another. Twin, which is built in, could do it instead."


def test_missing_weights_bring_the_built_in_engine(job: Job) -> None:
    job.request = replace(job.request, engine="triposr", cutter="birefnet", falls_back=True)
    last = job.run(Scripted([], missing=("triposr", "birefnet")))
    assert isinstance(last, Finished)
    assert told(job) == [(Decision.FALL_BACK, "birefnet"), (Decision.FALL_BACK, "triposr")]
    assert [event.stage for event in job.decisions] == [Stage.CUT_OUT, Stage.SCULPT]
    assert [event.kind for event in job.decisions] == ["setup", "setup"]
    _check_decisions(job, DEFAULT_POLICY.retries)
    recipe = read_recipe(job.folder / "result.glb")
    assert recipe["instead_of"] == {"birefnet": "cutout", "triposr": last.engine}
    assert "weights_licences" not in recipe


def test_missing_weights_are_told_with_the_offer(job: Job) -> None:
    job.request = replace(job.request, engine="triposr")
    last = job.run(Scripted([], missing=("triposr",)))
    assert isinstance(last, Failed)
    assert (last.kind, last.stage, last.engine) == ("setup", None, "triposr")
    assert last.advice == "Import the weights. Twin, which is built in, could do it instead."
    assert job.calls == []


def test_with_the_last_failure_it_is_set_aside(job: Job) -> None:
    last = job.run(Scripted(["none", "useless"]), Policy(failures={"lathe": 2}))
    assert isinstance(last, Failed)
    assert told(job) == [(Decision.SET_ASIDE, "lathe")]
    assert job.decisions[0].message == "Lathe failed in 3 jobs in a row and is set aside: No mesh."
    assert job.decisions[0].advice == "Use Twin, or try Lathe again when the reason is gone."


def test_set_aside_it_is_refused_before_the_work(job: Job) -> None:
    last = job.run(Scripted([]), Policy(set_aside={"lathe": "Lathe is set aside."}))
    assert isinstance(last, Failed)
    assert (last.kind, last.message, last.engine) == ("setup", "Lathe is set aside.", "lathe")
    assert "Twin" in last.advice
    assert "Try Lathe again" in last.advice
    assert job.calls == []


def test_the_program_does_not_choose_what_is_set_aside(job: Job) -> None:
    job.request = replace(job.request, engine="auto")
    first = job.run(Scripted([]))
    assert isinstance(first, Finished)
    for name in ("cutout.png", "result.glb"):
        (job.folder / name).unlink()
    last = job.run(Scripted([]), Policy(set_aside={first.engine: "It failed."}))
    assert isinstance(last, Finished)
    assert last.engine != first.engine
    assert job.decisions == []


# -- going on after a restart ------------------------------------------------------------------------------------------


def test_a_restarted_job_goes_on_at_its_rung(job: Job) -> None:
    assert isinstance(job.run(Scripted(["none", "memory", "cancel"])), Stopped)
    assert (job.folder / NOTES).is_file()
    last = job.run(Scripted([]))
    assert isinstance(last, Finished)
    assert [(key, options.faces) for key, options in job.calls] == [("lathe", 20_000)]
    assert job.decisions == []
    assert read_recipe(job.folder / "result.glb")["rungs"] == {"lathe": "20 000 triangles"}
    assert not (job.folder / NOTES).exists()


def test_a_restarted_job_goes_on_with_the_engine_that_took_over(job: Job) -> None:
    job.request = replace(job.request, falls_back=True)
    assert isinstance(job.run(Scripted(["none", "useless", "cancel"])), Stopped)
    last = job.run(Scripted([]))
    assert isinstance(last, Finished)
    assert last.engine == "twin"
    assert [key for key, _ in job.calls] == ["twin"]
    assert read_recipe(job.folder / "result.glb")["instead_of"] == {"lathe": "twin"}


def test_damaged_notes_are_as_none(job: Job) -> None:
    for damage in (b"", b"[1, 2]", b'{"sculpt": 3}', b"\xff\x00", b'{"sculpt": {"engine": "lathe", "rung": "gone"}}'):
        (job.folder / NOTES).write_bytes(damage)
        assert isinstance(job.run(Scripted([])), Finished)
        for name in ("cutout.png", "result.glb"):
            (job.folder / name).unlink()


def test_what_took_over_is_told_though_its_shape_was_kept(job: Job) -> None:
    job.request = replace(job.request, falls_back=True)
    bench = Scripted(["none", "useless"])
    with mock.patch.object(pipeline.kept, "clean_up", side_effect=ZeroDivisionError):
        assert isinstance(job.run(bench), Failed)
    last = job.run(Scripted([]))
    assert isinstance(last, Finished)
    assert last.engine == "twin"
    assert job.calls == []
    assert read_recipe(job.folder / "result.glb")["instead_of"] == {"lathe": "twin"}


def test_after_a_failure_it_begins_as_it_was_wished(job: Job) -> None:
    assert isinstance(job.run(Scripted(["none", *["memory"] * 3])), Failed)
    assert not (job.folder / NOTES).exists()
    assert isinstance(job.run(Scripted([])), Finished)
    assert [(key, options.faces) for key, options in job.calls] == [("lathe", 200_000)]


# -- pictures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Job:
    return Job(tmp_path, picture="", prompt="Hi", engine="auto", goal="pictures", variants=3)


def made(job: Job) -> list[tuple[str, int]]:
    """The rung and the seed in each picture's recipe."""
    recipes = [recipe_in((job.folder / pipeline.made_name(number)).read_bytes()) for number in (1, 2, 3)]
    assert [recipe["options"]["size_px"] for recipe in recipes] == [
        512 if recipe["rung"] else 1024 for recipe in recipes
    ]
    return [(recipe["rung"], recipe["seed"]) for recipe in recipes]


def test_later_pictures_stay_at_the_rung(pictures: Job) -> None:
    last = pictures.run(Scripted(["none", "memory"]))
    assert isinstance(last, Finished)
    assert [options.size_px for _, options in pictures.calls] == [1024, 1024, 512, 512]
    assert told(pictures) == [(Decision.STEP_DOWN, "lettering")]
    assert made(pictures) == [("", 0), (SMALL.title, 1), (SMALL.title, 2)]


def test_restarted_pictures_go_on_at_the_rung(pictures: Job) -> None:
    assert isinstance(pictures.run(Scripted(["memory", "none", "cancel"])), Stopped)
    assert isinstance(pictures.run(Scripted([])), Finished)
    assert [options.size_px for _, options in pictures.calls] == [512, 512]
    assert made(pictures) == [(SMALL.title, 0), (SMALL.title, 1), (SMALL.title, 2)]


def test_letters_do_not_stand_in_for_pictures(pictures: Job) -> None:
    pictures.request = replace(pictures.request, falls_back=True)
    last = pictures.run(Scripted(["useless"]))
    assert isinstance(last, Failed)
    assert (last.kind, last.stage, last.engine) == ("engine", Stage.PICTURE, "lettering")
    assert pictures.decisions == []


@given(
    faults=st.lists(st.sampled_from([*FAULTS, "none", "cancel"]), max_size=8),
    retries=st.integers(0, 2),
)
def test_any_trouble_with_pictures_ends_once(faults: list[str], retries: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), picture="", prompt="Hi", engine="auto", goal="pictures", variants=3)
        last = job.run(Scripted(faults), Policy(retries=retries))
        if not isinstance(last, Finished):
            _check_order(job, last)
        assert [event for event in job.events if isinstance(event, LAST)] == [last]
        whole = [pipeline.made_name(n) for n in (1, 2, 3) if (job.folder / pipeline.made_name(n)).exists()]
        assert (len(whole) == 3) == isinstance(last, Finished)
        assert len(job.calls) <= 3 * (1 + retries) + 1
        again = job.run(Scripted([]), Policy())
        assert isinstance(again, Finished)
        assert len(job.calls) == 3 - len(whole)  # none is made twice
