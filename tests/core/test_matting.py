"""Soft outlines: what a hard outline becomes, and what a soft one keeps."""

import cv2
import numpy as np
import pytest

from img2model_desktop.core.matting import refine, refine_soft
from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Cancelled

FRONT, BACK = np.array([200, 60, 30], np.float32), np.array([40, 90, 180], np.float32)


def mixed(alpha: np.ndarray) -> np.ndarray:
    """`(h, w, 3) uint8`: one colour before another, under `alpha (h, w)`."""
    return np.rint(FRONT * alpha[..., None] + BACK * (1 - alpha[..., None])).astype(np.uint8)


def ramp(width: int) -> np.ndarray:
    """`(200, 240) float32`: subject on the left, background on the right, and `width` pixels between them."""
    x = np.arange(240, dtype=np.float32)
    return np.repeat(np.clip((120 + width / 2 - x) / width, 0, 1)[None], 200, axis=0)


@pytest.mark.parametrize("width", [3, 24])
def test_a_soft_outline_stays_and_its_colours_are_clean(width: int) -> None:
    truth = ramp(width)
    matte = refine_soft(mixed(truth), truth, 1.0, Progress())
    assert np.abs(matte.alpha / 255 - truth).mean() < 0.01
    assert np.abs(matte.alpha / 255 - truth).max() < 0.12
    visible = matte.alpha > 50
    assert np.abs(matte.colours[visible] - FRONT).mean() < 5


def test_where_the_network_is_sure_its_edge_follows_the_picture() -> None:
    truth = np.zeros((256, 256), np.float32)
    cv2.circle(truth, (128, 128), 80, 1.0, -1, cv2.LINE_AA)
    rough = cv2.resize(truth, (64, 64), interpolation=cv2.INTER_AREA)  # four picture pixels each
    rough = (rough > 0.5).astype(np.float32)
    alpha = refine_soft(mixed(truth), rough, 1.0, Progress()).alpha
    coarse = cv2.resize(rough, (256, 256), interpolation=cv2.INTER_LINEAR)
    assert np.abs(alpha / 255 - truth).mean() < 0.2 * np.abs(coarse - truth).mean()


def test_far_from_the_outline_nothing_changes() -> None:
    truth = ramp(4)
    picture = mixed(truth)
    matte = refine_soft(picture, truth, 1.0, Progress())
    assert (matte.alpha[:, :90] == 255).all()
    assert (matte.alpha[:, 150:] == 0).all()
    np.testing.assert_array_equal(matte.colours[:, :90], picture[:, :90])


def test_softness_nought_is_hard() -> None:
    alpha = refine_soft(mixed(ramp(20)), ramp(20), 0.0, Progress()).alpha
    assert set(np.unique(alpha)) <= {0, 255}


def test_a_hard_outline_is_what_it_was() -> None:
    truth = ramp(2)
    matte = refine(mixed(truth), truth >= 0.5, 1.0, Progress())
    assert np.abs(matte.alpha / 255 - truth).mean() < 0.01


def test_tiles_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        refine_soft(mixed(ramp(20)), ramp(20), 1.0, Progress(is_cancelled=lambda: True))
