"""What engines need, the cheaper ways to run them, and which of those that stay loaded make room."""

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from img2model_desktop.aside import Inline
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import bench as bench_module
from img2model_desktop.engines import catalog, device
from img2model_desktop.engines.base import EngineSpec, Role, Rung, build_options, memory_in_words, ways
from img2model_desktop.engines.bench import Bench, call_wanted, fits, free_held
from img2model_desktop.engines.room import (
    Room,
    a_quarter,
    in_words,
    kept_on_processor,
    measure,
    stays_on_processor,
)
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.errors import Cancelled
from tests.published import TINY, TinyMaker, add_tiny

CATALOGUE = pytest.mark.parametrize("spec", catalog.ENGINES, ids=lambda spec: spec.key)


@CATALOGUE
@pytest.mark.parametrize("quality", list(Quality))
def test_rungs_are_true(spec: EngineSpec, quality: Quality) -> None:
    """Each names options that there are, with values that they take; each way is cheaper than the one before it."""
    names = {item.name for item in fields(spec.options)}
    options = build_options(spec, quality, {})
    found = ways(spec, options)
    for rung in spec.rungs:
        assert set(rung.options) <= names
        build_options(spec, quality, rung.options)
        assert rung.title
        assert 0 < rung.peak_mib <= spec.peak_mib
        assert rung.card_mib <= spec.card_mib
    assert (found[0].spec, found[0].options, found[0].title) == (spec, options, "")
    for before, way in pairwise(found):
        if way.spec.on_processor:
            assert way.card_mib == 0
        elif spec.card_mib:
            assert (way.mib, way.card_mib) < (before.mib, before.card_mib)
            assert way.card_mib < before.card_mib or not before.card_mib
        else:
            assert way.mib < before.mib
        for item in fields(options):
            wished, lowered = getattr(options, item.name), getattr(way.options, item.name)
            rung = next(rung for rung in spec.rungs if rung.title == way.title)
            assert lowered == wished or item.name in rung.options
            if not isinstance(wished, str):
                assert lowered <= wished


@CATALOGUE
def test_engines_with_weights_have_rungs(spec: EngineSpec) -> None:
    if spec.weights:
        assert spec.card_mib
        assert any(rung.on_processor for rung in spec.rungs)
        assert any(not rung.on_processor for rung in spec.rungs)


def test_a_wish_that_is_cheap_already_needs_no_more_than_its_rung() -> None:
    spec = catalog.find("birefnet-lite", Role.CUTTER)
    whole, small = (build_options(spec, quality, {}) for quality in (Quality.HIGH, Quality.DRAFT))
    assert [way.options.size_px for way in ways(spec, whole)] == [1024, 768, 512, 1024]
    assert [way.title for way in ways(spec, small)] == ["", "the processor instead of the graphics card"]
    assert ways(spec, small)[0].mib == -(-spec.rungs[1].peak_mib * 11 // 10)


def test_what_an_engine_needs_in_words() -> None:
    lite = catalog.find("birefnet-lite", Role.CUTTER)
    assert memory_in_words(lite, build_options(lite, Quality.DRAFT, {})) == (
        "Needs 644 MB, or 407 MB on a graphics card, of free memory."
        " With less: the processor instead of the graphics card (644 MB)."
    )
    relief = catalog.find("relief", Role.SCULPTOR)
    assert memory_in_words(relief, build_options(relief, Quality.HIGH, {})) == "Needs 330 MB of free memory."


def test_a_word_that_is_cheaper_stays() -> None:
    spec = replace(
        catalog.find("relief", Role.SCULPTOR),
        peak_mib=100,
        rungs=(Rung("a coin", {"shape": "coin"}, 80), Rung("a plaque", {"shape": "plaque"}, 60)),
    )
    options = build_options(spec, Quality.DRAFT, {"shape": "plaque"})
    assert [(way.title, way.options.shape, way.mib) for way in ways(spec, options)] == [("", "plaque", 66)]


def test_stand_ins_for_each_role_that_can_have_one() -> None:
    for role, keys in ((Role.CUTTER, ["cutout"]), (Role.SCULPTOR, ["twin", "inflate"])):
        stand_ins = [spec for spec in catalog.of_role(role) if spec.stands_in]
        assert [spec.key for spec in stand_ins] == keys
        needs = [ways(spec, build_options(spec, Quality.DRAFT, {}))[-1].mib for spec in stand_ins]
        assert needs == sorted(needs, reverse=True)  # the last one is for machines that have no room for the others
    assert not any(spec.stands_in for spec in catalog.of_role(Role.MAKER))  # letters are no picture of what they say
    assert not any(spec.weights for spec in catalog.ENGINES if spec.stands_in)


@pytest.mark.parametrize(
    ("room", "mib", "card_mib", "wanted"),
    [
        (Room(100), 100, 0, True),
        (Room(99), 100, 0, False),
        (Room(None), 100, 0, True),
        (Room(10, 50), 100, 50, True),  # it runs on the card
        (Room(999, 49), 100, 50, False),
        (Room(100, 10), 100, 0, True),  # it does not use the card
        (Room(100, None), 100, 50, True),  # there is none
    ],
)
def test_what_fits(room: Room, mib: int, card_mib: int, wanted: bool) -> None:
    assert fits(room, mib, card_mib) is wanted


def test_the_machine_is_measured() -> None:
    before = psutil.virtual_memory().available >> 20
    room = measure(False)
    assert room.card is None
    assert room.machine is not None
    assert abs(room.machine - before) < 2000  # others work here, too
    assert a_quarter() == psutil.virtual_memory().total >> 22


def test_the_card_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device.torch.cuda, "mem_get_info", lambda: (5 << 30, 8 << 30))
    assert measure(True).card == 5 << 10


def test_amounts_in_words() -> None:
    assert [in_words(mib) for mib in (12, 999, 1024, 2860)] == ["12 MB", "999 MB", "1.0 GB", "2.8 GB"]


def test_kept_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device.torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(device.torch.cuda, "get_device_name", lambda: "Card 9")
    assert not device.choose().is_cpu
    with kept_on_processor(True):
        assert stays_on_processor()
        assert device.choose() == device.processor()
        with kept_on_processor(False):
            assert not device.choose().is_cpu
        assert device.choose().is_cpu
    assert not device.choose().is_cpu


# -- engines that stay loaded ------------------------------------------------------------------------------------------

SPEC = EngineSpec("tiny", Role.MAKER, "Tiny", "For tests.", "tests.published:load_tiny", weights=TINY, peak_mib=100)
OTHER = replace(SPEC, key="other", entry="tests.published:load_other")
LARGE = replace(SPEC, key="third", entry=f"{__name__}:load_third", peak_mib=150)


def load_third(folder: Path) -> TinyMaker:
    """A third engine with the same weights."""
    maker = TinyMaker(None, "third")  # type: ignore[arg-type]  # it needs no network
    return maker


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    add_tiny(tmp_path / "brought", monkeypatch)
    shelf = Library(tmp_path / "weights")
    shelf.take(shelf.find(tmp_path / "brought"))
    return tmp_path / "weights"


@pytest.fixture
def bench(weights: Path) -> Iterator[Bench]:
    TinyMaker.loads.clear()
    TinyMaker.closes.clear()
    one = Bench(Inline(), weights, keep_mib=200)
    yield one
    one.close()
    assert bench_module._HELD == []


def make(bench: Bench, spec: EngineSpec) -> None:
    bench.make(spec, "", "", NoOptions(), 0, Progress())


def held() -> list[str]:
    return [one.wanted.entry.rpartition("_")[2] for one in bench_module._HELD]


def test_engines_stay_loaded_within_the_limit(bench: Bench) -> None:
    make(bench, SPEC)
    make(bench, OTHER)
    assert held() == ["tiny", "other"]
    make(bench, SPEC)
    assert held() == ["other", "tiny"]
    assert TinyMaker.closes == []
    make(bench, replace(OTHER, on_processor=True))  # another one: it is loaded somewhere else
    assert TinyMaker.closes == ["other"]  # the longest unused one
    assert held() == ["tiny", "other"]


def test_one_that_is_larger_than_the_limit_stays_alone(bench: Bench) -> None:
    make(bench, SPEC)
    make(bench, replace(OTHER, peak_mib=10_000))
    assert held() == ["other"]
    make(bench, replace(OTHER, peak_mib=10_000))
    assert TinyMaker.closes == ["tiny"]


def room_by_held(asks_card: bool) -> Room:
    """Free: 300 less 100 for each that is loaded."""
    return Room(300 - 100 * len(bench_module._HELD))


@pytest.mark.parametrize(("mib", "left"), [(100, ["tiny", "other"]), (200, ["other"]), (300, []), (400, [])], ids=str)
def test_engines_make_room_for_another(mib: int, left: list[str], weights: Path) -> None:
    bench = Bench(Inline(), weights, keep_mib=1000, gauge=room_by_held)
    try:
        make(bench, SPEC)
        make(bench, OTHER)
        room = bench.room(replace(SPEC, entry="a:b"), mib, 0, Progress())
        assert held() == left
        assert room == Room(300 - 100 * len(left))
        assert fits(room, mib, 0) == (mib <= 300)
    finally:
        bench.close()


def test_the_one_that_is_wanted_goes_last(weights: Path) -> None:
    bench = Bench(Inline(), weights, keep_mib=1000, gauge=room_by_held)
    try:
        make(bench, SPEC)
        make(bench, OTHER)
        bench.room(SPEC, 200, 0, Progress())
        assert held() == ["tiny"]
    finally:
        bench.close()


def test_freeing_stops_between_two(bench: Bench) -> None:
    make(bench, SPEC)
    make(bench, OTHER)
    asked: list[bool] = []

    def is_cancelled() -> bool:
        asked.append(True)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        free_held(lambda _: None, is_cancelled)
    assert held() == ["other"]


def test_an_engine_is_told_to_stay_on_the_processor(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    monkeypatch.setattr(TinyMaker, "make", lambda *_: told.append(stays_on_processor()))
    folder = Library(weights).folder(TINY)
    for wish in (True, False):
        wanted = bench_module.Wanted(SPEC.entry, folder, on_processor=wish)
        call_wanted(wanted, "make", ("", "", NoOptions(), 0), lambda _: None, lambda: False)
    bench_module._free()
    assert told == [True, False]
    assert not stays_on_processor()


def test_what_is_missing_is_known_early(weights: Path, tmp_path: Path) -> None:
    built_in = catalog.find("inflate", Role.SCULPTOR)
    assert Bench(Inline(), weights).missing([built_in, SPEC]) is None
    problem = Bench(Inline(), tmp_path / "none").missing([built_in, SPEC])
    assert problem is not None
    assert "Tiny needs its weights" in problem.message
    assert problem.__traceback__ is None


def test_new_weights_are_another_version(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "ENGINES", (*catalog.ENGINES, SPEC))
    bench = Bench(Inline(), weights)
    before = bench.version_of("tiny")
    assert bench.version_of("tiny") == before
    assert bench.version_of("inflate") != before
    (file,) = Library(weights).folder(TINY).glob("*.safetensors")
    file.touch()
    assert bench.version_of("tiny") != before
    Library(weights).remove(TINY)
    assert bench.version_of("tiny") == bench.version_of("inflate")
