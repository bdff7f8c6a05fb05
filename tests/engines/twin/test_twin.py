"""The Twin engine with a small seeded network, and its parts on pictures whose answer is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.silhouette import silhouette_of
from img2model_desktop.engines.catalog import TwinOptions
from img2model_desktop.engines.twin.net import FILL, NetShape, build, network_input
from img2model_desktop.engines.twin.sculptor import Framing, Seen, Twin, is_mirrored
from img2model_desktop.errors import Cancelled

TINY = NetShape(size=48, width=(8, 8, 16, 40), down=(0, 0, 1, 1), up=(0, 0, 1), attention=1)
OPTIONS = TwinOptions(faces=3000, texture_px=128)


def subject(width: int = 200, height: int = 160) -> Picture:
    """A red disc on legs."""
    alpha = np.zeros((height, width), np.uint8)
    cv2.circle(alpha, (100, 60), 45, 255, -1, cv2.LINE_AA)
    for x in (75, 125):
        cv2.rectangle(alpha, (x - 5, 60), (x + 5, 150), 255, -1, cv2.LINE_AA)
    colour = np.zeros((height, width, 3), np.uint8)
    colour[..., 0] = np.linspace(80, 250, width).astype(np.uint8)
    return Picture(np.dstack([colour, alpha]))


class Told(Twin):
    """The engine with a network that says what the test wants."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(build(TINY))
        self._seen = seen

    def look(self, picture: Picture, framing: Framing) -> Seen:
        del picture, framing
        return self._seen


def seen(front: float = 0.3, back: float = -0.3, elevation: float = 0.0, perspective: float = 1e-6) -> Seen:
    depth = np.broadcast_to(np.array([front, back], np.float32), (48, 48, 2)).copy()
    fresh = np.broadcast_to(np.array([0, 0, 1], np.float32), (48, 48, 3)).copy()
    return Seen(depth, fresh, np.zeros((48, 48), np.float32), perspective, elevation)


def test_the_network_has_the_layers_that_weights_files_name() -> None:
    names = list(build(TINY).state_dict())
    assert names[:2] == ["stem.weight", "stem.bias"]
    assert "down.3.0.first.weight" in names
    assert "attention.0.mix.weight" in names
    assert names[-4:] == ["camera.0.weight", "camera.0.bias", "camera.2.weight", "camera.2.bias"]
    assert NetShape.from_text(TINY.to_text()) == TINY


def test_the_same_seed_builds_the_same_network_and_leaves_the_global_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second, other = build(TINY, 1), build(TINY, 1), build(TINY, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.stem.weight, second.stem.weight)
    assert not torch.equal(first.stem.weight, other.stem.weight)


def test_what_lies_behind_the_matte_does_not_matter() -> None:
    image = torch.from_numpy(subject().pixels[:96, :96].transpose(2, 0, 1).copy())[None]
    other = image.clone()
    other[:, :3][image[:, 3:].expand(-1, 3, -1, -1) == 0] = 77
    assert torch.equal(network_input(image), network_input(other))


def test_a_mesh_is_closed_and_the_same_twice_and_the_picture_is_untouched() -> None:
    picture = subject()
    before = picture.pixels.tobytes()
    engine = Twin(build(TINY, 5))
    first, second = (engine.sculpt(picture, OPTIONS, 0, Progress()) for _ in range(2))
    facts = measure(first)
    assert facts.watertight
    assert (facts.volume_m3 or 0) > 0
    assert np.array_equal(first.faces, second.faces)
    assert np.allclose(first.vertices, second.vertices, atol=1e-6)
    assert first.base_colour is not None
    assert second.base_colour is not None
    assert first.base_colour.pixels.tobytes() == second.base_colour.pixels.tobytes()
    assert picture.pixels.tobytes() == before


def test_a_mirrored_picture_gives_the_mirrored_depths() -> None:
    engine = Twin(build(TINY, 5))
    picture = subject()
    other = Picture(np.ascontiguousarray(picture.pixels[:, ::-1]))
    straight, mirrored = (engine.look(p, Framing.of(silhouette_of(p.alpha))) for p in (picture, other))
    # sampling rounds to other fractions of a pixel in a mirror, and a ramp takes the first of two equal neighbours
    apart = np.abs(straight.depth - mirrored.depth[:, ::-1])
    assert np.median(apart) < 2e-3
    assert np.quantile(apart, 0.95) < 0.02
    assert np.ptp(straight.depth[..., 0]) > 0.05
    assert straight.elevation == pytest.approx(mirrored.elevation, abs=1e-5)


def test_even_depths_make_a_slab_with_the_outline_of_the_picture() -> None:
    picture = subject()
    mesh = Told(seen()).sculpt(picture, replace(OPTIONS, pose="as seen"), 0, Progress())
    facts = measure(mesh)
    area = float((picture.alpha / 255.0).sum())
    left, top, right, bottom = silhouette_of(picture.alpha).box
    longer = max(right - left, bottom - top)
    assert facts.watertight
    assert mesh.size_m[2] == pytest.approx(0.6 / (2 * FILL), rel=1e-3)
    assert mesh.size_m[1] == pytest.approx(1.0, abs=0.01)
    assert facts.volume_m3 == pytest.approx(area / longer**2 * 0.6 / (2 * FILL), rel=0.01)


@pytest.mark.parametrize("size", [64, 96])
def test_a_ball_closes_round_without_a_wall(size: int) -> None:
    """From maps as coarse as the network's, whose outermost pixels say too much, as those of networks do."""
    line = (np.arange(size) + 0.5) / size * 2 - 1
    away = np.hypot(*np.meshgrid(line, line))
    half = np.sqrt((FILL**2 - away**2).clip(2.5 / size)).astype(np.float32)
    alpha = np.zeros((400, 400), np.uint8)
    cv2.circle(alpha, (200 << 4, 200 << 4), 180 << 4, 255, -1, cv2.LINE_AA, 4)
    picture = Picture(np.dstack([np.full((400, 400, 3), 90, np.uint8), alpha]))
    blank = np.zeros((size, size), np.float32)
    told = Told(Seen(np.dstack([half, -half]), np.dstack([blank] * 3), blank, 1e-6, 0.0))
    mesh = told.sculpt(picture, TwinOptions(faces=20000, texture_px=128, pose="as seen"), 0, Progress())
    facts = measure(mesh)
    assert facts.watertight
    assert facts.volume_m3 == pytest.approx(np.pi / 6, rel=0.01)
    away = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(away - 0.5).max() < 0.003


def test_what_is_its_own_mirror_image_gets_a_symmetric_body() -> None:
    picture = subject(201)  # a disc on legs around column 100, lit from the left
    engine = Twin(build(TINY))
    framing = Framing.of(silhouette_of(picture.alpha))
    grey = np.repeat(picture.pixels[..., :1], 3, 2)  # from 80 on the left to 250
    assert not is_mirrored(framing.crop(Picture(np.dstack([grey, picture.alpha])), TINY.size))
    even = Picture(np.dstack([grey // 4, picture.alpha]))
    assert is_mirrored(framing.crop(even, TINY.size))
    saw = engine.look(even, framing)
    solid = framing.crop(even, TINY.size)[..., 3] == 255
    both = solid & solid[:, ::-1]
    assert np.abs(saw.fresh - saw.fresh[:, ::-1])[both].max() > 1e-3  # colours of the back are left as they are
    depth = saw.depth
    apart = np.abs(depth - depth[:, ::-1]).max(2)
    assert np.quantile(apart, 0.9) < 1e-5  # the rest lies along cuts, which follow the colours
    loop = even.pixels.copy()
    loop[40:80, 145:170, 3] = 255  # a handle on one side
    other = Picture(loop)
    assert not is_mirrored(Framing.of(silhouette_of(other.alpha)).crop(other, TINY.size))


def test_thickness_grows_the_body_around_its_middle() -> None:
    told = Told(seen(0.4, 0.2))
    mesh = told.sculpt(subject(), replace(OPTIONS, pose="as seen", thickness=2.0), 0, Progress())
    assert mesh.bounds[:, 2] * 2 * FILL == pytest.approx([0.1, 0.5], abs=1e-3)


def test_upright_undoes_the_tilt_of_the_camera() -> None:
    tilt = np.radians(20)
    flat = Told(seen(elevation=tilt)).sculpt(subject(), replace(OPTIONS, pose="as seen"), 0, Progress())
    stood = Told(seen(elevation=tilt)).sculpt(subject(), OPTIONS, 0, Progress())
    x, y, z = flat.vertices.T
    # the camera looks down by the tilt: what was straight ahead of it lies lower
    want = np.stack([x, y * np.cos(tilt) + z * np.sin(tilt), z * np.cos(tilt) - y * np.sin(tilt)], 1)
    assert np.allclose(stood.vertices, want, atol=1e-6)


def test_a_camera_that_is_almost_level_is_level() -> None:
    tilted = Told(seen(elevation=np.radians(3.5))).sculpt(subject(), OPTIONS, 0, Progress())
    level = Told(seen(elevation=0.0)).sculpt(subject(), OPTIONS, 0, Progress())
    assert np.array_equal(tilted.vertices, level.vertices)


def test_perspective_makes_what_is_near_smaller() -> None:
    mesh = Told(seen(perspective=0.3)).sculpt(subject(), replace(OPTIONS, pose="as seen"), 0, Progress())
    z = mesh.vertices[:, 2]
    near, far = (np.ptp(mesh.vertices[side, 1]) for side in (z > 0, z < 0))
    assert near / far == pytest.approx((1 - 0.3 * 0.3) / (1 + 0.3 * 0.3), rel=1e-3)


def test_the_back_shows_the_guessed_colours_and_the_front_the_picture() -> None:
    mesh = Told(seen()).sculpt(subject(), OPTIONS, 0, Progress())
    assert mesh.base_colour is not None
    assert mesh.uv is not None
    pixels = mesh.base_colour.rgb
    half = len(pixels) // 2
    middle = pixels[half + int(half * 0.3), pixels.shape[1] // 2]  # of the disc
    assert middle.tolist() == [0, 0, 255]
    outline = pixels[half + 1 : half + 3, pixels.shape[1] // 2]  # goes on with the front, without a seam
    assert np.abs(outline.astype(int) - pixels[1:3, pixels.shape[1] // 2]).max() < 30
    assert (pixels[:half, :, 2] == 0).all()
    corner = mesh.uv[mesh.faces]
    spans = (corner[..., 1] > 0.5).any(1) & (corner[..., 1] < 0.5).any(1)
    assert not spans.any()  # no face reaches from one tile into the other
    plain = Told(seen()).sculpt(subject(), replace(OPTIONS, back="mirrored"), 0, Progress())
    assert plain.base_colour is not None
    assert (plain.base_colour.rgb[..., 2] == 0).all()


def test_a_wall_goes_on_with_what_lies_inward_of_its_edge() -> None:
    """On a wide box, whose red tells where in the picture a texture comes from."""
    alpha = np.zeros((160, 200), np.uint8)
    alpha[30:130, 20:180] = 255
    red = np.broadcast_to(np.arange(200, dtype=np.uint8), (160, 200))
    box = Picture(np.dstack([red, 0 * red, 0 * red, alpha]))
    mesh = Told(seen(0.2, -0.2)).sculpt(box, replace(OPTIONS, pose="as seen", back="mirrored"), 0, Progress())
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    at = mesh.vertices * 160 + [100, 0, 0]  # picture pixels: the box is 160 wide
    rows = ((1 - mesh.uv[:, 1]) * mesh.base_colour.height).astype(int).clip(0, mesh.base_colour.height - 1)
    columns = (mesh.uv[:, 0] * mesh.base_colour.width).astype(int).clip(0, mesh.base_colour.width - 1)
    shown = mesh.base_colour.rgb[rows, columns, 0].astype(float)
    middle = np.abs(at[:, 2]) < 1e-3
    deep = 0.2 * 80 / FILL  # half the wall's depth, pixels
    for side, inward in ((20.0, deep), (180.0, -deep)):
        wall = middle & (np.abs(at[:, 0] - side) < 0.5) & (np.abs(at[:, 1]) < 30)
        assert np.count_nonzero(wall) > 8
        assert np.count_nonzero(wall & (mesh.uv[:, 1] > 0.5)) * 2 == np.count_nonzero(wall)  # both halves
        assert shown[wall] == pytest.approx(side + inward, abs=3)
    rim = (np.abs(at[:, 2]) > 1) & (np.abs(at[:, 0] - 20) < 0.5) & (np.abs(at[:, 1]) < 30)
    assert shown[rim] == pytest.approx(20, abs=3)


def test_the_frame_is_centred_on_the_subject_and_averages_what_it_shrinks() -> None:
    pixels = np.zeros((300, 400, 4), np.uint8)
    pixels[100:200, 40:80] = [200, 100, 50, 255]
    picture = Picture(pixels)
    framing = Framing.of(silhouette_of(picture.alpha))
    assert (framing.x, framing.y, framing.half) == pytest.approx((60, 150, 50 / FILL))
    small = framing.crop(picture, 50)
    rows = np.nonzero((small[..., 3] > 127).any(1))[0]
    assert len(rows) == pytest.approx(50 * FILL, abs=1)
    assert small[25, 25].tolist() == [200, 100, 50, 255]
    assert small[..., 3].astype(float).sum() / 255 == pytest.approx(4000 * (50 / (2 * framing.half)) ** 2, rel=0.02)
    assert np.allclose(framing.pixel_of(np.array([[60.0, 150.0]]), 50), 24.5)


def test_it_stops_when_told_and_works_again() -> None:
    engine = Twin(build(TINY, 5))
    with pytest.raises(Cancelled):
        engine.sculpt(subject(), OPTIONS, 0, Progress(is_cancelled=lambda: True))
    assert measure(engine.sculpt(subject(), OPTIONS, 0, Progress())).watertight
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.sculpt(subject(), OPTIONS, 0, Progress())
