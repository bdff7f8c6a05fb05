"""The result on the bench: its stack of edits, its verdict, and what is being done to it. Shows nothing itself."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.runner import Trouble
from img2model_desktop.gui.workshop_calls import (
    Judged,
    Look,
    Worked,
    edit_result,
    fix_result,
    go_to_edit,
    judge_result,
)
from img2model_desktop.jobs.job_row import JobRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    # these bring numpy, which the window's start does without
    from img2model_desktop.core.verdict.findings import Conditions, Finding, Verdict
    from img2model_desktop.core.workshop.step import Step
    from img2model_desktop.jobs.edits import Edit, Edits

SAME_SIZE = 1e-4
LONG_FACES = 100_000
"""Judging more than so many takes longer than starting a helper process anew."""

SIZE_REST_MS = 400
"""A size that is being dragged is judged once it rests so long."""


class Workshop(QObject):
    """Knows one result at a time. Judges it, edits it, and keeps its size.

    Judging is ended when it is not wanted any more; an edit goes on when another result is chosen, because the user
    asked for it, and can be stopped.

    Signals:
        result_changed: another result, or none.
        edits_changed: the stack is another one.
        mesh_changed: (object) the Path of another mesh of the same result, to be shown.
        verdict_changed: a verdict came, or the one there was is out of date.
        busy_changed: something begins or ends; see `doing`.
        moved: (float) how far that is, 0..1.
        size_changed: the size was set, by anybody.
        told: (str) what an edit did.
        failed: (object) why something could not be done, a `Trouble`.
    """

    result_changed = Signal()
    edits_changed = Signal()
    mesh_changed = Signal(object)
    verdict_changed = Signal()
    busy_changed = Signal()
    moved = Signal(float)
    size_changed = Signal()
    told = Signal(str)
    failed = Signal(object)

    def __init__(self, caller: Caller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._row: JobRow | None = None
        self._edits: Edits | None = None
        self._verdict: Verdict | None = None
        self._look: Look | None = None
        self._plans: Mapping[str, tuple[str, ...]] = {}
        self._size_mm: float | None = None
        self._conditions: Conditions | None = None
        self._work: tuple[JobRow, str, bool] | None = None
        self._is_judging = False  # and its answer is wanted
        self._judging = LatestCall(caller, self)
        self._working = LatestCall(caller, self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(SIZE_REST_MS)
        self._rest.timeout.connect(self.judge)
        self._judging.answered.connect(self._on_judged)
        self._working.answered.connect(self._on_worked)
        for calls in (self._judging, self._working):
            calls.moved.connect(self.moved)

    # What there is

    @property
    def row(self) -> JobRow | None:
        """The job whose result is on the bench."""
        return self._row

    @property
    def done(self) -> "tuple[Edit, ...]":
        """The edits whose outcome is shown, in order."""
        return self._edits.done if self._edits else ()

    @property
    def undone(self) -> "tuple[Edit, ...]":
        """The edits that were taken back, the next one to come again first."""
        return self._edits.undone if self._edits else ()

    @property
    def verdict(self) -> "Verdict | None":
        """On the mesh that is shown; None while there is none yet."""
        return self._verdict

    def plan(self, purpose: str) -> tuple[str, ...]:
        """What would be done to make the mesh fit for a purpose, in sentences; empty where nothing can be."""
        return self._plans.get(purpose, ()) if self._verdict is not None else ()

    @property
    def look(self) -> Look | None:
        """Of the mesh that is shown, as far as it is known."""
        return self._look

    @property
    def original(self) -> Path | None:
        """The mesh before all edits."""
        return self._row.result_path if self._row else None

    @property
    def mesh(self) -> Path | None:
        """The mesh that is shown: the result after its edits."""
        if self._row is None or self._row.result_path is None:
            return None
        return self._row.folder / self.done[-1].file if self.done else self._row.result_path

    @property
    def doing(self) -> str:
        """What is under way, in words, or ""."""
        if self._work is not None:
            row, title, _ = self._work
            other = f" of “{row.title}”" if self._row is None or row.id != self._row.id else ""
            return f"{title}{other}…"
        return "Checking the mesh…" if self._is_judging else ""

    @property
    def is_working(self) -> bool:
        """Whether an edit is under way: none other can begin."""
        return self._work is not None

    # Another result

    def show(self, row: JobRow | None) -> None:
        """Puts a result on the bench. Its verdict comes when `judge` has been called."""
        from img2model_desktop.jobs.edits import read_edits

        row = row if row and row.result_path and row.facts else None
        is_other = (row.id if row else "") != (self._row.id if self._row else "")
        self.give_way()
        self._row = row
        self._edits = read_edits(row.folder) if row else None
        self._verdict = None
        if is_other:
            self._size_mm = None
        facts = row.facts if row else None
        self._look = Look(facts.size_m, facts.faces, None) if facts and not self.done else None
        self.result_changed.emit()
        self.edits_changed.emit()
        self.size_changed.emit()
        self.verdict_changed.emit()

    # Size and conditions

    @property
    def size_mm(self) -> float | None:
        """Longest side that the mesh will have: the one that was set, or its own, or None while that is not known."""
        if self._size_mm is not None:
            return self._size_mm
        return 1000.0 * max(self._look.size_m) if self._look else None

    @property
    def wanted_size_mm(self) -> float | None:
        """The longest side that was set, or None where the mesh keeps its own."""
        return self._size_mm

    def set_size(self, size_mm: float) -> None:
        """The longest side that the mesh will have; judged anew when it rests."""
        if size_mm != self._size_mm:
            self._size_mm = size_mm
            self.size_changed.emit()
            self._judge_soon()

    @property
    def conditions(self) -> "Conditions":
        """What the verdict is measured against."""
        from img2model_desktop.core.verdict.findings import Conditions

        return replace(self._conditions or Conditions(), size_mm=self._size_mm)

    def set_conditions(self, conditions: "Conditions") -> None:
        """Other conditions but for the size; judged anew when they rest."""
        self._conditions = conditions
        self._judge_soon()

    def _judge_soon(self) -> None:
        if self._row is not None:
            self._rest.start()

    # Judging

    def give_way(self) -> None:
        """Wants no verdict for now, so that something that the user waits for comes first; see `go_on`.

        Ending a call can cost its helper process, so a judging that is soon over is let finish.
        """
        self._rest.stop()
        self._is_judging = False
        if self._look is not None and self._look.faces > LONG_FACES:
            self._judging.stop()
        else:
            self._judging.forget()
        self.busy_changed.emit()

    @Slot()
    def go_on(self) -> None:
        """Has the mesh judged where it is not, and nothing is under way."""
        if self._verdict is None and not self._is_judging:
            self.judge()

    @Slot()
    def judge(self) -> None:
        """Has the mesh that is shown judged; what was asked before is not wanted any more."""
        if self.mesh is not None and not self.is_working:
            self.give_way()
            self._is_judging = True
            self._judging.ask(judge_result, str(self.mesh), self.conditions)
            self.busy_changed.emit()

    @Slot(object, object)
    def _on_judged(self, judged: Judged | None, trouble: Trouble | None) -> None:
        self._is_judging = False
        self.busy_changed.emit()
        if judged is not None:
            self._verdict, self._plans = judged.verdict, judged.plans
            self._adopt(judged.look)
        elif trouble is not None:
            self.failed.emit(trouble)
        self.verdict_changed.emit()

    # Editing

    def do(self, title: str, steps: "tuple[Step, ...]") -> None:
        """Does steps to the mesh that is shown."""
        if self._row is not None and not self.is_working:
            self._begin(title, edit_result, str(self._row.folder), title, steps)

    def mend(self, finding: "Finding") -> None:
        """Does the steps of a finding."""
        from img2model_desktop.core.workshop.catalog import find

        titles = dict.fromkeys(find(step.operation).title for step in finding.fix)
        self.do(", ".join(titles), finding.fix)

    def make_fit(self, purpose: str, title: str) -> None:
        """Does everything that makes the mesh fit for a purpose, as one edit."""
        if self._row is not None and not self.is_working:
            self._begin(title, fix_result, str(self._row.folder), title, purpose, self.conditions)

    def undo(self) -> None:
        """Takes the last edit back."""
        self.go_to(len(self.done) - 1)

    def redo(self) -> None:
        """Does the edit again that was taken back last."""
        self.go_to(len(self.done) + 1)

    def go_to(self, count: int) -> None:
        """Takes edits back or does them again until `count` of them are done; 0 is the original."""
        possible = 0 <= count <= len(self.done) + len(self.undone) and count != len(self.done)
        if self._row is not None and possible and not self.is_working:
            title = "Going back" if count < len(self.done) else "Going on"
            self._begin(title, go_to_edit, str(self._row.folder), count)

    def stop(self) -> None:
        """Stops what is under way: the mesh stays as it is."""
        if self.is_working:
            self._work = None
            self._working.stop()
            self.busy_changed.emit()
            self.go_on()
        elif self._is_judging:
            self._is_judging = False
            self._judging.stop()
            self.busy_changed.emit()
            self.verdict_changed.emit()

    def close(self) -> None:
        """Ends the waiting for a size to rest; the runner ends the rest."""
        self._rest.stop()

    def _begin(self, title: str, function: Any, *args: Any) -> None:
        assert self._row is not None
        self.give_way()
        self._work = (self._row, title, function is not go_to_edit)
        self._working.ask(function, *args)
        self.busy_changed.emit()

    @Slot(object, object)
    def _on_worked(self, worked: Worked | None, trouble: Trouble | None) -> None:
        if self._work is None:
            return
        edits = worked.edits if worked else None
        (row, title, adds), self._work = self._work, None
        self.busy_changed.emit()
        is_shown = self._row is not None and row.id == self._row.id
        if trouble is not None or edits is None or (is_shown and edits == self._edits):
            if trouble is not None:
                self.failed.emit(trouble)
            elif is_shown:
                self.told.emit(f"{title}: there was nothing to do.")
            self.go_on()
            return
        if adds:
            notes = " ".join(edits.done[-1].notes) or "Done."
            self.told.emit(f"{title}: {notes}" if is_shown else f"{title} of “{row.title}”: {notes}")
        if is_shown:
            self._edits = edits
            self._verdict = None
            self._adopt(worked.look if worked else None)
            self.edits_changed.emit()
            self.verdict_changed.emit()
            self.mesh_changed.emit(self.mesh)

    def _adopt(self, look: Look | None) -> None:
        """The look of another mesh; a mesh of another size has its own size until one is set again."""
        before, self._look = self._look, look
        if before is not None and look is not None and abs(max(before.size_m) / max(look.size_m) - 1) > SAME_SIZE:
            self._size_mm = None
        self.size_changed.emit()
