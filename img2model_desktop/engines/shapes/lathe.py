"""Lathe: a body of revolution from one picture, for bottles, vases and lamps."""

import math

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core import bake
from img2model_desktop.core.axis import Profile, profile_of, seen_level
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.revolve import Turned, turned
from img2model_desktop.core.silhouette import Silhouette, silhouette_of
from img2model_desktop.engines.catalog import LatheOptions

EVEN_TURN = 0.82  # of a quarter turn that the picture's half width is stretched over with the even wrap
CLEARLY_WIDER = 1.15
CLEARLY_MORE = 0.03  # of evenness, before a subject counts as lying rather than standing


class Lathe:
    """Turns the outline about its axis and wraps the picture around it.

    What sticks out on one side only, such as a handle, is left off: it is not part of a body of revolution. A tilted
    subject is stood upright.
    """

    def sculpt(self, picture: Picture, options: LatheOptions, seed: int, progress: Progress) -> Mesh:
        """See `engines.base.Sculptor`. `seed` changes nothing."""
        del seed
        progress.update(0.0)
        picture.require_subject()
        silhouette = silhouette_of(picture.alpha, progress=progress.part(0.0, 0.1))
        progress.update(0.2)
        profile, lying = _profile(silhouette, options.axis, progress.part(0.2, 0.5))
        texture = bake.texture_of(picture, silhouette, options.texture_px, progress.part(0.5, 0.7))
        progress.update(0.7)
        angle = 0.0 if lying else math.radians(options.from_above)
        if angle > 0:
            profile = seen_level(profile, angle)
        along, radius = profile.line()
        body = turned(along, radius, options.faces)
        progress.update(0.9)
        across = body.radius * _wrapped(body.turn, options.wrap == "even")
        uv = texture.uv_of(profile.axis.place(_seen_at(body, angle), across))
        scale = 1.0 / max(float(np.ptp(along)), 2 * float(radius.max()))
        upright = np.stack([body.radius * np.sin(body.turn), -body.along, body.radius * np.cos(body.turn)], axis=1)
        vertices = upright[:, [1, 0, 2]] * [-1.0, 1.0, 1.0] if lying else upright
        mesh = Mesh((vertices * scale).astype(np.float32), body.faces.astype(np.int32), uv, Picture.own(texture.pixels))
        progress.update(1.0)
        return mesh.validate()

    def close(self) -> None:
        """Nothing to free."""


def load() -> Lathe:
    """The engine."""
    return Lathe()


def _profile(silhouette: Silhouette, axis: str, progress: Progress) -> tuple[Profile, bool]:
    """The profile, and whether its axis lies."""
    if axis == "lying":
        return profile_of(silhouette, lying=True), True
    upright = profile_of(silhouette)
    progress.update(0.5)
    left, top, right, bottom = silhouette.box
    is_wide = right - left > CLEARLY_WIDER * (bottom - top)  # what lies on its side is longer than high
    if axis == "upright" or not is_wide or upright.evenness > 1 - CLEARLY_MORE:
        return upright, False
    lying = profile_of(silhouette, lying=True)
    progress.update(1.0)
    if lying.evenness > upright.evenness + CLEARLY_MORE:
        return lying, True
    return upright, False


def _seen_at(body: Turned, angle: float) -> NDArray[np.float64]:
    """Where along the axis, in the picture, each vertex is seen from so far above.

    The near side is seen lower than the middle of its circle. The far side cannot be seen and mirrors the near one;
    of the upper end both sides are seen.
    """
    toward = body.radius * np.cos(body.turn)
    on_top = body.along <= body.along.min() + 1e-9
    toward = np.where(on_top, toward, np.abs(toward))
    return np.asarray(body.along * math.cos(angle) + toward * math.sin(angle))


def _wrapped(turn: NDArray[np.float64], even: bool) -> NDArray[np.float64]:
    """Where on the picture's half width, -1..1, the skin at an angle comes from; the back mirrors the front.

    As seen, the sides show the outermost pixels drawn out; the even wrap spreads the picture more evenly and shows
    it a little wider from the front. At a quarter turn both reach the outline, so front and back meet.
    """
    across = np.sin(turn)
    if not even:
        return across
    folded = np.arcsin(np.clip(across, -1, 1))
    return np.asarray(np.sin(folded * EVEN_TURN) / math.sin(math.pi / 2 * EVEN_TURN))
