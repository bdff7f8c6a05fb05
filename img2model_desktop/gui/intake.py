"""What people bring to the window: files, folders, several at once, a picture from a browser, the clipboard."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QImage, QPixmap

from img2model_desktop.core.picture_kinds import READABLE_SUFFIXES, kind_of

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.picture import Picture

MOST_AT_ONCE = 200
BATCH_FROM = 10
"""So many pictures that came at once are offered as a batch."""

BESIDE_MESHES = (".mtl", ".bin")  # files that come along with a mesh
HEAD_BYTES = 4096  # what the kind of a file is told from
WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".pth", ".pt")
LIST_SUFFIX = ".index.json"  # of the list of parts of weights in several files
BARE_SUFFIX = ".bin"  # of weights as well as of a mesh's data
BESIDE_WEIGHTS = (".json", ".yaml", ".yml", ".txt", ".md", "")  # files that come along with weights
MOST_LOOKED_AT = 2000  # entries of a folder that may hold weights


@dataclass(frozen=True, slots=True)
class Brought:
    """What was dropped or pasted.

    Args:
        paths: picture files, in the order they came; a folder stands for the pictures in it.
        refusal: what is not taken and why, one sentence; "" when all is.
        advice: what to do instead.
        meshes: mesh files, in the order they came.
        weights: files and folders that hold weights of engines, in the order they came.
        batch: folders and picture files that may be made as a batch, or none: few pictures came.
        count: how many pictures are in them.
    """

    paths: tuple[Path, ...]
    refusal: str = ""
    advice: str = ""
    meshes: tuple[Path, ...] = ()
    weights: tuple[Path, ...] = ()
    batch: tuple[Path, ...] = ()
    count: int = 0


def can_bring(mime: QMimeData) -> bool:
    """Whether it is worth a look: files, links or an image."""
    return mime.hasUrls() or mime.hasImage()


def aimed_at(mime: QMimeData) -> tuple[bool, bool]:
    """Where a drag goes: whether to the picture's place, and whether to the mesh's place."""
    local = local_files(mime)
    if not local:
        return True, False
    found = sorted_out(local)
    return bool(found.paths), bool(found.meshes or found.weights)


def local_files(mime: QMimeData) -> list[Path]:
    """Files and folders of this machine in a drop."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


def brought(mime: QMimeData, folder: Path) -> Brought:
    """The pictures, meshes and weights in what was dropped or pasted.

    Args:
        mime: of the drop or of the clipboard.
        folder: where image data without a file is kept, as a PNG named after its content.
    """
    local = local_files(mime)
    if local:
        return sorted_out(local)
    if mime.hasImage():
        image = as_image(mime.imageData())
        if not image.isNull():
            return Brought((keep_image(image, folder),))
    if mime.hasUrls():
        return Brought(
            (),
            "That is a link, and this program does not go online.",
            "Save the picture in the browser first, or copy the picture itself and paste it here.",
        )
    return Brought(
        (),
        "There is no picture and no mesh in that.",
        "Copy or drop a picture or mesh file, or a picture from a browser.",
    )


def as_image(data: object) -> QImage:
    """The image in a clipboard's or a drop's image data; a null one where there is none."""
    if isinstance(data, QImage):
        return data
    return data.toImage() if isinstance(data, QPixmap) else QImage()


def keep_image(image: QImage, folder: Path) -> Path:
    """Writes the image as a PNG named after its content, so that the same image is kept once."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs know only file names
    data = bytes(buffer.data().data())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pasted-{hashlib.sha256(data).hexdigest()[:12]}.png"
    if not path.exists():
        path.write_bytes(data)
    return path


def image_from(picture: "Picture") -> QImage:
    """A QImage with a copy of the picture's pixels."""
    pixels = picture.pixels
    view = QImage(pixels.data, picture.width, picture.height, 4 * picture.width, QImage.Format.Format_RGBA8888)
    return view.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def mesh_suffixes() -> tuple[str, ...]:
    """Of mesh files that can be opened, lower case."""
    from img2model_desktop.core.mesh_files import READ_SUFFIXES  # brings numpy

    return READ_SUFFIXES


def sorted_out(local: Sequence[Path]) -> Brought:
    """Files and folders as pictures, meshes, weights, and what is none of them."""
    pictures: list[Path] = []
    meshes: list[Path] = []
    weights: list[Path] = []
    others: list[Path] = []
    sources: list[Path] = []
    suffixes = mesh_suffixes()
    for path in local:
        if path.is_dir():
            if holds_weights(path):
                weights.append(path)
                continue
            found = _files_in(path, READABLE_SUFFIXES)
            pictures += found
            sources += [path] if found else []
            meshes += [] if found else _files_in(path, suffixes)
        elif path.suffix.lower() in suffixes:
            meshes.append(path)
        elif path.suffix.lower() in BESIDE_MESHES and any(one.suffix.lower() in suffixes for one in local):
            continue  # its mesh reads it
        elif _are_weights(path):
            weights.append(path)
        elif path.suffix.lower() in BESIDE_WEIGHTS and any(_are_weights(one) for one in local):
            continue
        elif _may_be_picture(path):
            pictures.append(path)
            sources.append(path)
        else:
            others.append(path)
    refusal, advice = _refusal(others)
    if not pictures and not meshes and not weights and not others:
        refusal, advice = f"There is no picture and no mesh in the folder “{local[0].name}”.", "Drop files."
    count = len(pictures)
    batch = tuple(sources) if count >= BATCH_FROM else ()
    pictures, meshes = pictures[:MOST_AT_ONCE], meshes[:MOST_AT_ONCE]
    return Brought(tuple(pictures), refusal, advice, tuple(meshes), _without_parts(weights), batch, count)


def holds_weights(folder: Path) -> bool:
    """Whether a folder, or one in it, holds files of weights by their names; a large folder is looked at in part."""
    looked_at = 0
    has_bare = has_mesh = False
    for _, _, names in os.walk(folder):
        for name in names:
            suffix = Path(name).suffix.lower()
            if suffix in WEIGHT_SUFFIXES:
                return True
            has_bare = has_bare or suffix == BARE_SUFFIX
            has_mesh = has_mesh or suffix in (".gltf", *READABLE_SUFFIXES)
        looked_at += 1 + len(names)
        if looked_at > MOST_LOOKED_AT:
            return False
    return has_bare and not has_mesh


def _are_weights(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((*WEIGHT_SUFFIXES, LIST_SUFFIX, BARE_SUFFIX))


def _without_parts(weights: list[Path]) -> tuple[Path, ...]:
    """Files that a list of parts beside them stands for are left out."""
    lists = {path.parent for path in weights if path.name.endswith(LIST_SUFFIX)}
    return tuple(path for path in weights if path.name.endswith(LIST_SUFFIX) or path.parent not in lists)


def _refusal(others: list[Path]) -> tuple[str, str]:
    """One sentence about files that are neither pictures nor meshes, and advice."""
    if not others:
        return "", ""
    advice = f"Meshes end in {', '.join(mesh_suffixes())}."
    if len(others) > 1:
        names = ", ".join(f"“{path.name}”" for path in others[:3]) + ("…" if len(others) > 3 else "")
        return f"{names} are neither pictures nor meshes.", advice
    return f"“{others[0].name}” is neither a picture nor a mesh.", advice


def _may_be_picture(path: Path) -> bool:
    """Whether the picture reader should look at it: by its name, or by its content; it says itself what is wrong with
    a kind that it knows and does not read."""
    if path.suffix.lower() in READABLE_SUFFIXES or not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD_BYTES), path.name) is not None
    except OSError:
        return True


def _files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    except OSError:
        return []
