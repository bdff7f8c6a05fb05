"""The rasteriser against shapes whose depth is known in closed form."""

import numpy as np
import pytest
import torch

from img2model_desktop.training.parts import Part, superquadric
from img2model_desktop.training.raster import interpolate, rasterise

SIZE = 96
DISTANCE = 3.0
GREY = np.full(3, 0.5)


def projected(part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    """A part seen by a camera at z = 3 whose picture spans tangents of -0.5 to 0.5."""
    x, y, z = part.vertices.T
    inverse = 1 / (DISTANCE - z)
    column, row = (x * inverse + 0.5) * SIZE, (0.5 - y * inverse) * SIZE
    points = torch.tensor(np.stack([column, row, inverse], 1), dtype=torch.float32)
    return points, torch.tensor(part.faces)


def ball_hits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel whether its ray meets the unit ball, and the z of its first and last hit."""
    tangent = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    tx, ty = np.meshgrid(tangent, -tangent)
    square = 1 + tx**2 + ty**2
    inner = DISTANCE**2 - square * (DISTANCE**2 - 1)  # |(0, 0, 3) + t (tx, ty, -1)| = 1
    root = np.sqrt(np.maximum(inner, 0))
    return inner > 0, DISTANCE - (DISTANCE - root) / square, DISTANCE - (DISTANCE + root) / square


def test_a_ball_has_its_depths() -> None:
    ball = superquadric(np.full(3, 2.0), 1, 1, GREY, steps=240)
    points, faces = projected(ball)
    hits = rasterise(points, faces, torch.zeros(len(faces), dtype=torch.long), 1, SIZE)
    inside, first, last = ball_hits()
    assert np.mean((hits.front[0].numpy() >= 0) != inside) < 0.004
    for layer, truth in ((hits.front, first), (hits.back, last)):
        where, _, inverse = interpolate(points, faces, layer)
        depth = np.full(SIZE * SIZE, np.nan)
        depth[where.numpy()] = DISTANCE - 1 / inverse.numpy()
        error = np.abs(depth.reshape(SIZE, SIZE) - truth)[inside & (layer[0].numpy() >= 0)]
        assert np.median(error) < 5e-4
        assert np.quantile(error, 0.95) < 0.01


def test_weights_of_a_tilted_square_are_perspective_correct() -> None:
    corners = np.array([[-0.5, -0.5, 1.0], [0.5, -0.5, 1.0], [0.5, 0.5, -1.0], [-0.5, 0.5, -1.0]])
    square = Part(corners, np.array([[0, 1, 2], [0, 2, 3]]), GREY)
    points, faces = projected(square)
    hits = rasterise(points, faces, torch.zeros(2, dtype=torch.long), 1, SIZE)
    where, weight, inverse = interpolate(points, faces, hits.front)
    place = (torch.tensor(corners, dtype=torch.float32)[faces[hits.front.reshape(-1)[where]]] * weight[..., None]).sum(
        1
    )
    assert torch.allclose(place[:, 2], DISTANCE - 1 / inverse, atol=1e-4)
    column = (where % SIZE + 0.5) / SIZE - 0.5
    assert torch.allclose(place[:, 0] * inverse, column, atol=1e-4)
    assert torch.allclose(place[:, 1], -0.5 * place[:, 2], atol=1e-4)


@pytest.mark.parametrize("at_once", [50, 4_000_000])
def test_views_of_a_batch_do_not_meet(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img2model_desktop.training.raster.FRAGMENTS_AT_ONCE", at_once)
    near = superquadric(np.full(3, 0.6), 0.2, 0.2, GREY).placed(np.array([0.3, 0.0, 0.5]))
    far = superquadric(np.full(3, 1.2), 1, 1, GREY)
    (p, f), (q, g) = projected(near), projected(far)
    both = rasterise(torch.cat([p, q]), torch.cat([f, g + len(p)]), torch.tensor([0] * len(f) + [1] * len(g)), 2, SIZE)
    alone = rasterise(q, g, torch.zeros(len(g), dtype=torch.long), 1, SIZE)
    assert torch.equal(torch.where(both.front[1] >= 0, both.front[1] - len(f), -1), alone.front[0])
    assert torch.equal(torch.where(both.back[1] >= 0, both.back[1] - len(f), -1), alone.back[0])


def test_neighbouring_faces_leave_no_gap() -> None:
    lump = superquadric(np.array([1.7, 1.3, 1.5]), 0.7, 1.3, GREY, steps=64)
    points, faces = projected(lump)
    hit = rasterise(points, faces, torch.zeros(len(faces), dtype=torch.long), 1, SIZE).front[0] >= 0
    filled = torch.cummax(hit.int(), 1).values * torch.cummax(hit.int().flip(1), 1).values.flip(1)
    assert torch.equal(filled.bool(), hit)
