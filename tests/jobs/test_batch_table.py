"""The window's batches in the history database."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from img2model_desktop.core.request import Quality, Request
from img2model_desktop.health.past import names
from img2model_desktop.jobs.batch import Batch
from img2model_desktop.jobs.batch_table import BatchTable, Course
from img2model_desktop.jobs.store import Store
from img2model_desktop.jobs.tally import tally_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    yield made
    made.close()


def batch_of(tmp_path: Path, name: str = "in") -> Batch:
    request = Request(engine="inflate", quality=Quality.HIGH, options=(("relief", 0.5),))
    return Batch((tmp_path / name, tmp_path / "zwei ü"), tmp_path / f"{name} ö", request, ".obj", recursive=True)


def test_a_batch_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    table = BatchTable(store.database)
    first = table.add(batch_of(tmp_path), "Holiday", is_watched=False)
    odd = table.add(batch_of(tmp_path, os.fsdecode(b"bad\xff")), "odd", is_watched=True)
    assert table.rows() == (odd, first)
    table.change(first.id, Course.PAUSED, is_watched=True)
    changed = BatchTable(store.database).rows()[1]
    assert (changed.course, changed.is_watched, changed.batch) == (Course.PAUSED, True, first.batch)


def test_old_batches_that_have_ended_are_left_out(store: Store, tmp_path: Path) -> None:
    table = BatchTable(store.database)
    ids = [table.add(batch_of(tmp_path), str(number), is_watched=False).id for number in range(6)]
    assert ids == sorted(ids)
    for id_ in ids[1:]:
        table.change(id_, Course.ENDED, is_watched=False)
    assert [row.title for row in table.rows(most=2)] == ["5", "4", "0"]  # the oldest still runs


def test_jobs_and_what_is_to_come_are_counted(store: Store, tmp_path: Path) -> None:
    table = BatchTable(store.database)
    row = table.add(batch_of(tmp_path), "Holiday", is_watched=False)
    jobs = store.add_all([(Request(prompt="a"), ""), (Request(prompt="b"), "")], batch=row.id)
    store.add(Request(prompt="c"))
    assert table.jobs_of(row.id) == tuple(job.id for job in jobs)
    table.count_to_come(row.id, 7)
    tally = tally_of(store.database, row.id)
    assert (tally.title, tally.waiting, tally.to_come, tally.total) == ("Holiday", 2, 7, 9)


def test_its_places_are_names_that_a_bug_report_leaves_out(store: Store, tmp_path: Path) -> None:
    batch = batch_of(tmp_path)
    BatchTable(store.database).add(batch, "Holiday", is_watched=False)
    found = names(tmp_path / "history.sqlite3")
    assert {"Holiday", str(batch.target), *(str(source) for source in batch.sources)} <= found
