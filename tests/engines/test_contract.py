"""What every engine of the catalogue promises, checked for each entry."""

import importlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.options import about
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role, build_options
from img2model_desktop.errors import Cancelled

# Engines with published weights are tested beside their networks, with weights made for it.
BUILT_IN = [spec for spec in catalog.ENGINES if not spec.weights]
ENTRIES = pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.key)


def drawn_subject() -> Picture:
    """A shaded vase with a hole in its handle: cut out, 160 x 200."""
    alpha = np.zeros((200, 160), np.uint8)
    cv2.ellipse(alpha, (70, 110), (45, 70), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.rectangle(alpha, (55, 20), (85, 60), 255, -1, cv2.LINE_AA)
    cv2.ellipse(alpha, (115, 100), (26, 34), 0, 0, 360, 255, 9, cv2.LINE_AA)
    rows, columns = np.mgrid[0:200, 0:160]
    light = np.clip(120 + 90 * np.cos((columns - 60) / 50) + 10 * np.sin(rows / 6), 0, 255)
    pixels = np.dstack([light, light * 0.7, light * 0.5, alpha]).astype(np.uint8)
    return Picture(pixels)


def on_a_wall(picture: Picture) -> Picture:
    """The subject in front of a grey wall, without alpha."""
    share = picture.alpha[..., None] / 255.0
    wall = np.linspace(200, 225, picture.width)[None, :, None]
    rgb = np.round(picture.rgb * share + wall * (1 - share)).astype(np.uint8)
    return Picture(np.dstack([rgb, np.full(picture.alpha.shape, 255, np.uint8)]))


def call(spec: EngineSpec, progress: Progress, quality: Quality = Quality.DRAFT) -> Any:
    module, function = spec.entry.split(":")
    engine = getattr(importlib.import_module(module), function)()
    options = build_options(spec, quality, {})
    try:
        if spec.role is Role.MAKER:
            return engine.make("Hello", spec.styles[0], options, 7, progress)
        if spec.role is Role.CUTTER:
            return engine.cut(on_a_wall(drawn_subject()), (), options, progress)
        return engine.sculpt(drawn_subject(), options, 7, progress)
    finally:
        engine.close()


def content(result: Any) -> tuple[bytes, ...]:
    if isinstance(result, Picture):
        return (result.pixels.tobytes(),)
    parts = [result.vertices.tobytes(), result.faces.tobytes()]
    parts.append(b"" if result.uv is None else result.uv.tobytes())
    parts.append(b"" if result.base_colour is None else result.base_colour.pixels.tobytes())
    return tuple(parts)


class Stopwatch:
    """Counts the calls of a progress token and cancels at one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.calls = 0
        self.fractions: list[float] = []
        self._stop_at = stop_at

    def token(self) -> Progress:
        return Progress(self.fractions.append, self._is_cancelled)

    def _is_cancelled(self) -> bool:
        self.calls += 1
        return self._stop_at is not None and self.calls > self._stop_at


@ENTRIES
def test_result_is_valid(spec: EngineSpec) -> None:
    result = call(spec, Progress())
    if spec.role is Role.SCULPTOR:
        assert isinstance(result, Mesh)
        facts = measure(result.validate())
        assert facts.watertight
        assert facts.manifold
        assert facts.volume_m3 > 0
        assert result.uv is not None
        assert result.base_colour is not None
    else:
        assert isinstance(result, Picture)
        assert 0 < int((result.alpha > 0).sum()) < result.alpha.size


@ENTRIES
def test_same_inputs_same_result(spec: EngineSpec) -> None:
    assert content(call(spec, Progress())) == content(call(spec, Progress()))


@ENTRIES
def test_progress_rises_to_the_end(spec: EngineSpec) -> None:
    watch = Stopwatch()
    call(spec, watch.token())
    assert watch.calls >= 3
    assert watch.fractions == sorted(watch.fractions)
    assert watch.fractions[-1] == 1.0


@ENTRIES
def test_cancelled_anywhere_and_usable_again(spec: EngineSpec) -> None:
    whole = Stopwatch()
    expected = content(call(spec, whole.token()))
    for stop_at in sorted({0, whole.calls // 2, whole.calls - 1}):
        with pytest.raises(Cancelled):
            call(spec, Stopwatch(stop_at).token())
    assert content(call(spec, Progress())) == expected


@ENTRIES
def test_touches_no_file_and_no_folder(spec: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call(spec, Progress())  # imports and caches of libraries are not what is asked here
    monkeypatch.chdir(tmp_path)
    written: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and watching[0] and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            written.append(str(arguments[0]))

    watching = [True]
    sys.addaudithook(watch)
    try:
        call(spec, Progress())
    finally:
        watching[0] = False
    assert written == []
    assert list(tmp_path.iterdir()) == []


@ENTRIES
def test_every_option_is_described_and_its_default_allowed(spec: EngineSpec) -> None:
    options = build_options(spec, Quality.STANDARD, {})
    given = {name: getattr(options, name) for name in options.__dataclass_fields__}
    assert build_options(spec, Quality.STANDARD, given) == options
    for item in options.__dataclass_fields__.values():
        assert about(item).label
        assert about(item).help.endswith((".", "?"))


def test_keys_are_unique() -> None:
    keys = [(spec.role, spec.key) for spec in catalog.ENGINES]
    assert len(set(keys)) == len(keys)
