"""What the history knows about one job, and how events change it."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from img2model_desktop.core.events import (
    Chosen,
    Decided,
    Facts,
    Failed,
    Finished,
    JobEvent,
    Progressed,
    StageBegan,
    Started,
    Stopped,
    Warned,
)
from img2model_desktop.core.request import Request
from img2model_desktop.errors import InputProblem

TITLE_LENGTH = 60


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def has_ended(self) -> bool:
        """Whether nothing can change it any more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.STOPPED)


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job of the history.

    Args:
        id: sorts by the time of creation; also the name of its folder.
        request: what was asked for.
        title: a few words for the list.
        created, started, ended: seconds since the epoch; None: not yet.
        starts: how often it was started.
        stage: in which it is or ended, or None.
        fraction: of that stage, 0..1.
        engine: the sculptor, "" while not known.
        reason: why the program chose it, or "" where the user did.
        result_path: of `result.glb`, or None.
        facts: of the result, or None.
        warnings: sentences that the job sent.
        error_kind: of errors.py, or "bug", or "" where nothing failed; likewise message, advice and details.
        seconds: the job took, or None.
        folder: of the job.
        position: in the queue; the lowest is next.
        is_held: it waits, and is passed over until the user lets it go on.
        batch: id of the batch that it belongs to, or "".
        stars: 0 to 5, the user's.
        trashed: seconds since the epoch, when the user threw it away; None: it is in the history.
        decisions: sentences: what the program decided by itself, see `core.events.Decided`.
        is_gone: its result was there, and its folder is not any more.
    """

    id: str
    state: JobState
    request: Request
    title: str
    created: float
    folder: Path
    started: float | None = None
    ended: float | None = None
    starts: int = 0
    stage: str | None = None
    fraction: float = 0.0
    engine: str = ""
    reason: str = ""
    result_path: Path | None = None
    facts: Facts | None = None
    warnings: tuple[str, ...] = ()
    error_kind: str = ""
    error_message: str = ""
    error_advice: str = ""
    error_details: str = ""
    seconds: float | None = None
    position: float = 0.0
    is_held: bool = False
    batch: str = ""
    stars: int = 0
    trashed: float | None = None
    decisions: tuple[str, ...] = ()
    is_gone: bool = False


def next_state(state: JobState, event: JobEvent) -> JobState:
    """The state after an event.

    The first last event counts; whatever comes after it changes nothing, because events that were on their way when a
    job ended still arrive. A job that waits can be stopped or fail before it starts.

    Raises:
        ValueError: an event that cannot come in this state: a second Started, or news of a job that has not started.
    """
    if state.has_ended:
        return state
    for kind, ended in ((Finished, JobState.DONE), (Failed, JobState.FAILED), (Stopped, JobState.STOPPED)):
        if isinstance(event, kind) and (state is JobState.RUNNING or kind is not Finished):
            return ended
    if isinstance(event, Started) == (state is JobState.QUEUED) and not isinstance(event, Finished):
        return JobState.RUNNING
    raise ValueError(f"{type(event).__name__} cannot come while a job is {state}")


def changed(row: JobRow, event: JobEvent) -> JobRow:
    """The row after an event; see `next_state`."""
    state = next_state(row.state, event)
    if row.state.has_ended:
        return row
    row = replace(row, state=state)
    match event:
        case Started():
            return replace(row, started=event.at, starts=row.starts + 1, stage=None, fraction=0.0)
        case StageBegan():
            return replace(row, stage=event.stage.value, fraction=0.0)
        case Progressed():
            return replace(row, stage=event.stage.value, fraction=min(max(event.fraction, 0.0), 1.0))
        case Chosen():
            return replace(row, engine=event.engine, reason=event.reason)
        case Warned() | Decided():
            return _told(row, event)
        case Finished():
            done = replace(row, ended=event.at, fraction=1.0, seconds=event.seconds, engine=event.engine)
            return replace(done, result_path=_inside(row.folder, Path(event.path)), facts=event.facts)
        case Failed():
            failed = replace(row, ended=event.at, seconds=_since(row, event.at), error_kind=event.kind)
            return replace(failed, error_message=event.message, error_advice=event.advice, error_details=event.details)
        case Stopped():
            return replace(row, ended=event.at, seconds=_since(row, event.at))
    return row


def _told(row: JobRow, event: Warned | Decided) -> JobRow:
    text = f"{event.message} {event.advice}".strip()
    if isinstance(event, Warned):  # a job that was taken up again says what it said before
        return row if text in row.warnings else replace(row, warnings=(*row.warnings, text))
    return replace(row, decisions=(*row.decisions, text))


def title_of(request: Request) -> str:
    """A few words for the list: the file's name without suffix, or the prompt."""
    file = request.mesh or request.picture
    text = Path(file).stem if file else " ".join(request.prompt.split())
    return shortened(text or "untitled")


# -- one row in its two written forms ----------------------------------------------------------------------------------


def to_values(row: JobRow) -> dict[str, Any]:
    """Plain values by column; paths relative to the job folder, so that the jobs can be moved."""
    result = row.result_path
    if result is not None and result.is_relative_to(row.folder):
        result = result.relative_to(row.folder)
    facts = row.facts
    values = {
        "id": row.id,
        "state": row.state.value,
        "request": json.dumps(row.request.to_dict()),
        "title": row.title,
        "created": row.created,
        "started": row.started,
        "ended": row.ended,
        "starts": row.starts,
        "stage": row.stage,
        "engine": row.engine,
        "reason": row.reason,
        "result": None if result is None else result.as_posix(),
        "facts": None
        if facts is None
        else json.dumps([facts.vertices, facts.faces, facts.parts, facts.watertight, list(facts.size_m)]),
        "warnings": json.dumps(row.warnings),
        "error_kind": row.error_kind,
        "error_message": row.error_message,
        "error_advice": row.error_advice,
        "error_details": row.error_details,
        "seconds": row.seconds,
        "position": row.position,
        "is_held": int(row.is_held),
        "batch": row.batch,
        "stars": row.stars,
        "trashed": row.trashed,
        "decisions": json.dumps(row.decisions),
        "is_gone": int(row.is_gone),
    }
    # names of files may hold bytes that are no text, and SQLite refuses them
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in values.items()
    }


def from_values(values: dict[str, Any], folder: Path) -> JobRow:
    """The row that `to_values` wrote. A request that cannot be read is empty: the result is still worth showing.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the values are none of a row.
    """
    try:
        request = Request.from_dict(json.loads(values.pop("request")))
    except (InputProblem, ValueError):
        request = Request()
    facts, result = values.pop("facts"), values.pop("result")
    if facts is not None:
        vertices, faces, parts, watertight, size = json.loads(facts)
        facts = Facts(vertices, faces, parts, watertight, tuple(size))
    row = JobRow(
        **values
        | {
            "state": JobState(values["state"]),
            "request": request,
            "folder": folder,
            "facts": facts,
            "result_path": None if result is None else folder / result,
            "warnings": tuple(json.loads(values["warnings"])),
            "decisions": tuple(json.loads(values.get("decisions", "[]"))),
            "is_held": bool(values.get("is_held")),
            "is_gone": bool(values.get("is_gone")),
            "fraction": 1.0 if values["state"] == JobState.DONE else 0.0,
        }
    )
    _check(row)
    return row


def is_name(id_: Any) -> bool:
    """Whether it can be a job's: the name of a folder, which leads nowhere else."""
    return isinstance(id_, str) and 0 < len(id_) <= 100 and not set(id_) & set("/\\\0:") and not id_.startswith(".")


def _check(row: JobRow) -> None:
    """Raises ValueError where a value is of another kind than its column: somebody else wrote it."""
    texts = (row.id, row.title, row.engine, row.reason, row.batch, row.stage or "", *row.warnings, *row.decisions)
    texts += (row.error_kind, row.error_message, row.error_advice, row.error_details)
    moments = (row.created, row.started, row.ended, row.seconds, row.trashed, row.position)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(texts)
    if not all(moment is None or (isinstance(moment, int | float) and abs(moment) < 1e15) for moment in moments):
        raise ValueError(moments)
    if not all(isinstance(count, int) and 0 <= count < 2**31 for count in (row.starts, row.stars)):
        raise ValueError(row.starts, row.stars)


def _inside(folder: Path, path: Path) -> Path:
    return path if path.is_relative_to(folder) else folder / path


def _since(row: JobRow, at: float) -> float | None:
    return None if row.started is None else max(at - row.started, 0.0)


def shortened(text: str) -> str:
    """The text in one line that fits the list."""
    text = " ".join(text.split())
    return text if len(text) <= TITLE_LENGTH else f"{text[: TITLE_LENGTH - 1].rstrip()}…"
