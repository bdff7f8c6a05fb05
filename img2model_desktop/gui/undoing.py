"""Which undo is meant: of brush strokes where the focus is in the left panel, of the mesh's edits everywhere else."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QWidget

from img2model_desktop.gui.cutout_canvas import CutoutCanvas
from img2model_desktop.gui.workshop import Workshop


class Undoing(QObject):
    """Undo and redo of the main window.

    Args:
        ground: what the window is filled with; a focus outside it, as in the menu bar, changes nothing.
        strokes_side: where undo means strokes.
        canvas: of the strokes.
        workshop: of the mesh's edits.

    Signals:
        renamed: (str, str) what Undo and Redo are about now, as menu texts.
    """

    renamed = Signal(str, str)

    def __init__(self, ground: QWidget, strokes_side: QWidget, canvas: CutoutCanvas, workshop: Workshop) -> None:
        super().__init__(ground)
        self._ground, self._strokes_side = ground, strokes_side
        self._canvas, self._workshop = canvas, workshop
        self._is_strokes = False
        workshop.edits_changed.connect(self.tell)
        QApplication.instance().focusChanged.connect(self._on_focus_changed)  # type: ignore[union-attr] # there is one

    def undo(self) -> None:
        """Takes back the last brush stroke or the last edit of the mesh."""
        (self._canvas if self._is_strokes else self._workshop).undo()

    def redo(self) -> None:
        """Does it again."""
        (self._canvas if self._is_strokes else self._workshop).redo()

    @Slot()
    def tell(self) -> None:
        """Sends `renamed`."""
        if self._is_strokes:
            self.renamed.emit("&Undo stroke", "&Redo stroke")
            return
        done, undone = self._workshop.done, self._workshop.undone
        undo = f"“{done[-1].title}”" if done else "edit"
        redo = f"“{undone[0].title}”" if undone else "edit"
        self.renamed.emit(f"&Undo {undo}", f"&Redo {redo}")

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _before: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self._ground.isAncestorOf(now):
            self._is_strokes = self._strokes_side.isAncestorOf(now)
            self.tell()
