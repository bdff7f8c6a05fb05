"""Which faces a picture sees, where that is known exactly."""

import numpy as np
import pytest

from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.seen import seen_faces, seen_share
from img2model_desktop.errors import Cancelled
from tests.shapes import box, mesh_of, sphere


def test_of_a_box_exactly_the_front_is_seen() -> None:
    mesh = box(1, 2, 4)
    seen = seen_faces(mesh)
    assert np.flatnonzero(seen).tolist() == [1, 7]
    assert seen_share(mesh, seen) == pytest.approx(2 / 28, rel=1e-6)


def test_of_a_ball_the_front_half_is_seen() -> None:
    mesh = sphere(0.03, rows=60, columns=120)
    seen = seen_faces(mesh)
    middle = mesh.vertices[mesh.faces].mean(axis=1)[:, 2]
    assert seen[middle > 0.003].all()
    assert not seen[middle < 0].any()
    assert seen_share(mesh, seen) == pytest.approx(0.5, abs=0.05)


def test_what_stands_behind_something_is_not_seen() -> None:
    near, far = box(1, 1, 1, at=(0, 0, 5)), box(2, 1, 1)
    mesh = mesh_of(np.concatenate([near.vertices, far.vertices]), np.concatenate([near.faces, far.faces + 8]))
    seen = seen_faces(mesh)
    assert np.flatnonzero(seen[:12]).tolist() == [1, 7]
    fronts = seen[[13, 19]]
    assert fronts.sum() == 1  # one of the far front's two triangles lies mostly behind the near box
    assert not np.delete(seen[12:], [1, 7]).any()


def test_a_size_of_kilometres_or_micrometres_changes_nothing() -> None:
    for scale in (1e-6, 1.0, 1e3):
        assert np.flatnonzero(seen_faces(box(scale, 2 * scale, 4 * scale, at=(5 * scale, 0, 0)))).tolist() == [1, 7]


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        seen_faces(box(), Progress(is_cancelled=lambda: True))
