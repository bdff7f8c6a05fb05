"""Moves a camera smoothly from where it is to where it is wanted."""

import math
import time
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from img2model_desktop.render.camera import Camera

FLIGHT_MS = 260
_FRAME_MS = 16


class Flight(QObject):
    """One flight at a time; a new one starts where the camera is then.

    Signals:
        moved: (Camera) on the way; the last one is exactly where it was wanted.
    """

    moved = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._from = self._to = Camera()
        self._began = 0.0
        self._timer = QTimer(self, interval=_FRAME_MS)
        self._timer.timeout.connect(self._on_frame)

    @property
    def is_under_way(self) -> bool:
        """Whether it has not arrived."""
        return self._timer.isActive()

    @property
    def goal(self) -> Camera:
        """Where the last flight goes."""
        return self._to

    def begin(self, start: Camera, goal: Camera) -> None:
        """Flies there in `FLIGHT_MS`."""
        self._from, self._to = start, goal
        self._began = time.monotonic()
        self._timer.start()

    def stop(self) -> None:
        """Stays where the camera is: the user took it in hand."""
        self._timer.stop()

    @Slot()
    def _on_frame(self) -> None:
        share = min((time.monotonic() - self._began) * 1000 / FLIGHT_MS, 1.0)
        if share >= 1.0:
            self._timer.stop()
        self.moved.emit(between(self._from, self._to, share * share * (3 - 2 * share)) if share < 1.0 else self._to)


def between(start: Camera, goal: Camera, share: float) -> Camera:
    """The camera on the way: 0 at the start, 1 at the goal; around the mesh on the shorter side."""
    turn = (goal.azimuth_deg - start.azimuth_deg + 180.0) % 360.0 - 180.0
    target = np.array(start.target) + share * (np.array(goal.target) - start.target)
    return replace(
        goal,
        target=(float(target[0]), float(target[1]), float(target[2])),
        distance_m=start.distance_m * math.exp(share * math.log(goal.distance_m / start.distance_m)),
        azimuth_deg=(start.azimuth_deg + share * turn) % 360.0,
        elevation_deg=start.elevation_deg + share * (goal.elevation_deg - start.elevation_deg),
    )
