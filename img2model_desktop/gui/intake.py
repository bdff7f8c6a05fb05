"""What people bring to the window: files, folders, several at once, a picture from a browser, the clipboard."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QImage, QPixmap

from img2model_desktop.core.picture_kinds import READABLE_SUFFIXES

if TYPE_CHECKING:  # they bring numpy, which the window's start and the command line's help do without
    from img2model_desktop.core.picture import Picture

MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Brought:
    """What was dropped or pasted.

    Args:
        paths: picture files, in the order they came; a folder stands for the pictures in it.
        refusal: why there is none, one sentence, and advice; both "" when there is one.
        advice: what to do instead.
    """

    paths: tuple[Path, ...]
    refusal: str = ""
    advice: str = ""


def can_bring(mime: QMimeData) -> bool:
    """Whether it is worth a look: files, links or an image."""
    return mime.hasUrls() or mime.hasImage()


def brought(mime: QMimeData, folder: Path) -> Brought:
    """The pictures in what was dropped or pasted.

    Args:
        mime: of the drop or of the clipboard.
        folder: where image data without a file is kept, as a PNG named after its content.
    """
    local = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if local:
        return _from_files(local)
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
    return Brought((), "There is no picture in that.", "Copy or drop a picture file, or a picture from a browser.")


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


def _from_files(local: list[Path]) -> Brought:
    paths: list[Path] = []
    for path in local:
        paths += _pictures_in(path) if path.is_dir() else [path]
    if not paths:
        return Brought((), f"There is no picture in the folder “{local[0].name}”.", "Drop picture files.")
    return Brought(tuple(paths[:MOST_AT_ONCE]))


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE_SUFFIXES)
    except OSError:
        return []
