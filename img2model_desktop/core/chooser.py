"""Chooses the sculptor that fits a cut-out picture, and says why."""

from dataclasses import dataclass

from img2model_desktop.core.picture import Picture


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Args:
        engine: key of the sculptor.
        reason: one sentence for the user.
    """

    engine: str
    reason: str


def choose_sculptor(picture: Picture) -> Choice:
    """The sculptor for a cut-out picture."""
    picture.require_subject()
    return Choice("inflate", "A rounded body fits most outlines, so it is inflated.")
