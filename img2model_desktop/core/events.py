"""What a running job says: frozen, flat, picklable records.

A job sends Started first and exactly one of Finished, Failed, Stopped last, always.
"""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The stages of a job, in their order."""

    OPEN = "open"  # a mesh file, instead of all others
    PICTURE = "picture"
    CUT_OUT = "cut out"
    SCULPT = "sculpt"
    CLEAN = "clean"
    PAINT = "paint"
    SAVE = "save"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened in one job.

    Args:
        job_id: of the job.
        at: seconds since the epoch, by this machine's clock.
    """

    job_id: str
    at: float


@dataclass(frozen=True, slots=True)
class Started(JobEvent):
    """The job runs from here on."""


@dataclass(frozen=True, slots=True)
class StageBegan(JobEvent):
    """A stage begins.

    Args:
        resumed: its output was found in the job folder and is used again.
        engine: key of the engine that works in it, or "" where none does.
    """

    stage: Stage
    resumed: bool = False
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Progressed(JobEvent):
    """How far the stage is, 0..1."""

    stage: Stage
    fraction: float


@dataclass(frozen=True, slots=True)
class Preview(JobEvent):
    """Something to look at already: a file in the job folder (`cutout.png`, `shape.npz`)."""

    stage: Stage
    path: str


@dataclass(frozen=True, slots=True)
class Chosen(JobEvent):
    """The program chose an engine for the user, and why, in one sentence."""

    engine: str
    reason: str


@dataclass(frozen=True, slots=True)
class Warned(JobEvent):
    """Something the user should know though the job goes on: one sentence, and what to do."""

    message: str
    advice: str = ""


class Decision(StrEnum):
    """What the program decided by itself, so that a job goes on after trouble."""

    RETRY = "retry"  # the same again: the trouble may have passed
    STEP_DOWN = "step down"  # a cheaper plan, since memory does not hold the wished one
    SET_ASIDE = "set aside"  # the engine failed too often and is not used any more until the user says so
    FALL_BACK = "fall back"  # another engine, built in


@dataclass(frozen=True, slots=True)
class Decided(JobEvent):
    """The program changed its plan for this job.

    Args:
        stage: in which.
        engine: that it was about.
        message: what was decided, and why, in one sentence.
        advice: what the user can do about it, or "".
        kind: category of the failure that led to it, see `Failed`.
    """

    decision: Decision
    stage: Stage
    engine: str
    message: str
    advice: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts of a finished mesh. Lengths in metres."""

    vertices: int
    faces: int
    parts: int
    watertight: bool
    size_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Finished(JobEvent):
    """The result is on disk.

    Args:
        path: of `result.glb` in the job folder; of the first picture, when pictures were asked for.
        engine: the sculptor that made it, or the picture maker.
        facts: of the mesh; None for pictures.
        seconds: the whole job took.
    """

    path: str
    engine: str
    facts: Facts | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed(JobEvent):
    """The job ended without a result. Text only: an exception would pin memory.

    Args:
        kind: of errors.py (`input`, `setup`, `memory`, `engine`, `history`) or `bug`.
        stage: in which it failed, or None before the first.
        engine: that was at work, or "".
    """

    kind: str
    message: str
    advice: str
    details: str = ""
    stage: Stage | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Stopped(JobEvent):
    """The user stopped the job."""


LAST = (Finished, Failed, Stopped)
