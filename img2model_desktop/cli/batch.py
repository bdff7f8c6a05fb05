"""`img2model batch`: a folder of pictures to a folder of meshes, that can be stopped, killed and gone on with."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2model_desktop import paths
from img2model_desktop.cli.convert import add_request_options, request_of, stored_settings
from img2model_desktop.cli.meshes import progress_on_terminal
from img2model_desktop.cli.speech import print_json, say_problem
from img2model_desktop.errors import EXIT_BUG, EXIT_CANCELLED, KINDS, Cancelled, InputProblem
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.batch_ledger import Entry, Ledger, Outcome, read_batch
from img2model_desktop.jobs.batch_run import BatchRun, How, Standing, check_batch, devices_of, time_words
from img2model_desktop.jobs.batch_scan import natural
from img2model_desktop.jobs.plan import PictureLimits

EPILOG = """\
A second run with the same folders makes only what is new, has changed or was not finished; nothing is made twice.
batch.jsonl in OUT says what became of each picture; a result is there whole or not at all, whatever happens.

exit codes: 0 every picture has its mesh; 130 stopped (Ctrl+C, SIGTERM), to be gone on with; 3 OUT cannot be written, or
the machine is not ready; else that of the first picture, by name, that failed: 1 bug, 2 input, 4 memory, 5 engine. What
failed is left alone until its picture or the options change, or --retry-failed is given.

On a farm, let the scheduler call one process for each picture instead; done ones end at once with 0:
  img2model convert PICTURE -o OUT/NAME.glb --skip-existing --json [options]"""


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("sources", nargs="*", metavar="DIR", help="folders and pictures; none with --resume")
    add("-o", "--out", required=True, metavar="OUT", help="folder of the meshes; made when missing")
    add("--recursive", action="store_true", help="looks into folders of DIR, too; OUT gets the same folders")
    add("--watch", action="store_true", help="goes on with pictures that come later, until Ctrl+C")
    add("--resume", action="store_true", help="goes on with the batch of OUT as it was started last")
    add("--retry-failed", action="store_true", help="tries again what failed before")
    add("--format", default="glb", metavar="F", help="of the meshes: %(default)s, gltf, obj, stl, ply, 3mf, usdz")
    add("--jobs", type=int, default=0, metavar="N", help="pictures at a time, each in a process; default: one a device")
    add("--device", default="", metavar="D", help="graphics cards, e.g. 0,1, or cpu; default: the machine's choice")
    add("--csv", default="", metavar="FILE", help="writes a table of all pictures")
    add("--html", default="", metavar="FILE", help="writes a page with all pictures and meshes")
    add_request_options(parser)
    add("--json", action="store_true", help="one JSON object a picture")
    parser.set_defaults(run=_batch)


def _batch(arguments: argparse.Namespace) -> int:
    stored = stored_settings()
    batch = _batch_of(arguments, Path(arguments.out).absolute())
    if not 0 <= arguments.jobs <= 64:
        raise InputProblem(f"{arguments.jobs} pictures at a time is not possible.", "Choose 1 to 64.")
    how = How(
        devices_of(arguments.device, arguments.jobs),
        paths.weights_dir(),
        PictureLimits(stored.max_picture_bytes, stored.max_picture_pixels),
        arguments.retry_failed,
        arguments.watch,
    )
    with Ledger(batch) as ledger:
        check_batch(ledger, how.weights)
        return _run(arguments, ledger, how)


def _batch_of(arguments: argparse.Namespace, target: Path) -> Batch:
    if arguments.resume and not arguments.sources:
        return read_batch(target)
    if not arguments.sources:
        raise InputProblem("There is nothing to make.", "Name a folder with pictures, or go on with --resume.")
    stored = stored_settings()
    suffix = f".{arguments.format.lower().lstrip('.')}"
    is_fixed = suffix in (".glb", ".gltf", ".usdz")  # always y up
    sources = tuple(dict.fromkeys(Path(source).absolute() for source in arguments.sources))
    up = arguments.up or ("y" if is_fixed else stored.up_axis)
    return Batch(sources, target, request_of(arguments, stored), suffix, up, arguments.recursive)


def _run(arguments: argparse.Namespace, ledger: Ledger, how: How) -> int:
    told = _Told(ledger, arguments.json, how.watches)
    reports = _Reports(arguments.csv, arguments.html, ledger)
    code, is_over = 0, False

    def hear(standing: Standing, entry: Entry | None) -> None:
        told.hear(standing, entry)
        if how.watches and entry is not None and not standing.left:  # it may go on for weeks
            reports.write({source.key: source.path for source in standing.sources}, lambda: not cancel.is_set())

    with _stopped_by_signals() as cancel:
        run = BatchRun(ledger, how, hear, told.warn, cancel.is_set)
        try:
            run.run()
            is_over = True
        except Cancelled:
            code = EXIT_CANCELLED
        finally:
            told.end()
            pictures = {source.key: source.path for source in run.standing().sources}
            reports.write(pictures, lambda: is_over and not cancel.is_set())
    standing = run.standing()
    if not standing.sources and not how.watches:
        raise InputProblem(
            "There is no picture in that.", "Name a folder with pictures; --recursive looks into its folders, too."
        )
    if not arguments.json:
        told.sum_up(standing, stopped=code == EXIT_CANCELLED)
    return code or _code(ledger, standing)


def _code(ledger: Ledger, standing: Standing) -> int:
    """That of the first picture, by name, that has no mesh."""
    entries = (ledger.entry(source.key) for source in sorted(standing.sources, key=lambda one: natural(one.key)))
    for entry in entries:
        if entry is not None and entry.state is Outcome.FAILED:
            return KINDS[entry.error_kind].exit_code if entry.error_kind in KINDS else EXIT_BUG
    return 0


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Set once the user or the system wants the program to end."""
    cancel = threading.Event()
    names = [signal.SIGINT, signal.SIGTERM]
    before = [signal.signal(name, lambda *_: cancel.set()) for name in names]
    try:
        yield cancel
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


@dataclass(frozen=True, slots=True)
class _Reports:
    """The table and the page, as far as they are wished for."""

    csv: str
    html: str
    ledger: Ledger

    def write(self, pictures: Mapping[str, Path], judges: Callable[[], bool]) -> None:
        """Writes what is wished for.

        Args:
            pictures: by key.
            judges: whether there is time for verdicts that were not made yet.

        Raises:
            SetupProblem: it cannot be written.
            Cancelled: Ctrl+C.
        """
        if not self.csv and not self.html:
            return
        from img2model_desktop.jobs.batch_report import lines_of, with_verdicts, write_csv, write_html

        target = self.ledger.batch.target
        with progress_on_terminal("verdicts") as progress:
            lines = with_verdicts(lines_of(self.ledger.entries(), pictures, target), progress, judges)
        if self.csv:
            write_csv(lines, Path(self.csv).absolute())
        if self.html:
            with progress_on_terminal("page") as progress:
                write_html(lines, Path(self.html).absolute(), target.name, progress)


class _Told:
    """Says how far it is: on a terminal one line that changes, and for each picture its result or its reason."""

    def __init__(self, ledger: Ledger, as_json: bool, watches: bool) -> None:
        self._ledger = ledger
        self._as_json = as_json
        self._watches = watches
        self._is_terminal = sys.stderr.isatty()
        self._is_open = False

    def hear(self, standing: Standing, entry: Entry | None) -> None:
        """Takes what `batch_run` tells."""
        self.end()
        if entry is not None:
            self._say(entry)
        if self._is_terminal:
            print(_line(standing, self._watches), end="", file=sys.stderr, flush=True)
            self._is_open = True

    def warn(self, sentence: str) -> None:
        """Says what was left out."""
        self.end()
        print(sentence, file=sys.stderr)

    def end(self) -> None:
        """Ends the line that changes."""
        if self._is_open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._is_open = False

    def sum_up(self, standing: Standing, stopped: bool) -> None:
        """The last line."""
        failed = sum(entry.state is Outcome.FAILED for entry in standing.ended)
        before = [entry for key in standing.kept if (entry := self._ledger.entry(key)) is not None]
        failed_before = sum(entry.state is Outcome.FAILED for entry in before)
        there = len(before) - failed_before
        words = [f"{len(standing.ended) - failed} made"]
        words += [f"{failed} failed"] if failed else []
        words += [f"{there} there already"] if there else []
        words += [f"{failed_before} failed before (--retry-failed tries again)"] if failed_before else []
        words += [f"{standing.left} still to be made: the same command goes on with them"] if stopped else []
        print(f"{', '.join(words)}.", file=sys.stderr)

    def _say(self, entry: Entry) -> None:
        path = self._ledger.batch.target / entry.result
        if self._as_json:
            print_json(_plain(entry, path))
        elif entry.state is Outcome.FAILED:
            named = entry.error_message.startswith(f"“{Path(entry.key).name}”")  # it says itself which file
            say_problem(entry.error_message if named else f"{entry.key}: {entry.error_message}", entry.error_advice)
        else:
            size = " x ".join(f"{side:.1f}" for side in entry.size_mm)
            sound = "watertight" if entry.watertight else "not watertight"
            facts = f"{entry.engine}, {entry.triangles} triangles, {size} mm, {sound}, {entry.seconds:.2f} s"
            print(f"{path}: {facts}", flush=True)


def _line(standing: Standing, watches: bool) -> str:
    """How far it is: what has ended is counted, what is left is reckoned from what this run has made."""
    count = len(standing.sources) - len(standing.kept)
    failed = sum(entry.state is Outcome.FAILED for entry in standing.ended)
    words = [f"{len(standing.ended)} of {count}"]
    words += [f"{failed} failed"] if failed else []
    if standing.left and standing.left_s is not None:
        words.append(f"about {time_words(standing.left_s)} left")
    elif not standing.left and watches:
        words.append("waiting for pictures")
    return f"\r\x1b[K{', '.join(words)}"


def _plain(entry: Entry, path: Path) -> dict[str, Any]:
    plain: dict[str, Any] = {"file": entry.key, "state": str(entry.state), "seconds": round(entry.seconds, 3)}
    if entry.state is Outcome.FAILED:
        error = {"kind": entry.error_kind, "message": entry.error_message, "advice": entry.error_advice}
        return {**plain, "error": error}
    return {
        **plain,
        "path": str(path),
        "engine": entry.engine,
        "size_mm": [round(side, 3) for side in entry.size_mm],
        "faces": entry.triangles,
        "watertight": entry.watertight,
        "warnings": list(entry.warnings),
    }
