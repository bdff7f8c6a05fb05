"""Surfaces of fields: coarse to fine against dense on fields whose answer is known."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.triposr import field as field_module
from img2model_desktop.engines.triposr.field import Lattice, Sampled, Surface, extract, sample
from img2model_desktop.engines.triposr.net import PUBLISHED, Field, Perceptron
from img2model_desktop.errors import Cancelled

CPU = torch.device("cpu")
CHUNK = 1 << 15
CUBE = ((-0.87,) * 3, (0.87,) * 3)


def sphere(points: Tensor) -> Tensor:
    return 0.6 - points.norm(dim=1)


def shell(points: Tensor) -> Tensor:
    """A hollow ball with a wall of 0.03: two cells of the fine grid, half a cell of the coarse one."""
    return 0.015 - (points.norm(dim=1) - 0.55).abs()


def rod(points: Tensor) -> Tensor:
    """A ball with a slanted rod 0.03 thick through it that leaves it on both sides."""
    way = torch.tensor([0.6, 0.0, 0.8])
    along = points @ way
    around = (points - along[:, None] * way).norm(dim=1)
    return torch.maximum(0.25 - points.norm(dim=1), torch.minimum(0.015 - around, 0.8 - along.abs()))


def thin_ring(points: Tensor) -> Tensor:
    """A ring of 0.04: less than two cells of the coarse grid."""
    around = torch.hypot(points[:, 0], points[:, 1]) - 0.5
    return 0.02 - torch.hypot(around, points[:, 2] - 0.013)


def read(field: Callable[[Tensor], Tensor], coarse: int, fine: int = 128, dilate: int = 1) -> Sampled:
    return sample(field, Lattice(*CUBE, coarse, fine, dilate), 0.0, CHUNK, CPU, Progress())


def surface(sampled: Sampled) -> Surface:
    return extract(sampled, Lattice(*CUBE, 1, len(sampled.values) - 1), 0.0, Progress())


def volume(found: Surface) -> float:
    a, b, c = (found.vertices[found.faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small sums are slower on several threads when others work, too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("coarse", "dilate"), [(32, 0), (64, 1)])
@pytest.mark.parametrize("field", [sphere, shell, rod, thin_ring])
def test_coarse_to_fine_is_dense_near_the_surface(field: Callable[[Tensor], Tensor], coarse: int, dilate: int) -> None:
    dense, found = read(field, 128), read(field, coarse, dilate=dilate)
    assert dense.computed == 129**3
    assert found.computed < 0.45 * dense.computed
    assert int(((dense.values > 0) != (found.values > 0)).sum()) == 0
    one, other = surface(dense), surface(found)
    assert np.array_equal(one.faces, other.faces)
    assert np.array_equal(one.vertices, other.vertices)


def test_a_rod_that_leaves_the_marked_cells_is_followed_to_its_end() -> None:
    """A rod between the points of the coarse grid is seen only where the ball is: from there it is followed."""

    def field(points: Tensor) -> Tensor:
        around = torch.hypot(points[:, 0] - 0.0272, points[:, 1] - 0.0272)  # the middle of a coarse cell
        hidden = torch.minimum(0.012 - around, 0.8 - points[:, 2].abs())
        return torch.maximum(0.1 - points.norm(dim=1), hidden)

    dense, found = read(field, 128), read(field, 32, dilate=0)
    assert float(dense.values[66, 66, 120]) > 0
    assert int(((dense.values > 0) != (found.values > 0)).sum()) == 0


def speck(points: Tensor) -> Tensor:
    """Less than a coarse cell of 32 in its middle, and a ball elsewhere."""
    middle = 0.02 - (points - 0.0272).norm(dim=1)
    return torch.maximum(middle, 0.1 - (points - torch.tensor([-0.5, 0.0, 0.0])).norm(dim=1))


def flips(field: Callable[[Tensor], Tensor], coarse: int, fine: int, dilate: int = 0) -> int:
    """How many points lie on another side than densely."""
    return int(((read(field, fine, fine).values > 0) != (read(field, coarse, fine, dilate).values > 0)).sum())


def test_a_speck_within_one_coarse_cell_is_seen_by_how_the_field_bends_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert flips(speck, 32, 128) == 0
    monkeypatch.setattr(field_module, "BEND", 0.0)
    assert flips(speck, 32, 128) > 0


def test_a_speck_that_nothing_around_tells_of_is_missed_without_a_finer_search() -> None:
    def field(points: Tensor) -> Tensor:
        return speck(points).clamp_min(-0.004)

    assert flips(field, 32, 128) > 0
    assert flips(field, 64, 128) == 0


def fitted(rounds: int) -> Field:
    """Planes and a perceptron as TripoSR's, smaller, fitted to a shell, a core and a rod for a while."""
    generator = torch.Generator().manual_seed(2)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        perceptron = Perceptron(replace(PUBLISHED, channels=8, neurons=24, hidden=3))
    planes = torch.nn.Parameter(0.3 * torch.randn(3, 8, 32, 32, generator=generator))
    steps = torch.optim.Adam([planes, *perceptron.parameters()], lr=0.02)
    for _ in range(rounds):
        points = (torch.rand(3000, 3, generator=generator) * 2 - 1) * 0.87
        radius = points.norm(dim=1)
        rod = torch.minimum(0.08 - torch.hypot(points[:, 0] - 0.1, points[:, 1]), 0.8 - points[:, 2].abs())
        wanted = torch.maximum(torch.maximum(0.05 - (radius - 0.6).abs(), 0.2 - radius), rod)
        steps.zero_grad()
        (Field(planes, perceptron).log_density(points) - (15 * wanted).clamp(-3, 3)).square().mean().backward()
        steps.step()
    planes.requires_grad_(False)
    perceptron.requires_grad_(False)
    return Field(planes, perceptron)


def test_a_fitted_field_is_dense_near_its_surface() -> None:
    """Rough all over, as networks leave it; the coarse cells are as large to its parts as the usual search's."""
    field = fitted(150).log_density
    dense, found = read(field, 64, 64), read(field, 16, 64, dilate=0)
    assert found.computed < 0.5 * dense.computed
    assert int(((dense.values > 0) != (found.values > 0)).sum()) == 0
    assert np.array_equal(surface(dense).faces, surface(found).faces)
    assert len(surface(found).faces) > 10_000


def test_volume_and_orientation_of_a_sphere() -> None:
    assert volume(surface(read(sphere, 64))) == pytest.approx(4 / 3 * math.pi * 0.6**3, rel=0.002)


def test_vertices_are_in_the_units_of_the_box_whatever_its_sides() -> None:
    lattice = Lattice((-1.0, 0.0, 2.0), (1.0, 4.0, 8.0), 16, 64)

    def field(points: Tensor) -> Tensor:
        return 0.7 - ((points - torch.tensor([0.1, 2.0, 5.0])) / torch.tensor([1.0, 2.0, 3.0])).norm(dim=1)

    found = extract(sample(field, lattice, 0.0, CHUNK, CPU, Progress()), lattice, 0.0, Progress())
    low, high = found.vertices.min(axis=0), found.vertices.max(axis=0)
    assert low == pytest.approx([-0.6, 0.6, 2.9], abs=0.02)
    assert high == pytest.approx([0.8, 3.4, 7.1], abs=0.02)


def test_a_body_that_fills_the_box_is_closed_within_it() -> None:
    found = surface(read(lambda points: points[:, 0] + 2.0, 16, 32))
    facts = measure(Mesh(found.vertices.astype(np.float32), found.faces).validate())
    assert facts.watertight
    assert facts.manifold
    assert np.abs(found.vertices).max() <= 0.87
    assert volume(found) == pytest.approx((2 * 0.87 * 31 / 32) ** 3, rel=0.01)


def test_numbers_that_are_none_are_outside() -> None:
    def field(points: Tensor) -> Tensor:
        values = sphere(points)
        values[points[:, 2] > 0.3] = math.nan
        return values

    found = surface(read(field, 128))
    assert np.isfinite(found.vertices).all()
    assert found.vertices[:, 2].max() < 0.33
    facts = measure(Mesh(found.vertices.astype(np.float32), found.faces).validate())
    assert facts.watertight


def test_nothing_there_is_an_empty_surface() -> None:
    assert len(surface(read(lambda points: points[:, 0] - 5, 16, 32)).faces) == 0


def test_points_are_read_once_and_never_more_than_a_chunk() -> None:
    seen: list[NDArray[np.float32]] = []

    def field(points: Tensor) -> Tensor:
        seen.append(points.numpy().copy())
        return shell(points)

    found = sample(field, Lattice(*CUBE, 16, 64, 1), 0.0, 5000, CPU, Progress())
    every = np.concatenate(seen)
    assert max(map(len, seen)) <= 5000
    assert len(every) == found.computed
    again = len(every) - len(np.unique(every, axis=0))
    assert again == len(seen[0]) - len(np.unique(seen[0], axis=0)) == 0


def test_a_chunk_that_does_not_fit_is_halved() -> None:
    sizes: list[int] = []

    def field(points: Tensor) -> Tensor:
        if len(points) > 4500:
            raise torch.OutOfMemoryError("no room")
        sizes.append(len(points))
        return sphere(points)

    lattice = Lattice(*CUBE, 16, 32)
    found = sample(field, lattice, 0.0, 1 << 14, CPU, Progress())
    assert 2048 < max(sizes) <= 4096
    assert torch.equal(found.values, sample(sphere, lattice, 0.0, 1 << 14, CPU, Progress()).values)


def test_no_room_for_the_smallest_chunk_is_told() -> None:
    def field(points: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("no room")

    with pytest.raises(torch.OutOfMemoryError):
        sample(field, Lattice(*CUBE, 16, 32), 0.0, 1 << 14, CPU, Progress())


def test_progress_rises_and_stops_before_any_chunk() -> None:
    fractions: list[float] = []
    lattice = Lattice(*CUBE, 16, 64)
    sample(sphere, lattice, 0.0, 2000, CPU, Progress(fractions.append))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    calls = [0]

    def stop() -> bool:
        calls[0] += 1
        return calls[0] > 9

    with pytest.raises(Cancelled):
        sample(sphere, lattice, 0.0, 2000, CPU, Progress(is_cancelled=stop))


def test_grids_must_fit_each_other() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        Lattice(*CUBE, 60, 128)
