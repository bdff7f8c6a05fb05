"""The window of the library: all that was made, to be found, sorted, compared and put away. It is never modal."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QHideEvent, QKeyEvent, QKeySequence, QPixmap, QShortcut, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from img2model_desktop.core.verdict.words import PURPOSES
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.gui.export_section import FORMATS
from img2model_desktop.gui.file_dialogs import FileDialogs
from img2model_desktop.gui.file_manager import show_in_folder
from img2model_desktop.gui.icons import Icons
from img2model_desktop.gui.library.details import LibraryDetails
from img2model_desktop.gui.library.disk import LibraryDisk
from img2model_desktop.gui.library.entries import LibraryModel
from img2model_desktop.gui.library.grid import LibraryGrid
from img2model_desktop.gui.library.keeper import LibraryKeeper
from img2model_desktop.gui.library.places import ALL, TRASH, LibraryPlaces
from img2model_desktop.gui.library.search import LibrarySearch, merged, picture_name
from img2model_desktop.gui.library.work import LibraryWork
from img2model_desktop.gui.messages import Message, MessageBar, Tone
from img2model_desktop.gui.runner import JobRunner
from img2model_desktop.jobs.shelf import MESH, Entry, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from img2model_desktop.core.descriptor import Vector

SIZE = (1240, 800)
SEARCH_MS = 40  # after the last key: as one types, each letter is not worth a search of its own
NEWS_MS = 250  # jobs that change are gathered for so long


class LibraryWindow(QWidget):
    """Places at the left, what was found in the middle, what is chosen at the right.

    Args:
        keeper: keeps the shelf up with the jobs.
        parent: the main window; this one closes with it.

    Signals:
        open_wished, again_wished, load_wished: (str) of this job.
        compare_wished: (object) ids of two jobs.
    """

    open_wished = Signal(str)
    again_wished = Signal(str)
    load_wished = Signal(str)
    compare_wished = Signal(object)

    def __init__(self, runner: JobRunner, keeper: LibraryKeeper, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Library")
        self.resize(*SIZE)
        self.setMinimumSize(900, 520)
        self._runner = runner
        self._keeper = keeper
        self._shelf = keeper.shelf
        self._icons = icons
        self._look: Vector | None = None
        self.model = LibraryModel(self._shelf, self)
        self.search = LibrarySearch(icons)
        self.places = LibraryPlaces(icons)
        self.grid = LibraryGrid(self.model, icons)
        self.details = LibraryDetails(icons)
        self.disk = LibraryDisk(icons)
        self.messages = MessageBar(icons)
        self.work = LibraryWork(runner, self)
        self.dialogs = FileDialogs(self)
        self._searching = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._searching.timeout.connect(self.find_now)
        self._news = QTimer(self, singleShot=True, interval=NEWS_MS)
        self._news.timeout.connect(self._on_news)
        self._build()
        self._connect()
        self.retint()

    # finding

    @property
    def wanted(self) -> Wanted:
        """What is looked for."""
        return merged(self.search.wanted(), self.places.place)

    @Slot()
    def find_now(self) -> None:
        """Shows what is looked for; what was chosen stays chosen where it is still there."""
        self._searching.stop()
        before = self.grid.chosen_ids
        try:
            if self._look is None:
                self.model.show(self._shelf.search(self.wanted))
            else:
                found = self._shelf.alike(self._look, self.wanted)
                self.model.show(tuple(id_ for id_, _ in found), dict(found))
        except Img2ModelError as problem:
            self.tell(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
            return
        self.search.show_count(len(self.model.ids), self.wanted == Wanted(sort=self.wanted.sort))
        self.grid.empty_words = self._empty_words()
        self.grid.card.purpose = self.wanted.fit_for or PURPOSES[0].key
        self._choose_again(before)
        self._show_chosen()
        self.grid.viewport().update()

    def find_alike(self, look: "Vector", name: str, picture: QPixmap) -> None:
        """Shows what looks like something."""
        self._look = look
        self.search.chip.show_look(name, picture)
        self.search.sort.setEnabled(False)
        self.search.sort.setToolTip("What looks most like it comes first")
        self.find_now()
        self.grid.scrollToTop()

    @Slot()
    def find_alike_no_more(self) -> None:
        """Shows everything that is looked for by its words again."""
        if self._look is not None:
            self._look = None
            self.search.chip.hide()
            self.search.sort.setEnabled(True)
            self.search.sort.setToolTip("Which comes first")
            self.find_now()

    def tell(self, message: Message) -> None:
        """Shows a message over the results."""
        self.messages.tell(message)

    def retint(self) -> None:
        """In the theme's colours."""
        for part in (self.search, self.places, self.details, self.disk, self.messages):
            part.retint()
        self.grid.viewport().update()

    def _choose_again(self, ids: tuple[str, ...]) -> None:
        if ids and self.grid.chosen_ids != ids:
            there = [id_ for id_ in ids if self.model.index_of(id_).isValid()]
            for number, id_ in enumerate(there):
                index = self.model.index_of(id_)
                select = self.grid.selectionModel().SelectionFlag.Select
                if number == 0:
                    self.grid.selectionModel().setCurrentIndex(index, self.grid.selectionModel().SelectionFlag.NoUpdate)
                self.grid.selectionModel().select(index, select)

    def _empty_words(self) -> str:
        if self.places.place == TRASH:
            return "The trash is empty."
        if self.wanted == Wanted(sort=self.wanted.sort) and self._look is None:
            return "What you make is kept here, to be found again."
        return "Nothing was found. Fewer words or filters find more."

    # building

    def _build(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.search)
        column.addWidget(self.messages)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.grid)
        self._pages.addWidget(self.disk)
        column.addWidget(self._pages, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.places)
        row.addWidget(_line())
        row.addWidget(middle, 1)
        row.addWidget(_line())
        row.addWidget(self.details)

    def _connect(self) -> None:
        self._connect_finding()
        grid, details, work = self.grid, self.details, self.work
        for source in (grid, details):
            source.open_wished.connect(self._with_one(lambda entry: self.open_wished.emit(entry.row.id)))
            source.stars_wished.connect(self._give_stars)
            source.trash_wished.connect(self._trash)
            source.compare_wished.connect(self._compare)
            source.alike_wished.connect(self._with_one(self._find_like))
        grid.tag_wished.connect(details.tag_field.setFocus)
        grid.menu_wished.connect(self._show_menu)
        details.again_wished.connect(self._with_each(lambda entry: self.again_wished.emit(entry.row.id)))
        details.load_wished.connect(self._with_one(lambda entry: self.load_wished.emit(entry.row.id)))
        details.folder_wished.connect(self._with_one(lambda entry: self._show_folder(entry)))
        details.variants_wished.connect(self._with_one(self._ask_for_variants))
        details.tag_wished.connect(lambda tag: self._write(lambda ids: self._shelf.tag(ids, tag)))
        details.untag_wished.connect(lambda tag: self._write(lambda ids: self._shelf.untag(ids, tag)))
        details.collect_wished.connect(lambda name: self._write(lambda ids: self._shelf.collect(ids, name)))
        details.uncollect_wished.connect(lambda name: self._write(lambda ids: self._shelf.uncollect(ids, name)))
        details.export_wished.connect(self._export)
        details.restore_wished.connect(lambda: work.restore(grid.chosen_ids))
        details.empty_wished.connect(self._ask_to_empty)
        work.told.connect(self.tell)
        work.look_found.connect(self._on_look_found)
        work.use_found.connect(self.disk.show_use)
        work.files_changed.connect(self._on_files_changed)
        work.variants_begun.connect(self._on_variants_begun)
        self.disk.clear_wished.connect(work.clear)
        self.disk.empty_wished.connect(work.empty_trash)
        self.disk.closed.connect(self.show_results)

    def _connect_finding(self) -> None:
        self.search.wanted_changed.connect(self._searching.start)
        self.search.picture_dropped.connect(self.work.look_for)
        self.search.left.connect(self._on_search_left)
        self.search.chip.removed.connect(self.find_alike_no_more)
        self.places.place_chosen.connect(self._on_place_chosen)
        self.places.collection_wished.connect(lambda name: self._order(lambda: self._shelf.collect((), name)))
        self.places.rename_wished.connect(lambda name, new: self._order(lambda: self._shelf.rename(name, new)))
        self.places.dissolve_wished.connect(lambda name: self._order(lambda: self._shelf.dissolve(name)))
        self.places.disk_wished.connect(self.show_disk)
        self.grid.chosen_changed.connect(self._show_chosen)
        self._keeper.entry_changed.connect(self._on_entry_changed)
        self._keeper.entry_gone.connect(self._on_entry_gone)
        find = QShortcut(QKeySequence.StandardKey.Find, self)
        find.activated.connect(self._on_find_key)

    # what is chosen

    @Slot()
    def _show_chosen(self) -> None:
        chosen = self.grid.chosen if len(self.grid.chosen_ids) < 2000 else ()
        picture = self.model.picture(chosen[0]) if len(chosen) == 1 else QPixmap()
        self.details.show_entries(chosen, picture, is_trash=self.places.place == TRASH)

    def _with_one(self, act: "Callable[[Entry], None]") -> "Callable[[], None]":
        def do() -> None:
            chosen = self.grid.chosen
            if len(chosen) == 1:
                act(chosen[0])

        return do

    def _with_each(self, act: "Callable[[Entry], None]") -> "Callable[[], None]":
        def do() -> None:
            for entry in self.grid.chosen:
                act(entry)

        return do

    @Slot(int)
    def _give_stars(self, stars: int) -> None:
        ids = self.grid.chosen_ids
        self._guarded(lambda: [self._runner.store.rate(id_, stars) for id_ in ids])
        for id_ in ids:
            self.model.refresh(id_)
        self._show_chosen()
        self._show_places()

    def _write(self, write: "Callable[[tuple[str, ...]], object]") -> None:
        """Changes what is kept of what is chosen."""
        ids = self.grid.chosen_ids
        self._guarded(lambda: write(ids))
        for id_ in ids:
            self.model.refresh(id_)
        self._show_places()
        self.find_now()

    def _order(self, change: "Callable[[], object]") -> None:
        """Changes the collections."""
        self._guarded(change)
        self._show_places()
        self.find_now()

    def _guarded(self, act: "Callable[[], object]") -> None:
        try:
            act()
        except Img2ModelError as problem:
            self.tell(Message(Tone.ERROR, problem.message, problem.advice, problem.details))

    @Slot()
    def _trash(self) -> None:
        if self.places.place != TRASH:
            self.work.trash(tuple(entry.row for entry in self.grid.chosen))

    @Slot()
    def _compare(self) -> None:
        meshes = [entry.row.id for entry in self.grid.chosen if entry.kind == MESH]
        if len(meshes) == 2:
            self.compare_wished.emit(tuple(meshes))
        else:
            self.tell(Message(Tone.INFO, "Choose two meshes to compare them.", "Hold Ctrl to choose the second one."))

    def _find_like(self, entry: Entry) -> None:
        look = self._shelf.looks.of(entry.row.id)
        if look is None:
            self.tell(Message(Tone.INFO, "This one was not looked at yet.", "Try again in a moment."))
        else:
            self.find_alike(look, entry.row.title, self.model.picture(entry))

    def _export(self, suffix: str) -> None:
        entries = self.grid.chosen
        self.dialogs.ask_for_folder("Save into", lambda folder: self.work.export(entries, Path(folder), suffix))

    def _show_folder(self, entry: Entry) -> None:
        if not show_in_folder(entry.row.result_path or entry.row.folder):
            self.tell(Message(Tone.INFO, f"It lies in {entry.row.folder}"))

    def _ask_for_variants(self, entry: Entry) -> None:
        menu = QMenu(self)
        for count in range(2, 9):
            action = QAction(f"{count} variants", menu)
            action.triggered.connect(lambda _=False, count=count: self.work.make_variants(entry.row, count))
            menu.addAction(action)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        button = self.details.variants_button
        menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    @Slot(str, str)
    def _on_variants_begun(self, batch: str, title: str) -> None:
        self.places.show_batch(batch, title)
        self._show_places()
        self.places.choose(("batch", batch))

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        menu = self.menu_for(self.places.place == TRASH)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at)

    def menu_for(self, is_trash: bool) -> QMenu:
        """The context menu of what is chosen."""
        details, menu = self.details, QMenu(self)
        buttons = (
            (
                *(details.open_button, details.compare_button, details.alike_button, None),
                *(details.again_button, details.load_button, details.folder_button, None, details.trash_button),
            )
            if not is_trash
            else (details.restore_button,)
        )
        for button in buttons:
            if button is None:
                menu.addSeparator()
                continue
            action = QAction(button.text(), menu)
            action.setEnabled(button.isEnabled())
            action.triggered.connect(lambda _=False, button=button: button.click())
            menu.addAction(action)
        if not is_trash:
            save = menu.addMenu("Export")
            save.setEnabled(details.export_button.isEnabled())
            for suffix, title, _ in FORMATS:
                action = QAction(f"{title}  ({suffix})", save)
                action.triggered.connect(lambda _=False, suffix=suffix: self._export(suffix))
                save.addAction(action)
        return menu

    # places and pages

    def _show_places(self) -> None:
        shelf = self._shelf
        counts = tuple(len(shelf.search(wanted)) for wanted in (Wanted(), Wanted(stars=4), Wanted(is_trash=True)))
        tags, collections = shelf.tags(), shelf.collections()
        self.places.show_places(counts, collections, tags)  # type: ignore[arg-type] # there are three
        self.search.show_engines(shelf.engines())
        self.details.suggest(tuple(tag for tag, _ in tags), tuple(name for name, _ in collections))

    @Slot(object)
    def _on_place_chosen(self, _place: object) -> None:
        self.show_results()
        self.find_now()

    @Slot()
    def show_results(self) -> None:
        """The results again."""
        self._pages.setCurrentWidget(self.grid)

    @Slot()
    def show_disk(self) -> None:
        """What takes how much."""
        self._pages.setCurrentWidget(self.disk)
        self.disk.show_work()
        self.work.survey()

    @Slot()
    def _ask_to_empty(self) -> None:
        self.show_disk()

        def ask(_use: object) -> None:
            self.work.use_found.disconnect(ask)
            self.disk.ask_for_trash()

        self.work.use_found.connect(ask)

    @Slot()
    def _on_files_changed(self) -> None:
        self._on_news()
        if self._pages.currentWidget() is self.disk:
            self.work.survey()

    # news

    @Slot(object, object)
    def _on_look_found(self, look: "Vector", path: Path) -> None:
        self.find_alike(look, picture_name(path), QPixmap(str(path)))

    @Slot(str)
    def _on_entry_changed(self, job_id: str) -> None:
        self.model.refresh(job_id)
        if job_id in self.grid.chosen_ids:
            self._show_chosen()
        if self.isVisible() and not self._news.isActive():
            self._news.start()

    @Slot(str)
    def _on_entry_gone(self, _job_id: str) -> None:
        if self.isVisible() and not self._news.isActive():
            self._news.start()

    @Slot()
    def _on_news(self) -> None:
        self._show_places()
        self.find_now()

    # keys, beginning and end

    @Slot()
    def _on_find_key(self) -> None:
        self.search.field.setFocus()
        self.search.field.selectAll()

    @Slot()
    def _on_search_left(self) -> None:
        self.find_now()
        if self.model.ids:
            if not self.grid.chosen_ids:
                self.grid.choose(self.model.ids[0])
            self.grid.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.messages.message is not None:
            self.messages.clear()
        elif self._pages.currentWidget() is self.disk:
            self.show_results()
        elif self._look is not None:
            self.find_alike_no_more()
        elif self.search.field.text() or self.search.is_narrowed:
            self.search.clear()
        elif self.places.place != ALL:
            self.places.choose(ALL)
        else:
            self.close()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._keeper.judge_too(True)
        self._on_news()
        self.search.field.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._keeper.judge_too(False)
        self._searching.stop()
        self._news.stop()
        self.model.stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.messages.clear()
        self.work.stop()
        super().closeEvent(event)


def _line() -> QFrame:
    made = QFrame()
    made.setObjectName("upright")
    return made
