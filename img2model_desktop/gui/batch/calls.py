"""What the batches of the window let run aside: all that touches the pictures' and the results' folders, which may be
on a slow network drive. Module-level functions for `JobRunner.call`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from img2model_desktop.core.progress import Progress
from img2model_desktop.errors import Img2ModelError
from img2model_desktop.jobs.batch import Batch, Source
from img2model_desktop.jobs.batch_ledger import Entry, Ledger, Outcome, read_entries
from img2model_desktop.jobs.batch_run import check_batch, hash_of_input, keep_look
from img2model_desktop.jobs.batch_scan import Scanner

JUDGED_S = 2.0
"""For so long verdicts are made in a row: what else a batch asks for waits no longer."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at the folders of a batch has found.

    Args:
        sources: all pictures that are there (in a watched folder: that rest), sorted.
        entries: what was known about them before this look, by key.
        results: names of the results of those that are due, by key; they are begun now.
        looks: see `batch_scan.Scanner`.
        unread: sentences about what could not be looked into.
    """

    sources: tuple[Source, ...]
    entries: dict[str, Entry]
    results: dict[str, str]
    looks: dict[str, tuple[int, int]]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """How to look at the folders of a batch.

    Args:
        before: the last survey's `looks` for a watched folder, None to take everything that is there.
        tried: size and time of the pictures that were begun in this run of the program, by key: none twice.
        retry_failed: what failed is due.
        only_shows: nothing is begun and nothing written.
    """

    before: Mapping[str, tuple[int, int]] | None
    tried: Mapping[str, tuple[int, int]]
    retry_failed: bool = False
    only_shows: bool = False


def count_pictures(batch: Batch, report: Any, is_cancelled: Any) -> Any:  # noqa: ARG001 - runs aside
    """How many pictures there are, before anything is begun or written."""
    return len(Scanner(batch, lambda _: False).scan())


def survey(batch: Batch, wish: Wish, weights: Path | None, report: Any, is_cancelled: Any) -> Any:
    """Looks at the folders and begins what is due.

    Args:
        batch: whose.
        wish: how.
        weights: folder of the library of published weights.
        report, is_cancelled: see `aside`.

    Returns:
        `Survey`.
    """
    progress = Progress(report, is_cancelled)
    if wish.only_shows:
        entries = {entry.key: entry for entry in read_entries(batch.target)}
        ours = {batch.target / entry.result for entry in entries.values()}
        return Survey(Scanner(batch, ours.__contains__).scan(), entries, {}, {}, ())
    with Ledger(batch) as ledger:
        check_batch(ledger, weights)
        scanner = Scanner(batch, ledger.is_ours, wish.before or {})
        sources = scanner.scan() if wish.before is None else scanner.rested()
        entries = {entry.key: entry for entry in ledger.entries()}
        due = []
        for number, source in enumerate(sources):
            progress.update(number / len(sources))
            if wish.tried.get(source.key) != source.look and ledger.is_due(source, wish.retry_failed):
                due.append(source)
        begun = ledger.begin(due)
        results = {key: path.relative_to(batch.target).as_posix() for key, path in begun.items()}
        return Survey(sources, entries, results, scanner.looks, scanner.unread)


def settle(batch: Batch, entry: Entry, folder: Path, result: Path | None, report: Any, is_cancelled: Any) -> Any:
    """Saves a result where the batch wants it, and keeps how its picture ended.

    Args:
        batch: whose.
        entry: of the picture, as the job ended.
        folder: of the job.
        result: the job's mesh, or None where it failed.
        report, is_cancelled: see `aside`.

    Returns:
        The entry as it is in the ledger: failed, where the mesh could not be saved.
    """
    from img2model_desktop.jobs.export import ExportOptions, export_mesh
    from img2model_desktop.jobs.pipeline import CUT_OUT

    with Ledger(batch) as ledger:
        entry = replace(entry, sha256=hash_of_input(folder), stamp=batch.stamp)
        keep_look(folder / CUT_OUT, ledger.look_of(entry.key))
        if result is not None:
            try:
                out, progress = batch.target / entry.result, Progress(report, is_cancelled)
                made = export_mesh(result, out, ExportOptions(up=batch.up), progress=progress)
                entry = replace(entry, triangles=made.faces, size_mm=made.size_mm)
            except Img2ModelError as problem:
                entry = replace(
                    entry,
                    state=Outcome.FAILED,
                    error_kind=problem.kind,
                    error_message=problem.message,
                    error_advice=problem.advice,
                )
        ledger.end(entry)
    return entry


def judge_results(target: Path, report: Any, is_cancelled: Any) -> Any:
    """Makes some verdicts that a report wants to show; how many are still missing."""
    from img2model_desktop.jobs.batch_verdict import judge_some

    return judge_some(target, JUDGED_S, Progress(report, is_cancelled))


def write_reports(
    batch: Batch, pictures: Mapping[str, Path], title: str, out: Path, report: Any, is_cancelled: Any
) -> Any:
    """Writes the table or the page, by the suffix of `out`, with the verdicts that are known; its path."""
    from img2model_desktop.jobs.batch_report import lines_of, with_verdicts, write_csv, write_html

    lines = with_verdicts(lines_of(read_entries(batch.target), pictures, batch.target), judges=lambda: False)
    if out.suffix.lower() == ".csv":
        write_csv(lines, out)
    else:
        write_html(lines, out, title, Progress(report, is_cancelled))
    return out
