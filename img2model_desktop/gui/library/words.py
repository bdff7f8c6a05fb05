"""How the library says sizes, times and verdicts."""

import time

from img2model_desktop.core.verdict.words import LEVELS, PURPOSES
from img2model_desktop.gui.history.jobs import engine_title
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.shelf import Entry


def size_words(size: int | None) -> str:
    """Bytes in the largest unit that leaves something before the point: "1.2 GB"."""
    if size is None:
        return ""
    amount, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{size:,} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def exact_words(size: int) -> str:
    """Bytes in both ways: "1.2 GB (1,234,567,890 bytes)"."""
    return size_words(size) if size < 1000 else f"{size_words(size)} ({size:,} bytes)"


def seconds_words(seconds: float | None) -> str:
    """How long something took."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def date_words(at: float) -> str:
    """A day and a time."""
    return time.strftime("%d %B %Y, %H:%M", time.localtime(at)).lstrip("0")


def facts_of(entry: Entry) -> tuple[tuple[str, str], ...]:
    """What there is to say of an entry, each with its name; what is not known is left out."""
    row = entry.row
    size = tuple(f"{side * 1000:.0f}" for side in row.facts.size_m) if row.facts else ()
    is_closed = {True: "Yes", False: "No", None: ""}[entry.is_watertight]
    found = (
        ("Engine", engine_title(row.engine)),
        ("Quality", row.request.quality.value.capitalize() if not row.request.mesh else ""),
        ("Size", f"{' × '.join(size)} mm" if size else ""),
        ("Triangles", f"{entry.faces:,}" if entry.faces is not None else ""),
        ("Watertight", is_closed),
        ("Made in", seconds_words(row.seconds) if row.state is JobState.DONE else ""),
        ("On disk", size_words(entry.size_bytes)),
        ("Date", date_words(row.created)),
        ("Seed", str(row.request.seed) if row.request.seed else ""),
    )
    return tuple((name, value) for name, value in found if value)


def tip_of(entry: Entry) -> str:
    """An entry in a few lines."""
    lines = [entry.row.title, date_words(entry.row.created), *failure_of(entry.row), story_of(entry.row)]
    for words in PURPOSES:
        if words.key in entry.verdict:
            lines.append(LEVELS[entry.verdict[words.key]].sentence.format(use=words.use))
    if entry.tags:
        lines.append("Tags: " + ", ".join(entry.tags))
    return "\n".join(line for line in lines if line)


def story_of(row: JobRow) -> str:
    """What was decided and what was warned of, in lines."""
    return "\n".join(line for line in (row.reason, *row.decisions, *row.warnings) if line)


def failure_of(row: JobRow) -> tuple[str, str]:
    """Why it failed, and what to do."""
    return (row.error_message, row.error_advice) if row.state is JobState.FAILED else ("", "")
