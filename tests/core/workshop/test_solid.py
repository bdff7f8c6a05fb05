"""Operations on solids: exact volumes, closed results, colours where they were."""

from typing import Any

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.options import NoOptions
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import same_rows
from img2model_desktop.core.workshop.catalog import BaseOptions, CutOptions, HollowOptions, MirrorOptions
from img2model_desktop.core.workshop.hollow import hollow
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.solid import base, cut, mirror, unite
from img2model_desktop.core.workshop.solids import Frame, body_of, is_closed, solid_of
from img2model_desktop.errors import Cancelled, EngineProblem, InputProblem
from tests.shapes import box, mesh_of, pixels, sphere, textured, together, torus, turned

ROUNDING = 1e-6
"""Positions are 32-bit floats."""


def closed_volume(outcome: Outcome) -> float:
    """In m3, of a result that is a closed manifold for us and for manifold3d."""
    facts = measure(outcome.mesh.validate())
    assert facts.watertight
    assert facts.manifold
    body = body_of(outcome.mesh, Frame.of(outcome.mesh))
    assert body is not None
    assert body.volume() > 0
    assert facts.volume_m3 is not None
    return facts.volume_m3


def colours_at(mesh: Mesh) -> Any:
    """`(m, 3)`: where in the texture the middle of each face is, and `(m, 3)`: where on the mesh that is."""
    assert mesh.uv is not None
    return mesh.uv[mesh.faces].mean(axis=1), mesh.vertices[mesh.faces].mean(axis=1)


# -- the bridge --------------------------------------------------------------------------------------------------------


def test_a_solid_comes_back_bit_by_bit() -> None:
    for mesh in (textured(torus()), textured(box(3e-4, 7e-4, 1e-4, at=(5.0, 0.1, -2.0))), sphere(radius=300.0)):
        again = solid_of(mesh, "Test").mesh()
        old = mesh.vertices[mesh.faces].reshape(-1, 9)
        new = again.vertices[again.faces].reshape(-1, 9)

        def sorted_faces(corners: Any) -> Any:
            turned_faces = np.stack([np.roll(corners, -3 * k, axis=1) for k in range(3)], axis=1)
            first = np.array([min(range(3), key=lambda k: tuple(face[k])) for face in turned_faces])
            rows = turned_faces[np.arange(len(corners)), first]
            return rows[np.lexsort(rows.T[::-1])]

        assert np.array_equal(sorted_faces(old), sorted_faces(new))
        assert (again.uv is None) == (mesh.uv is None)
        assert again.base_colour is mesh.base_colour


def test_what_is_not_closed_is_told_to_be_made_solid_first() -> None:
    broken = mesh_of(box().vertices, box().faces[1:])
    for operation, options in (
        (unite, NoOptions()),
        (hollow, HollowOptions()),
        (base, BaseOptions()),
        (cut, CutOptions()),
        (mirror, MirrorOptions()),
    ):
        for mesh in (broken, turned(box())):
            with pytest.raises(InputProblem) as raised:
                operation(mesh, options, Progress())
            assert "closed solid" in raised.value.message
            assert "Make solid" in raised.value.advice


# -- unite -------------------------------------------------------------------------------------------------------------


def test_overlapping_cubes_become_one_of_the_exact_volume() -> None:
    result = unite(together(box(1, 1, 1), box(1, 1, 1, at=(0.5, 0.5, 0.5))), NoOptions(), Progress())
    assert closed_volume(result) == pytest.approx(2 - 0.125, rel=ROUNDING)
    assert measure(result.mesh).parts == 1
    assert result.notes == ("2 parts became 1.",)


def test_what_is_inside_goes_and_cavities_stay() -> None:
    nested = unite(together(box(4, 4, 4), box(1, 1, 1, at=(1, 1, 1))), NoOptions(), Progress())
    assert closed_volume(nested) == pytest.approx(64, rel=ROUNDING)
    hollowed = together(box(4, 4, 4), turned(box(1, 1, 1, at=(1, 1, 1))), box(1, 1, 1, at=(3.5, 3.5, 3.5)))
    assert closed_volume(unite(hollowed, NoOptions(), Progress())) == pytest.approx(64 - 1 + 0.875, rel=ROUNDING)


def test_united_parts_keep_their_uv() -> None:
    one, other = textured(box(1, 1, 1)), textured(box(1, 1, 1, at=(0.5, 0.5, 0.5)))
    assert one.uv is not None
    assert other.uv is not None
    both = Mesh(
        np.concatenate([one.vertices, other.vertices]),
        np.concatenate([one.faces, other.faces + len(one.vertices)]),
        np.concatenate([one.uv, other.uv]),
        one.base_colour,
    )
    result = unite(both, NoOptions(), Progress()).mesh
    assert_colours_of(result, both)


def assert_colours_of(result: Mesh, source: Mesh) -> None:
    """Every face of the result lies in a face of the source and has its place in the texture."""
    assert result.uv is not None
    assert source.uv is not None
    corners = source.vertices.astype(np.float64)[source.faces]
    along, across = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(along, across)
    found = 0
    for uv, place in zip(*colours_at(result), strict=True):
        off = place - corners[:, 0]
        size = (normal**2).sum(axis=1)
        v = np.einsum("ij,ij->i", np.cross(off, across), normal) / size
        w = np.einsum("ij,ij->i", np.cross(along, off), normal) / size
        away = np.abs(np.einsum("ij,ij->i", off, normal)) / np.sqrt(size)
        on = np.nonzero((away < 1e-6) & (v > -1e-4) & (w > -1e-4) & (v + w < 1 + 1e-4))[0]
        weights = np.stack([1 - v[on] - w[on], v[on], w[on]], axis=1)
        there = np.einsum("ij,ijk->ik", weights, source.uv[source.faces[on]])
        found += bool(len(on)) and bool(np.abs(there - uv).max(axis=1).min() < 1e-4)
    assert found == len(result.faces)


# -- cut ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "size"), [("x", 2.0), ("y", 3.0), ("z", 5.0)])
def test_a_cut_box_has_the_exact_volume(axis: str, size: float) -> None:
    mesh = box(2, 3, 5)
    above = cut(mesh, CutOptions(axis, 0.25, "above"), Progress())
    below = cut(mesh, CutOptions(axis, 0.25, "below"), Progress())
    assert closed_volume(above) == pytest.approx(22.5, rel=ROUNDING)
    assert closed_volume(below) == pytest.approx(7.5, rel=ROUNDING)
    assert above.mesh.bounds[0]["xyz".index(axis)] == pytest.approx(size / 4)


def test_both_halves_are_two_closed_parts_that_do_not_touch() -> None:
    result = cut(textured(box(1, 1, 1)), CutOptions("y", 0.5, "both"), Progress())
    assert closed_volume(result) == pytest.approx(1, rel=ROUNDING)
    assert measure(result.mesh).parts == 2
    assert result.mesh.size_m[1] == pytest.approx(1.02)
    assert result.notes == ("Both halves are there, 20 mm apart along y.",)


def test_a_cut_keeps_every_colour_and_gives_the_cap_one_of_the_rim() -> None:
    source = textured(torus())
    result = cut(source, CutOptions("y", 0.5, "above"), Progress()).mesh
    assert result.base_colour is source.base_colour
    is_cap = np.abs(result.vertices[result.faces][..., 1]).max(axis=1) < 1e-7
    assert is_cap.any()
    rest = Mesh(result.vertices, result.faces[~is_cap], result.uv, result.base_colour)
    assert_colours_of(rest, source)
    assert result.uv is not None
    cap = result.uv[result.faces[is_cap]].reshape(-1, 2)
    assert len(np.unique(cap, axis=0)) == 1
    assert (np.abs(rest.uv[np.unique(rest.faces)] - cap[0]).max(axis=1) < 1e-6).any()


def test_a_cut_at_the_end_leaves_nothing() -> None:
    with pytest.raises(EngineProblem):
        cut(box(), CutOptions("y", 1.0, "above"), Progress())
    with pytest.raises(EngineProblem):
        cut(box(), CutOptions("y", 0.0, "both"), Progress())


# -- make symmetric ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("keep", ["above", "below"])
def test_a_mirrored_mesh_is_symmetric_bit_by_bit(axis: str, keep: str) -> None:
    lump = unite(together(box(1, 1, 1), sphere(0.4, 9, 14)), NoOptions(), Progress()).mesh
    result = mirror(textured(lump), MirrorOptions(axis, keep), Progress())
    assert closed_volume(result) > 0
    places = np.unique(result.mesh.vertices, axis=0)
    image = places * np.where(np.eye(3)["xyz".index(axis)], -1, 1).astype(np.float32) + np.float32(0)
    assert np.array_equal(places, np.unique(image, axis=0))


def test_a_mirrored_mesh_has_twice_the_half_and_its_colours() -> None:
    source = textured(torus())
    result = mirror(source, MirrorOptions("x", "above"), Progress())
    assert closed_volume(result) == pytest.approx(measure(torus()).volume_m3, rel=1e-5)
    assert measure(result.mesh).genus == 1
    half = result.mesh.vertices[result.mesh.faces][..., 0].min(axis=1) > -1e-7
    kept = Mesh(result.mesh.vertices, result.mesh.faces[half], result.mesh.uv, result.mesh.base_colour)
    assert_colours_of(kept, source)
    assert result.mesh.base_colour is source.base_colour


def test_a_mesh_beside_the_origin_is_moved_and_says_so() -> None:
    result = mirror(box(1, 1, 1, at=(2, 0, 0)), MirrorOptions("x", "below"), Progress())
    assert closed_volume(result) == pytest.approx(1, rel=ROUNDING)
    assert result.mesh.bounds[:, 0].tolist() == [-0.5, 0.5]
    assert "-2.5e+03 mm along x" in result.notes[0]


# -- flat base ---------------------------------------------------------------------------------------------------------


def test_the_bottom_is_cut_flat() -> None:
    ball = sphere(radius=0.05, rows=48, columns=96)
    result = base(ball, BaseOptions("cut", 10.0), Progress())
    full = measure(ball).volume_m3
    cap = np.pi * 0.01**2 * (3 * 0.05 - 0.01) / 3
    assert closed_volume(result) == pytest.approx(full - cap, rel=0.01)
    flat = np.abs(result.mesh.vertices[result.mesh.faces][..., 1] + 0.04).max(axis=1) < 1e-7
    assert flat.any()
    with pytest.raises(InputProblem, match="only 100 mm high"):
        base(ball, BaseOptions("cut", 101.0), Progress())


def test_a_square_plinth_adds_the_exact_volume() -> None:
    result = base(box(0.02, 0.02, 0.02), BaseOptions("square plinth", 3.0, 2.0), Progress())
    sunk = 0.02 * 0.02  # a fiftieth of the height stands in the plinth
    added = 0.024**2 * 0.003 - 0.02**2 * sunk
    assert closed_volume(result) == pytest.approx(0.02**3 + added, rel=1e-5)
    assert result.mesh.bounds[0].tolist() == pytest.approx([-0.002, -0.003 + sunk, -0.002], abs=1e-8)
    assert measure(result.mesh).parts == 1


def test_a_round_plinth_is_as_wide_as_asked_and_under_the_centre_of_mass() -> None:
    leaning = together(box(0.01, 0.02, 0.01), box(0.05, 0.01, 0.01, at=(0.005, 0.012, 0.001)))
    united = unite(leaning, NoOptions(), Progress()).mesh
    result = base(textured(united, pixels()), BaseOptions("round plinth", 2.0, 1.0), Progress())
    assert closed_volume(result) > measure(united).volume_m3
    bottom = result.mesh.vertices[result.mesh.vertices[:, 1] < -0.0015][:, [0, 2]]
    middle = (bottom.min(axis=0) + bottom.max(axis=0)) / 2
    mass = np.array([0.0254, 0.0059])
    assert np.linalg.norm(mass - middle) < np.linalg.norm(bottom - middle, axis=1).min()


# -- hollow ------------------------------------------------------------------------------------------------------------


def test_a_hollow_box_has_its_wall() -> None:
    result = hollow(box(0.02, 0.02, 0.02), HollowOptions(2.0), Progress())
    exact, cell = 0.02**3 - 0.016**3, 0.02 / 128
    thicker = 0.02**3 - (0.016 - 2 * cell) ** 3
    assert exact <= closed_volume(result) <= thicker
    assert measure(result.mesh).parts == 2
    inner = result.mesh.vertices[8:] if len(result.mesh.vertices) > 8 else result.mesh.vertices
    cavity = inner[(inner > 0.001).all(axis=1) & (inner < 0.019).all(axis=1)]
    assert cavity.min() >= 0.002
    assert cavity.max() <= 0.018
    assert cavity.min() <= 0.002 + cell


def test_a_hollow_ball_is_nowhere_thinner_than_asked() -> None:
    ball = sphere(radius=0.02, rows=32, columns=64)
    result = hollow(textured(ball), HollowOptions(3.0), Progress())
    assert closed_volume(result) > 0
    places = np.unique(result.mesh.vertices, axis=0)
    inner = places[np.linalg.norm(places, axis=1) < 0.019]
    assert np.linalg.norm(inner, axis=1).max() <= 0.017
    assert np.linalg.norm(inner, axis=1).min() >= 0.017 - 2 * 0.04 / 128
    assert result.mesh.base_colour is not None
    assert "less material" in result.notes[0]


def test_a_drain_opens_the_cavity_through_the_floor() -> None:
    result = hollow(box(0.02, 0.02, 0.02), HollowOptions(3.0, 4.0), Progress())
    assert closed_volume(result) > 0
    facts = measure(result.mesh)
    assert facts.parts == 1
    assert facts.genus == 0
    rim = result.mesh.vertices[(result.mesh.vertices[:, 1] == 0)]
    rim = rim[np.linalg.norm(rim[:, [0, 2]] - 0.01, axis=1) < 0.008]
    assert np.ptp(rim[:, 0]) == pytest.approx(0.004, rel=0.01)


def test_nothing_to_hollow_out_is_said() -> None:
    with pytest.raises(InputProblem, match="deeper than 12 mm"):
        hollow(box(0.02, 0.02, 0.02), HollowOptions(12.0), Progress())


# -- all ---------------------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes() -> None:
    source = textured(torus())
    for operation, options in (
        (cut, CutOptions()),
        (mirror, MirrorOptions()),
        (base, BaseOptions("round plinth", 50.0)),
        (hollow, HollowOptions(100.0)),
    ):
        one, other = (operation(source, options, Progress()).mesh for _ in range(2))
        assert one.vertices.tobytes() == other.vertices.tobytes()
        assert one.faces.tobytes() == other.faces.tobytes()
        assert one.uv.tobytes() == other.uv.tobytes()


def test_they_stop_when_asked() -> None:
    asked = iter([False, True, True])
    with pytest.raises(Cancelled):
        hollow(box(), HollowOptions(100.0), Progress(is_cancelled=lambda: next(asked, True)))
    with pytest.raises(Cancelled):
        cut(box(), CutOptions(), Progress(is_cancelled=lambda: True))


def test_is_closed_sees_sheets_that_touch() -> None:
    assert is_closed(torus())
    assert not is_closed(together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 0))))
    assert not is_closed(mesh_of(box().vertices, box().faces[1:]))
    assert len(np.unique(same_rows(box().vertices))) == 8
