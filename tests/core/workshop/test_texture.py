"""Baked looks whose colours are known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.catalog import TextureSizeOptions, UnwrapOptions
from img2model_desktop.core.workshop.sampling import Sampler, spread
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import step
from img2model_desktop.core.workshop.surface_search import Surface, closest_weights, samples_of
from img2model_desktop.core.workshop.texture import rebake, resize, unwrap_anew
from img2model_desktop.errors import Cancelled
from tests.shapes import box, grid_faces, mesh_of, pixels, sphere, together, turned

Points = NDArray[np.float64]
Colours = NDArray[np.float64]
FACE_COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40], [40, 200, 200], [200, 40, 200]])


def globe(colour: Callable[[Points], Colours], rows: int = 60, columns: int = 120, px: int = 512) -> Mesh:
    """A ball of radius 0.5 with a seam, painted by direction; the picture is as wide as the equator is long."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    y, x = np.meshgrid((px - 0.5 - np.arange(px)) / px, (np.arange(px) + 0.5) / px, indexing="ij")
    levels = np.full((px, px, 4), 255, np.uint8)
    levels[..., :3] = np.rint(colour(_direction(x.ravel(), y.ravel()))).reshape(px, px, 3)
    uv = np.column_stack([u.ravel(), v.ravel()]).astype(np.float32)
    faces = grid_faces(rows, columns)[:, ::-1].copy()
    return Mesh(_direction(u.ravel(), v.ravel()) * 0.5, faces, uv, Picture(levels)).validate()


def _direction(u: Points, v: Points) -> Points:
    lat, lon = (v - 0.5) * np.pi, u * 2 * np.pi
    return np.stack([np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)], axis=1)


def soft(at: Points) -> Colours:
    """Colours without edges, by direction."""
    return np.stack([128 + 100 * at[:, 0], 128 + 100 * at[:, 1] * at[:, 2], 128 + 90 * np.sin(4 * at[:, 1])], axis=1)


def looked_at(mesh: Mesh, count: int = 20_000) -> tuple[Points, Points, Colours]:
    """Points spread over a textured mesh, the normals of their faces, and the colours they show."""
    assert mesh.uv is not None and mesh.base_colour is not None  # noqa: PT018 - told to mypy, not tested
    triangles = mesh.vertices[mesh.faces].astype(np.float64)
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    length = np.linalg.norm(cross, axis=1)
    places = samples_of(length, count)
    points = np.einsum("kc,kcd->kd", places.weights, triangles[places.face])
    uv = np.einsum("kc,kcd->kd", places.weights, mesh.uv[mesh.faces][places.face])
    colours = Sampler(mesh.base_colour, is_colour=True).read(uv).astype(np.float64)
    return points, (cross / np.maximum(length, 1e-30)[:, None])[places.face], colours


def painted_box(size: float = 1.0, px: int = 64) -> Mesh:
    """A box whose six sides have a colour each, in six tiles of one picture without anything between them."""
    plain = box(size, size, size)
    levels = np.full((px, px * 6, 4), 255, np.uint8)
    for side, colour in enumerate(FACE_COLOURS):
        levels[:, side * px : (side + 1) * px, :3] = colour
    low, high = 0.02, 0.98
    corners = np.array([[low, low], [high, low], [high, high], [low, high]])
    uv = np.zeros((12, 3, 2))
    for side in range(6):
        uv[side] = (corners[[0, 1, 2]] + (side, 0)) / (6, 1)
        uv[side + 6] = (corners[[0, 2, 3]] + (side, 0)) / (6, 1)
    faces = np.arange(36).reshape(-1, 3)
    return Mesh(plain.vertices[plain.faces].reshape(-1, 3), faces, uv.reshape(-1, 2), Picture(levels)).validate()


def side_of(normals: Points) -> NDArray[np.int64]:
    """Which side of `painted_box` looks this way: back, front, bottom, top, right, left."""
    ways = np.array([[0, 0, -1], [0, 0, 1], [0, -1, 0], [0, 1, 0], [1, 0, 0], [-1, 0, 0]])
    return np.asarray((normals @ ways.T).argmax(axis=1))


# -- colours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(12, 24), (40, 60)])
def test_a_coarser_ball_keeps_its_soft_colours(rows: int, columns: int) -> None:
    out = rebake(sphere(0.5, rows, columns), globe(soft), Progress()).validate()
    points, _, colours = looked_at(out)
    error = np.abs(colours[:, :3] - soft(points / np.linalg.norm(points, axis=1, keepdims=True)))
    assert error.mean() < 1.0
    assert np.quantile(error, 0.99) < 2.5
    assert error.max() < 8.0
    assert (colours[:, 3] == 255).all()


def test_both_sides_of_every_seam_show_the_same_colour() -> None:
    out = rebake(sphere(0.5, 40, 60), globe(soft), Progress())
    assert out.uv is not None and out.base_colour is not None  # noqa: PT018 - told to mypy, not tested
    _, which, count = np.unique(out.vertices, axis=0, return_inverse=True, return_counts=True)
    colours = Sampler(out.base_colour, is_colour=True).read(out.uv)[:, :3].astype(float)
    lowest, highest = np.full((len(count), 3), 255.0), np.zeros((len(count), 3))
    np.minimum.at(lowest, which.ravel(), colours)
    np.maximum.at(highest, which.ravel(), colours)
    assert (count > 1).sum() > 100
    assert (highest - lowest).max() <= 4


def test_the_sides_of_a_box_keep_their_colours_up_to_the_edges() -> None:
    plain = box(1, 1, 1)
    out = rebake(plain, painted_box(), Progress())
    points, normals, colours = looked_at(out)
    assert np.array_equal(colours[:, :3], FACE_COLOURS[side_of(normals)])
    assert len(points) > 10_000


def test_smaller_levels_of_the_texture_do_not_bleed_either() -> None:
    out = rebake(box(1, 1, 1), painted_box(), Progress())
    small = resize(out, TextureSizeOptions(out.base_colour.width // 2), Progress()).mesh
    _, normals, colours = looked_at(small)
    sound = (colours[:, :3] == FACE_COLOURS[side_of(normals)]).all(axis=1)
    assert sound.mean() > 0.998  # the rest lies within a texel of an edge


def test_a_thin_plate_keeps_its_two_colours_apart() -> None:
    flat = painted_box()
    thin = np.array([1, 1, 0.002])
    source = flat.moved((flat.vertices * thin).astype(np.float32))
    plate = box(1, 1, 0.002)
    shifted = plate.moved(plate.vertices + np.float32([0, 0, 0.0012]))  # more than half of its thickness off
    for mesh in (plate, shifted):
        out = rebake(mesh, source, Progress())
        points, normals, colours = looked_at(out)
        inside = (np.abs(points[:, :2] - 0.5) < 0.49).all(axis=1) & (np.abs(normals[:, 2]) > 0.5)
        assert inside.sum() > 10_000
        assert np.array_equal(colours[inside, :3], FACE_COLOURS[side_of(normals[inside])])


def test_surfaces_that_never_had_a_colour_take_the_nearest() -> None:
    outer = box(1, 1, 1)
    inner = turned(box(0.9, 0.9, 0.9, at=(0.05, 0.05, 0.05)))
    out = rebake(together(outer, inner), painted_box(), Progress())
    points, normals, colours = looked_at(out)
    skin = (np.abs(points - 0.5) > 0.499).any(axis=1)
    assert np.array_equal(colours[skin, :3], FACE_COLOURS[side_of(normals[skin])])
    middle = ~skin & ((np.abs(points - 0.5) < 0.3).sum(axis=1) == 2)
    assert middle.sum() > 1000
    assert np.array_equal(colours[middle, :3], FACE_COLOURS[side_of(-normals[middle])])


def test_a_mesh_far_from_its_source_still_gets_colours() -> None:
    out = rebake(box(1, 1, 1, at=(5, 0, 0)), painted_box(), Progress())
    _, _, colours = looked_at(out)
    plain = (colours[:, None, :3] == FACE_COLOURS[None]).all(axis=2).any(axis=1)
    assert plain.mean() > 0.9
    assert (colours[:, 3] == 255).all()


def test_alpha_is_kept_and_colours_are_not_darkened_by_what_is_clear() -> None:
    source = globe(soft)
    levels = np.array(source.base_colour.pixels)
    levels[: len(levels) // 2] = (0, 0, 0, 0)  # the northern half is clear, and black where it is
    levels[len(levels) // 2 :, :, :3] = (10, 200, 90)
    out = rebake(sphere(0.5, 24, 48), replace(source, base_colour=Picture(levels)), Progress())
    points, _, colours = looked_at(out)
    assert (colours[points[:, 1] > 0.02, 3] == 0).all()
    assert (colours[points[:, 1] < -0.02, 3] == 255).all()
    seen = colours[:, 3] > 100
    assert np.abs(colours[seen, :3] - (10, 200, 90)).max() <= 2


def test_a_layout_without_any_padding_leaves_no_dark_seams() -> None:
    source = painted_box()
    levels = np.zeros((64, 384, 4), np.uint8)  # black and clear wherever no face lies
    inside = slice(4, 60)
    for side, colour in enumerate(FACE_COLOURS):
        levels[inside, side * 64 + 4 : side * 64 + 60] = (*colour, 255)
    tile = (source.uv * (6, 1)) % 1.0
    number = np.repeat(np.tile(np.arange(6), 2), 3)
    uv = (4 / 64 + (tile - 0.02) / 0.96 * 56 / 64 + np.column_stack([number, 0 * number])) / (6, 1)
    out = rebake(box(1, 1, 1), replace(source, uv=uv.astype(np.float32), base_colour=Picture(levels)), Progress())
    _, normals, colours = looked_at(out)
    assert np.array_equal(colours[:, :3], FACE_COLOURS[side_of(normals)])
    assert (colours[:, 3] == 255).all()


def test_a_texture_that_repeats_is_read_as_it_repeats() -> None:
    flat = mesh_of([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    stripes = np.full((64, 64, 4), 255, np.uint8)
    stripes[:, 32:, :3] = 0
    uv = np.array([[0, 0], [3, 0], [3, 3], [0, 3]], np.float32)
    out = rebake(flat, replace(flat, uv=uv, base_colour=Picture(stripes)), Progress())
    points, _, colours = looked_at(out)
    phase = points[:, 0] * 3 % 1.0
    light = (phase > 0.05) & (phase < 0.45)
    dark = (phase > 0.55) & (phase < 0.95)
    assert (colours[light, 0] == 255).all()
    assert (colours[dark, 0] == 0).all()


# -- other pictures, sizes ---------------------------------------------------------------------------------------------


def test_roughness_is_baked_as_numbers_and_a_flat_normal_picture_stays_flat() -> None:
    source = globe(soft)
    rough = np.full((32, 32, 4), (0, 77, 33, 255), np.uint8)
    level = np.full((32, 32, 4), (128, 128, 255, 255), np.uint8)
    source = replace(source, metallic_roughness=Picture(rough), normal=Picture(level))
    out = rebake(sphere(0.5, 60, 120), source, Progress())
    assert out.metallic_roughness is not None and out.normal is not None  # noqa: PT018 - told to mypy, not tested
    assert (out.metallic_roughness.pixels == (0, 77, 33, 255)).all()
    away = np.abs(out.normal.rgb.astype(int) - (128, 128, 255)).max(axis=2)
    assert np.quantile(away, 0.95) <= 4  # the two balls are shaded alike


def test_normals_are_turned_into_the_new_layout() -> None:
    # a flat square whose normals all lean to +x in space; however its new chart lies, they must still do so
    flat = mesh_of([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    lean = np.array([0.6, 0.0, 0.8])
    for quarter in range(4):
        along = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]][quarter])  # where +u points in space
        across = np.array([-along[1], along[0]])
        uv = (flat.vertices[:, :2] - 0.5) @ np.stack([along, across], axis=1) + 0.5
        told = np.array([lean[:2] @ along, lean[:2] @ across, 0.8])
        picture = np.full((16, 16, 4), 255, np.uint8)
        picture[..., :3] = np.rint((told + 1) * 127.5)
        source = replace(flat, uv=uv.astype(np.float32), normal=Picture(picture), base_colour=pixels(16, 16))
        out = rebake(flat, source, Progress())
        assert out.uv is not None and out.normal is not None  # noqa: PT018 - told to mypy, not tested
        p = out.vertices[out.faces[0]].astype(float)
        q = out.uv[out.faces[0]].astype(float)
        edges = np.stack([q[1] - q[0], q[2] - q[0]])
        tangents = np.linalg.solve(edges, np.stack([p[1] - p[0], p[2] - p[0]]))
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        middle = Sampler(out.normal, is_colour=False).read(q.mean(axis=0)[None])[0, :3] / 127.5 - 1
        assert middle @ np.vstack([tangents, [0, 0, 1]]) == pytest.approx(lean, abs=0.02)


def test_the_new_texture_is_as_fine_as_the_old_one() -> None:
    for px, wanted in ((256, 512), (1024, 1024)):
        source = globe(soft, rows=10, columns=20, px=64)
        levels = np.full((px, px, 4), 255, np.uint8)
        out = rebake(sphere(0.5, 6, 12), replace(source, base_colour=Picture(levels)), Progress())
        assert out.base_colour is not None
        assert (out.base_colour.width, out.base_colour.height) == (wanted, wanted)


def test_a_palette_becomes_a_texture_with_sharp_borders() -> None:
    colours = np.zeros((1, 6, 4), np.uint8)
    colours[0, :, :3], colours[..., 3] = FACE_COLOURS, 255
    source = painted_box()
    number = np.repeat(np.tile(np.arange(6), 2), 3)
    uv = np.column_stack([(number + 0.5) / 6, np.full(36, 0.5)]).astype(np.float32)
    out = rebake(box(1, 1, 1), replace(source, uv=uv, base_colour=Picture(colours)), Progress())
    assert out.base_colour.width == 2048
    _, normals, seen = looked_at(out)
    assert np.array_equal(seen[:, :3], FACE_COLOURS[side_of(normals)])


def test_unwrapping_anew_keeps_the_look() -> None:
    source = painted_box()
    outcome = unwrap_anew(source, UnwrapOptions(256), Progress())
    assert outcome.notes == ()
    assert outcome.mesh.base_colour.width == 256
    _, normals, colours = looked_at(outcome.mesh)
    assert np.array_equal(colours[:, :3], FACE_COLOURS[side_of(normals)])


def test_unwrapping_what_has_no_texture_says_so() -> None:
    outcome = unwrap_anew(box(), UnwrapOptions(256), Progress())
    assert outcome.mesh.uv is not None
    assert outcome.mesh.base_colour is None
    assert len(outcome.notes) == 1


def test_textures_are_made_smaller_and_never_larger() -> None:
    checks = np.full((64, 32, 4), 255, np.uint8)
    checks[::2, ::2, :3] = checks[1::2, 1::2, :3] = 0
    mesh = replace(globe(soft), base_colour=Picture(checks), normal=pixels(64, 64), metallic_roughness=pixels(8, 8))
    outcome = resize(mesh, TextureSizeOptions(16), Progress())
    colour = outcome.mesh.base_colour
    assert (colour.width, colour.height) == (8, 16)
    assert (colour.rgb == 188).all()  # half of the light is level 188
    assert outcome.mesh.normal.width == 16
    unit = np.linalg.norm(outcome.mesh.normal.rgb / 127.5 - 1, axis=2)
    assert np.abs(unit - 1).max() < 0.02
    assert outcome.mesh.metallic_roughness is mesh.metallic_roughness
    same = resize(mesh, TextureSizeOptions(64), Progress())
    assert same.mesh.base_colour.pixels.tobytes() == checks.tobytes()
    assert len(same.notes) == 1
    assert len(resize(box(), TextureSizeOptions(64), Progress()).notes) == 1


def test_the_stack_bakes_what_a_step_made_bare() -> None:
    outcome = do_steps(globe(soft), [step("decimate", faces=1500)])
    assert len(outcome.mesh.faces) <= 1500
    points, _, colours = looked_at(outcome.mesh)
    assert np.abs(colours[:, :3] - soft(points / np.linalg.norm(points, axis=1, keepdims=True))).mean() < 2


def test_the_same_input_gives_the_same_texture() -> None:
    one, other = (rebake(sphere(0.5, 12, 24), globe(soft), Progress()) for _ in range(2))
    assert one.base_colour.pixels.tobytes() == other.base_colour.pixels.tobytes()
    assert one.uv.tobytes() == other.uv.tobytes()


def test_every_texel_is_filled_and_it_stops_when_asked() -> None:
    reports: list[float] = []
    out = rebake(sphere(0.5, 12, 24), globe(lambda at: np.full((len(at), 3), 77.0)), Progress(reports.append))
    assert (out.base_colour.pixels == (77, 77, 77, 255)).all()
    assert reports == sorted(reports)
    calls = iter(range(10_000))
    baking = len(reports) // 2
    with pytest.raises(Cancelled):
        rebake(sphere(0.5, 12, 24), globe(soft), Progress(is_cancelled=lambda: next(calls) >= baking))


# -- searching ---------------------------------------------------------------------------------------------------------


def test_closest_places_on_a_triangle() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    points = np.array([[0.25, 0.25, 3], [-1, -1, 0], [2, 2, 0], [0.5, -4, 1], [-3, 0.25, 0]], float)
    found = closest_weights(points, np.repeat(corners[None], len(points), axis=0)) @ corners
    assert found == pytest.approx(np.array([[0.25, 0.25, 0], [0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.25, 0]]))
    line = np.array([[[0, 0, 0], [1, 0, 0], [3, 0, 0]]], float)
    assert (closest_weights(np.array([[2.0, 5, 0]]), line)[0] @ line[0]) == pytest.approx([2, 0, 0])


def test_points_on_a_surface_find_themselves() -> None:
    mesh = sphere(0.5, 24, 48)
    triangles = mesh.vertices[mesh.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = (cross / np.linalg.norm(cross, axis=1, keepdims=True)).astype(np.float32)
    points = triangles.mean(axis=1)
    found = Surface(mesh).find(points, normals, Progress())
    assert np.array_equal(found.face, np.arange(len(points)))
    assert found.weights == pytest.approx(1 / 3, abs=1e-3)


def test_samples_are_spread_by_area() -> None:
    places = samples_of(np.array([1.0, 0.0, 3.0]), 4000)
    assert np.bincount(places.face, minlength=3).tolist() == [1000, 0, 3000]
    assert (places.weights >= 0).all()
    assert places.weights.sum(axis=1) == pytest.approx(1.0)
    assert places.weights[places.face == 2].mean(axis=0) == pytest.approx(1 / 3, abs=0.01)


def test_unused_texels_take_the_nearest_used_one() -> None:
    levels = np.zeros((5, 5, 4), np.uint8)
    levels[0, 0], levels[4, 4] = (9, 9, 9, 9), (5, 5, 5, 5)
    used = levels[..., 0] > 0
    filled = spread(levels, used)
    assert (filled[:2, :2] == 9).all()
    assert (filled[3:, 3:] == 5).all()
