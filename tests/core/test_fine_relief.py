"""Relief from light and shade: spots stand out, plain areas and slow gradients do not."""

import cv2
import numpy as np

from img2model_desktop.core.fine_relief import WORK_PX, relief_of


def opaque(grey: np.ndarray) -> np.ndarray:
    return np.dstack([*[grey.astype(np.uint8)] * 3, np.full(grey.shape, 255, np.uint8)])


def test_what_is_plain_stays_plain() -> None:
    assert np.abs(relief_of(opaque(np.full((200, 300), 130)))).max() < 1e-5
    slope = np.tile(np.linspace(60, 200, 300), (200, 1))
    assert np.abs(relief_of(opaque(slope))[:, 20:-20]).max() < 0.03


def test_a_bright_spot_stands_out_and_a_dark_one_goes_in() -> None:
    grey = np.full((300, 300), 128, np.uint8)
    cv2.circle(grey, (90, 150), 4, 220, -1)
    cv2.circle(grey, (210, 150), 4, 40, -1)
    relief = relief_of(opaque(grey))
    assert relief[150, 90] > 0.5
    assert relief[150, 210] < -0.5
    assert np.abs(relief[20:60, 20:280]).max() < 0.01


def test_it_is_bounded_and_small() -> None:
    rng = np.random.default_rng(0)
    relief = relief_of(opaque(rng.integers(0, 256, (700, 1400))))
    assert relief.shape == (WORK_PX // 2, WORK_PX)
    assert relief.dtype == np.float32
    assert np.abs(relief).max() <= 1
