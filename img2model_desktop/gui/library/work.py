"""What the library does with what is chosen: export, trash, clearing, looking for what is alike, variants."""

import secrets
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.core.request import MAX_VARIANTS, Request
from img2model_desktop.engines import catalog
from img2model_desktop.errors import HistoryProblem, Img2ModelError
from img2model_desktop.gui.export_section import FIXED_UP
from img2model_desktop.gui.history.card_pictures import input_of
from img2model_desktop.gui.latest_call import LatestCall
from img2model_desktop.gui.library.calls import export_to, look_of_picture
from img2model_desktop.gui.library.words import size_words
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import JobRunner, Trouble
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.plan import resolve
from img2model_desktop.jobs.shelf import MESH, Entry

NAME_LENGTH = 60


class LibraryWork(QObject):
    """One thing of each sort at a time.

    Signals:
        told: (object) a `Message`.
        look_found: (object, object) the look of a dropped picture, and its Path.
        use_found: (object) a `jobs.disk_use.DiskUse`.
        files_changed: () the trash was emptied or something was cleared.
        variants_begun: (str, str) the batch that they are in, and what it is called.
    """

    told = Signal(object)
    look_found = Signal(object, object)
    use_found = Signal(object)
    files_changed = Signal()
    variants_begun = Signal(str, str)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._looking = LatestCall(runner, self)
        self._surveying = LatestCall(runner, self)
        self._clearing = LatestCall(runner, self)
        self._exporting = LatestCall(runner, self)
        self._dropped = Path()
        self._exports: deque[tuple[str, str, float, str]] = deque()
        self._exported: list[Path] = []
        self._failures: list[str] = []
        self._going: deque[str] = deque()
        self._gone = 0
        self._pace = QTimer(self)
        self._pace.setInterval(0)
        self._pace.timeout.connect(self._remove_next)
        self._looking.answered.connect(self._on_looked)
        self._surveying.answered.connect(self._on_surveyed)
        self._clearing.answered.connect(self._on_cleared)
        self._exporting.answered.connect(self._on_exported)

    def stop(self) -> None:
        """Wants no answer any more; an export under way and removing end after the file at hand."""
        self._pace.stop()
        self._exports.clear()
        for call in (self._looking, self._surveying, self._clearing, self._exporting):
            call.forget()

    # what is alike

    def look_for(self, picture: Path) -> None:
        """Finds out how a picture file looks; `look_found` brings it."""
        self._dropped = picture
        self._looking.ask(look_of_picture, str(picture), self._runner.limits)

    @Slot(object, object)
    def _on_looked(self, look: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.told.emit(Message(Tone.WARNING, trouble.message, trouble.advice, trouble.details))
        else:
            self.look_found.emit(look, self._dropped)

    # export

    def export(self, entries: tuple[Entry, ...], folder: Path, suffix: str) -> None:
        """Saves meshes into a folder, one after the other; a message says how it went."""
        up = FIXED_UP.get(suffix, "z" if suffix == ".stl" else "y")
        for entry in entries:
            if entry.kind == MESH:
                size = max(entry.row.facts.size_m) * 1000 if entry.row.facts else entry.row.request.size_mm
                out = str(folder / f"{file_name(entry.row.title)}{suffix}")
                self._exports.append((str(entry.row.folder), out, size, up))
        self._exported, self._failures = [], []
        self._export_next()

    def _export_next(self) -> None:
        if self._exports and not self._exporting.is_busy:
            left = len(self._exports)
            self.told.emit(Message(Tone.INFO, f"Saving: {left} left" if left > 1 else "Saving…"))
            self._exporting.ask(export_to, *self._exports.popleft())

    @Slot(object, object)
    def _on_exported(self, exported: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._failures.append(f"{trouble.message} {trouble.advice}")
        else:
            self._exported.append(exported.path)
        if self._exports:
            self._export_next()
        elif self._failures:
            text = f"{len(self._failures)} could not be saved, {len(self._exported)} were: {self._failures[0]}"
            self.told.emit(Message(Tone.ERROR, text, details="\n".join(self._failures)))
        elif self._exported:
            first = self._exported[0]
            what = str(first) if len(self._exported) == 1 else f"{len(self._exported)} meshes into {first.parent}"
            self.told.emit(Message(Tone.INFO, f"Saved: {what}"))

    # trash

    def trash(self, rows: tuple[JobRow, ...]) -> None:
        """Throws away what has ended; the message brings it back."""
        ids = tuple(row.id for row in rows if row.state.has_ended)
        if self._each(ids, self._runner.trash):
            text = f"“{rows[0].title}” lies in the trash now." if len(ids) == 1 else f"{len(ids)} lie in the trash now."
            self.told.emit(Message(Tone.INFO, text, action="Bring back", act=lambda: self.restore(ids)))

    def restore(self, ids: tuple[str, ...]) -> None:
        """Brings jobs back from the trash."""
        self._each(ids, self._runner.restore)

    def empty_trash(self) -> None:
        """Removes for good what is in the trash, one after the other so that the window goes on."""
        self._going.extend(row.id for row in self._runner.store.trashed() if row.id not in self._going)
        self._gone = 0
        self._pace.start()

    @Slot()
    def _remove_next(self) -> None:
        if not self._going:
            self._pace.stop()
            self.told.emit(
                Message(Tone.INFO, "1 job was removed." if self._gone == 1 else f"{self._gone} jobs were removed.")
            )
            self.files_changed.emit()
            return
        try:
            self._runner.remove(self._going.popleft())
            self._gone += 1
        except Img2ModelError as problem:
            self._pace.stop()
            self._going.clear()
            self.told.emit(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
            self.files_changed.emit()

    def _each(self, ids: tuple[str, ...], act: Any) -> bool:
        try:
            for id_ in ids:
                act(id_)
        except Img2ModelError as problem:
            self.told.emit(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
            return False
        return bool(ids)

    # disk

    def survey(self) -> None:
        """Looks what takes how much; `use_found` brings it."""
        from img2model_desktop.jobs.disk_use import facts_of, survey

        found = self._runner.store.database.select("SELECT id, state, trashed FROM job")
        known = {row["id"]: facts_of(JobState(row["state"]), row["trashed"]) for row in found}
        self._surveying.ask(survey, str(self._runner.store.jobs_folder), known)

    def clear(self, paths: tuple[str, ...]) -> None:
        """Removes files that the survey found; a message says what that freed."""
        from img2model_desktop.jobs.disk_use import clear

        self._clearing.ask(clear, str(self._runner.store.jobs_folder), paths)

    @Slot(object, object)
    def _on_surveyed(self, use: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.told.emit(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
        else:
            self.use_found.emit(use)

    @Slot(object, object)
    def _on_cleared(self, freed: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.told.emit(Message(Tone.ERROR, trouble.message, trouble.advice, trouble.details))
        else:
            self.told.emit(Message(Tone.INFO, f"{size_words(freed)} were freed."))
        self.files_changed.emit()

    # variants

    def make_variants(self, row: JobRow, count: int) -> None:
        """Queues the same request with other seeds, as one batch."""
        batch, title = f"variants-{secrets.token_hex(6)}", f"Variants of {row.title}"
        try:
            plans = tuple(resolve(request, self._runner.limits) for request in variants_of(row, count))
            self._runner.submit_all(plans, batch=batch)
        except Img2ModelError as problem:
            self.told.emit(Message(Tone.ERROR, problem.message, problem.advice, problem.details))
            return
        self.variants_begun.emit(batch, title)


def why_no_variants(row: JobRow) -> str:
    """Why other seeds would make nothing else of a request, one sentence; "" where they would."""
    if row.request.mesh:
        return "This mesh was opened, not made."
    keys = {row.engine, row.request.engine} | ({row.request.maker} if not row.request.picture else set())
    if not any(spec.uses_seed for spec in catalog.ENGINES if spec.key in keys):
        return "What made this draws no random numbers: another seed would make the same."
    return ""


def variants_of(row: JobRow, count: int) -> tuple[Request, ...]:
    """The request of a job with the next seeds.

    Args:
        count: 2 to `MAX_VARIANTS`.
    """
    count = min(max(count, 2), MAX_VARIANTS)
    kept = input_of(row)
    picture = row.request.picture
    if picture and not Path(picture).is_file() and kept is not None:
        picture = str(kept)
    engine = row.engine or row.request.engine
    base = replace(row.request, picture=picture, engine=engine if row.request.goal == MESH else row.request.engine)
    return tuple(replace(base, seed=row.request.seed + 1 + number) for number in range(count))


def file_name(title: str) -> str:
    """A title as the stem of a file on any system."""
    clean = "".join(char if char.isprintable() and char not in '\\/:*?"<>|' else " " for char in title)
    return " ".join(clean.split()).strip(". ")[:NAME_LENGTH] or "mesh"


def is_there(runner: JobRunner, job_id: str) -> bool:
    """Whether the history has a job."""
    try:
        runner.job(job_id)
    except HistoryProblem:
        return False
    return True
