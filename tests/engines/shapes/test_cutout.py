"""The cutter against known masks and colours, its brush, its options, and its manners."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from img2model_desktop.core.brush import paint
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Stroke
from img2model_desktop.engines.catalog import CutoutOptions
from img2model_desktop.engines.shapes import cutout
from img2model_desktop.errors import Cancelled, InputProblem

SIZE = 480


def shape(ring: bool = False) -> np.ndarray:
    """`(h, w) float32` 0..1: a jug with a handle, or a thick ring; anti-aliased."""
    mask = np.zeros((SIZE * 4, SIZE * 4), np.uint8)
    if ring:
        cv2.circle(mask, (960, 960), 560, 255, 260)
    else:
        cv2.ellipse(mask, (860, 1060), (420, 560), 0, 0, 360, 255, -1)
        cv2.rectangle(mask, (660, 340), (1060, 800), 255, -1)
        cv2.ellipse(mask, (1290, 960), (240, 300), 0, 0, 360, 255, 90)
    return cv2.resize(mask, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def lit(colour: tuple[int, int, int] = (190, 70, 50)) -> np.ndarray:
    """A colour with soft shading."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    return np.array(colour) * (0.75 + 0.35 * np.cos(4 * (x - 0.4)) * np.sin(3 * y + 0.3))[..., None]


def backdrop(kind: str) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    levels = {
        "white": np.full((SIZE, SIZE), 255.0),
        "gradient": 120 + 100 * y + 20 * x,
        "vignette": 230 - 180 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
        "horizon": np.where(y < 0.7, 215.0, 150.0),
    }[kind]
    return cv2.GaussianBlur(np.dstack([levels, levels * 0.98, levels * 0.93]), (0, 0), 1.5)


def photo(alpha: np.ndarray, front: np.ndarray, back: np.ndarray, grain: float = 1.0) -> Picture:
    mixed = front * alpha[..., None] + back * (1 - alpha[..., None])
    mixed += np.random.default_rng(3).normal(0, grain, mixed.shape)
    return Picture(np.dstack([np.clip(np.rint(mixed), 0, 255), np.full(alpha.shape, 255)]).astype(np.uint8))


def cut(picture: Picture, *strokes: Stroke, **options: float | bool) -> Picture:
    result = cutout.load().cut(picture, strokes, CutoutOptions(**options), Progress())
    assert (result.width, result.height) == (picture.width, picture.height)
    return result


def overlap(alpha: np.ndarray, result: Picture) -> float:
    truth, got = alpha >= 0.5, result.alpha >= 128
    return float((truth & got).sum() / (truth | got).sum())


@pytest.mark.parametrize("kind", ["white", "gradient", "vignette", "horizon"])
@pytest.mark.parametrize("ring", [False, True])
def test_finds_shape_edge_and_colour(kind: str, ring: bool) -> None:
    alpha, front = shape(ring), lit()
    result = cut(photo(alpha, front, backdrop(kind)))
    assert overlap(alpha, result) > 0.99  # the handle's opening and the ring's hole included
    mixed = (alpha > 0.1) & (alpha < 0.9) & (result.alpha > 25)
    assert np.abs(result.alpha[mixed] / 255 - alpha[mixed]).mean() < 0.08
    error = result.rgb[mixed].astype(float) - np.clip(front[mixed], 0, 255)
    assert np.abs(error).mean() < 8
    assert np.abs(error.mean(axis=0)).max() < 8  # no tint of the background


def test_no_fringe_when_put_on_another_background() -> None:
    alpha, front = shape(), lit()
    result = cut(photo(alpha, front, backdrop("white")))
    black = result.rgb * (result.alpha[..., None] / 255.0)
    truth = np.clip(front, 0, 255) * alpha[..., None]
    band = (alpha > 0) & (alpha < 1)
    assert np.abs(black - truth)[band].mean() < 8
    assert (black - truth)[band].max() < 60  # a white fringe would be 150 too bright


def test_photo_with_jpeg_blocks() -> None:
    alpha = shape()
    picture = photo(alpha, lit(), backdrop("gradient"), grain=3.0)
    coded = cv2.imencode(".jpg", picture.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    rgb = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
    assert overlap(alpha, cut(Picture(np.dstack([rgb, picture.alpha])))) > 0.98


def test_busy_background() -> None:
    random = np.random.default_rng(5)
    patches = cv2.resize(
        random.uniform(60, 200, (24, 24)).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
    )
    back = np.dstack([patches * 0.6, patches, patches * 0.5])
    alpha = shape()
    assert overlap(alpha, cut(photo(alpha, lit((220, 60, 40)), back))) > 0.9


def test_outline_drawn_with_a_pen_is_solid() -> None:
    rgb = np.full((SIZE, SIZE, 3), 255, np.uint8)
    cv2.ellipse(rgb, (240, 240), (130, 170), 0, 0, 360, (0, 0, 0), 8, cv2.LINE_AA)
    truth = cv2.ellipse(np.zeros((SIZE, SIZE), np.uint8), (240, 240), (134, 174), 0, 0, 360, 1, -1)
    assert (
        overlap(truth.astype(np.float32), cut(Picture(np.dstack([rgb, np.full((SIZE, SIZE), 255, np.uint8)])))) > 0.97
    )


# -- alpha --------------------------------------------------------------------------------------------------


def test_useful_alpha_stays_byte_for_byte() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 4), np.uint8)
    np.testing.assert_array_equal(cut(Picture(pixels)).pixels, pixels)


def test_stray_transparent_pixels_are_no_cut_out() -> None:
    alpha = shape()
    pixels = photo(alpha, lit(), backdrop("white")).pixels.copy()
    pixels[3:6, 3:30] = (255, 0, 255, 0)  # a loud colour under transparency
    result = cut(Picture(pixels))
    assert overlap(alpha, result) > 0.99
    assert (result.alpha[:10, :40] == 0).all()


def test_fully_transparent_is_refused() -> None:
    with pytest.raises(InputProblem, match="transparent"):
        cut(Picture(np.zeros((20, 20, 4), np.uint8)))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (40, 40), (300, 300)])
def test_one_colour_has_no_subject(size: tuple[int, int]) -> None:
    with pytest.raises(InputProblem) as caught:
        cut(Picture(np.full((*size, 4), 255, np.uint8)))
    assert "brush" in caught.value.advice


def test_noise_ends_in_a_picture_or_a_sentence() -> None:
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (90, 120, 4), np.uint8)
        pixels[..., 3] = 255
        try:
            assert cut(Picture(pixels)).alpha.any()
        except InputProblem as problem:
            assert "No subject" in problem.message  # noqa: PT017 - either end is right


# -- brush --------------------------------------------------------------------------------------------------

ADD = Stroke(True, 0.05, ((0.1, 0.1), (0.2, 0.1)))
TAKE = Stroke(False, 0.04, ((0.4, 0.5),))


@pytest.mark.parametrize("with_alpha", [False, True])
def test_strokes_win(with_alpha: bool) -> None:
    alpha = shape()
    picture = photo(alpha, lit(), backdrop("white"))
    if with_alpha:
        picture = Picture(np.dstack([picture.rgb, np.rint(alpha * 255).astype(np.uint8)]))
    result = cut(picture, ADD, TAKE)
    brush = paint((ADD, TAKE), SIZE, SIZE)
    assert (result.alpha[brush > 0] == 255).all()
    assert (result.alpha[brush < 0] == 0).all()
    np.testing.assert_array_equal(result.rgb[brush > 0], picture.rgb[brush > 0])
    far = cv2.dilate((brush != 0).astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    changed = np.abs(result.alpha[far].astype(int) - cut(picture).alpha[far])
    assert (changed > 30).mean() < (0 if with_alpha else 0.001) + 1e-9


def test_brush_alone_makes_a_subject_of_one_colour() -> None:
    result = cut(Picture(np.full((200, 200, 4), 255, np.uint8)), Stroke(True, 0.2, ((0.5, 0.5),)))
    assert abs((result.alpha == 255).sum() - np.pi * 40**2) < 150


def test_taking_everything_away_is_refused() -> None:
    with pytest.raises(InputProblem):
        cut(photo(shape(), lit(), backdrop("white")), Stroke(False, 1.0, ((0.5, 0.5),)))


# -- options ------------------------------------------------------------------------------------------------


def test_fill_holes() -> None:
    alpha = shape(ring=True)
    picture = photo(alpha, lit(), backdrop("white"))
    assert cut(picture).alpha[240, 240] == 0
    filled = cut(picture, fill_holes=True)
    np.testing.assert_array_equal(filled.pixels[240, 240], picture.pixels[240, 240])
    disc = cv2.circle(np.zeros((SIZE, SIZE), np.uint8), (240, 240), 172, 1, -1).astype(np.float32)
    assert overlap(disc, filled) > 0.98


def test_largest_part_only() -> None:
    both = shape()
    extra = cv2.circle(np.zeros((SIZE, SIZE), np.float32), (420, 60), 30, 1, -1, cv2.LINE_AA)
    picture = photo(np.maximum(both, extra), lit(), backdrop("white"))
    assert cut(picture).alpha[60, 420] == 255
    result = cut(picture, largest_only=True)
    assert not result.alpha[20:100, 380:460].any()
    assert overlap(both, result) > 0.98


def test_softness_widens_and_hardens_the_edge() -> None:
    picture = photo(shape(), lit(), backdrop("white"))
    soft = [int(((a := cut(picture, softness=amount).alpha) > 5).sum() - (a > 250).sum()) for amount in (0.0, 1.0, 3.0)]
    assert soft[0] < 0.01 * soft[1] < 0.01 * soft[2]


def test_sensitivity_keeps_what_is_nearly_background() -> None:
    faint = np.full((SIZE, SIZE, 3), 251.0)
    picture = photo(shape(), faint, np.full((SIZE, SIZE, 3), 246.0), grain=0.3)
    with pytest.raises(InputProblem):
        cut(picture)
    assert overlap(shape(), cut(picture, sensitivity=2.0)) > 0.9


# -- manners ------------------------------------------------------------------------------------------------


def test_same_input_same_bytes_and_input_untouched() -> None:
    picture = photo(shape(), lit(), backdrop("horizon"))
    before = picture.pixels.tobytes()
    first = cut(picture, ADD)
    cv2.setRNGSeed(99)
    assert cut(picture, ADD).pixels.tobytes() == first.pixels.tobytes()
    assert picture.pixels.tobytes() == before


def test_reports_rise_to_one() -> None:
    seen: list[float] = []
    cutout.load().cut(photo(shape(), lit(), backdrop("white")), (), CutoutOptions(), Progress(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize("calls", [0, 3, 12, 20])
def test_cancel_stops_it(calls: int) -> None:
    count = iter(range(10_000))
    token = Progress(is_cancelled=lambda: next(count) >= calls)
    with pytest.raises(Cancelled):
        cutout.load().cut(photo(shape(), lit(), backdrop("white")), (), CutoutOptions(), token)


def test_calls_are_close_together() -> None:
    """At 1024 px no step between two calls may take so long that Cancel feels dead."""
    picture = photo(shape(), lit(), backdrop("white"))
    large = Picture(cv2.resize(picture.pixels, (1024, 1024), interpolation=cv2.INTER_CUBIC))
    times: list[float] = []

    def look() -> bool:
        times.append(time.thread_time())
        return False

    cutout.load().cut(large, (), CutoutOptions(), Progress(is_cancelled=look))
    assert len(times) > 20
    assert np.diff(times).max() < 0.25


def test_large_picture_keeps_its_size_and_edge() -> None:
    picture = photo(shape(), lit(), backdrop("gradient"))
    large = Picture(cv2.resize(picture.pixels, (1400, 1120), interpolation=cv2.INTER_CUBIC))
    truth = cv2.resize(shape(), (1400, 1120), interpolation=cv2.INTER_CUBIC)
    assert overlap(truth, cut(large)) > 0.99


def test_published_pictures_give_one_sensible_subject(shared_eval: Path) -> None:
    for name in ("instantmesh_fox.jpg", "instantmesh_robot.jpg", "triposr_teapot.png", "rembg_animal-2.jpg"):
        result = cut(read_picture(shared_eval / "images" / name))
        solid = (result.alpha >= 128).astype(np.uint8)
        areas = np.sort(cv2.connectedComponentsWithStats(solid)[2][1:, cv2.CC_STAT_AREA])
        assert 0.1 < solid.mean() < 0.5
        assert areas[-1] > 0.97 * areas.sum()
