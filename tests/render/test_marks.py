"""Places, cuts and guessed surface as pictures, without a window."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from img2model_desktop.core.face_blocks import FaceBlocks
from img2model_desktop.core.preview import PreviewBuffers, prepare
from img2model_desktop.core.section import Plane, cut
from img2model_desktop.core.verdict.findings import Place
from img2model_desktop.render import look
from img2model_desktop.render.aim import WIDEST_DEG, facing_section, looking_at
from img2model_desktop.render.camera import Camera
from img2model_desktop.render.look import Shading
from img2model_desktop.render.marks import CUT, SIGNAL, Draws, Marks, cut_surface, highlight_of, surface_of
from img2model_desktop.render.offscreen import Photograph, Renderer, render_mesh, render_place, render_section
from tests.shapes import box, sphere, torus

FRONT = Camera(azimuth_deg=0.0, elevation_deg=0.0)
SIZE_PX = 128
FRONT_FACES = np.array([1, 7], dtype=np.int32)
BACK_FACES = np.array([0, 6], dtype=np.int32)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as made:
        yield made


def taken(
    renderer: Renderer, buffers: PreviewBuffers, marks: Marks, camera: Camera = FRONT, shading: Shading = Shading.LIT
) -> np.ndarray:
    loaded = renderer.load(buffers)
    framed = camera.framing(buffers.outline, 1, 1)
    picture = renderer.render(loaded, framed, Photograph(SIZE_PX, SIZE_PX, shading, marks=marks))
    loaded.release()
    return picture.pixels.astype(int)


def pink(pixels: np.ndarray) -> np.ndarray:
    """How much more red and blue than green, 0..255."""
    return np.minimum(pixels[..., 0], pixels[..., 2]) - pixels[..., 1]


def test_marked_faces_have_the_signal_s_colour_and_those_behind_shine_through(renderer: Renderer) -> None:
    buffers = prepare(box(1, 1, 1))
    middle = (SIZE_PX // 2, SIZE_PX // 2)
    plain = taken(renderer, buffers, Marks())[middle]
    front = taken(renderer, buffers, Marks(highlight_of(Place(faces=FRONT_FACES), buffers)))[middle]
    back = taken(renderer, buffers, Marks(highlight_of(Place(faces=BACK_FACES), buffers)))[middle]
    np.testing.assert_allclose(front[:3], np.array(SIGNAL) * 255 * 0.88 + plain[:3] * 0.12, atol=12)
    assert abs(pink(plain)) < 10
    assert pink(plain) + 10 < pink(back) < pink(front) - 30


def test_a_highlight_covers_exactly_its_faces(renderer: Renderer) -> None:
    """One of the two triangles of a square: half of its pixels, on the right side of the diagonal."""
    buffers = prepare(box(1, 1, 1))
    highlight = highlight_of(Place(faces=FRONT_FACES[:1]), buffers)
    assert highlight is not None
    marked = pink(taken(renderer, buffers, Marks(highlight))) > 60
    silhouette = taken(renderer, buffers, Marks())[..., 3] == 255
    assert marked.sum() == pytest.approx(silhouette.sum() / 2, rel=0.06)
    rows, columns = np.nonzero(marked)
    assert columns.mean() > SIZE_PX / 2  # corners 4, 5, 6: lower left, lower right, upper right
    assert rows.mean() > SIZE_PX / 2


def test_face_numbers_that_are_not_there_are_left_out() -> None:
    buffers = prepare(box())
    assert highlight_of(Place(faces=np.array([12, 99, -1], dtype=np.int32)), buffers) is None
    assert highlight_of(Place(), buffers) is None
    found = highlight_of(Place(faces=np.array([3, 99], dtype=np.int32)), buffers)
    assert found is not None
    assert found.faces is not None
    assert len(found.faces.indices) == 1


def test_buffers_keep_the_order_of_the_faces() -> None:
    for mesh in (box(), torus(), sphere()):
        full = prepare(mesh).full
        np.testing.assert_array_equal(full.corners[full.indices][..., :3], mesh.vertices[mesh.faces])


def test_edges_are_lines_of_constant_width_also_behind_the_surface(renderer: Renderer) -> None:
    buffers = prepare(box(1, 1, 1))
    across = np.array([[[0.1, 0.5, 1.0], [0.9, 0.5, 1.0]]], dtype=np.float32)
    behind = across - np.array([0, 0, 1], dtype=np.float32)
    widths = []
    for edges in (across, behind):
        pixels = taken(renderer, buffers, Marks(highlight_of(Place(edges=edges), buffers)))
        column = pink(pixels[:, SIZE_PX // 2])
        widths.append(int((column > 25).sum()))
        assert abs(int(np.flatnonzero(column > 25).mean()) - SIZE_PX // 2) <= 1
    assert 2 <= widths[0] <= 5
    assert 1 <= widths[1] <= 4


def test_a_fault_of_a_thousandth_is_ringed_and_can_be_found(renderer: Renderer) -> None:
    buffers = prepare(box(1, 1, 1))
    point = Place(points=np.array([[0.25, 0.75, 1.0]], dtype=np.float32))
    pixels = taken(renderer, buffers, Marks(highlight_of(point, buffers)))
    rows, columns = np.nonzero(pink(pixels) > 60)
    assert len(rows) > 60
    assert np.ptp(rows) == pytest.approx(28, abs=4)  # a ring of 13 px radius and a line of 2 px
    silhouette = np.nonzero(pixels[..., 3] == 255)
    low, high = silhouette[1].min(), silhouette[1].max()
    assert columns.mean() == pytest.approx(low + 0.25 * (high - low), abs=1.5)


def test_a_large_place_gets_no_ring(renderer: Renderer) -> None:
    buffers = prepare(box(1, 1, 1))
    highlight = highlight_of(Place(faces=FRONT_FACES), buffers)
    assert highlight is not None
    whole = taken(renderer, buffers, Marks(highlight))
    assert len(highlight.spots.places) == 1
    far_off = replace(highlight.spots, places=np.array([[9, 0, 0, 0]], dtype=np.float32))
    without = taken(renderer, buffers, Marks(replace(highlight, spots=far_off)))
    np.testing.assert_array_equal(whole, without)


def test_faults_far_apart_get_a_ring_each_and_neighbours_share_one() -> None:
    buffers = prepare(box(1, 1, 1))
    points = np.array([[0, 0, 0], [0.01, 0, 0], [1, 1, 1], [0, 1, 0]], dtype=np.float32)
    highlight = highlight_of(Place(points=points), buffers)
    assert highlight is not None
    assert len(highlight.spots.places) == 3
    radii = sorted(highlight.spots.places[:, 3].tolist())
    assert radii == [0.0, 0.0, pytest.approx(0.005, rel=1e-3)]


def test_a_hundred_thousand_marked_faces_are_drawn(renderer: Renderer) -> None:
    ball = sphere(0.5, rows=230, columns=230)
    assert len(ball.faces) > 100_000
    buffers = prepare(ball)
    place = Place(faces=np.arange(len(ball.faces), dtype=np.int32))
    pixels = taken(renderer, buffers, Marks(highlight_of(place, buffers)))
    assert (pink(pixels)[pixels[..., 3] == 255] > 60).all()


def test_few_faces_bring_only_their_corners() -> None:
    full = prepare(sphere()).full
    few = surface_of(full, np.array([5, 6]))
    assert len(few.places) <= 6
    assert few.draws is Draws.TRIANGLES
    np.testing.assert_array_equal(few.places[few.indices][..., :3], full.corners[full.indices[[5, 6]]][..., :3])
    many = surface_of(full, np.arange(len(full.indices)))
    np.testing.assert_array_equal(many.places[many.indices][..., :3], full.corners[full.indices][..., :3])


def test_a_cut_shows_its_surface_where_the_plane_is(renderer: Renderer) -> None:
    """The upper half of a box is gone; from above the cut fills its outline in the cut's colours."""
    buffers = prepare(box(1, 1, 1))
    section = cut_surface(cut(FaceBlocks(buffers.full), Plane(1, 0.5)))
    side = taken(renderer, buffers, Marks(section=section))
    whole = taken(renderer, buffers, Marks())
    rows = np.flatnonzero((side[..., 3] == 255).any(axis=1))
    all_rows = np.flatnonzero((whole[..., 3] == 255).any(axis=1))
    assert rows.max() == all_rows.max()
    assert np.ptp(rows) == pytest.approx(np.ptp(all_rows) / 2, abs=2)
    above = taken(renderer, buffers, Marks(section=section), Camera(azimuth_deg=0.0, elevation_deg=89.0))
    solid = above[above[..., 3] == 255][:, :3]
    orange = (solid[:, 0] > solid[:, 1] + 30) & (solid[:, 1] > solid[:, 2] + 20)
    assert orange.mean() > 0.97
    brightest = solid[solid.sum(axis=1).argmax()]
    np.testing.assert_allclose(brightest, np.array(CUT) * 255, atol=14)


@pytest.mark.parametrize("shading", [Shading.WIREFRAME, Shading.SIDES])
def test_a_cut_off_half_is_gone_in_every_shading(renderer: Renderer, shading: Shading) -> None:
    buffers = prepare(sphere(0.5))
    section = cut_surface(cut(FaceBlocks(buffers.full), Plane(0, 0.0)))
    pixels = taken(renderer, buffers, Marks(section=section), shading=shading)
    whole = taken(renderer, buffers, Marks(), shading=shading)
    assert (pixels[:, SIZE_PX // 2 + 4 :, 3] == 0).all()
    np.testing.assert_array_equal(pixels[:, : SIZE_PX // 2 - 6], whole[:, : SIZE_PX // 2 - 6])


def test_front_sides_are_blue_and_back_sides_are_red(renderer: Renderer) -> None:
    mesh = box(1, 1, 1)
    inside_out = replace(mesh, faces=mesh.faces[:, ::-1])
    front, back = (taken(renderer, prepare(each), Marks(), shading=Shading.SIDES) for each in (mesh, inside_out))
    middle = (SIZE_PX // 2, SIZE_PX // 2)
    assert front[middle][2] > front[middle][0] + 60
    assert back[middle][0] > back[middle][2] + 60


def test_a_place_is_looked_at_from_where_it_faces() -> None:
    buffers = prepare(box(1, 1, 1))
    for faces, toward in ((BACK_FACES, (0, 0, -1)), (np.array([4, 10], dtype=np.int32), (1, 0, 0))):
        highlight = highlight_of(Place(faces=faces), buffers)
        assert highlight is not None
        seen_from = looking_at(highlight, buffers, FRONT, (1, 1)).axes[2]
        assert seen_from @ toward > np.cos(np.radians(WIDEST_DEG))
    front = highlight_of(Place(faces=FRONT_FACES), buffers)
    assert front is not None
    kept = looking_at(front, buffers, replace(FRONT, azimuth_deg=30.0), (1, 1))
    assert kept.azimuth_deg == 30.0


def test_a_tiny_place_is_shown_with_what_is_around_it() -> None:
    buffers = prepare(box(1, 1, 1))
    highlight = highlight_of(Place(points=np.array([[0.5, 0.5, 1.0]], dtype=np.float32)), buffers)
    assert highlight is not None
    camera = looking_at(highlight, buffers, FRONT, (1, 1))
    assert camera.target == pytest.approx((0.5, 0.5, 1.0), abs=1e-6)
    spanned = 2 * camera.distance_m * camera.half_extent(1, 1)[0]
    assert 0.3 < spanned < 1.2


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("keeps_high", [False, True])
def test_a_section_is_looked_at_from_its_open_side(axis: int, keeps_high: bool) -> None:
    toward = facing_section(Plane(axis, 0.0, keeps_high), Camera()).axes[2]
    assert toward[axis] * (-1 if keeps_high else 1) > 0.6


def test_reports_get_their_pictures(renderer: Renderer) -> None:
    mesh = box(0.1, 0.1, 0.1)
    place = Place(faces=BACK_FACES)
    from_front = render_mesh(mesh, 64, None, renderer=renderer, camera=FRONT, highlight=place).pixels.astype(int)
    there = render_place(mesh, place, 64, look.ground(True), renderer=renderer).pixels.astype(int)
    opened = render_section(mesh, Plane(2, 0.05), 64, renderer=renderer).pixels.astype(int)
    assert pink(there)[32, 32] > 80 > pink(from_front)[32, 32] > 5
    assert opened[32, 32, 0] > opened[32, 32, 2] + 40
