"""Training views: framing, depths in the engine's units, and the same result for the same seed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from img2model_desktop.engines.twin.net import FILL, Prediction
from img2model_desktop.training.augment import augmented, compressed, shadowed
from img2model_desktop.training.losses import Weights, hit_share, terms
from img2model_desktop.training.objects import Solid, prepared
from img2model_desktop.training.parts import box, superquadric
from img2model_desktop.training.shapes import random_solid
from img2model_desktop.training.views import Camera, Views, random_camera, render

CPU = torch.device("cpu")
GREY = np.full(3, 0.5)


def solid_box(*size: float) -> Solid:
    part = box(np.array(size), GREY)
    return prepared("box", part.vertices, part.faces, np.full((36, 3), 128, np.uint8))


def solid_ball() -> Solid:
    part = superquadric(np.full(3, 1.0), 1, 1, GREY, steps=80)
    return prepared("ball", part.vertices, part.faces, np.full(part.vertices.shape, 128, np.uint8))


def shot(
    solid: Solid, azimuth: float = 0.0, elevation: float = 0.0, fov: float = 30.0, size: int = 64, room: float = 1.0
) -> Views:
    camera = Camera(math.radians(azimuth), math.radians(elevation), 0.0, math.radians(fov), room)
    return render([solid], [camera], size, np.random.default_rng(1), CPU, stretched=False)


def unprojected(views: Views) -> np.ndarray:
    """`(k, 3)` points of the first layer, in units of half the frame."""
    depth, alpha = views.depth[0, 0].float().numpy(), views.image[0, 3].numpy()
    size = len(depth)
    u = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(u, -u)
    away = 1 - float(views.camera[0, 0]) * depth
    return np.asarray(np.stack([x * away, y * away, depth], -1)[alpha == 255])


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (30, 17.5), (-120, 40)])
def test_the_subject_fills_the_frame(azimuth: float, elevation: float) -> None:
    alpha = shot(solid_box(0.4, 1, 0.7), azimuth, elevation, size=128).image[0, 3] > 0
    rows, columns = torch.nonzero(alpha.any(1))[:, 0], torch.nonzero(alpha.any(0))[:, 0]
    longer = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1
    assert longer == pytest.approx(FILL * 128, abs=1.5)
    assert float(rows[-1] + rows[0]) / 2 == pytest.approx(63.5, abs=1)
    assert float(columns[-1] + columns[0]) / 2 == pytest.approx(63.5, abs=1)


def test_a_box_seen_from_the_front_has_a_flat_front_and_a_flat_back() -> None:
    views = shot(solid_box(1, 1, 0.5), fov=20)
    inside = views.image[0, 3] == 255
    front, back = views.depth[0, 0][inside].float(), views.depth[0, 1][inside].float()
    unit = 0.25 / float(front.max())  # half the depth of the box, in its own unit, per unit of the maps
    assert float(front.std()) < 1e-3
    points = unprojected(views)
    assert np.ptp(points[:, 0]) * unit == pytest.approx(1.0, abs=0.04)
    # rays near the outline leave through the sides; through the middle they leave through the back
    assert float(views.depth[0, 1, 32, 32]) == pytest.approx(-float(front.max()), rel=2e-3)
    assert float(back.min()) == pytest.approx(-float(front.max()), rel=2e-3)
    assert bool((views.normal[0, 2][inside] > 120).all())


def test_a_ball_is_a_ball_after_unprojection_whatever_the_perspective() -> None:
    for fov in (15.0, 55.0):
        points = unprojected(shot(solid_ball(), 20, 10, fov, size=96))
        radius = np.linalg.norm(points, axis=1)
        assert radius.std() / radius.mean() < 0.01


def test_elevation_and_perspective_are_told() -> None:
    views = shot(solid_box(1, 1, 1), 15, 25, 40)
    assert float(views.camera[0, 1]) == pytest.approx(math.radians(25))
    assert 0.2 < float(views.camera[0, 0]) < math.tan(math.radians(20)) * 1.3


def test_the_same_seed_gives_the_same_views() -> None:
    def once() -> Views:
        rng = np.random.default_rng(5)
        solids = [random_solid(rng) for _ in range(4)]
        return render(solids, [random_camera(rng) for _ in solids], 32, rng, CPU)

    first, second = once(), once()
    for name in Views.__slots__:
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_procedural_objects_are_whole() -> None:
    rng = np.random.default_rng(2)
    names = set()
    for _ in range(80):
        solid = random_solid(rng)
        names.add(solid.name)
        assert np.isfinite(solid.vertices).all()
        assert np.ptp(solid.vertices, axis=0).max() == pytest.approx(1, abs=1e-5)
        assert solid.faces.max() < len(solid.vertices)
        assert np.allclose(np.linalg.norm(solid.normals, axis=-1), 1, atol=1e-3)
    assert len(names) == 12


def random_views(count: int = 6) -> Views:
    rng = np.random.default_rng(3)
    solids = [random_solid(rng) for _ in range(count)]
    return render(solids, [random_camera(rng) for _ in solids], 32, rng, CPU)


def truth(views: Views) -> Prediction:
    colour, depth = views.back.float() / 255, views.depth.float()
    return Prediction(
        front=depth[:, :1],
        back=depth[:, 1:],
        normal=views.normal.float() / 127,
        colour=colour,
        fresh=colour,
        repeat=colour[:, :1],
        perspective=views.camera[:, 0],
        elevation=views.camera[:, 1],
    )


def test_the_truth_costs_nothing_and_hits_everywhere() -> None:
    views = random_views()
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value in terms(truth(views), views, Weights()).values())
    assert hit_share(truth(views), views).tolist() == [1.0] * 6


def test_a_depth_that_is_moved_as_a_whole_costs_only_its_share() -> None:
    views = random_views()
    guess = truth(views)
    moved = Prediction(
        guess.front + 0.5,
        guess.back + 0.5,
        guess.normal,
        guess.colour,
        guess.fresh,
        guess.repeat,
        guess.perspective,
        guess.elevation,
    )
    costs = terms(moved, views, Weights())
    assert float(costs["depth"]) == pytest.approx(0.5 * Weights().moved, rel=1e-3)
    assert float(costs["slope"]) == pytest.approx(0, abs=1e-5)
    assert hit_share(moved, views).tolist() == pytest.approx([1.0] * 6)


def test_augmentation_keeps_the_truth_or_mirrors_it() -> None:
    views = random_views()
    changed = augmented(views, torch.Generator().manual_seed(4))
    mirrored = 0
    for k in range(6):
        if torch.equal(changed.depth[k], views.depth[k].flip(-1)):
            mirrored += 1
            assert torch.equal(changed.normal[k, 0], -views.normal[k, 0].flip(-1))
        else:
            assert torch.equal(changed.depth[k], views.depth[k])
            assert torch.equal(changed.back[k], views.back[k])
    assert 0 < mirrored < 6
    assert not torch.equal(changed.image, views.image)


def test_compression_keeps_flat_colours_and_loses_fine_detail() -> None:
    flat = torch.full((1, 3, 16, 16), 0.5)
    assert torch.allclose(compressed(flat, torch.full((1, 1, 1, 1), 0.01)), flat, atol=1e-3)
    noise = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(1)) * 0.02
    assert float(compressed(noise, torch.full((1, 1, 1, 1), 0.1)).std()) < 1e-6


def test_a_shadow_that_stays_is_seen_but_not_learned() -> None:
    views = shot(solid_box(1, 0.4, 1), 20, 10)
    colour, alpha = views.image[:, :3].float() / 255, views.image[:, 3:].float() / 255
    numbers = (torch.tensor(value).view(1, 1, 1, 1) for value in (True, 1.2, 0.1, 0.25))
    shaded, whole = shadowed(colour, alpha, *numbers)
    new = (whole >= 0.5) & (alpha == 0)
    assert int(new.sum()) > 50
    assert torch.allclose(shaded.mean(1, keepdim=True)[new & (whole > 0.99)], torch.tensor(0.25))
    assert torch.equal(shaded.where(alpha == 1, 0), colour.where(alpha == 1, 0))
    rows = torch.nonzero(new[0, 0].any(1))[:, 0]
    assert int(rows.min()) > 32
    seen = replace(views, image=(torch.cat([shaded, whole], 1) * 255).round().to(torch.uint8))
    wrong = truth(seen)
    wrong.front[new] = 9.0
    wrong.back[new] = -9.0
    assert float(terms(wrong, seen, Weights())["depth"]) == 0
    assert hit_share(wrong, seen).tolist() == [1.0]


def test_a_wider_frame_shows_the_same_shape_smaller() -> None:
    near, far = (shot(solid_ball(), 20, 10, size=96, room=room) for room in (1.0, 1.25))
    for views in (near, far):
        radius = np.linalg.norm(unprojected(views), axis=1)
        assert radius.std() / radius.mean() < 0.012
    assert float(far.camera[0, 0]) == pytest.approx(1.25 * float(near.camera[0, 0]))
    assert float(far.camera[0, 1]) == float(near.camera[0, 1])
    covered = [float((views.image[0, 3] / 255.0).sum()) for views in (near, far)]
    assert covered[1] == pytest.approx(covered[0] / 1.25**2, rel=0.01)


def test_depth_along_the_outline_is_that_of_the_pixels_middle() -> None:
    views = shot(solid_ball(), fov=14, size=64)
    inside = views.image[0, 3] == 255
    line = (torch.arange(64) + 0.5) / 32 - 1
    distance = torch.sqrt(line.view(1, -1) ** 2 + line.view(-1, 1) ** 2)
    rim = inside & (distance > FILL * 0.94)
    half = (views.depth[0, 0] - views.depth[0, 1])[rim].float() / 2
    wanted = torch.sqrt(FILL**2 - distance[rim] ** 2)
    assert int(rim.sum()) > 60
    assert float((half / wanted).median()) == pytest.approx(1.0, abs=0.05)


def test_a_pixel_on_a_jump_is_of_the_nearer_body() -> None:
    front, behind = box(np.array([0.4, 1.0, 0.1]), GREY), box(np.array([1.0, 1.0, 0.1]), GREY)
    vertices = np.concatenate([front.vertices + np.array([0, 0, 0.45]), behind.vertices - np.array([0, 0, 0.45])])
    faces = np.concatenate([front.faces, behind.faces + len(front.vertices)])
    views = shot(prepared("two", vertices, faces, np.full((72, 3), 128, np.uint8)), fov=14)
    rows = views.depth[0, 0, 24:40].float()
    near, far = float(rows.max()), float(rows[:, 4].median())
    assert near - far > 0.5
    between = (rows > far + 0.05) & (rows < near - 0.05) & (views.image[0, 3, 24:40] == 255)
    assert int(between.sum()) == 0
