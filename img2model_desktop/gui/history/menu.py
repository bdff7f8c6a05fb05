"""The context menu of a card: what can be done with a job or a batch."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.tally import Tally

if TYPE_CHECKING:
    from img2model_desktop.gui.history.panel import HistoryPanel

Entry = tuple[str, str, str, Callable[[], object], bool] | None
"""Text, icon, key, what it does, whether that is possible now; None draws a line."""


def job_menu(panel: "HistoryPanel", row: JobRow) -> list[Entry]:
    """What can be done with one job."""
    has_ended, waits = row.state.has_ended, row.state is JobState.QUEUED
    has_failed = row.state in (JobState.FAILED, JobState.STOPPED)
    ids = (row.id,)
    entries: list[Entry] = [
        ("Make again", "again", "", lambda: panel.again_wished.emit(row.id), has_ended),
        ("Try again", "redo", "T", lambda: panel.retry_wished.emit(row.id), has_failed),
        ("Load its settings", "load", "", lambda: panel.load_wished.emit(row.id), True),
        ("What happened", "info", "I", lambda: panel.show_happened(row.id), True),
        ("Show its folder", "folder", "", lambda: panel.folder_wished.emit(row.id), True),
        None,
    ]
    if waits:
        entries += _line_entries(panel, ids, row.is_held)
    return [
        *entries,
        ("Stop", "stop", "Del", lambda: panel.stop_wished.emit(row.id), not has_ended),
        ("Move to the trash", "trash", "Del", lambda: panel.trash_wished.emit(ids), has_ended),
    ]


def batch_menu(panel: "HistoryPanel", tally: Tally) -> list[Entry]:
    """What can be done with a batch."""
    store = panel.model.store
    waiting = tuple(row.id for row in store.under_way(tally.id) if row.state is JobState.QUEUED)
    entries: list[Entry] = [("Show its jobs", "sides", "Return", lambda: panel.model.open(tally.id), True), None]
    if waiting:
        entries += _line_entries(panel, waiting, tally.held == tally.waiting)
    return [
        *entries,
        ("Stop all of it", "stop", "Del", lambda: panel.stop_batch(tally.id), tally.ended < tally.total),
        (
            "Try the failed ones again",
            "redo",
            "T",
            lambda: panel.retry_batch(tally.id),
            bool(tally.failed + tally.stopped),
        ),
    ]


def _line_entries(panel: "HistoryPanel", ids: tuple[str, ...], is_held: bool) -> list[Entry]:
    hold, icon = ("Let it go on", "go-on") if is_held else ("Hold", "pause")
    return [
        (hold, icon, "H", lambda: panel.hold_wished.emit(ids, not is_held), True),
        ("To the front", "front", "Alt+Home", lambda: panel.send_to(ids, "front"), True),
        ("Earlier", "earlier", "Alt+Left", lambda: panel.send_to(ids, "earlier"), True),
        ("Later", "later", "Alt+Right", lambda: panel.send_to(ids, "later"), True),
        None,
    ]


def filled(panel: "HistoryPanel", entries: list[Entry]) -> QMenu:
    """The menu with these entries; their keys are shown, the strip acts on them."""
    menu = QMenu(panel)
    for entry in entries:
        if entry is None:
            menu.addSeparator()
            continue
        text, icon, key, act, is_possible = entry
        action = QAction(panel.icons.icon(icon), text, menu)
        action.setEnabled(is_possible)
        if key:
            action.setShortcut(QKeySequence(key))
            action.setShortcutVisibleInContextMenu(True)
        action.triggered.connect(lambda _=False, act=act: act())
        menu.addAction(action)
    return menu
