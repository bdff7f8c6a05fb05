"""How long a verdict takes, part by part: plain closed bodies, and a soup that crosses itself everywhere.

In processor time, which other programs on the machine do not stretch; nearly all of it is one thread's.
"""

import time
from collections.abc import Callable

import numpy as np

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.verdict import judge as judging
from img2model_desktop.core.verdict.findings import Conditions
from tests.bench.table import Table
from tests.shapes import mesh_of, torus

NAME = "judging"

PROMISED_S = {200_000: 3.0}
SIZES = {20_000: (200, 50), 50_000: (250, 100), 200_000: (500, 200), 1_000_000: (1000, 500)}
SOUP_FACES = 200_000
PARTS = {
    "surface": "surface_of",
    "topology": "topology_of",
    "crossings": "crossings_of",
    "rays": "Rays",
    "shells": "shells_of",
    "walls": "walls_of",
    "standing": "standing_of",
    "uv": "measure_uv",
    "figures": "measures_of",
}


def tables() -> list[Table]:
    """One table: seconds for each part at each number of faces."""
    judging.judge(torus())  # imports are not part of it
    taken = {f"{faces:,} faces": timed(body(*sides)) for faces, sides in SIZES.items()}
    taken[f"soup of {SOUP_FACES:,}"] = timed(soup(SOUP_FACES))
    rows = [[part, *(f"{seconds[part]:.2f}" for seconds in taken.values())] for part in [*PARTS, "all"]]
    promised = [f"{PROMISED_S[faces]:.1f}" if faces in PROMISED_S else "-" for faces in SIZES]
    rows.append(["promised", *promised, "-"])
    rows.append(["longest wait for cancelling", *(f"{seconds['longest wait']:.2f}" for seconds in taken.values())])
    return [Table("Judging: processor seconds of the parts of a verdict", ["", *taken], rows)]


def body(rows: int, columns: int) -> Mesh:
    """A ring with waves on it, turned so that no face lies along an axis, with its grid as uv."""
    mesh = torus(0.04, 0.012, rows, columns)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    u, v = np.meshgrid(np.arange(rows) / rows, np.arange(columns) / columns, indexing="ij")
    wave = 1 + 0.02 * np.sin(2 * np.pi * 11 * u) * np.sin(2 * np.pi * 5 * v)
    uv = np.stack([u.ravel(), v.ravel()], axis=1).astype(np.float32)
    return Mesh((mesh.vertices * wave.reshape(-1, 1) @ turn).astype(np.float32), mesh.faces, uv).validate()


def soup(faces: int) -> Mesh:
    """Triangles without order, of a tenth of the box each: far more crossings than anyone can count."""
    random = np.random.default_rng(1)
    corners = random.random((faces, 1, 3)) + 0.1 * random.random((faces, 3, 3))
    return mesh_of(corners.reshape(-1, 3) * 0.1, np.arange(3 * faces).reshape(-1, 3))


def timed(mesh: Mesh) -> dict[str, float]:
    """Seconds of each part and of the whole, and the longest time without a look at the token."""
    seconds = dict.fromkeys(PARTS, 0.0)
    kept = {name: getattr(judging, name) for name in PARTS.values()}
    looks = [time.process_time()]

    def asked() -> bool:
        looks.append(time.process_time())
        return False

    try:
        for part, name in PARTS.items():
            setattr(judging, name, _clocked(kept[name], part, seconds))
        began = time.process_time()
        judging.judge(mesh, Conditions(size_mm=100.0), Progress(is_cancelled=asked))
        seconds["all"] = time.process_time() - began
    finally:
        for name, function in kept.items():
            setattr(judging, name, function)
    seconds["longest wait"] = float(np.diff(looks[1:]).max())
    return seconds


def _clocked(work: Callable[..., object], part: str, seconds: dict[str, float]) -> Callable[..., object]:
    def clocked(*arguments: object) -> object:
        began = time.process_time()
        done = work(*arguments)
        seconds[part] += time.process_time() - began
        return done

    return clocked
