"""What the main window has to do with the library: it makes its windows and does what they wish."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.keeper import LibraryKeeper
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.gui.side_windows import SideWindows
from img2model_desktop.jobs.job_row import JobRow

if TYPE_CHECKING:  # their modules load when the windows are first shown
    from img2model_desktop.gui.library.compare_window import CompareWindow

LIBRARY, COMPARE = "library", "compare"


class LibraryDesk(QObject):
    """The library's keeper and its two windows.

    Args:
        window: the main one.
        show, again, load: open a job in the main window, make it again, show its request there.
    """

    def __init__(
        self,
        runner: JobRunner,
        icons: Icons,
        window: QWidget,
        show: Callable[[str], None],
        again: Callable[[JobRow], None],
        load: Callable[[JobRow], None],
    ) -> None:
        super().__init__(window)
        self._runner = runner
        self._icons = icons
        self._window = window
        self._show, self._again, self._load = show, again, load
        self._beside: SideWindows | None = None
        self.keeper = LibraryKeeper(runner, self)

    def makers(self) -> dict[str, Callable[[], QWidget]]:
        """Makers of the windows by their names, for `SideWindows`."""
        return {LIBRARY: self._make_library, COMPARE: self._make_compare}

    def start(self, beside: SideWindows) -> None:
        """Begins to keep the library up; after the first paint."""
        self._beside = beside
        self.keeper.start()

    def stop(self) -> None:
        """Begins nothing more."""
        self.keeper.stop()

    @Slot()
    def show_library(self) -> None:
        """Brings the library to the front."""
        if self._beside is not None:
            self._beside.show(LIBRARY)

    def compare(self, ids: tuple[str, str]) -> None:
        """Shows two meshes side by side."""
        if self._beside is not None:
            window: CompareWindow = self._beside.show(COMPARE)  # type: ignore[assignment] # by its name
            window.compare(*(self.keeper.shelf.entry(id_) for id_ in ids))

    def _make_library(self) -> QWidget:
        from img2model_desktop.gui.library.window import LibraryWindow

        made = LibraryWindow(self._runner, self.keeper, self._icons, self._window)
        made.open_wished.connect(self._on_open_wished)
        made.again_wished.connect(lambda job_id: self._again(self._runner.job(job_id)))
        made.load_wished.connect(self._on_load_wished)
        made.compare_wished.connect(self.compare)
        return made

    def _make_compare(self) -> QWidget:
        from img2model_desktop.gui.library.compare_window import CompareWindow

        made = CompareWindow(self._runner, self._icons, self._window)
        self.keeper.entry_changed.connect(self._on_entry_changed)
        return made

    @Slot(str)
    def _on_entry_changed(self, job_id: str) -> None:
        shown = self._beside.get(COMPARE) if self._beside is not None else None
        if shown is not None and job_id in {entry.row.id for entry in shown.entries}:  # type: ignore[attr-defined] # by its name
            shown.refresh(self.keeper.shelf.entry(job_id))  # type: ignore[attr-defined] # by its name

    @Slot(str)
    def _on_open_wished(self, job_id: str) -> None:
        self._show(job_id)
        self._come_forward()

    @Slot(str)
    def _on_load_wished(self, job_id: str) -> None:
        self._load(self._runner.job(job_id))
        self._come_forward()

    def _come_forward(self) -> None:
        self._window.raise_()
        self._window.activateWindow()
