"""Looks at a cut-out and says what will make a poor mesh, before anyone waits for one."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.picture import Picture
from img2model_desktop.errors import InputProblem

SOLID = 128  # alpha from which a pixel belongs to the subject
TINY_SHARE = 0.01  # of the picture's area
FEW_PIXELS = 128  # of the subject's longer side: below it the outline has steps that no smoothing hides
PART_SHARE = 0.01  # of the subject's area; smaller specks do not count as parts
TOUCH_SHARE = 0.02  # of a side's length that the subject covers before it counts as cut off there


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the subject that the user should know though work goes on.

    Args:
        key: "touches", "tiny", "parts" or "coarse".
        message: one sentence that says what was seen.
        advice: one sentence that says what to do.
    """

    key: str
    message: str
    advice: str


def check_subject(cut: Picture) -> tuple[Finding, ...]:
    """What to tell the user about a cut-out picture; empty when all is well.

    Raises:
        InputProblem: nothing is left of the picture.
    """
    cut.require_subject()
    solid = cut.alpha >= SOLID
    if not solid.any():
        raise nothing_found()
    found = [_coarse(solid)]
    if cut.is_cut_out:
        found = [_touching(solid), _small(solid), _in_parts(solid), *found]
    return tuple(finding for finding in found if finding is not None)


def nothing_found() -> InputProblem:
    """The problem to raise when no subject can be told from the background."""
    return InputProblem(
        "No subject was found in this picture.",
        "Paint over it with the brush, or take a picture before a plain background.",
    )


def sides_touched(solid: NDArray[np.bool_]) -> tuple[str, ...]:
    """Which sides of the picture cut the subject off.

    Args:
        solid: `(h, w) bool`, the subject.
    """
    edges = {"top": solid[0], "bottom": solid[-1], "left": solid[:, 0], "right": solid[:, -1]}
    return tuple(side for side, edge in edges.items() if edge.mean() > TOUCH_SHARE)


def count_parts(solid: NDArray[np.bool_]) -> int:
    """How many separate parts the subject has, specks not counted.

    Args:
        solid: `(h, w) bool`, the subject.
    """
    areas = cv2.connectedComponentsWithStats(solid.astype(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return int((areas >= PART_SHARE * areas.sum()).sum()) if len(areas) else 0


def _touching(solid: NDArray[np.bool_]) -> Finding | None:
    sides = sides_touched(solid)
    if not sides:
        return None
    where = sides[0] if len(sides) == 1 else ", ".join(sides[:-1]) + " and " + sides[-1]
    return Finding(
        "touches",
        f"The subject is cut off at the {where} of the picture.",
        "The mesh will be flat there; use a picture that shows all of it, with some space around.",
    )


def _small(solid: NDArray[np.bool_]) -> Finding | None:
    if solid.mean() >= TINY_SHARE:
        return None
    return Finding(
        "tiny",
        "The subject fills less than a hundredth of the picture.",
        "Crop the picture closer, or mend the cut-out with the brush if something is missing.",
    )


def _in_parts(solid: NDArray[np.bool_]) -> Finding | None:
    parts = count_parts(solid)
    if parts < 2:
        return None
    return Finding(
        "parts",
        f"The subject is in {parts} separate parts.",
        "Remove with the brush what does not belong, or turn on “Largest part only”.",
    )


def _coarse(solid: NDArray[np.bool_]) -> Finding | None:
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    longest = int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    if longest >= FEW_PIXELS:
        return None
    return Finding(
        "coarse",
        f"The subject is only {longest} pixels long.",
        "Expect a soft outline and texture; a larger picture gives a sharper mesh.",
    )
