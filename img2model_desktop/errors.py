"""Every error that a user may see.

    Img2ModelError        message for people, advice, details; exit code
      InputProblem        2  the user can change something: picture, prompt, option
      SetupProblem        3  this machine is not ready: weights, disk, folder
      OutOfMemory         4  needed, free, what was tried, what to reduce
      EngineProblem       5  an engine ran and its result is of no use
        PassingTrouble    5  the same again may well work
          HelperDied      5  the process that did the work ended in the middle of it
      HistoryProblem      3  the database is locked, damaged, or from a newer version
    Cancelled           130  outside the tree: not an error, the user's wish

Anything else that is raised is a bug (exit code 1). Exceptions never travel between threads or
processes and are never stored: a traceback would keep large arrays and GPU tensors alive. What
travels is `kind`, `message`, `advice` and `details`, all text.
"""

from enum import StrEnum

EXIT_BUG = 1
EXIT_CANCELLED = 130
KILLED = 9
"""Signal by which Linux ends a process when memory has run out."""


class Severity(StrEnum):
    """How much a failure matters, and to whom."""

    MILD = "mild"  # something in the request is to be changed, then it works
    SERIOUS = "serious"  # this machine or this engine needs care before such jobs work
    GRAVE = "grave"  # the program itself, or what it keeps, is at fault


def severity_of(kind: str) -> Severity:
    """How much a failure of this category matters; what is not known is taken for a bug."""
    return SEVERITIES.get(kind, Severity.GRAVE)


SEVERITIES = {
    "input": Severity.MILD,
    "setup": Severity.SERIOUS,
    "memory": Severity.SERIOUS,
    "engine": Severity.SERIOUS,
    "history": Severity.GRAVE,
    "bug": Severity.GRAVE,
}


class Img2ModelError(Exception):
    """Something to tell the user.

    Args:
        message: one sentence that says what happened, without a traceback or jargon.
        advice: one sentence that says what to do next, or "".
        details: anything more for a bug report, or "".
    """

    kind = "problem"
    exit_code = EXIT_BUG
    wire = ""  # what tells it from others of its kind where it travels as text

    def __init__(self, message: str, advice: str = "", details: str = "") -> None:
        super().__init__(message, advice, details)
        self.message = message
        self.advice = advice
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class InputProblem(Img2ModelError):
    """The user can change something: an unreadable picture, an empty prompt, an option out of range."""

    kind = "input"
    exit_code = 2


class SetupProblem(Img2ModelError):
    """This machine is not ready: weights missing or damaged, disk full, folder not writable."""

    kind = "setup"
    exit_code = 3


class OutOfMemory(Img2ModelError):
    """The work does not fit this machine's memory."""

    kind = "memory"
    exit_code = 4


class EngineProblem(Img2ModelError):
    """An engine ran and its result is of no use."""

    kind = "engine"
    exit_code = 5


class PassingTrouble(EngineProblem):
    """An engine did not get through, for a reason that may be gone at the next try."""

    wire = "passing"


class HelperDied(PassingTrouble):
    """The process that did the work ended in the middle of it.

    Args:
        code: its exit code; minus the number of the signal that killed it.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(
            "The helper process ended in the middle of the work.",
            "Try again; if it happens again choose a lower quality or a smaller picture.",
            f"exit code {code}",
        )
        self.was_killed = code == -KILLED


class HistoryProblem(Img2ModelError):
    """The history database is locked, damaged, or was written by a newer version."""

    kind = "history"
    exit_code = 3


class Cancelled(Exception):
    """The user asked to stop. Raised by `Progress` and by nothing else."""


def no_memory(details: str = "") -> OutOfMemory:
    """What to tell when this machine itself has no memory left."""
    return OutOfMemory(
        "This machine does not have enough free memory for that.",
        "Close other programs, or choose a lower quality or a smaller picture.",
        details,
    )


KINDS: dict[str, type[Img2ModelError]] = {
    error.kind: error for error in (InputProblem, SetupProblem, OutOfMemory, EngineProblem, HistoryProblem)
}


def as_text(problem: Img2ModelError) -> tuple[str, str, str, str]:
    """What of an error crosses a process or thread boundary."""
    return problem.wire or problem.kind, problem.message, problem.advice, problem.details


def rebuild(kind: str, message: str, advice: str, details: str) -> Img2ModelError:
    """The error again, from the text that crossed a process or thread boundary."""
    if kind == PassingTrouble.wire:
        return PassingTrouble(message, advice, details)
    return KINDS.get(kind, Img2ModelError)(message, advice, details)
