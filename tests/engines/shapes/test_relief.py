"""Reliefs: shapes, heights, depth maps, lithophanes."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.tones import DARKEST
from img2model_desktop.engines.catalog import ReliefOptions
from img2model_desktop.engines.shapes.relief import load
from img2model_desktop.errors import InputProblem
from tests.drawn import alpha_of, coloured, disc


def raised(picture: Picture, **options: object) -> Mesh:
    chosen = ReliefOptions(**{"faces": 12_000, **options})  # type: ignore[arg-type]  # values of many kinds
    return load().sculpt(picture, chosen, 0, Progress())


def solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices.astype(np.float64), mesh.faces, process=False)


def grey(values: np.ndarray) -> Picture:
    levels = np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)
    return Picture(np.concatenate([levels, np.full((*values.shape, 1), 255, np.uint8)], axis=2))


def top(mesh: Mesh, x: float, y: float, reach: float = 0.03) -> float:
    """Mean height above the back of the front vertices around a place."""
    high = mesh.vertices[:, 2] > 0.001
    near = high & (np.hypot(mesh.vertices[:, 0] - x, mesh.vertices[:, 1] - y) < reach)
    return float(mesh.vertices[near, 2].mean() - mesh.vertices[:, 2].min())


RAMP = grey(np.tile(np.linspace(0, 255, 400), (300, 1)))
PLAIN = {"height": 0.1, "base": 0.05, "frame": 0.0, "smoothing": 0.0}


def test_a_plaque_is_closed_flat_behind_and_rises_with_the_brightness() -> None:
    mesh = raised(RAMP, **PLAIN)
    body = solid(mesh)
    assert body.is_watertight
    assert body.euler_number == 2
    assert mesh.size_m == pytest.approx([1.0, 0.75, 0.15], abs=1e-3)
    down = body.face_normals[:, 2] < -0.9
    assert np.ptp(body.triangles[down][..., 2]) == 0
    assert body.area_faces[down].sum() == pytest.approx(0.75, rel=1e-4)
    for x in (-0.3, 0.0, 0.3):
        assert top(mesh, x, 0.0) == pytest.approx(0.05 + 0.1 * (x + 0.5), abs=0.003)
    assert body.volume == pytest.approx(0.75 * (0.05 + 0.05), rel=0.01)


def test_inverted_it_falls() -> None:
    mesh = raised(RAMP, invert=True, **PLAIN)
    assert top(mesh, -0.3, 0.0) == pytest.approx(0.05 + 0.1 * 0.8, abs=0.003)


def test_a_frame_stands_as_high_as_the_relief() -> None:
    mesh = raised(RAMP, **{**PLAIN, "frame": 0.05})
    for x, y in ((-0.475, 0.0), (0.475, 0.2), (0.0, 0.35), (-0.1, -0.35)):
        assert top(mesh, x, y, 0.015) == pytest.approx(0.15, abs=1e-4)
    assert top(mesh, -0.40, 0.0, 0.01) < 0.08
    assert solid(mesh).is_watertight


def test_a_coin_is_round() -> None:
    mesh = raised(RAMP, shape="coin", **PLAIN)
    body = solid(mesh)
    assert body.is_watertight
    edge = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1])
    assert edge.max() == pytest.approx(0.5, abs=0.002)
    flat = body.area_faces[body.face_normals[:, 2] < -0.9].sum()
    assert flat == pytest.approx(math.pi / 4, rel=0.01)


def test_a_cut_out_has_the_outline_and_the_holes_of_the_subject() -> None:
    alpha = alpha_of(disc(256, 256, 200))
    alpha[230:282, 230:282] = 0
    body = solid(raised(coloured(alpha)))
    assert body.is_watertight
    assert body.euler_number == 0
    flat = body.area_faces[body.face_normals[:, 2] < -0.9].sum()
    assert flat == pytest.approx((math.pi * 200**2 - 52**2) / 400**2, rel=0.01)


def test_a_lithophane_is_thin_where_the_picture_is_bright() -> None:
    mesh = raised(RAMP, source="lithophane", **PLAIN)
    heights = [top(mesh, x, 0.0) for x in np.linspace(-0.45, 0.45, 10)]
    assert (np.diff(heights) < 0).all()
    level = ((0.2 + 0.5) + 0.055) / 1.055  # brightness of the picture at x = 0.2, made linear
    wanted = 0.05 + 0.1 * math.log(level**2.4) / math.log(DARKEST)
    assert top(mesh, 0.2, 0.0, 0.02) == pytest.approx(wanted, abs=0.003)


def test_the_picture_as_a_depth_map_keeps_its_steps() -> None:
    steps = np.zeros((200, 200))
    steps[:, 70:130] = 128
    steps[:, 130:] = 255
    mesh = raised(grey(steps), source="depth", **PLAIN)
    assert [top(mesh, x, 0.0) for x in (-0.3, 0.0, 0.35)] == pytest.approx([0.05, 0.1, 0.15], abs=0.002)


def test_a_depth_file_with_16_bits_has_no_steps(tmp_path: Path) -> None:
    file = tmp_path / "Tiefe ü.png"
    depth = np.tile(np.linspace(20_000, 20_900, 400), (300, 1)).astype(np.uint16)  # 4 steps, were it 8 bits
    done, data = cv2.imencode(".png", depth)
    assert done
    file.write_bytes(data.tobytes())
    mesh = raised(RAMP, depth_file=str(file), **PLAIN)
    front = mesh.vertices[mesh.vertices[:, 2] > mesh.vertices[:, 2].min() + 0.049]
    wanted = 0.05 + 0.1 * (front[:, 0] + 0.5)
    inner = (np.abs(front[:, 0]) < 0.48) & (np.abs(front[:, 1]) < 0.37)
    assert np.abs(front[:, 2] - mesh.vertices[:, 2].min() - wanted)[inner].max() < 0.003


def test_a_depth_file_of_another_shape_or_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "depth.png"
    done, data = cv2.imencode(".png", np.zeros((100, 100), np.uint8))
    assert done
    file.write_bytes(data.tobytes())
    with pytest.raises(InputProblem, match="another shape"):
        raised(RAMP, depth_file=str(file))
    with pytest.raises(InputProblem, match="is not there"):
        raised(RAMP, depth_file=str(tmp_path / "nothing.png"))


@pytest.mark.parametrize("faces", [6_000, 50_000])
@pytest.mark.parametrize("shape", ["plaque", "coin", "cut-out"])
def test_the_wanted_number_of_triangles_comes_out(faces: int, shape: str) -> None:
    picture = coloured(alpha_of(disc(256, 256, 200)))
    assert len(raised(picture, faces=faces, shape=shape).faces) == pytest.approx(faces, rel=0.15)


def test_a_subject_on_a_plaque_stands_out_of_it() -> None:
    picture = coloured(alpha_of(disc(256, 256, 100)))
    mesh = raised(picture, shape="plaque", **PLAIN)
    assert top(mesh, -0.4, 0.4) == pytest.approx(0.05, abs=1e-4)
    assert top(mesh, 0.0, 0.0) > 0.09
