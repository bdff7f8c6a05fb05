"""What is known of the library of weights, and what is done with it, one thing at a time and aside."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.engines.weights import delivery, sets
from img2model_desktop.engines.weights.delivery import Pace
from img2model_desktop.engines.weights.found import Found
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.library import SetState, Standing
from img2model_desktop.engines.weights.pipelines import Pipeline
from img2model_desktop.gui.latest_call import Caller, LatestCall
from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.gui.runner import Lane, Trouble
from img2model_desktop.gui.weights import calls as weights_calls
from img2model_desktop.gui.weights import words as weights_words
from img2model_desktop.gui.weights.calls import Asked, Brought, Seen
from img2model_desktop.gui.weights.words import Row
from img2model_desktop.jobs.job_row import JobRow

_TONES = {"input": Tone.WARNING, "setup": Tone.WARNING}
_COMMAND = "img2model weights"  # in an advice that is for the command line
PACE_MS = 500  # between two looks at how fast a download is


class WeightsShelf(QObject):
    """The sets of weights and how they stand.

    Args:
        caller: runs what touches files.
        folder: of the library.
        jobs: gives the rows of the history, from which times on this machine are known.

    Signals:
        rows_changed: () what `rows` and `missing_engines` give is new.
        work_changed: (str, bool) what is being done now, "" for nothing; whether it can be gone on with later.
        moved: (float) how far it is, 0..1.
        offered: (object) the `Offer` that the user is to answer with `take` or `leave`, or None: no more question.
        asked: (object) the `Question` before a download that the user is to answer with `agree` or `leave`, or None.
        paced: (str) how fast a download is, in words.
        told: (object) a Message: how it went.
    """

    rows_changed = Signal()
    work_changed = Signal(str, bool)
    moved = Signal(float)
    offered = Signal(object)
    asked = Signal(object)
    paced = Signal(str)
    told = Signal(object)

    def __init__(
        self, caller: Caller, folder: Path, jobs: Callable[[], Sequence[JobRow]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._folder = str(folder)
        self._jobs = jobs
        self._seen = Seen((), {})
        self._problems: dict[str, str] = {}  # that verifying found, by key
        self._paths: deque[Path] = deque()  # brought together with what is looked at now
        self._sets: deque[Found] = deque()  # found in it, of which the first is offered
        self._brought: Brought | None = None
        self._wanted = ""
        self._key = ""  # of the set that is worked on
        self._then: Callable[[Any], None] = lambda result: None  # noqa: ARG005 - a placeholder
        self._words = ""  # for what is being done
        self._asked: Asked | None = None
        self._pace: Pace | None = None  # of the download that is under way
        self._looking = LatestCall(caller, self)
        self._asking = LatestCall(caller, self)
        self._working = LatestCall(caller, self, Lane.LONG)
        self._looking.answered.connect(self._on_looked)
        self._asking.answered.connect(self._on_asked)
        self._working.answered.connect(self._on_worked)
        self._working.moved.connect(self._on_moved)
        self._timer = QTimer(self)
        self._timer.setInterval(PACE_MS)
        self._timer.timeout.connect(self._tell_pace)

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._working.is_busy

    def rows(self) -> tuple[Row, ...]:
        """One for each set, in the order of the table; none before `look` was answered."""
        jobs, seen = self._jobs(), self._seen
        problems = {state.key: self._problems.get(state.key, "") for state in seen.states}
        return tuple(
            replace(
                weights_words.row_of(state, jobs, problems[state.key], seen.waiting.get(state.key), seen.tflops),
                conversions=weights_words.conversions_of(
                    state, seen.converted.get(state.key, ""), state.key in seen.pickles
                ),
            )
            for state in seen.states
        )

    def pipelines(self) -> tuple[Pipeline, ...]:
        """Of the user's own, newest first; none before `look` was answered."""
        return self._seen.pipelines

    def missing_engines(self) -> dict[str, str]:
        """Why not, by key of each engine that lacks its weights; none before `look` was answered."""
        return weights_words.missing_engines(self._seen.states)

    def look(self) -> None:
        """Looks again what is here."""
        self._looking.ask(weights_calls.look, self._folder)

    def find(self, paths: Sequence[Path], wanted: str = "") -> None:
        """Looks what files and folders hold, one after the other; `offered` brings each.

        Args:
            paths: each of them one set.
            wanted: key of the set that the user wants, or "".
        """
        if self.is_busy:
            self._say("One thing at a time.", "Wait until this is done, then bring the next.")
            return
        self._paths, self._wanted = deque(paths), wanted
        self._sets.clear()
        self._go_on()

    def take(self, how: str) -> None:
        """Takes in what was offered: "link", "copy" or "move"."""
        pipeline = self._brought.pipeline if self._brought else None
        if pipeline is not None and not self.is_busy:
            self._brought = None
            self._start(f"Linking to {pipeline.title}…", self._on_linked, weights_calls.link, str(pipeline.path))
        elif self._sets and not self.is_busy:
            found = self._sets.popleft()
            words = {"link": "Linking", "copy": "Copying", "move": "Moving"}[how]
            self._do(words, found.weight_set.key, self._on_taken, weights_calls.take, found, how)

    def leave(self) -> None:
        """Does not want what was offered, or the download that was asked about."""
        if self._asked is not None:
            self._asked = None
            self.asked.emit(None)
        elif not self.is_busy:
            if self._sets:
                self._sets.popleft()
            self._brought = None if not self._sets else self._brought
            self._go_on()

    # Downloads

    def ask(self, key: str) -> None:
        """`asked` brings what downloading a set, or what is damaged of it, would mean. Nothing is opened for it."""
        if not self.is_busy:
            self._asking.ask(weights_calls.ask, self._folder, key, delivery.HOST)

    def agree(self) -> None:
        """The user has read what was asked, and wants it."""
        if self._asked is not None and not self.is_busy:
            terms, self._asked = self._asked.terms, None
            self._download(terms.weight_set.key, terms.consent, terms.host)

    def go_on(self, key: str) -> None:
        """Goes on with a download that ended early; it was agreed to before."""
        left = self._seen.waiting.get(key)
        if left is not None and not self.is_busy:
            self._download(key, left.consent, left.host)

    def pause(self) -> None:
        """Ends a download; what came is kept for `go_on`."""
        if self._pace is not None:
            kept = megabytes(int(self._pace.there))
            self._end_work()
            self._say(f"The download is paused. {kept} are kept, also over a restart.")
            self.look()

    def discard(self, key: str) -> None:
        """Deletes what came of a download that ended early."""
        self._do("Discarding", key, self._on_discarded, weights_calls.discard, key)

    def convert(self, key: str, what: str) -> None:
        """Makes a file of a set's files, "whole" or "half" as precise, or deletes what was made: "drop"."""
        if what == "drop":
            self._do("Clearing", key, self._on_dropped, weights_calls.drop_converted, key)
        else:
            self._do("Converting", key, self._on_converted, weights_calls.convert, key, what == "half")

    # Pipelines

    def verify_pipeline(self, name: str) -> None:
        """Reads a pipeline byte by byte."""
        self._start(f"Verifying {name}…", self._on_pipeline, weights_calls.verify_pipeline, name)

    def unlink(self, name: str) -> None:
        """Takes a pipeline out of the library; its folder stays as it is."""
        self._start(f"Removing {name}…", self._on_unlinked, weights_calls.unlink, name)

    def verify(self, key: str) -> None:
        """Reads a set byte by byte."""
        self._do("Verifying", key, self._on_verified, weights_calls.verify, key)

    def remove(self, key: str) -> None:
        """Takes a set out of the library."""
        self._do("Removing", key, self._on_removed, weights_calls.remove, key)

    def export(self, key: str, out: Path) -> None:
        """Writes a set into a folder for another machine."""
        self._do("Exporting", key, self._on_exported, weights_calls.export, key, str(out))

    def stop(self) -> None:
        """Ends what is being done."""
        if self.is_busy:
            was_download = self._pace is not None
            self._paths.clear()
            self._sets.clear()
            self._end_work()
            if was_download:
                self.discard(self._key)
                return
            self._say("Cancelled. Everything is as it was.")
            self.look()

    def _end_work(self) -> None:
        self._working.stop()
        self._end_pace()
        self.work_changed.emit("", False)

    def _end_pace(self) -> None:
        self._pace = None
        self._timer.stop()

    def _download(self, key: str, consent: str, host: str) -> None:
        self._do("Downloading", key, self._on_taken, weights_calls.fetch, key, consent, host)
        self._pace = Pace(sets.find(key).bytes)
        self._timer.start()
        self.work_changed.emit(self._words, True)
        self._tell_pace()

    @Slot()
    def _tell_pace(self) -> None:
        if self._pace is not None:
            self.paced.emit(self._pace.words(time.monotonic()))

    @Slot(float)
    def _on_moved(self, fraction: float) -> None:
        if self._pace is not None:
            self._pace.add(fraction, time.monotonic())
            fraction = self._pace.share
        self.moved.emit(fraction)

    def _go_on(self) -> None:
        """Offers the next set of what was brought, or looks into the next of it, or asks no more."""
        if self._sets and self._brought is not None:
            key = self._sets[0].weight_set.key
            is_here = any(
                one.weight_set.key == key and one.standing is not Standing.MISSING for one in self._seen.states
            )
            self.offered.emit(weights_words.offer_of(self._sets[0], self._brought, is_here))
            return
        if self._brought is not None and self._brought.pipeline is not None:
            self.offered.emit(weights_words.pipeline_offer(self._brought.pipeline))
            return
        self.offered.emit(None)
        if self._paths:
            path = self._paths.popleft()
            self._start(f"Looking into “{path.name}”…", self._on_found, weights_calls.find, str(path), self._wanted)

    def _do(self, doing: str, key: str, then: Callable[[Any], None], function: Callable[..., Any], *args: Any) -> None:
        """Starts one piece of work on a set; `then` gets its result."""
        if not self.is_busy:
            self._key = key
            self._start(f"{doing} {weights_words.title_of(key)}…", then, function, *args)

    def _start(self, words: str, then: Callable[[Any], None], function: Callable[..., Any], *args: Any) -> None:
        self._then, self._words = then, words
        self._working.ask(function, self._folder, *args)
        self.work_changed.emit(words, False)

    def _say(self, text: str, advice: str = "", tone: Tone = Tone.INFO) -> None:
        self.told.emit(Message(tone, text, advice))

    @Slot(object, object)
    def _on_looked(self, seen: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.told.emit(_as_message(trouble))
            return
        self._seen = seen
        self.rows_changed.emit()

    @Slot(object, object)
    def _on_asked(self, asked: Any, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.told.emit(_as_message(trouble))
        elif not self.is_busy:
            self._asked = asked
            self.asked.emit(weights_words.question_of(asked))

    @Slot(object, object)
    def _on_worked(self, result: Any, trouble: Trouble | None) -> None:
        self._end_pace()
        self.work_changed.emit("", False)
        if trouble is None:
            self._then(result)
        else:
            if self._then == self._on_verified:
                self._problems[self._key] = trouble.message
            self.told.emit(_as_message(trouble))
        self.look()
        self._go_on()

    def _on_found(self, brought: Brought) -> None:
        self._brought = brought
        self._sets = deque(brought.sets)

    def _on_taken(self, state: SetState) -> None:
        self._tell_state(state)

    def _on_verified(self, state: SetState) -> None:
        self._tell_state(state)

    def _tell_state(self, state: SetState) -> None:
        self._problems.pop(state.weight_set.key, None)
        row = weights_words.row_of(state, ())
        self._say(f"{row.title}: {row.state_words[:1].lower()}{row.state_words[1:]}.")

    def _on_removed(self, _result: None) -> None:
        self._problems.pop(self._key, None)
        self._say(f"{weights_words.title_of(self._key)} was removed.")

    def _on_discarded(self, _result: None) -> None:
        self._say(f"The download of {weights_words.title_of(self._key)} is no more; what had come was deleted.")

    def _on_converted(self, made: Path) -> None:
        self._say(f"{weights_words.title_of(self._key)} is read from “{made.name}” from now on. It may be deleted.")

    def _on_dropped(self, _result: None) -> None:
        self._say(f"What was made of {weights_words.title_of(self._key)} was deleted; its own files are used.")

    def _on_linked(self, pipeline: Pipeline) -> None:
        self._say(f"{pipeline.title} is linked: pictures can be made from words with it.")

    def _on_pipeline(self, pipeline: Pipeline) -> None:
        self._say(f"{pipeline.title}: every file is as it was.")

    def _on_unlinked(self, _result: None) -> None:
        self._say("The pipeline was removed from the list. Its folder stays as it is.")

    def _on_exported(self, made: Path) -> None:
        text = f"{weights_words.title_of(self._key)} is in “{made}” now."
        self._say(text, "Take that folder to the other machine and drop it on this window there.")


def _as_message(trouble: Trouble) -> Message:
    advice = "The list below says what this program can use." if _COMMAND in trouble.advice else trouble.advice
    return Message(_TONES.get(trouble.kind, Tone.ERROR), trouble.message, advice, trouble.details)
