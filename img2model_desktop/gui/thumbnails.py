"""Draws the pictures of the cards, one after the other, behind whatever else is asked for."""

from PySide6.QtCore import QObject, Signal, Slot

from img2model_desktop.gui.calls import make_thumbnail
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble


class Thumbnails(QObject):
    """Meshes that wait for their picture.

    Signals:
        drawn: (str) the id of the job whose thumbnail is new.
    """

    drawn = Signal(str)

    def __init__(self, caller: Caller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[str] = []
        self._drawing = LatestCall(caller, self)
        self._drawing.answered.connect(self._on_answered)

    def draw(self, mesh: str) -> None:
        """The mesh file of a job folder gets a thumbnail beside it."""
        self._waiting.append(mesh)
        self._draw_next()

    def _draw_next(self) -> None:
        if self._waiting and not self._drawing.is_busy:
            self._drawing.ask(make_thumbnail, self._waiting.pop(0))

    @Slot(object, object)
    def _on_answered(self, job_id: str | None, _trouble: Trouble | None) -> None:
        if job_id:  # without OpenGL the card keeps the cut-out
            self.drawn.emit(job_id)
        self._draw_next()
