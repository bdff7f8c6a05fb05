"""What a job folder tells of its job, and what becomes of jobs and folders that a crash or a person has parted."""

import contextlib
import json
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

from img2model_desktop.core import atomic
from img2model_desktop.core.request import Request
from img2model_desktop.jobs import schema
from img2model_desktop.jobs.job_row import JobRow, JobState, from_values, to_values

JOB_FILE = "job.json"
END_FILE = "ended.json"

MAX_STARTS = 3
"""A job that was running this many times when the program ended is taken to be the reason, and not started again."""

LEFT_OVER_S = 14 * 86_400.0
"""Only folders that have changed within this time are looked into at a start: ten thousand take a while."""

_OUR_FOLDER = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{4,}")


def write_note(row: JobRow) -> None:
    """Writes into the job's folder what the database says of it, so that a damaged database can be built again.

    It is not waited for the disk: a power cut may cost the note, not the row.

    Raises:
        SetupProblem: disk full, folder missing or not writable.
    """
    content = json.dumps({"version": schema.VERSION, "job": to_values(row)}, indent=1, ensure_ascii=False)
    name = END_FILE if row.state.has_ended else JOB_FILE
    atomic.write_file(row.folder / name, content.encode(), flush=False)
    if not row.state.has_ended:
        with contextlib.suppress(OSError):  # of a run before this one
            (row.folder / END_FILE).unlink(missing_ok=True)


def has_note(folder: Path) -> bool:
    """Whether the folder of a job that waits is there, with what the job is; a power cut may leave an empty file."""
    try:
        return (folder / JOB_FILE).stat().st_size > 0
    except OSError:
        return False


def read_note(folder: Path) -> JobRow | None:
    """The row that a job folder tells of; None where it holds none that is whole."""
    for name in (END_FILE, JOB_FILE):
        try:
            values = json.loads((folder / name).read_bytes())["job"]
            row = from_values({**values, "id": folder.name}, folder)
            to_values(row)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        return row
    return None


def after_crash(row: JobRow) -> JobRow:
    """What becomes of a job that was running when the program ended."""
    if row.starts < MAX_STARTS:
        return replace(row, state=JobState.QUEUED)
    return replace(
        row,
        state=JobState.FAILED,
        ended=time.time(),
        error_kind="bug",
        error_message=f"The program ended {row.starts} times while it worked on this.",
        error_advice="Try a lower quality or another engine.",
    )


def unreadable(id_: str, folder: Path) -> JobRow:
    """What stands for a job whose row is damaged and whose folder tells nothing."""
    return JobRow(
        id=id_,
        state=JobState.FAILED,
        request=Request(),
        title="damaged entry",
        created=0.0,
        folder=folder,
        error_kind="history",
        error_message="The history's entry of this job is damaged.",
        error_advice="Look into its folder: what was made is still there.",
    )


def sweep(folder: Path) -> None:
    """Takes away a job folder that was cut off before anything was in it; any other is left as it is."""
    if not _OUR_FOLDER.fullmatch(folder.name):
        return
    with contextlib.suppress(OSError):
        for item in list(folder.iterdir()):
            if item.name.startswith(atomic.HIDDEN_PREFIX):
                shutil.rmtree(item, ignore_errors=True)
        folder.rmdir()  # refuses when there is anything else


def clear(jobs: Path) -> None:
    """Takes away what a killed program has left half-written in the job folders; nothing that has its name."""
    since = time.time() - LEFT_OVER_S
    with contextlib.suppress(OSError), os.scandir(jobs) as folders:
        for folder in folders:
            if folder.stat().st_mtime >= since and _OUR_FOLDER.fullmatch(folder.name):
                for hidden in Path(folder).glob(f"{atomic.HIDDEN_PREFIX}*"):
                    shutil.rmtree(hidden, ignore_errors=True)


def told(adopted: int, gone: int) -> str:
    """One sentence for the user about what was mended, or "" where nothing was."""
    parts = []
    if adopted:
        jobs = "1 job was" if adopted == 1 else f"{adopted} jobs were"
        parts.append(f"{jobs} found in folders that the history did not know")
    if gone:
        parts.append(f"the folder of {'1 result is' if gone == 1 else f'{gone} results is'} not there any more")
    text = ", and ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""
