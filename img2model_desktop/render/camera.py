"""Where one looks from: the camera that the window and the screenless renderer share.

Plain numbers in the mesh's own space (metres, y up, front +z). Matrices are `(4, 4) float64` for column vectors.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Point = tuple[float, float, float]

PRODUCT_AZIMUTH_DEG = 30.0
PRODUCT_ELEVATION_DEG = 17.5
FOV_DEG = 40.0
MARGIN = 1.22  # times the room that the mesh needs, so that it does not touch the picture's edge
DEPTH_RATIO = 4000.0  # far / near at most: 24 bits of depth still tell 0.1 mm apart at 1 m


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that looks at a point and stands upright.

    Args:
        target: the point it looks at, metres.
        distance_m: from the target, above 0.
        azimuth_deg: 0 looks at the front, 90 at the mesh's left side (from +x).
        elevation_deg: 0 is level, 90 looks straight down.
        fov_deg: angle that the shorter side of the picture spans.
    """

    target: Point = (0.0, 0.0, 0.0)
    distance_m: float = 1.0
    azimuth_deg: float = PRODUCT_AZIMUTH_DEG
    elevation_deg: float = PRODUCT_ELEVATION_DEG
    fov_deg: float = FOV_DEG

    @property
    def axes(self) -> Matrix:
        """`(3, 3)`: rows are right, up and backwards (towards the viewer)."""
        a, e = np.radians(self.azimuth_deg), np.radians(self.elevation_deg)
        return np.array(
            [
                [np.cos(a), 0.0, -np.sin(a)],
                [-np.sin(a) * np.sin(e), np.cos(e), -np.cos(a) * np.sin(e)],
                [np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)],
            ]
        )

    @property
    def position(self) -> NDArray[np.float64]:
        """`(3,)`, metres."""
        return np.asarray(np.array(self.target) + self.distance_m * self.axes[2])

    def view_matrix(self) -> Matrix:
        """From the mesh's space to the eye's: x right, y up, looking along -z."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.axes
        matrix[:3, 3] = -self.axes @ self.position
        return matrix

    def half_extent(self, width: float, height: float) -> tuple[float, float]:
        """Half the width and height that a picture of that shape shows at distance 1."""
        half = float(np.tan(np.radians(self.fov_deg) / 2))
        shorter = min(width, height)
        return half * width / shorter, half * height / shorter

    def projection_matrix(self, width: float, height: float, near_m: float, far_m: float) -> Matrix:
        """Perspective for a picture of that shape (OpenGL clip space, depth -1..1)."""
        right, top = self.half_extent(width, height)
        matrix = np.zeros((4, 4))
        matrix[0, 0], matrix[1, 1] = 1 / right, 1 / top
        matrix[2, 2] = -(far_m + near_m) / (far_m - near_m)
        matrix[2, 3] = -2 * far_m * near_m / (far_m - near_m)
        matrix[3, 2] = -1.0
        return matrix

    def on_screen(self, points: NDArray[np.float64], width: float, height: float) -> NDArray[np.float64]:
        """`(n, 3)`: where points `(n, 3)` are seen: from the left and from the top in the unit of `width`, and how far
        before the camera they are, metres; what is not before it has no place, but nan."""
        seen = (points - self.position) @ self.axes.T
        right, top = self.half_extent(width, height)
        away = np.where(seen[:, 2] < 0, -seen[:, 2], np.nan)
        x = (seen[:, 0] / (away * right) + 1) / 2 * width
        y = (1 - seen[:, 1] / (away * top)) / 2 * height
        return np.stack([x, y, -seen[:, 2]], axis=1)

    def sight_line(self, x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
        """`(3,)` unit: where one looks through a place of the picture, measured from the left and from the top."""
        right, top = self.half_extent(width, height)
        toward = self.axes.T @ np.array([(2 * x / width - 1) * right, (1 - 2 * y / height) * top, -1.0])
        return np.asarray(toward / np.linalg.norm(toward))

    def depth_range(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[float, float]:
        """Near and far planes, metres, that hold the box, the floor around it and little else."""
        radius = float(np.linalg.norm(high - low)) / 2 or 1e-3
        depths = -(box_corners(low, high) - self.position) @ self.axes[2]
        far = max(float(depths.max()) * 1.05, self.distance_m) + 12.0 * radius
        near = max(float(depths.min()) * 0.5, far / DEPTH_RATIO)
        return near, far

    def framing(self, points: NDArray[np.float64], width: float, height: float, all_round: bool = False) -> "Camera":
        """The same direction, aimed at the middle of the points, just as far away that all of them fit.

        Args:
            points: `(n, 3)`, metres.
            width: of the picture, in any unit.
            height: of the picture, in the same unit.
            all_round: whether they must also fit while the camera turns around them.
        """
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        around = points - centre
        seen = (_turned(around) if all_round else around) @ self.axes.T
        right, top = self.half_extent(width, height)
        # a point at (x, y, z) before a camera at distance d lands inside when |x| <= right * (d - z)
        needed = np.maximum(np.abs(seen[:, 0]) / right, np.abs(seen[:, 1]) / top) * MARGIN + seen[:, 2]
        return replace(self, target=_point(centre), distance_m=max(float(needed.max()), 1e-6))

    def orbited(self, azimuth_deg: float, elevation_deg: float) -> "Camera":
        """Turned around the target by these angles; never over the poles."""
        elevation = float(np.clip(self.elevation_deg + elevation_deg, -89.9, 89.9))
        return replace(self, azimuth_deg=(self.azimuth_deg + azimuth_deg) % 360.0, elevation_deg=elevation)

    def panned(self, right_share: float, up_share: float, width: float, height: float) -> "Camera":
        """Moved sideways, so that what is at the target moves by these shares of the picture's width and height."""
        right, top = self.half_extent(width, height)
        shift = 2 * self.distance_m * (right_share * right * self.axes[0] + up_share * top * self.axes[1])
        return replace(self, target=_point(np.array(self.target) - shift))

    def zoomed(self, factor: float, x: float, y: float, width: float, height: float) -> "Camera":
        """Nearer (factor below 1) or farther; what is seen at the target's depth under the pointer stays there.

        Args:
            factor: of the distance.
            x: of the pointer, -1 at the left edge and 1 at the right one.
            y: of the pointer, -1 at the bottom edge and 1 at the top one.
            width: of the picture, in any unit.
            height: of the picture, in the same unit.
        """
        right, top = self.half_extent(width, height)
        aside = self.distance_m * (x * right * self.axes[0] + y * top * self.axes[1])
        return replace(
            self,
            target=_point(np.array(self.target) + aside * (1 - factor)),
            distance_m=self.distance_m * factor,
        )


def box_corners(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(8, 3)`."""
    pick = np.array([[(k >> axis) & 1 for axis in range(3)] for k in range(8)], dtype=bool)
    return np.where(pick, high, low)


def _turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points in 24 positions around the upright axis, `(24 n, 3)`."""
    angle = np.arange(24) * (2 * np.pi / 24)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y, z = points.T
    return np.stack([c * x + s * z, np.broadcast_to(y, (24, len(points))), c * z - s * x], axis=-1).reshape(-1, 3)


def _point(values: NDArray[np.float64]) -> Point:
    return float(values[0]), float(values[1]), float(values[2])
