"""How faces hang together, on meshes where it is known."""

from dataclasses import replace

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.surface import Surface, surface_of
from img2model_desktop.core.verdict.topology_facts import TopologyFacts, debris_of, topology_of
from tests.shapes import box, klein, mesh_of, moebius, sphere, textured, together, torus, turned


def looked_at(mesh: Mesh) -> tuple[Surface, TopologyFacts]:
    surface = surface_of(mesh, None, Progress())
    return surface, topology_of(surface, Progress())


def without(mesh: Mesh, *faces: int) -> Mesh:
    return replace(mesh, faces=np.delete(mesh.faces, faces, axis=0))


@pytest.mark.parametrize(
    "mesh",
    [box(), sphere(), torus(), moebius(), klein(), textured(torus()), together(box(), turned(box(at=(3, 0, 0))))],
)
def test_it_agrees_with_the_plain_measures(mesh: Mesh) -> None:
    surface, facts = looked_at(mesh)
    plain = measure(mesh)
    assert (facts.watertight, facts.manifold) == (plain.watertight, plain.manifold)
    assert (facts.euler, facts.genus, surface.parts) == (plain.euler, plain.genus, plain.parts)
    assert (len(facts.rim_edges), len(facts.crowded_edges)) == (plain.boundary_edges, plain.nonmanifold_edges)
    assert surface.area.sum() == pytest.approx(plain.area_m2 * 1e6, rel=1e-9)


def test_rims_are_told_apart_and_measured() -> None:
    whole = box(1, 2, 4)  # faces 1, 7 lie in front, 3, 9 on top, 0, 6 behind
    surface, facts = looked_at(without(whole, 1, 7, 0, 6))
    assert sorted(facts.rim_mm) == [6000.0, 6000.0]
    assert np.bincount(facts.rim).tolist() == [4, 4]
    ends = surface.ends(facts.rim_edges)
    assert set(ends[facts.rim == facts.rim[0]][:, :, 2].ravel()) in ({0.0}, {4.0})


def test_rims_that_touch_in_a_vertex_stay_two() -> None:
    _, facts = looked_at(mesh_of([[0, 0, 0], [3, 0, 0], [3, 4, 0], [-6, 0, 0], [-6, -8, 0]], [[0, 1, 2], [0, 3, 4]]))
    assert sorted(facts.rim_mm) == [12_000.0, 24_000.0]
    assert facts.pinched.tolist() == [0]


def test_a_rim_that_touches_itself_stays_one() -> None:
    """Two missing cells of a grid that share a corner: walking around the one leads along the other."""
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(5), indexing="ij"), axis=-1).reshape(-1, 2)
    quads = np.array([[i * 5 + j, i * 5 + j + 1, i * 5 + j + 6, i * 5 + j + 5] for i in range(4) for j in range(4)])
    quads = np.delete(quads, [5, 10], axis=0)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    _, facts = looked_at(mesh_of(np.column_stack([grid, np.zeros(25)]), faces))
    assert sorted(facts.rim_mm) == [8000.0, 16_000.0]
    assert facts.pinched.tolist() == [12]


def test_a_moebius_strip_has_one_rim_and_one_side() -> None:
    _, facts = looked_at(moebius())
    assert (len(facts.rim_mm), facts.one_sided.tolist(), facts.closed.tolist()) == (1, [0], [False])


def test_a_klein_bottle_is_closed_and_one_sided() -> None:
    _, facts = looked_at(klein())
    assert (len(facts.rim_mm), facts.one_sided.tolist(), facts.watertight, facts.manifold) == (0, [0], False, True)


def test_the_fewer_faces_are_the_turned_ones() -> None:
    faces = box().faces.copy()
    faces[[2, 7]] = faces[[2, 7], ::-1]
    surface, facts = looked_at(replace(box(), faces=faces))
    assert surface.named(facts.turned).tolist() == [2, 7]
    assert (len(facts.one_sided), facts.closed.tolist()) == (0, [False])


def test_a_fin_has_a_crowded_edge() -> None:
    whole = box()
    fin = mesh_of(np.append(whole.vertices, [[-1, 0, -1]], axis=0), np.append(whole.faces, [[0, 3, 8]], axis=0))
    surface, facts = looked_at(fin)
    assert len(facts.crowded_edges) == 1
    assert sorted(surface.ends(facts.crowded_edges)[0].tolist()) == [[0, 0, 0], [0, 2, 0]]
    assert (facts.manifold, len(facts.rim_mm)) == (False, 1)


def test_boxes_corner_to_corner_are_pinched() -> None:
    _, facts = looked_at(together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 1))))
    assert (len(facts.pinched), facts.manifold, facts.watertight, facts.closed.tolist()) == (1, False, True, [True] * 2)


def test_doubled_flat_and_needle_faces() -> None:
    vertices = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0], [1, 0.001, 0]]
    mesh = mesh_of(vertices, [[0, 1, 2], [2, 1, 0], [0, 1, 3], [0, 0, 1], [0, 3, 4]])
    surface, facts = looked_at(mesh)
    assert surface.named(facts.doubled).tolist() == [1]
    assert facts.flat.tolist() == [2, 3]
    assert surface.named(facts.needles).tolist() == [4]


def test_debris_is_what_has_little_area() -> None:
    crumb = box(0.05, 0.05, 0.05, at=(5, 0, 0))
    surface, _ = looked_at(together(crumb, box(1, 2, 4), crumb.moved(crumb.vertices + np.float32(1))))
    debris = debris_of(surface, np.zeros(0, dtype=np.int64))
    assert debris.sum() == 2
    assert sorted(surface.named(debris[surface.part])) == [*range(12), *range(24, 36)]
    assert debris_of(surface, np.nonzero(debris)[0][:1]).sum() == 1  # the other is fixed to something


def test_debris_is_never_more_than_a_hundredth() -> None:
    leaves = together(box(4, 4, 4), *[box(0.1, 0.1, 0.1, at=(5 + k, 0, 0)) for k in range(100)])
    surface, _ = looked_at(leaves)
    debris = debris_of(surface, np.zeros(0, dtype=np.int64))
    share = surface.part_area()[debris].sum() / surface.area.sum()
    assert debris.sum() == 17
    assert 0.0094 < share <= 0.01
    alike, _ = looked_at(together(*[box(1, 1, 1, at=(2 * k, 0, 0)) for k in range(200)]))
    assert not debris_of(alike, np.zeros(0, dtype=np.int64)).any()


def test_nothing_but_points() -> None:
    surface, facts = looked_at(mesh_of(np.zeros((3, 3)), [[0, 1, 2]]))
    assert (surface.parts, facts.watertight, facts.manifold, facts.flat.tolist()) == (0, False, False, [0])
