"""How well broken meshes are made printable: `fix` for print over the broken files and the evaluation objects.

Every mesh is judged at 80 mm length. Distances are between 20 000 places on each surface and the other surface.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.triangles import areas
from img2model_desktop.core.verdict.findings import Conditions, Level, Purpose
from img2model_desktop.core.workshop.nearest import Nearest, pieces_of
from img2model_desktop.core.workshop.plans import fix
from img2model_desktop.errors import Img2ModelError
from tests.bench.table import Table

NAME = "fixing"

SIZE_MM = 80.0
PLACES = 20_000


def eval_folder() -> Path:
    """Where the evaluation data lies; it is not part of the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "eval"
    return Path(os.environ.get("IMG2MODEL_EVAL", beside))


def tables() -> list[Table]:
    """A table of each collection, and their summary; empty when the evaluation data is not there."""
    folder = eval_folder()
    if not folder.is_dir():
        return []
    objects = [run(path, path.parent.name) for path in sorted((folder / "objects").glob("*/mesh.ply"))]
    manifest = json.loads((folder / "badinput" / "manifest.json").read_text())["files"]
    broken = [run(folder / "badinput" / entry["file"], entry["file"]) for entry in manifest if entry["kind"] == "mesh"]
    return [
        details("Broken files, made printable", broken),
        details("Evaluation objects, made printable", objects),
        summary({"broken files": broken, "evaluation objects": objects}),
    ]


@dataclass(frozen=True, slots=True)
class Run:
    """One mesh.

    Args:
        name: of the mesh.
        problem: why there is no result, or "".
        has_surface: whether some face has an area.
        solid_before, solid_after: whether it is a closed manifold solid.
        level: for print, afterwards.
        steps: operations done.
        seconds: of `fix`.
        faces: afterwards.
        lost, grown: median and largest distance from the old surface to the new one, and from the new one to the
            old one, shares of the longest side.
    """

    name: str
    problem: str = ""
    has_surface: bool = False
    solid_before: bool = False
    solid_after: bool = False
    level: str = ""
    steps: str = ""
    seconds: float = 0.0
    faces: int = 0
    lost: tuple[float, float] = (0.0, 0.0)
    grown: tuple[float, float] = (0.0, 0.0)


def run(path: Path, name: str) -> Run:
    """Reads, fixes and measures one mesh."""
    try:
        mesh = read_mesh(path)
    except Img2ModelError as problem:
        return Run(name, f"not read: {problem.message}")
    before = measure(mesh)
    if before.area_m2 <= 0:
        return Run(name, "without any surface")
    began = time.perf_counter()
    try:
        fixed = fix(mesh, Purpose.PRINT, Conditions(size_mm=SIZE_MM))
    except Img2ModelError as problem:
        return Run(name, problem.message, has_surface=before.area_m2 > 0)
    seconds = time.perf_counter() - began
    after = measure(fixed.mesh)
    scale = max(mesh.size_m.max(), 1e-30) / 1000.0 / (SIZE_MM / 1000.0) * 1000.0
    old, new = mesh, fixed.mesh.moved((fixed.mesh.vertices * np.float32(scale)).astype(np.float32))
    new = _aligned(old, new)
    return Run(
        name,
        has_surface=before.area_m2 > 0,
        solid_before=before.watertight and before.manifold,
        solid_after=after.watertight and after.manifold and (after.volume_m3 or 0) > 0,
        level=fixed.after.level(Purpose.PRINT).value,
        steps=" ".join(step.operation for step in fixed.steps),
        seconds=seconds,
        faces=after.faces,
        lost=distances(old, new),
        grown=distances(new, old),
    )


def _aligned(old: Mesh, new: Mesh) -> Mesh:
    """The new mesh with the middle of its box where the old one has it: scaling may have moved it."""
    shift = old.bounds.mean(axis=0) - new.bounds.mean(axis=0)
    return new.moved((new.vertices + shift).astype(np.float32))


def distances(one: Mesh, other: Mesh) -> tuple[float, float]:
    """Median and largest distance from places on a surface to another one, shares of the longest side of the first."""
    longest = float(one.size_m.max())
    pieces = pieces_of(other.vertices.astype(np.float64)[other.faces], longest / 100, Progress())
    away = Nearest(pieces).find(places_on(one), Progress())[0] / longest
    return float(np.median(away)), float(away.max())


def places_on(mesh: Mesh) -> NDArray[np.float64]:
    """`(PLACES, 3)`, metres, evenly spread over the area."""
    random = np.random.default_rng(0)
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    area = areas(corners)
    chosen = random.choice(len(area), PLACES, p=area / area.sum())
    u, v = random.random((2, PLACES))
    turned = u + v > 1
    u, v = np.where(turned, 1 - u, u), np.where(turned, 1 - v, v)
    a, b, c = (corners[chosen, k] for k in range(3))
    return np.asarray(a + (b - a) * u[:, None] + (c - a) * v[:, None])


def details(title: str, runs: list[Run]) -> Table:
    """One row for each mesh that has a surface."""
    rows = []
    for one in runs:
        if one.problem or not one.has_surface:
            continue
        rows.append(
            [
                one.name,
                "yes" if one.solid_before else "no",
                "yes" if one.solid_after else "NO",
                one.level,
                f"{one.seconds:.1f}",
                f"{one.faces:,}",
                f"{one.lost[0]:.3%}",
                f"{one.lost[1]:.2%}",
                f"{one.grown[0]:.3%}",
                f"{one.grown[1]:.2%}",
                one.steps,
            ]
        )
    columns = ["mesh", "solid before", "after", "print", "s", "faces", "old to new: median", "largest",
               "new to old: median", "largest", "steps"]  # fmt: skip
    return Table(title, columns, rows)


def summary(collections: dict[str, list[Run]]) -> Table:
    """Shares and times of each collection."""
    rows = []
    for name, runs in collections.items():
        read = [one for one in runs if not one.problem.startswith("not read")]
        some = [one for one in read if one.has_surface]
        seconds = np.array([one.seconds for one in some if not one.problem])
        solid = sum(one.solid_after for one in some)
        fit = sum(one.level == Level.FIT for one in some)
        rows.append(
            [
                name,
                f"{len(read)} of {len(runs)}",
                f"{len(some)}",
                f"{sum(one.solid_before for one in some)}",
                f"{solid} ({solid / max(len(some), 1):.0%})",
                f"{fit}",
                f"{np.median(seconds):.1f}",
                f"{seconds.max():.1f}",
                f"{np.median([one.lost[0] for one in some]):.3%}",
                f"{max(one.lost[1] for one in some):.2%}",
            ]
        )
    columns = ["collection", "read", "with a surface", "solid before", "solid after", "fit to print", "median s",
               "longest s", "old to new: median", "largest"]  # fmt: skip
    return Table("Made printable at 80 mm", columns, rows)
