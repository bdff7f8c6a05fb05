"""What runs beside the window gives what the window shows."""

from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.core.workshop.place import scaled_to
from img2model_desktop.gui.calls import THUMBNAIL, make_thumbnail, result_to_show, save_picture, shape_to_show
from tests.shapes import box


def ignore(fraction: float) -> None:
    pass


def never() -> bool:
    return False


def test_shape_stands_where_its_result_will_stand(tmp_path: Path) -> None:
    shape = box(2.0, 4.0, 1.0, at=(7.0, -3.0, 5.0))  # an engine's own unit and place
    np.savez(tmp_path / "shape.npz", vertices=shape.vertices, faces=shape.faces)
    write_mesh(scaled_to(shape, 80.0), tmp_path / "result.glb", {})
    early = shape_to_show(str(tmp_path / "shape.npz"), 80.0, ignore, never)
    final = result_to_show(str(tmp_path / "result.glb"), ignore, never)
    assert early.low == pytest.approx([-0.02, 0.0, -0.01], abs=1e-6)
    assert early.high == pytest.approx([0.02, 0.08, 0.01], abs=1e-6)
    assert final.low == pytest.approx(early.low, abs=1e-6)
    assert final.high == pytest.approx(early.high, abs=1e-6)


def test_thumbnail_lies_beside_the_result(tmp_path: Path) -> None:
    folder = tmp_path / "20260101-job"
    folder.mkdir()
    write_mesh(box(), folder / "result.glb", {})
    assert make_thumbnail(str(folder / "result.glb"), ignore, never) == "20260101-job"
    picture = read_picture(folder / THUMBNAIL)
    assert 0.1 < (picture.alpha == 255).mean() < 0.9


def test_screenshot_is_saved_as_it_is(tmp_path: Path) -> None:
    picture = Picture(np.arange(4 * 5 * 4, dtype=np.uint8).reshape(4, 5, 4))
    path = str(tmp_path / "shot.png")
    assert save_picture(picture, path, ignore, never) == path
    assert np.array_equal(read_picture(path).pixels, picture.pixels)
