"""The file dialogs. None of them blocks the window: jobs go on and show while one is open."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from img2model_desktop.core.picture_kinds import READABLE_SUFFIXES
from img2model_desktop.gui.export_section import FORMATS, ExportSection
from img2model_desktop.gui.intake import BARE_SUFFIX, LIST_SUFFIX, WEIGHT_SUFFIXES, mesh_suffixes

_FILTERS = {suffix: f"{title} (*{suffix})" for suffix, title, _ in FORMATS}


class FileDialogs(QObject):
    """Opens one dialog at a time.

    Signals:
        pictures_chosen, meshes_chosen: (object) a tuple of Path.
        save_path_chosen: (object) the Path of the mesh to save, with the suffix of its format.
    """

    pictures_chosen = Signal(object)
    meshes_chosen = Signal(object)
    save_path_chosen = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._current: QFileDialog | None = None

    @property
    def current(self) -> QFileDialog | None:
        """The dialog that is open."""
        return self._current

    def ask_for_pictures(self) -> None:
        """`pictures_chosen` brings what the user chose."""
        patterns = " ".join(f"*{suffix}" for suffix in READABLE_SUFFIXES)
        dialog = self._open("Open pictures", f"Pictures ({patterns});;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.pictures_chosen.emit(tuple(Path(name) for name in names)))
        dialog.show()

    def ask_for_meshes(self) -> None:
        """`meshes_chosen` brings what the user chose."""
        patterns = " ".join(f"*{suffix}" for suffix in mesh_suffixes())
        dialog = self._open("Open meshes", f"Meshes ({patterns});;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.meshes_chosen.emit(tuple(Path(name) for name in names)))
        dialog.show()

    def ask_for_weights(self, is_folder: bool, then: Callable[[str], None]) -> None:
        """Calls `then` with the folder or the file that the user chose."""
        if is_folder:
            self.ask_for_folder("Folder with weights", then)
            return
        patterns = " ".join(f"*{suffix}" for suffix in (*WEIGHT_SUFFIXES, BARE_SUFFIX, LIST_SUFFIX))
        dialog = self._open("File with weights", f"Weights ({patterns});;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(then)
        dialog.show()

    def ask_for_folder(self, title: str, then: Callable[[str], None]) -> None:
        """Calls `then` with the folder that the user chose."""
        dialog = self._open(title, "")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(then)
        dialog.show()

    def ask_for_report(self, export: ExportSection, folder: str) -> None:
        """Has the report written where the user says."""
        dialog = self._open("Save report", "Web page (*.html)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.setDirectory(folder or str(Path.home()))
        dialog.selectFile(Path(export.file_name()).with_suffix(".html").name)
        dialog.fileSelected.connect(export.save_report)
        dialog.show()

    def ask_where_to_save(self, export: ExportSection, folder: str) -> None:
        """`save_path_chosen` brings the path; the panel's format follows the dialog's."""
        dialog = self._open("Save mesh", ";;".join(_FILTERS.values()))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectNameFilter(_FILTERS[export.suffix])
        dialog.setDirectory(folder or str(Path.home()))
        dialog.selectFile(export.file_name())

        def follow(chosen: str) -> None:
            export.choose_format(next(suffix for suffix, text in _FILTERS.items() if text == chosen))
            dialog.selectFile(export.file_name())

        def accept(name: str) -> None:
            out = Path(name)
            if out.suffix.lower() in _FILTERS:
                export.choose_format(out.suffix.lower())
            else:
                out = out.with_name(out.name + export.suffix)
            self.save_path_chosen.emit(out)

        dialog.filterSelected.connect(follow)
        dialog.fileSelected.connect(accept)
        dialog.show()

    def ask_where_to_put(
        self, name: str, folder: str, then: Callable[[str], None], title: str = "Save screenshot"
    ) -> None:
        """Calls `then` with the path of the PNG to write."""
        dialog = self._open(title, "PNG picture (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.setDirectory(folder or str(Path.home()))
        dialog.selectFile(name)
        dialog.fileSelected.connect(then)
        dialog.show()

    def _open(self, title: str, filters: str) -> QFileDialog:
        if self._current is not None:
            self._current.close()
        dialog = QFileDialog(self._window, title)
        dialog.setNameFilter(filters)
        dialog.setModal(False)
        dialog.finished.connect(lambda: self._on_finished(dialog))
        self._current = dialog
        return dialog

    def _on_finished(self, dialog: QFileDialog) -> None:
        dialog.deleteLater()
        if self._current is dialog:
            self._current = None
