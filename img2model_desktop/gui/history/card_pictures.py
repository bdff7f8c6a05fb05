"""The pictures of the cards: read once, trimmed, the last few hundred kept."""

from collections import OrderedDict
from pathlib import Path

from PySide6.QtGui import QBitmap, QImage, QImageReader, QPixmap, QRegion

from img2model_desktop.gui.calls import THUMBNAIL
from img2model_desktop.jobs.job_row import JobRow, JobState

SIDE_PX = 256
KEPT = 200
PICTURE_FILES = (THUMBNAIL, "cutout.png", "made.png", "made-1.png")  # in a job folder, the best first


class CardPictures:
    """One picture a job, the best that its folder holds."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Path | None, QPixmap]] = OrderedDict()

    def of(self, row: JobRow) -> QPixmap:
        """The job's picture; a null one where there is none yet."""
        found = self._kept.get(row.id)
        if found is None or (found[0] is None or row.state is JobState.RUNNING):
            path = _picture_of(row)
            if found is None or path != found[0]:
                found = (path, QPixmap() if path is None else QPixmap.fromImage(_read(path)))
                self._kept[row.id] = found
        self._kept.move_to_end(row.id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found[1]

    def forget(self, job_id: str) -> None:
        """The picture was written anew, or the job is gone."""
        self._kept.pop(job_id, None)


def input_of(row: JobRow) -> Path | None:
    """The copy of the user's picture in a job's folder, or None."""
    return next((path for path in sorted(row.folder.glob("input.*")) if path.suffix != ".part"), None)


def _picture_of(row: JobRow) -> Path | None:
    for name in PICTURE_FILES:
        if (row.folder / name).is_file():
            return row.folder / name
    kept = input_of(row) or (Path(row.request.picture) if row.request.picture else None)
    return kept if kept and kept.is_file() else None


def _read(path: Path) -> QImage:
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    size = reader.size()
    longest = max(size.width(), size.height())
    if longest > SIDE_PX:
        reader.setScaledSize(size * (SIDE_PX / longest))
    return _trimmed(reader.read())


def _trimmed(image: QImage) -> QImage:
    """The image without its fully transparent border, to fill the card; none where all is transparent."""
    if image.isNull() or not image.hasAlphaChannel():
        return image
    image = image.convertToFormat(QImage.Format.Format_ARGB32)
    mask = QBitmap.fromImage(image.createAlphaMask())
    box = QRegion(mask).boundingRect()
    return image.copy(box) if box.isValid() else QImage()
