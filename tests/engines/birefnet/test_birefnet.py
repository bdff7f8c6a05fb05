"""The fine cutters, with real classes at published size on small pictures."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from img2model_desktop.aside import Inline
from img2model_desktop.core.brush import paint
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality, Stroke
from img2model_desktop.engines import catalog, device
from img2model_desktop.engines.base import Role, build_options
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.birefnet import cutter as birefnet
from img2model_desktop.engines.birefnet.cutter import FineCutout
from img2model_desktop.engines.birefnet.net import BiRefNet
from img2model_desktop.engines.catalog import FineCutOptions
from img2model_desktop.errors import Cancelled, InputProblem, OutOfMemory, SetupProblem
from tests.engines.birefnet.birefnet_folder import lite, write_folder

SPEC = catalog.find("birefnet-lite", Role.CUTTER)
SMALL = FineCutOptions(size_px=128, background="remove")
ADD = Stroke(True, 0.06, ((0.15, 0.2), (0.3, 0.2)))
TAKE = Stroke(False, 0.05, ((0.6, 0.7),))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small pictures gain nothing from more, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of weights with BiRefNet lite in it, put there by hand."""
    folder = tmp_path_factory.mktemp("weights")
    write_folder(folder / "birefnet-lite" / "files")
    return folder


@pytest.fixture(scope="module")
def engine(library: Path) -> FineCutout:
    return birefnet.load_lite(library / "birefnet-lite" / "files")


@pytest.fixture(scope="module")
def picture() -> Picture:
    """A jug before a wall, opaque, 220 x 160."""
    pixels = np.full((160, 220, 4), 255, np.uint8)
    pixels[..., :3] = np.linspace(150, 220, 220)[None, :, None]
    cv2.ellipse(pixels, (110, 90), (40, 60), 0, 0, 360, (180, 60, 40, 255), -1, cv2.LINE_AA)
    noise = np.random.default_rng(5).normal(0, 12, (160, 220, 3))
    pixels[..., :3] = np.clip(pixels[..., :3] + noise, 0, 255).astype(np.uint8)
    return Picture(pixels)


def is_empty(left: Iterator[int]) -> bool:
    return next(left, None) is None


def cut(engine: FineCutout, picture: Picture, *strokes: Stroke, options: FineCutOptions = SMALL) -> Picture:
    return engine.cut(picture, strokes, options, Progress())


# -- through the bench --------------------------------------------------------------------------------------


def test_it_cuts_through_the_bench(library: Path, picture: Picture) -> None:
    bench = Bench(Inline(), library)
    told: list[float] = []
    try:
        first = bench.cut(SPEC, picture, (), SMALL, Progress(told.append))
        again = bench.cut(SPEC, picture, (), SMALL, Progress())
    finally:
        bench.close()
    assert (first.width, first.height) == (220, 160)
    assert 0 < (first.alpha > 0).sum() < first.alpha.size
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 5


def test_without_weights_it_says_what_to_do(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(SetupProblem, match="BiRefNet lite needs its weights"):
        Bench(Inline(), tmp_path).cut(SPEC, picture, (), SMALL, Progress())


def test_options_are_checked() -> None:
    assert build_options(SPEC, Quality.DRAFT, {}).size_px == 512
    assert build_options(SPEC, Quality.STANDARD, {}) == FineCutOptions()
    assert build_options(SPEC, Quality.HIGH, {"size_px": "768"}).size_px == 768
    for wrong in ({"size_px": 2048}, {"size_px": 256}, {"background": "blur"}, {"sensitivity": 0}, {"tiles": "old"}):
        with pytest.raises(InputProblem):
            build_options(SPEC, Quality.HIGH, wrong)


def test_the_builtin_cutter_stays_the_first() -> None:
    assert [spec.key for spec in catalog.of_role(Role.CUTTER)] == ["cutout", "birefnet-lite", "birefnet"]


# -- files --------------------------------------------------------------------------------------------------


def test_half_precision_files_give_nearly_the_same(library: Path, tmp_path: Path, picture: Picture) -> None:
    small = birefnet.load_lite(write_folder(tmp_path / "half", torch.float16))
    whole = birefnet.load_lite(library / "birefnet-lite" / "files")
    shares = [own.shares(picture, 128, 1.0, Progress()) for own in (small, whole)]
    assert np.abs(shares[0] - shares[1]).max() < 0.1
    assert np.abs(shares[0] - shares[1]).mean() < 0.01


def test_weights_of_another_size_are_refused(library: Path) -> None:
    with pytest.raises(SetupProblem, match="not the weights of BiRefNet"):
        birefnet.load(library / "birefnet-lite" / "files")


def test_a_file_without_one_tensor_is_refused(library: Path, tmp_path: Path) -> None:
    state = load_file(library / "birefnet-lite" / "files" / "model.safetensors")
    del state["decoder.conv_out1.0.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(SetupProblem, match="not the weights of BiRefNet lite"):
        birefnet.load_lite(tmp_path)


def test_the_file_is_not_changed(library: Path, picture: Picture) -> None:
    path = library / "birefnet-lite" / "files" / "model.safetensors"
    before = path.read_bytes()
    own = birefnet.load_lite(path.parent)
    cut(own, picture)
    own.close()
    assert path.read_bytes() == before


# -- what it cuts -------------------------------------------------------------------------------------------


def test_the_alpha_is_the_networks_mask(engine: FineCutout, picture: Picture) -> None:
    shares = engine.shares(picture, 128, 1.0, Progress())
    assert shares.shape == (128, 128)
    expected = cv2.resize(shares, (220, 160), interpolation=cv2.INTER_LINEAR)
    got = cut(engine, picture).alpha / 255
    sure = np.abs(expected - 0.5) > 0.2
    assert ((got > 0.5) == (expected > 0.5))[sure].mean() > 0.97


def test_more_sensitive_keeps_more(engine: FineCutout, picture: Picture) -> None:
    areas = [float(cut(engine, picture, options=replace(SMALL, sensitivity=s)).alpha.mean()) for s in (0.5, 1.0, 2.0)]
    assert areas[0] < areas[1] < areas[2]


def test_size_is_rounded_to_what_the_network_takes(engine: FineCutout, picture: Picture) -> None:
    assert engine.shares(picture, 140, 1.0, Progress()).shape == (128, 128)


def test_network_sees_pictures_as_its_training_did() -> None:
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 255, 255
    seen = birefnet.network_input(Picture(pixels), 64)
    assert seen.shape == (1, 3, 64, 64)
    np.testing.assert_allclose(seen[0, :, 5, 5], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5)


def test_strokes_have_the_last_word(engine: FineCutout, picture: Picture) -> None:
    plain, mended = cut(engine, picture), cut(engine, picture, ADD, TAKE)
    brush = paint((ADD, TAKE), picture.width, picture.height)
    assert (mended.alpha[brush > 0] == 255).all()
    assert (mended.alpha[brush < 0] == 0).all()
    np.testing.assert_array_equal(mended.rgb[brush > 0], picture.rgb[brush > 0])
    far = cv2.dilate((brush != 0).astype(np.uint8), np.ones((41, 41), np.uint8)) == 0
    np.testing.assert_array_equal(mended.alpha[far], plain.alpha[far])


def test_a_cut_out_picture_is_kept_and_the_network_not_asked(
    engine: FineCutout, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "shares", lambda *_: pytest.fail("asked"))
    alpha = np.zeros((160, 220), np.uint8)
    cv2.circle(alpha, (110, 80), 50, 255, -1, cv2.LINE_AA)
    given = Picture(np.dstack([picture.rgb, alpha]))
    assert cut(engine, given).pixels.tobytes() == given.pixels.tobytes()
    kept = cut(engine, picture, options=replace(SMALL, background="keep"))
    assert (kept.alpha == 255).all()


def test_keep_with_strokes_cuts(engine: FineCutout, picture: Picture) -> None:
    assert (cut(engine, picture, TAKE, options=replace(SMALL, background="keep")).alpha == 0).any()


def test_largest_and_fill(engine: FineCutout, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = np.zeros((128, 128), np.float32)
    cv2.circle(shares, (80, 64), 35, 1.0, -1)
    cv2.circle(shares, (80, 64), 10, 0.0, -1)
    cv2.circle(shares, (20, 20), 6, 1.0, -1)
    monkeypatch.setattr(engine, "shares", lambda *_: shares)
    plain = cut(engine, picture).alpha
    assert (plain[80, 137], plain[25, 34]) == (0, 255)
    mended = cut(engine, picture, options=replace(SMALL, largest_only=True, fill_holes=True)).alpha
    assert (mended[80, 137], mended[25, 34]) == (255, 0)


def test_where_nothing_is_seen_the_user_is_asked_to_paint(
    engine: FineCutout, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "shares", lambda *_: np.full((128, 128), 0.2, np.float32))
    with pytest.raises(InputProblem, match="No subject was found"):
        cut(engine, picture)
    painted = cut(engine, picture, ADD)
    assert (painted.alpha[paint((ADD,), 220, 160) > 0] == 255).all()


def test_an_empty_picture_is_refused(engine: FineCutout) -> None:
    with pytest.raises(InputProblem, match="fully transparent"):
        cut(engine, Picture(np.zeros((20, 20, 4), np.uint8)))


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (90, 7)])
def test_odd_sizes(engine: FineCutout, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 4), np.uint8)
    pixels[..., 3] = 255
    try:
        result = cut(engine, Picture(pixels))
    except InputProblem:
        return
    assert result.pixels.shape == pixels.shape


# -- stopping and lacking memory ----------------------------------------------------------------------------


def test_it_stops_anywhere_and_works_again(engine: FineCutout, picture: Picture) -> None:
    calls = 0

    def count() -> bool:
        nonlocal calls
        calls += 1
        return False

    expected = engine.cut(picture, (), SMALL, Progress(is_cancelled=count)).pixels.tobytes()
    assert calls > 40
    for stop_at in (0, calls // 3, 2 * calls // 3, calls - 1):
        left = iter(range(stop_at))
        with pytest.raises(Cancelled):
            engine.cut(picture, (), SMALL, Progress(is_cancelled=partial(is_empty, left)))
    assert cut(engine, picture).pixels.tobytes() == expected


def test_lacking_memory_is_told_by_its_type(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("no words that anyone reads")

    own = FineCutout(lite(), device.processor())
    monkeypatch.setattr(BiRefNet, "forward", fail)
    with pytest.raises(OutOfMemory):
        cut(own, picture)


def test_the_number_of_threads_is_left_alone(engine: FineCutout, picture: Picture) -> None:
    before = torch.get_num_threads(), threading.active_count()
    cut(engine, picture)
    assert (torch.get_num_threads(), threading.active_count()) == before
