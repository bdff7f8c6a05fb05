"""Engines with published weights: loaded once, one at a time, from the folder that the library says."""

import gc
import hashlib
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from img2model_desktop.aside import Helper, Inline
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import bench as bench_module
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench, call_held
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.engines.weights.pipelines import PLACE
from img2model_desktop.errors import Cancelled, OutOfMemory, SetupProblem
from tests.published import TINY, TinyMaker, add_tiny, facts_of, published_tiny, random_tensors, write

SPEC = EngineSpec("tiny", Role.MAKER, "Tiny", "For tests.", "tests.published:load_tiny", weights=TINY)
OTHER = replace(SPEC, key="other", entry="tests.published:load_other")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with the tiny set."""
    add_tiny(tmp_path / "brought", monkeypatch)
    shelf = Library(tmp_path / "weights")
    shelf.take(shelf.find(tmp_path / "brought"))
    return tmp_path / "weights"


@pytest.fixture
def bench(weights: Path) -> Iterator[Bench]:
    TinyMaker.loads.clear()
    TinyMaker.closes.clear()
    one = Bench(Inline(), weights)
    yield one
    one.close()
    assert bench_module._HELD == []


def make(bench: Bench, spec: EngineSpec = SPEC, prompt: str = "") -> int:
    """How often engines were loaded so far where they run."""
    return int(bench.make(spec, prompt, "", NoOptions(), 0, Progress()).pixels[0, 0, 0])


def test_an_engine_is_loaded_once(bench: Bench) -> None:
    assert [make(bench) for _ in range(3)] == [1, 1, 1]
    assert TinyMaker.closes == []
    bench.close()
    assert TinyMaker.closes == ["tiny"]


def test_one_engine_at_a_time(bench: Bench) -> None:
    make(bench)
    make(bench, OTHER)
    assert TinyMaker.closes == ["tiny"]
    make(bench, OTHER)
    assert make(bench) == 3
    assert TinyMaker.closes == ["tiny", "other"]


def test_an_engine_is_freed(bench: Bench) -> None:
    make(bench)
    bench.free(Progress())
    assert TinyMaker.closes == ["tiny"]
    bench.free(Progress())
    assert make(bench) == 2


def test_the_content_of_weights_is_named_by_its_sha256(bench: Bench, weights: Path, tmp_path: Path) -> None:
    content = (tmp_path / "brought" / "model.safetensors").read_bytes()
    assert bench.sha256_of(SPEC) == hashlib.sha256(content).hexdigest()
    assert bench.sha256_of(replace(SPEC, weights="")) == ""
    assert bench.sha256_of(replace(SPEC, weights=PLACE)) == ""
    assert Bench(Inline()).sha256_of(SPEC) == ""
    (weights / TINY / "engine.json").unlink()  # as a folder made by hand
    assert bench.sha256_of(SPEC) == ""


def test_new_files_are_loaded(bench: Bench, weights: Path, tmp_path: Path) -> None:
    make(bench)
    shelf = Library(weights)
    shelf.take(shelf.find(write(tmp_path / "m.ckpt", random_tensors(facts_of(published_tiny())))))
    assert make(bench) == 2
    shelf.remove(TINY)
    with pytest.raises(SetupProblem):
        make(bench)


def test_missing_weights_are_told(weights: Path, tmp_path: Path) -> None:
    for bench in (Bench(Inline()), Bench(Inline(), tmp_path / "empty")):
        with pytest.raises(SetupProblem) as caught:
            make(bench)
        assert caught.value.message == "Tiny needs its weights (22 kB), which are not on this computer."
        assert caught.value.advice.startswith("Import or download them: ")


@pytest.mark.parametrize("prompt", ["too large", "too large for Python", "too large, it knows"])
def test_a_lack_of_memory_is_ours_and_frees_the_engine(bench: Bench, prompt: str) -> None:
    make(bench)
    net = weakref.ref(bench_module._HELD[0].engine.net)
    with pytest.raises(OutOfMemory) as caught:
        make(bench, prompt=prompt)
    assert caught.value.exit_code == 4
    assert TinyMaker.closes == ["tiny"]
    gc.collect()
    assert net() is None  # no traceback holds on to it
    assert make(bench) == 2


def test_errors_are_told_apart_by_type_and_not_by_words(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="says this text"):
        make(bench, prompt="wrong")
    assert make(bench) == 1


def test_cancelled_it_stays_loaded(bench: Bench, weights: Path) -> None:
    make(bench)
    folder = Library(weights).folder(TINY)
    with pytest.raises(Cancelled):
        call_held(SPEC.entry, folder, "make", ("", "", NoOptions(), 0), lambda _: None, lambda: True)
    assert make(bench) == 1


def test_cancelled_before_it_is_loaded(weights: Path) -> None:
    TinyMaker.loads.clear()
    with pytest.raises(Cancelled):
        call_held(SPEC.entry, weights, "make", (), lambda _: None, lambda: True)
    assert TinyMaker.loads == []


def test_it_stays_loaded_in_a_helper_process(weights: Path) -> None:
    bench = Bench(Helper(()), weights)
    try:
        assert [make(bench), make(bench), make(bench, OTHER), make(bench)] == [1, 1, 2, 3]
        with pytest.raises(OutOfMemory):
            make(bench, prompt="too large")
        assert make(bench) == 4
    finally:
        bench.close()
    assert bench_module._HELD == []
