"""Pictures without a window. They need EGL, but no display."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import moderngl
import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.preview import prepare
from img2model_desktop.errors import Cancelled, SetupProblem
from img2model_desktop.render import look, offscreen
from img2model_desktop.render.camera import Camera
from img2model_desktop.render.look import Shading
from img2model_desktop.render.offscreen import Photograph, Renderer, render_mesh, render_turntable, thumbnail

FRONT = Camera(azimuth_deg=0.0, elevation_deg=0.0)
SIZE_PX = 96
RED, GREEN, BLUE, GREY = (231, 12, 40, 255), (20, 200, 64, 255), (3, 90, 250, 255), (128, 127, 55, 255)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as made:
        yield made


def quad(turned_over: bool = False, picture: Picture | None = None) -> Mesh:
    """A square of 2 x 2 m that faces the front, with a 2 x 2 texture: blue, grey above red, green."""
    pixels = np.array([[BLUE, GREY], [RED, GREEN]], dtype=np.uint8)
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    return Mesh(corners, faces[:, ::-1] if turned_over else faces, uv, picture or Picture(pixels)).validate()


def ball(subdivisions: int = 3) -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=subdivisions, radius=0.05)
    return Mesh(sphere.vertices.astype(np.float32), sphere.faces.astype(np.int32)).validate()


def _front(mesh: Mesh, shading: Shading, renderer: Renderer, ground: look.Ground | None = None) -> Picture:
    return render_mesh(mesh, SIZE_PX, ground, shading, renderer, FRONT)


def _texel_centres(picture: Picture) -> list[tuple[int, ...]]:
    """Pixels at the middles of the texels: lower left, lower right, upper left, upper right."""
    shown = np.flatnonzero(picture.alpha[SIZE_PX // 2])
    low, high = int(shown[0]), int(shown[-1])
    near, far = round(low + (high - low) * 0.25), round(low + (high - low) * 0.75)
    return [tuple(picture.pixels[y, x].tolist()) for y, x in ((far, near), (far, far), (near, near), (near, far))]


def test_texels_keep_their_exact_colours_and_places(renderer: Renderer) -> None:
    big = np.array([[BLUE, GREY], [RED, GREEN]], dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    picture = _front(quad(picture=Picture(big)), Shading.TEXTURED, renderer)
    assert _texel_centres(picture) == [RED, GREEN, BLUE, GREY]


def test_every_grey_of_a_texture_comes_back_unchanged(renderer: Renderer) -> None:
    """Decoding to light and encoding again are inverse for all 256 values."""
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(4, axis=2).reshape(16, 16, 4).copy()
    ramp[..., 3] = 255
    buffers = prepare(quad(picture=Picture(ramp.repeat(8, axis=0).repeat(8, axis=1))))
    loaded = renderer.load(buffers)
    camera = Camera(distance_m=1.0 / np.tan(np.radians(20.0)), azimuth_deg=0.0, elevation_deg=0.0)
    picture = renderer.render(loaded, camera, Photograph(128, 128, Shading.TEXTURED, supersampling=1))
    loaded.release()
    np.testing.assert_array_equal(picture.pixels[4::8, 4::8], ramp)


def test_a_normal_towards_the_viewer_is_the_known_blue(renderer: Renderer) -> None:
    centre = _front(quad(), Shading.NORMALS, renderer).pixels[SIZE_PX // 2, SIZE_PX // 2]
    assert centre.tolist() == [128, 128, 255, 255]


def test_normals_stay_with_the_mesh_when_the_camera_moves(renderer: Renderer) -> None:
    side = render_mesh(quad(), SIZE_PX, None, Shading.NORMALS, renderer, Camera(azimuth_deg=60, elevation_deg=20))
    assert side.pixels[SIZE_PX // 2, SIZE_PX // 2].tolist() == [128, 128, 255, 255]


@pytest.mark.parametrize("shading", [Shading.LIT, Shading.TEXTURED, Shading.MATCAP])
def test_back_faces_are_seen_and_red(shading: Shading, renderer: Renderer) -> None:
    white = Picture(np.full((2, 2, 4), 255, np.uint8))
    front = _front(quad(picture=white), shading, renderer).pixels[SIZE_PX // 2, SIZE_PX // 2].astype(int)
    back = (
        _front(quad(turned_over=True, picture=white), shading, renderer).pixels[SIZE_PX // 2, SIZE_PX // 2].astype(int)
    )
    assert abs(front[0] - front[2]) < 20
    assert back[0] > back[2] + 60
    assert back[3] == 255


def test_without_a_ground_the_corners_are_clear_and_the_mesh_is_opaque(renderer: Renderer) -> None:
    alpha = _front(ball(), Shading.LIT, renderer).alpha
    assert {int(alpha[y, x]) for y in (0, -1) for x in (0, -1)} == {0}
    assert alpha[SIZE_PX // 2, SIZE_PX // 2] == 255
    assert alpha[SIZE_PX // 4 : -SIZE_PX // 4, SIZE_PX // 4 : -SIZE_PX // 4].min() == 255
    assert 0 < ((alpha > 0) & (alpha < 255)).mean() < 0.1  # a thin soft rim


def test_soft_rims_have_no_dark_fringe(renderer: Renderer) -> None:
    white = Picture(np.full((2, 2, 4), 255, np.uint8))
    picture = render_mesh(quad(picture=white), SIZE_PX, None, Shading.TEXTURED, renderer, Camera(azimuth_deg=20))
    rim = (picture.alpha > 0) & (picture.alpha < 255)
    assert rim.any()
    assert picture.rgb[rim].min() >= 250


@pytest.mark.parametrize("dark", [True, False])
def test_a_ground_fills_the_picture_and_takes_a_shadow(dark: bool, renderer: Renderer) -> None:
    ground = look.ground(dark)
    buffers = prepare(ball())
    loaded = renderer.load(buffers)
    camera = Camera(elevation_deg=25).framing(buffers.outline, 1, 1)
    with_shadow = renderer.render(loaded, camera, Photograph(SIZE_PX, SIZE_PX, ground=ground)).pixels.astype(int)
    without = renderer.render(loaded, camera, Photograph(SIZE_PX, SIZE_PX, ground=ground, has_shadow=False)).pixels
    loaded.release()
    assert with_shadow[..., 3].min() == 255
    np.testing.assert_allclose(with_shadow[0, 0, :3], np.array(ground.top) * 255, atol=2)
    assert (without.astype(int) - with_shadow)[..., :3].min() >= 0
    assert (without.astype(int) - with_shadow)[-SIZE_PX // 4 :, SIZE_PX // 2, 0].max() > (8 if dark else 40)


def test_each_shading_looks_different(renderer: Renderer) -> None:
    pictures = [_front(quad(), shading, renderer).pixels.astype(int) for shading in Shading]
    for k, one in enumerate(pictures):
        for other in pictures[k + 1 :]:
            assert abs(one - other)[..., :3].mean() > 1


def test_lit_colours_stay_near_those_of_the_texture(renderer: Renderer) -> None:
    for level in (40, 128, 220):
        plain = Picture(np.full((2, 2, 4), level, np.uint8) | np.array([0, 0, 0, 255], np.uint8))
        lit = _front(quad(picture=plain), Shading.LIT, renderer).rgb[SIZE_PX // 2, SIZE_PX // 2].astype(int)
        assert abs(lit - level).max() < 36


def test_the_checker_can_be_read(renderer: Renderer) -> None:
    """A1 lies at the lower left, and letters are not mirrored: the C of C1 is open on its right."""
    picture = render_mesh(quad(), 512, None, Shading.CHECKER, renderer, FRONT)
    shown = np.flatnonzero(picture.alpha[256])
    low, side = shown[0], len(shown) / 8
    cell = picture.rgb[round(low + 7 * side) : round(low + 8 * side), round(low + 2 * side) : round(low + 3 * side)]
    luma = cell.astype(float).mean(axis=2)
    ink = abs(luma - np.median(luma)) > 30
    height, width = ink.shape
    letter = ink[round(0.25 * height) : round(0.75 * height), round(0.18 * width) : round(0.48 * width)]
    thirds = [part.mean() for part in np.array_split(letter, 3, axis=1)]
    assert thirds[0] > thirds[2] + 0.1


def test_a_wireframe_shows_the_diagonal(renderer: Renderer) -> None:
    picture = _front(quad(), Shading.WIREFRAME, renderer)
    rgb = picture.rgb.astype(int).sum(axis=2)
    middle = SIZE_PX // 2
    assert rgb[middle, middle] < rgb[middle + 12, middle - 20] - 60
    assert rgb[middle, middle] < rgb[middle - 12, middle + 20] - 60


def test_roughness_metal_and_normal_pictures_are_used(renderer: Renderer) -> None:
    flat = Picture(np.broadcast_to(np.array([128, 128, 255, 255], np.uint8), (2, 2, 4)))
    tilted = Picture(np.broadcast_to(np.array([220, 128, 190, 255], np.uint8), (2, 2, 4)))
    metal = Picture(np.broadcast_to(np.array([0, 60, 255, 255], np.uint8), (2, 2, 4)))
    base = quad(picture=Picture(np.full((2, 2, 4), 200, np.uint8)))

    def middle(**extra: Picture) -> np.ndarray:
        mesh = Mesh(base.vertices, base.faces, base.uv, base.base_colour, **extra)
        return _front(mesh, Shading.LIT, renderer).rgb[SIZE_PX // 2, SIZE_PX // 2].astype(int)

    plain = middle()
    np.testing.assert_allclose(middle(normal=flat), plain, atol=2)
    assert abs(middle(normal=tilted) - plain).max() > 12
    assert abs(middle(metallic_roughness=metal) - plain).max() > 12


def test_a_turntable_goes_all_round_without_a_jump(renderer: Renderer) -> None:
    frames = render_turntable(quad(), 48, 8, None, Shading.TEXTURED, renderer)
    assert len(frames) == 8
    shares = [float((frame.alpha > 0).mean()) for frame in frames]
    assert min(shares) < 0.5 * max(shares)  # edge on at some time
    red_over_blue = [frame.rgb[..., 0].astype(int).sum() > frame.rgb[..., 2].astype(int).sum() for frame in frames]
    assert {True, False} == set(red_over_blue)  # front, then its red back
    for frame in frames:
        assert not frame.alpha[0].any()
        assert not frame.alpha[:, 0].any()


def test_a_turntable_stops_when_asked(renderer: Renderer) -> None:
    from img2model_desktop.core.progress import Progress

    with pytest.raises(Cancelled):
        render_turntable(quad(), 32, 8, renderer=renderer, progress=Progress(is_cancelled=lambda: True))


def test_a_thumbnail_of_a_file_is_that_of_its_mesh(tmp_path: Path) -> None:
    path = tmp_path / "quad.glb"
    write_mesh(quad(), path)
    heard: list[float] = []
    from_file = thumbnail(str(path), 64, True, heard.append, lambda: False)
    from_mesh = thumbnail(quad(), 64, True, lambda fraction: None, lambda: False)
    assert (from_file.width, from_file.height) == (64, 64)
    np.testing.assert_allclose(from_file.pixels.astype(int), from_mesh.pixels, atol=1)
    assert heard[-1] == 1.0
    assert heard == sorted(heard)
    assert thumbnail(quad(), 64, None, heard.append, lambda: False).alpha[0, 0] == 0


def test_a_picture_larger_than_the_card_takes_is_refused(renderer: Renderer) -> None:
    with pytest.raises(SetupProblem, match="200000"):
        render_mesh(quad(), 200_000, renderer=renderer)


def test_two_renderers_live_side_by_side(renderer: Renderer) -> None:
    first = _front(quad(), Shading.LIT, renderer)
    with Renderer() as other:
        np.testing.assert_array_equal(_front(quad(), Shading.LIT, other).pixels, first.pixels)
    np.testing.assert_array_equal(_front(quad(), Shading.LIT, renderer).pixels, first.pixels)


def test_a_shader_that_does_not_compile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in look.SHADERS.iterdir():
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    (tmp_path / "mesh.frag").write_text("#version 330 core\nvoid main() { nothing }\n", "utf-8")
    monkeypatch.setattr(look, "SHADERS", tmp_path)
    with Renderer() as broken, pytest.raises(SetupProblem) as caught:
        render_mesh(quad(), 32, renderer=broken)
    assert "driver" in caught.value.advice
    assert caught.value.details


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="EGL is used on Linux only")
def test_without_egl_it_says_what_to_do(tmp_path: Path) -> None:
    """A process of its own, whose EGL has no driver to load."""
    code = (
        "from img2model_desktop.errors import SetupProblem\n"
        "from img2model_desktop.render.offscreen import Renderer\n"
        "try:\n    Renderer()\nexcept SetupProblem as problem:\n    print(problem.advice)\n"
    )
    nothing = {"__EGL_VENDOR_LIBRARY_FILENAMES": str(tmp_path / "none.json"), "LIBGL_DRIVERS_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **nothing, "DISPLAY": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "libegl1" in done.stdout, done.stderr


def test_only_the_context_library_s_own_error_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**settings: object) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setattr(moderngl, "create_context", broken)
    with pytest.raises(KeyError):
        offscreen.Renderer()
