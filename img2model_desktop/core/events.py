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
    """A stage begins; `resumed` when its output was found in the job folder and is used again."""

    stage: Stage
    resumed: bool = False


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
        path: of `result.glb` in the job folder.
        engine: the sculptor that made it.
        facts: of the mesh.
        seconds: the whole job took.
    """

    path: str
    engine: str
    facts: Facts
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed(JobEvent):
    """The job ended without a result. Text only: an exception would pin memory.

    Args:
        kind: of errors.py (`input`, `setup`, `memory`, `engine`, `history`) or `bug`.
    """

    kind: str
    message: str
    advice: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Stopped(JobEvent):
    """The user stopped the job."""


LAST = (Finished, Failed, Stopped)
