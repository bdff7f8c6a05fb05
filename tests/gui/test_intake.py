"""Whatever is dropped or pasted becomes picture and mesh files, or one sentence why not."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QImage, QPixmap

from img2model_desktop.core.mesh_files import READ_SUFFIXES
from img2model_desktop.core.picture_files import read_picture
from img2model_desktop.gui.intake import aimed_at, brought, can_bring, image_from, keep_image, sorted_out
from tests.gui.conftest import disc

pytestmark = pytest.mark.usefixtures("qapp")


def mime_of(*urls: QUrl, image: QImage | QPixmap | None = None, text: str = "") -> QMimeData:
    mime = QMimeData()
    if urls:
        mime.setUrls(list(urls))
    if image is not None:
        mime.setImageData(image)
    if text:
        mime.setText(text)
    return mime


def test_files_come_in_their_order(photo: Path, cut_out: Path, tmp_path: Path) -> None:
    mime = mime_of(QUrl.fromLocalFile(str(cut_out)), QUrl.fromLocalFile(str(photo)))
    assert can_bring(mime)
    found = brought(mime, tmp_path / "kept")
    assert found.paths == (cut_out, photo)
    assert not (tmp_path / "kept").exists()


def test_folder_stands_for_the_pictures_in_it(photo: Path, cut_out: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    found = brought(mime_of(QUrl.fromLocalFile(str(tmp_path))), tmp_path / "kept")
    assert found.paths == tuple(sorted((photo, cut_out)))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty" in brought(mime_of(QUrl.fromLocalFile(str(empty))), tmp_path).refusal


@pytest.mark.parametrize("as_pixmap", [False, True])
def test_image_data_is_kept_pixel_by_pixel_and_once(tmp_path: Path, as_pixmap: bool) -> None:
    picture = disc(cut=True)
    image = image_from(picture)
    mime = mime_of(
        QUrl("https://example.org/disc.png"),  # a browser sends the link beside the picture
        image=QPixmap.fromImage(image) if as_pixmap else image,
    )
    first = brought(mime, tmp_path / "kept")
    second = brought(mime, tmp_path / "kept")
    assert first.paths == second.paths
    assert len(list((tmp_path / "kept").iterdir())) == 1
    read = read_picture(first.paths[0])
    assert np.array_equal(read.alpha, picture.alpha)
    assert np.array_equal(read.pixels[read.alpha > 0], picture.pixels[picture.alpha > 0])
    assert keep_image(QImage(3, 3, QImage.Format.Format_RGB32), tmp_path / "kept") != first.paths[0]


def test_links_are_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    found = brought(mime_of(QUrl("https://example.org/disc.png")), tmp_path)
    assert found.paths == ()
    assert "does not go online" in found.refusal
    assert "Save the picture" in found.advice


def test_text_is_no_picture(tmp_path: Path) -> None:
    mime = mime_of(text="hello")
    assert not can_bring(mime)
    assert brought(mime, tmp_path).refusal


def test_pictures_and_meshes_are_told_apart_and_the_rest_is_named(photo: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("chair.STL", "chair.obj", "chair.mtl", "notes.txt", "scan")}
    for path in files.values():
        path.write_text("solid chair")
    scan = files["scan"]
    scan.write_bytes(photo.read_bytes())  # a picture whose name does not say so
    found = sorted_out([files["chair.STL"], photo, files["chair.obj"], files["chair.mtl"], scan, files["notes.txt"]])
    assert found.meshes == (files["chair.STL"], files["chair.obj"])
    assert found.paths == (photo, scan)
    assert found.refusal == "“notes.txt” is neither a picture nor a mesh."
    assert found.advice == f"Meshes end in {', '.join(READ_SUFFIXES)}."


def test_several_wrong_files_make_one_sentence(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.txt" for name in "abcd"]
    for path in files:
        path.write_text("words")
    found = sorted_out(files)
    assert (found.paths, found.meshes) == ((), ())
    assert found.refusal == "“a.txt”, “b.txt”, “c.txt”… are neither pictures nor meshes."


def test_folder_of_meshes_stands_for_them(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "meshes"
    folder.mkdir()
    for name in ("b.ply", "a.glb", "readme.md"):
        (folder / name).write_bytes(b"")
    assert sorted_out([folder]).meshes == (folder / "a.glb", folder / "b.ply")
    (folder / "p.png").write_bytes(photo.read_bytes())
    assert sorted_out([folder]).meshes == ()  # a folder of pictures, with something beside them
    assert sorted_out([folder]).paths == (folder / "p.png",)


def test_weights_are_told_apart_by_their_files(photo: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    cache = tmp_path / "models--owner--name" / "snapshots" / "1234"
    scene = tmp_path / "scene"
    for folder in (clone, cache, scene):
        folder.mkdir(parents=True)
    (clone / "pytorch_model.bin").write_bytes(b"PK")
    (clone / "README.md").write_text("how to")
    (cache / "model.safetensors").write_bytes(b"")
    (cache / "teaser.png").write_bytes(photo.read_bytes())
    (scene / "scene.gltf").write_text("{}")
    (scene / "scene.bin").write_bytes(b"1234")
    found = sorted_out([clone, tmp_path / "models--owner--name", scene, photo])
    assert found.weights == (clone, tmp_path / "models--owner--name")
    assert found.meshes == (scene / "scene.gltf",)
    assert found.paths == (photo,)
    assert found.refusal == ""


def test_files_beside_weights_come_along(tmp_path: Path) -> None:
    names = ("model-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json", "LICENSE")
    files = [tmp_path / name for name in names]
    for path in files:
        path.write_text("{}")
    found = sorted_out(files)
    assert found.weights == (tmp_path / "model.safetensors.index.json",)
    assert (found.paths, found.meshes, found.refusal) == ((), (), "")
    (tmp_path / "other.ckpt").write_bytes(b"")
    assert sorted_out([tmp_path / "other.ckpt"]).weights == (tmp_path / "other.ckpt",)


def test_a_drag_is_aimed_at_the_picture_or_at_the_mesh(photo: Path, tmp_path: Path) -> None:
    mesh, weights, text = (tmp_path / name for name in ("chair.stl", "model.safetensors", "notes.txt"))
    for path in (mesh, weights, text):
        path.write_text("notes")
    assert aimed_at(mime_of(QUrl.fromLocalFile(str(photo)))) == (True, False)
    assert aimed_at(mime_of(QUrl.fromLocalFile(str(mesh)))) == (False, True)
    assert aimed_at(mime_of(QUrl.fromLocalFile(str(weights)))) == (False, True)
    assert aimed_at(mime_of(QUrl.fromLocalFile(str(photo)), QUrl.fromLocalFile(str(mesh)))) == (True, True)
    assert aimed_at(mime_of(QUrl.fromLocalFile(str(text)))) == (False, False)
    assert aimed_at(mime_of(image=image_from(disc(cut=True)))) == (True, False)
