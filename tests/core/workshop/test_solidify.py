"""“Make solid”: whatever comes in, a closed manifold solid comes out, close to what came in."""

from functools import partial

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import MeshFacts, measure
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict.crossings import crossings_of
from img2model_desktop.core.verdict.surface import surface_of
from img2model_desktop.core.workshop import solidify as making
from img2model_desktop.core.workshop.catalog import SolidOptions
from img2model_desktop.core.workshop.marching import march, well_composed
from img2model_desktop.core.workshop.nearest import Nearest, on_triangles, pieces_of
from img2model_desktop.core.workshop.solidify import remade, solidify
from img2model_desktop.core.workshop.solids import Frame, body_of, united
from img2model_desktop.core.workshop.winding import ALONG, AROUND, WHOLE, Sweep, hits_of
from img2model_desktop.errors import Cancelled, EngineProblem
from tests.shapes import box, klein, mesh_of, moebius, sphere, textured, together, torus, turned

COARSE = 48


def random_soup(count: int, seed: int = 5) -> Mesh:
    """Triangles that have nothing to do with each other."""
    corners = np.random.default_rng(seed).random((count, 1, 3))
    corners = corners + np.random.default_rng(seed + 1).normal(0, 0.12, (count, 3, 3))
    return mesh_of(corners.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3))


def open_box() -> Mesh:
    """A box without one side."""
    return mesh_of(box(1, 1, 1).vertices, np.delete(box(1, 1, 1).faces, [2, 8], axis=0))


SOUPS = {
    "triangle": mesh_of([[0, 0, 0], [1, 0, 0], [0.2, 0.3, 1]], [[0, 1, 2]]),
    "open box": open_box(),
    "half a ball": mesh_of(sphere().vertices, sphere().faces[: len(sphere().faces) // 2]),
    "moebius": moebius(),
    "klein": klein(),
    "soup": random_soup(30),
    "doubled": mesh_of(torus().vertices, np.concatenate([torus().faces, torus().faces[:, ::-1]])),
    "some turned": mesh_of(sphere().vertices, np.where(np.arange(2208)[:, None] % 3, sphere().faces,
                                                       sphere().faces[:, ::-1])),
    "scan with holes": mesh_of(torus().vertices, np.delete(torus().faces, np.arange(0, 700, 23), axis=0)),
    "edge in common": together(box(1, 1, 1), box(1, 1, 1, at=(1, 1, 0))),
    "thin plate": together(box(1, 0.002, 1), mesh_of([[0, 1, 0], [1, 1, 0], [0, 1, 1]], [[0, 1, 2]])),
}  # fmt: skip


def closed(mesh: Mesh) -> MeshFacts:
    """Its measures, when it is a closed manifold solid for us, for manifold3d and for trimesh."""
    facts = measure(mesh.validate())
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 is not None
    assert facts.volume_m3 > 0
    body = body_of(mesh, Frame.of(mesh))
    assert body is not None
    assert body.volume() > 0
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_volume
    return facts


@pytest.mark.parametrize("name", SOUPS)
def test_any_soup_becomes_a_closed_manifold_without_crossings(name: str) -> None:
    mesh = SOUPS[name]
    result = remade(mesh, COARSE, 0.0, Progress()).mesh
    closed(result)
    surface = surface_of(result, None, Progress())
    assert crossings_of(surface, Progress()).crossing == 0
    reach = 1.5 * float(mesh.size_m.max()) / COARSE
    pieces = pieces_of(result.vertices.astype(np.float64)[result.faces], reach / 2, Progress())
    inner = sphere() if name == "nothing" else mesh  # every place of the old surface is in or near the new one
    away = Nearest(pieces).find(inner.vertices[np.unique(inner.faces)], Progress())[0]
    assert np.quantile(away, 0.9) <= reach


def test_an_open_box_is_filled_to_its_rim() -> None:
    facts = closed(remade(open_box(), 64, 0.0, Progress()).mesh)
    assert facts.volume_m3 == pytest.approx(1.0, rel=0.03)
    assert facts.genus == 0
    assert facts.parts == 1


def test_a_ball_keeps_its_volume_and_place() -> None:
    ball = mesh_of(sphere().vertices, sphere().faces[3:])  # a hole of three faces
    outcome = remade(ball, 96, 0.0, Progress())
    facts = closed(outcome.mesh)
    assert facts.volume_m3 == pytest.approx(measure(sphere()).volume_m3, rel=0.002)
    pieces = pieces_of(sphere().vertices.astype(np.float64)[sphere().faces], 0.02, Progress())
    away = Nearest(pieces).find(outcome.mesh.vertices, Progress())[0] * 96
    assert np.median(away) < 0.1  # cells
    assert away.max() < 1.0


def test_a_closed_solid_stays_as_it_is() -> None:
    cavity = together(box(4, 4, 4), turned(box(1, 1, 1, at=(1, 1, 1))))
    for mesh in (textured(torus()), box(), cavity, together(box(1, 1, 1), box(1, 1, 1, at=(3, 0, 0)))):
        outcome = solidify(mesh, SolidOptions(), Progress())
        assert outcome.mesh is mesh
        assert outcome.notes == ("It is a closed solid already.",)


def test_what_only_faces_the_wrong_way_is_turned_and_stays_sharp() -> None:
    half = mesh_of(box().vertices, np.concatenate([box().faces[:5], box().faces[5:, ::-1]]))
    for mesh in (turned(box()), half):
        outcome = solidify(mesh, SolidOptions(), Progress())
        assert closed(outcome.mesh).volume_m3 == pytest.approx(8.0)
        assert len(outcome.mesh.faces) == 12


def test_closed_parts_that_overlap_are_united_and_stay_sharp() -> None:
    outcome = solidify(together(box(1, 1, 1), turned(box(1, 1, 1, at=(0.5, 0.5, 0.5)))), SolidOptions(), Progress())
    assert closed(outcome.mesh).volume_m3 == pytest.approx(1.875)
    assert outcome.mesh.bounds.tolist() == [[0, 0, 0], [1.5, 1.5, 1.5]]
    nested = solidify(together(box(4, 4, 4), box(1, 1, 1, at=(1, 1, 1))), SolidOptions(), Progress())
    assert closed(nested.mesh).volume_m3 == pytest.approx(64)


def test_cavities_of_closed_parts_stay_and_bubbles_are_filled() -> None:
    cavity = together(box(4, 4, 4), turned(box(1, 1, 1, at=(1, 1, 1))))
    assert closed(remade(cavity, COARSE, 0.0, Progress()).mesh).volume_m3 == pytest.approx(63, rel=0.01)
    whole = sphere(rows=12, columns=16)
    apart = mesh_of(whole.vertices[whole.faces].reshape(-1, 3) * 1.0, np.arange(whole.faces.size).reshape(-1, 3))
    shrunk = apart.vertices.reshape(-1, 3, 3)
    middle = shrunk.mean(axis=1, keepdims=True)
    cracked = mesh_of((middle + (shrunk - middle) * 0.97).reshape(-1, 3), apart.faces)  # no face touches another
    facts = closed(remade(cracked, COARSE, 0.0, Progress()).mesh)
    assert facts.parts == 1
    assert facts.volume_m3 == pytest.approx(measure(whole).volume_m3, rel=0.15)


def test_a_sheet_gets_its_thickness() -> None:
    square = mesh_of([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], [[0, 1, 2], [0, 2, 3]])
    outcome = remade(square, 64, 0.08, Progress())
    assert closed(outcome.mesh).volume_m3 == pytest.approx(0.08 * (1 + 4 * np.pi / 8 * 0.08), rel=0.05)
    assert any("became sheets of 80 mm" in note for note in outcome.notes)


def test_thin_walls_become_thicker_when_asked() -> None:
    plate = box(1, 0.01, 1)
    assert solidify(plate, SolidOptions(64), Progress()).mesh is plate
    outcome = solidify(plate, SolidOptions(64, 60.0), Progress())
    closed(outcome.mesh)
    flat = outcome.mesh.vertices[(np.abs(outcome.mesh.vertices[:, [0, 2]] - 0.5) < 0.4).all(axis=1)]
    if len(flat):
        assert np.ptp(flat[:, 1]) == pytest.approx(0.06, rel=0.05)
    assert outcome.mesh.size_m[1] == pytest.approx(0.06, rel=0.1)


def test_nothing_without_area_is_made_solid() -> None:
    with pytest.raises(EngineProblem):
        solidify(mesh_of([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), SolidOptions(), Progress())
    with pytest.raises(EngineProblem):
        solidify(mesh_of([[0, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 1, 2]]), SolidOptions(), Progress())


def test_the_same_soup_gives_the_same_bytes() -> None:
    one, other = (remade(SOUPS["scan with holes"], COARSE, 0.0, Progress()).mesh for _ in range(2))
    assert one.vertices.tobytes() == other.vertices.tobytes()
    assert one.faces.tobytes() == other.faces.tobytes()


def test_it_reports_and_stops_when_asked() -> None:
    reported: list[float] = []
    remade(SOUPS["triangle"], COARSE, 0.0, Progress(reported.append))
    assert reported[-1] == 1.0
    for after in (1, 20, 100):
        asked = iter([False] * after)
        with pytest.raises(Cancelled):
            remade(SOUPS["klein"], COARSE, 0.0, Progress(is_cancelled=partial(next, asked, True)))


# -- its pieces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_any_set_of_points_has_a_manifold_surface(share: float) -> None:
    inner = np.zeros((24, 24, 24), dtype=bool)
    inner[3:-3, 3:-3, 3:-3] = np.random.default_rng(1).random((18, 18, 18)) < share
    well_composed(inner, Progress())
    vertices, faces = march(inner, lambda _, points, __: np.full(len(points), 0.5), Progress())
    closed(Mesh(vertices.astype(np.float32), faces))


def test_winding_numbers_of_a_closed_surface_are_exact_in_every_direction() -> None:
    ball = (together(sphere(0.4, 16, 24), sphere(0.2, 9, 12)).vertices + 0.5013) * 30
    faces = together(sphere(0.4, 16, 24), sphere(0.2, 9, 12)).faces
    triangles = ball.astype(np.float64)[faces]
    shape = (31, 31, 31)
    points = np.stack(np.meshgrid(*[np.arange(31)] * 3, indexing="ij"), axis=-1)
    away = np.linalg.norm(points / 30 - 0.5013, axis=-1)
    for way in AROUND:
        winding, open_to = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
        Sweep(hits_of(triangles, way, Progress()), way, shape).add(winding, open_to, Progress())
        assert (winding[away < 0.18] == 4 * way.weight).all()
        assert (winding[(away > 0.21) & (away < 0.38)] == 2 * way.weight).all()
        assert (winding[away > 0.41] == 0).all()
        assert (open_to[away < 0.38] == 0).all()
    assert sum(2 * way.weight for way in AROUND) == WHOLE
    closed_one = np.zeros(shape, np.int16)
    Sweep(hits_of(triangles, ALONG[1], Progress()), ALONG[1], shape).add_closed(closed_one, Progress())
    assert (closed_one[away < 0.18] == 2 * WHOLE).all()


def test_nearest_points_on_triangles() -> None:
    triangle = np.array([[[0, 0, 0], [2, 0, 0], [0, 2, 0]]], dtype=float)
    for point, nearest in (
        ([0.5, 0.5, 1], [0.5, 0.5, 0]),
        ([-1, -1, 0], [0, 0, 0]),
        ([2, 2, 0], [1, 1, 0]),
        ([1, -1, 1], [1, 0, 0]),
        ([4, -1, 0], [2, 0, 0]),
    ):
        assert on_triangles(np.array([point], float), triangle)[0].tolist() == pytest.approx(nearest)
    pieces = pieces_of(triangle, 0.3, Progress())
    assert pieces.areas.sum() == pytest.approx(2.0)
    assert np.linalg.norm(pieces.triangles - pieces.triangles[:, [1, 2, 0]], axis=2).max() <= 0.3


def test_a_made_solid_has_no_more_faces_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of what the grid gives, closed, within half a cell; the limit is lower here so that it is quick."""
    mesh = SOUPS["half a ball"]
    monkeypatch.setattr(making, "PATIENCE", 0)
    monkeypatch.setattr(making, "FAIR", ())
    whole = remade(mesh, COARSE, 0.0, Progress()).mesh
    monkeypatch.undo()
    monkeypatch.setattr(making, "MANY", 500)
    monkeypatch.setattr(making, "FAIR", (0.001,))
    fewer = remade(mesh, COARSE, 0.0, Progress()).mesh
    assert len(fewer.faces) <= making.LEAST * len(whole.faces)
    facts = measure(fewer)
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 == pytest.approx(measure(whole).volume_m3, rel=0.01)
    cell = float(mesh.size_m.max()) / COARSE
    pieces = pieces_of(whole.vertices.astype(np.float64)[whole.faces], cell, Progress())
    assert Nearest(pieces).find(fewer.vertices, Progress())[0].max() < 0.5 * cell


def test_many_cavities_are_all_kept() -> None:
    bubbles = [
        turned(box(0.05, 0.05, 0.05, at=(0.1 + 0.1 * i, 0.1 + 0.1 * j, 0.5))) for i in range(8) for j in range(8)
    ]
    mesh = together(box(1, 1, 1), *bubbles)
    body = body_of(mesh, Frame.of(mesh))
    assert body is not None
    whole = united(body)
    assert len(whole.decompose()) == 65
    assert whole.volume() == pytest.approx(body.volume(), rel=1e-9)
