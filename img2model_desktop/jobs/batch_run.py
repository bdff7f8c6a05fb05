"""Makes the pictures of a batch, some at a time, each in a helper process of its own."""

import contextlib
import ctypes
import hashlib
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from img2model_desktop.aside import Helper, Inline
from img2model_desktop.core.events import Failed, Finished, JobEvent, Progressed, Warned
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import Cancelled, Img2ModelError, InputProblem, SetupProblem
from img2model_desktop.jobs.batch import Source
from img2model_desktop.jobs.batch_ledger import Entry, Ledger, Outcome
from img2model_desktop.jobs.batch_scan import Scanner
from img2model_desktop.jobs.plan import DEFAULT_LIMITS, PictureLimits, kept_input, resolve
from img2model_desktop.jobs.scratch import no_room, scratch

WATCH_S = 2.0
"""Between two looks into a watched folder; a file is taken when it has rested for as long."""

WAIT_S = 0.1
SETUP_FAILURES = 3
"""After so many failures in a row that are this machine's fault the batch ends: the others would fare no better."""

NO_CARD = "-1"
SCRATCH_PREFIX = "img2model-batch-"
LOOK_PX = 160


@dataclass(frozen=True, slots=True)
class How:
    """How a batch is run.

    Args:
        devices: one helper process for each: the number of its graphics card, "cpu" for none, "" for the machine's
            own choice.
        weights: folder of the library of published weights.
        limits: how large a picture may be.
        retry_failed: what failed before is tried again.
        watches: goes on looking for new pictures until it is stopped.
        watch_s: between two looks.
    """

    devices: tuple[str, ...] = ("",)
    weights: Path | None = None
    limits: PictureLimits = DEFAULT_LIMITS
    retry_failed: bool = False
    watches: bool = False
    watch_s: float = WATCH_S


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a batch is.

    Args:
        sources: all pictures that there are.
        kept: keys of those whose result was there already or that failed in an earlier run and are left alone.
        ended: entries of those that ended in this run, in the order they ended.
        seconds: since the first one began.
    """

    sources: tuple[Source, ...] = ()
    kept: frozenset[str] = frozenset()
    ended: tuple[Entry, ...] = ()
    seconds: float = 0.0

    @property
    def left(self) -> int:
        """How many are still to be made."""
        return len(self.sources) - len(self.kept) - len(self.ended)

    @property
    def left_s(self) -> float | None:
        """How long that will take if it goes on as before; None as long as nothing tells."""
        return self.left * self.seconds / len(self.ended) if self.ended else None


def time_words(seconds: float) -> str:
    """About how long, as a person would say it."""
    if seconds < 90:
        return f"{max(5 * round(seconds / 5), 5):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


Tell = Callable[[Standing, Entry | None], None]


@dataclass(frozen=True, slots=True)
class _Work:
    """One picture, as a helper process takes it."""

    source: Source
    request: Request
    out: Path
    up: str
    device: str
    weights: Path | None
    limits: PictureLimits
    folder: Path
    look: Path


def check_batch(ledger: Ledger, weights: Path | None) -> None:
    """What can be told before the first picture is made.

    Raises:
        InputProblem: the request or the format is none.
        SetupProblem: weights are missing, or the folder of the results cannot be written.
    """
    from img2model_desktop.jobs.export import ExportOptions, can_write

    batch = ledger.batch
    plan = resolve(batch.request_for(ledger.path))  # which stands for the pictures: it is a file that is there
    problem = can_write(batch.target / f"result{batch.suffix}", ExportOptions(up=batch.up))
    if problem is not None:
        raise problem
    bench = Bench(Inline(), weights)
    for step, role in ((plan.cutter, Role.CUTTER), (plan.maker, Role.MAKER)):
        if step is not None:
            bench.require(catalog.find(step.key, role))
    if not plan.is_auto:
        bench.require(catalog.find(plan.request.engine, Role.SCULPTOR))


class BatchRun:
    """One run over a batch, in the thread that calls `run`; a thread beside it waits for each helper process.

    Args:
        ledger: of the batch.
        how: it is run.
        tell: called in that thread with how far it is, and with the entry of a picture that has just ended.
        warn: called with sentences about what cannot be looked into.
        is_cancelled: asked often, from several threads.
    """

    def __init__(
        self,
        ledger: Ledger,
        how: How,
        tell: Tell,
        warn: Callable[[str], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._how = how
        self._tell = tell
        self._warn = warn
        self._is_cancelled = is_cancelled
        self._scanner = Scanner(ledger.batch, ledger.is_ours)
        self._todo: queue.SimpleQueue[tuple[Source, Path] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Entry | BaseException] = queue.SimpleQueue()
        self._has_to_end = threading.Event()
        self._tried: set[tuple[str, tuple[int, int]]] = set()  # in this run: none is made twice in one
        self._at_work: dict[str, Source] = {}
        self._sources: dict[str, Source] = {}
        self._kept: set[str] = set()
        self._done: dict[str, Entry] = {}
        self._warned: set[str] = set()
        self._began = 0.0
        self._setup_failures = 0

    def run(self) -> Standing:
        """Makes everything that is due; in a watched folder until `is_cancelled`.

        Raises:
            Cancelled: before everything was made. What was made is kept.
            InputProblem: a source is not there.
            SetupProblem: the results or temporary files cannot be written, or the machine is not ready.
        """
        with scratch(SCRATCH_PREFIX) as folder:
            threads = [
                threading.Thread(target=self._serve, args=(device, folder), name="batch")
                for device in self._how.devices
            ]
            started = False
            try:
                while True:
                    self._look(self._scanner.rested() if self._how.watches else self._scanner.scan())
                    if self._at_work and not started:  # no process is started where nothing is to do
                        started = True
                        self._began = time.monotonic()
                        for thread in threads:
                            thread.start()
                    self._collect()
                    if self._is_cancelled() and (self._at_work or not self._how.watches):
                        raise Cancelled
                    if self._is_cancelled() or (not self._how.watches and not self._at_work):
                        return self.standing()
            finally:
                self._has_to_end.set()
                for _ in threads:
                    self._todo.put(None)
                for thread in threads:
                    if started:
                        thread.join()

    def standing(self) -> Standing:
        """How far it is."""
        seconds = time.monotonic() - self._began if self._began else 0.0
        return Standing(tuple(self._sources.values()), frozenset(self._kept), tuple(self._done.values()), seconds)

    def _look(self, found: Sequence[Source]) -> None:
        """Puts what is due to the work."""
        for sentence in self._scanner.unread:
            if sentence not in self._warned:
                self._warned.add(sentence)
                self._warn(sentence)
        due = []
        for source in found:
            if source.key in self._at_work or (source.key, source.look) in self._tried:
                continue
            if self._is_cancelled():
                return
            if self._ledger.is_due(source, self._how.retry_failed):
                due.append(source)
            else:
                self._kept.add(source.key)
            self._sources[source.key] = source
        if not due:
            return
        results = self._ledger.begin(due)
        for source in due:
            self._kept.discard(source.key)
            self._done.pop(source.key, None)
            self._tried.add((source.key, source.look))
            self._at_work[source.key] = source
            self._todo.put((source, results[source.key]))
        self._tell(self.standing(), None)

    def _collect(self) -> None:
        """Takes what ends; until all has ended or, in a watched folder, until it is time for another look."""
        until = time.monotonic() + self._how.watch_s
        while not self._is_cancelled():
            if self._how.watches and time.monotonic() >= until:
                return
            if not self._how.watches and not self._at_work:
                return
            try:
                ended = self._ended.get(timeout=WAIT_S)
            except queue.Empty:
                continue
            if isinstance(ended, BaseException):
                raise ended
            self._end(ended)

    def _end(self, entry: Entry) -> None:
        source = self._at_work.pop(entry.key)
        entry = replace(entry, bytes=source.bytes, mtime_ns=source.mtime_ns, stamp=self._ledger.batch.stamp)
        self._ledger.end(entry)
        self._done[entry.key] = entry
        self._tell(self.standing(), entry)
        self._setup_failures = self._setup_failures + 1 if entry.error_kind == "setup" else 0
        if self._setup_failures == SETUP_FAILURES:
            raise SetupProblem(entry.error_message, entry.error_advice)

    # -- in the threads

    def _serve(self, device: str, folder: Path) -> None:
        """Hands pictures to one helper process, one after the other."""
        helper = Helper(niceness=0)  # there is no window to step back for
        try:
            while (todo := self._todo.get()) is not None and not self._has_to_end.is_set():
                self._ended.put(self._made(helper, self._work(*todo, device, folder)))
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - the other thread raises it: here it would be lost
            self._ended.put(error)
        finally:
            helper.close()

    def _work(self, source: Source, out: Path, device: str, folder: Path) -> _Work:
        batch, how = self._ledger.batch, self._how
        mark = hashlib.sha256(source.key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return _Work(
            source,
            batch.request_for(source.path),
            out,
            batch.up,
            device,
            how.weights,
            how.limits,
            folder / mark,
            self._ledger.look_of(source.key),
        )

    def _made(self, helper: Helper, work: _Work) -> Entry:
        result = work.out.relative_to(self._ledger.batch.target).as_posix()
        began = time.monotonic()
        try:
            entry: Entry = helper.run(make_one, work, tick=self._tick)
            return replace(entry, result=result)
        except Img2ModelError as problem:
            seconds = time.monotonic() - began
            return _failed(work, problem.kind, problem.message, problem.advice, seconds, result)
        except RuntimeError:  # a bug in the helper process: the others go on
            text = "Something went wrong inside the program."
            advice = "Run it again with “convert” to see the details, and report them."
            return _failed(work, "bug", text, advice, time.monotonic() - began, result)

    def _tick(self, fraction: float) -> None:  # noqa: ARG002 - what runs aside reports how far it is
        if self._has_to_end.is_set() or self._is_cancelled():
            raise Cancelled


def _failed(work: _Work, kind: str, message: str, advice: str, seconds: float, result: str = "") -> Entry:
    return Entry(
        work.source.key,
        Outcome.FAILED,
        result,
        at=time.time(),
        seconds=seconds,
        error_kind=kind,
        error_message=message,
        error_advice=advice,
    )


# -- in the helper processes -------------------------------------------------------------------------------------------


def make_one(work: _Work, report: Callable[[float], None], is_cancelled: Callable[[], bool]) -> Entry:
    """Makes one picture into a mesh and saves it; runs aside.

    Returns:
        Its entry, done or failed, without what tells which file it was.

    Raises:
        Cancelled: the user wants to stop.
    """
    try:
        return _made(work, report, is_cancelled)
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
        _give_back()


def _made(work: _Work, report: Callable[[float], None], is_cancelled: Callable[[], bool]) -> Entry:
    if work.device:  # before the first engine asks for a card
        os.environ["CUDA_VISIBLE_DEVICES"] = NO_CARD if work.device == "cpu" else work.device
    from img2model_desktop.jobs.export import ExportOptions, export_mesh
    from img2model_desktop.jobs.pipeline import CUT_OUT, run_job

    warnings: list[str] = []

    def hear(event: JobEvent) -> None:
        if isinstance(event, Progressed):
            report(event.fraction)
        elif isinstance(event, Warned):
            warnings.append(f"{event.message} {event.advice}".strip())

    began = time.monotonic()
    try:
        work.folder.mkdir(parents=True, exist_ok=True)
        plan = resolve(work.request, work.limits)
        last = run_job(plan, Bench(Inline(), work.weights), work.folder, hear, is_cancelled)
        seconds = time.monotonic() - began
        if isinstance(last, Failed):
            failed = _failed(work, last.kind, last.message, last.advice, seconds)
            return replace(failed, sha256=hash_of_input(work.folder), warnings=tuple(warnings))
        if not isinstance(last, Finished):
            raise Cancelled
        made = export_mesh(
            Path(last.path), work.out, ExportOptions(up=work.up), progress=Progress(report, is_cancelled)
        )
    except Img2ModelError as problem:
        return _failed(work, problem.kind, problem.message, problem.advice, time.monotonic() - began)
    except OSError as error:
        raise no_room(str(error)) from None
    keep_look(work.folder / CUT_OUT, work.look)
    return Entry(
        work.source.key,
        Outcome.DONE,
        "",
        sha256=hash_of_input(work.folder),
        at=time.time(),
        seconds=time.monotonic() - began,
        engine=last.engine,
        triangles=made.faces,
        watertight=last.facts is not None and last.facts.watertight,
        size_mm=made.size_mm,
        warnings=tuple(warnings),
    )


def _give_back() -> None:
    """Gives the system what the C library keeps of freed memory: pictures of many sizes leave gaps that add up to
    2 MB in a hundred jobs. It takes a few milliseconds; only glibc can do it, and needs to."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def hash_of_input(folder: Path) -> str:
    """SHA-256 of the picture that a job has read, which may already differ from what lies there now; "" for none."""
    kept = kept_input(folder)
    return hashlib.sha256(kept.read_bytes()).hexdigest() if kept else ""


def keep_look(cut_out: Path, out: Path) -> None:
    """Writes a cut-out small, for reports and lists; where that fails there is none, which is no reason to fail."""
    from PIL import Image

    try:
        with Image.open(cut_out) as cut:
            small = cut.convert("RGBA")
        small.thumbnail((LOOK_PX, LOOK_PX))
        ground = Image.new("RGBA", small.size, (142, 144, 150, 255))
        ground.alpha_composite(small)
        out.parent.mkdir(exist_ok=True)
        ground.convert("RGB").save(out, "JPEG", quality=80)
    except OSError:
        return


def devices_of(text: str, slots: int) -> tuple[str, ...]:
    """The device of each helper process.

    Args:
        text: numbers of graphics cards, "0,1"; "cpu"; "" for the machine's own choice.
        slots: helper processes; 0 for one per device.

    Raises:
        InputProblem: that is no device.
    """
    named = [part.strip() for part in text.split(",") if part.strip()] or [""]
    for name in named:
        if name not in ("", "cpu") and not name.isdecimal():
            raise InputProblem(f"“{name}” is no device.", "Write cpu, or numbers of graphics cards, such as 0,1.")
    return tuple(named[number % len(named)] for number in range(slots or len(named)))
