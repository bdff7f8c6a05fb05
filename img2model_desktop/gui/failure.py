"""What the window says of a job that failed, and the button that leads on."""

from collections.abc import Callable

from img2model_desktop.gui.messages import Message, Tone
from img2model_desktop.jobs.job_row import JobRow

_OTHERWISE = ("input", "engine")
"""Kinds of failures that come again until the picture, the brush or the engine is another one."""


def failure_message(row: JobRow, load: Callable[[], object], retry: Callable[[], object]) -> Message:
    """Why a job failed.

    Args:
        row: of the job.
        load: brings its picture and settings back, to be changed.
        retry: runs it once more as it is.
    """
    is_named = row.error_message.startswith(f"“{row.title}")  # it says itself which one
    text = row.error_message if is_named else f"“{row.title}”: {row.error_message}"
    action, act = ("Load its settings", load) if row.error_kind in _OTHERWISE else ("Try again", retry)
    return Message(Tone.ERROR, text, row.error_advice, row.error_details, action, act)
