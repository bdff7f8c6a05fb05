"""The flat triangulation: sound for any mask, whole, and as fine as it was asked to be."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from img2model_desktop.core.flat import Flat, areas, flat_of
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import HALF, parts, silhouette_of
from img2model_desktop.errors import Cancelled
from tests.core.test_silhouette import disc


def check_flat(flat: Flat) -> None:
    """Everything that `Flat` promises."""
    count = len(flat.vertices)
    tail, head = flat.faces.ravel(), np.roll(flat.faces, -1, axis=1).ravel()
    there, back = tail * count + head, head * count + tail
    assert len(np.unique(there)) == len(there), "two faces turn the same way at an edge"
    border = ~np.isin(there, back)
    rim = flat.is_rim
    assert np.array_equal(np.sort(tail[border]), np.nonzero(rim)[0]), "the border is not the rim, once round"
    assert not (rim[tail] & rim[head] & ~border).any(), "an inner edge joins two rim vertices"
    steps = {(int(a), int(b)) for a, b in zip(tail[border], head[border], strict=True)}
    rings = {(int(a), int(b)) for ring in flat.rim for a, b in zip(ring, np.roll(ring, -1), strict=True)}
    assert rings == steps, "the rings are not the border, inside on the left"
    assert len(np.unique(np.round(flat.vertices, 9), axis=0)) == count, "two vertices in one place"
    assert areas(flat.vertices, flat.faces).min() > 0
    assert np.array_equal(flat.distance == 0, rim)
    assert (flat.distance[~rim] > 0).all()


def parts_of(flat: Flat) -> int:
    parent = np.arange(len(flat.vertices))
    while True:
        lowest = parent[flat.faces].min(axis=1)
        before = parent.copy()
        np.minimum.at(parent, flat.faces.ravel(), np.repeat(lowest, 3))
        parent = parent[parent]
        if np.array_equal(before, parent):
            return len(np.unique(parent))


def masks() -> st.SearchStrategy[NDArray[np.uint8]]:
    """Masks of all sorts: noise, blobs, lines, single pixels, pixels that touch at corners, full frames."""

    def made(height: int, width: int, seed: int, kind: str) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        alpha = np.zeros((height, width), np.uint8)
        if kind == "noise":
            alpha[rng.random((height, width)) < rng.random()] = 255
        elif kind == "blobs":
            alpha[cv2.GaussianBlur(rng.random((height, width)), (0, 0), 1 + 2 * rng.random()) > 0.5] = 255
        elif kind == "soft":
            noise = cv2.GaussianBlur(rng.random((height, width)), (0, 0), 1.5)
            alpha[:] = np.clip((noise - noise.mean()) / (np.ptp(noise) + 1e-9) * 900 + 128, 0, 255)
        elif kind == "lines":
            for _ in range(4):
                a, b = rng.integers(0, (width, height), (2, 2))
                cv2.line(alpha, a.tolist(), b.tolist(), 255, 1)
        elif kind == "chess":
            alpha[(np.indices((height, width)).sum(axis=0) % 2) == 0] = 255
        elif kind == "holes":
            alpha[:] = 255
            alpha[rng.integers(0, height, 5), rng.integers(0, width, 5)] = 0
        if not (alpha >= HALF).any():
            alpha[rng.integers(height), rng.integers(width)] = 255
        return alpha

    kinds = st.sampled_from(["noise", "blobs", "soft", "lines", "chess", "holes", "pixel"])
    return st.builds(made, st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6), kinds)


def test_a_subject_that_fills_the_frame_ends_at_the_frame() -> None:
    flat = flat_of(silhouette_of(np.full((40, 60), 255, np.uint8)), 2000)
    check_flat(flat)
    assert np.abs(flat.vertices.min(axis=0)).max() < 0.25
    assert np.abs(flat.vertices.max(axis=0) - [60, 40]).max() < 0.25
    assert areas(flat.vertices, flat.faces).sum() == pytest.approx(2400, rel=0.01)


@pytest.mark.parametrize("faces", [300, 3000, 25_000])
def test_the_wanted_number_of_triangles_is_met(faces: int) -> None:
    alpha, middle = disc(80.0)
    flat = flat_of(silhouette_of(alpha), faces)
    check_flat(flat)
    assert len(flat.faces) == pytest.approx(faces, rel=0.25)
    assert areas(flat.vertices, flat.faces).sum() == pytest.approx(np.pi * 80**2, rel=0.015)
    inner = ~flat.is_rim & (np.hypot(*(flat.vertices - middle).T) > 10)  # the peak in the middle is rounded off
    true = 80 - np.hypot(*(flat.vertices[inner] - middle).T)
    assert np.abs(flat.distance[inner] - true).max() < 0.6


@given(alpha=masks(), faces=st.sampled_from([50, 400, 2500]), rim_share=st.sampled_from([0.45, 1.0]))
def test_any_mask_gives_a_sound_triangulation(alpha: NDArray[np.uint8], faces: int, rim_share: float) -> None:
    silhouette = silhouette_of(alpha, dust=0.0)
    flat = flat_of(silhouette, faces, rim_share)
    check_flat(flat)
    # The pixel that joins two at a corner may touch a third: parts can become fewer, never more.
    drawn = cv2.connectedComponents((alpha >= HALF).astype(np.uint8))[0] - 1
    assert parts_of(flat) == parts(silhouette)[1] <= drawn


def test_two_parts_and_a_hole_stay_so() -> None:
    alpha = np.zeros((200, 300), np.uint8)
    cv2.circle(alpha, (90, 100), 80, 255, -1, cv2.LINE_AA)
    cv2.circle(alpha, (90, 100), 20, 0, -1, cv2.LINE_AA)
    cv2.rectangle(alpha, (172, 40), (280, 160), 255, -1)
    flat = flat_of(silhouette_of(alpha), 800)
    check_flat(flat)
    assert parts_of(flat) == 2
    assert len(flat.rim) == 3


def test_a_line_of_one_pixel_is_kept_whole() -> None:
    alpha = np.zeros((300, 300), np.uint8)
    alpha[20:280, 20:130] = 255
    cv2.line(alpha, (130, 150), (290, 60), 255, 1)
    flat = flat_of(silhouette_of(alpha), 1500)
    check_flat(flat)
    assert parts_of(flat) == 1
    assert flat.vertices[:, 0].max() > 289


def test_it_stops_when_asked() -> None:
    silhouette = silhouette_of(disc(40.0)[0])
    calls = iter([False, False, True])
    with pytest.raises(Cancelled):
        flat_of(silhouette, 2000, progress=Progress(is_cancelled=lambda: next(calls)))
