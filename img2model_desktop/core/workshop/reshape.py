"""Changes how rough a surface is or how finely it is sampled, and keeps its shape."""

import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, collapsed, connected, edges_of, same_rows
from img2model_desktop.core.workshop.catalog import DecimateOptions, SmoothOptions
from img2model_desktop.core.workshop.distinct import distinct
from img2model_desktop.core.workshop.operation import Outcome
from img2model_desktop.core.workshop.quadrics import simplify
from img2model_desktop.errors import EngineProblem

PASS_BAND = 0.1
"""Widest pass band: frequencies below it stay, in units where the roughest has 2 (Taubin 1995, who uses 0.1)."""
GAIN = 0.01
"""By how much all rounds together may enlarge any frequency: many rounds take a narrower pass band."""
MOST_SCALED = 1.5
"""A part whose volume changed by more than this factor has lost its shape, not its size, and is not scaled."""
LAMBDA = 0.65
"""Largest step; beyond 0.69 the roughest frequency would grow with this pass band."""


def smooth(mesh: Mesh, options: SmoothOptions, progress: Progress) -> Outcome:
    """The mesh without small bumps; it does not shrink, and uv and faces stay.

    Taubin, A signal processing approach to fair surface design, 1995: each round moves every place towards the middle
    of its neighbours, then a little farther back. Vertices at one place move together, so that seams stay closed.
    Places on rims and on edges with more than two faces stay where they are. What little a closed part grows or shrinks
    all the same is scaled away at the end.
    """
    from scipy.sparse import csr_array

    progress.update(0.0)
    place = same_rows(mesh.vertices)
    corners = place[mesh.faces]
    corners = corners[~collapsed(corners)]
    if not len(corners):
        return Outcome(mesh, ("There is nothing to smooth.",))
    ends, uses = _ends(corners)
    fixed = np.ones(len(mesh.vertices), dtype=bool)
    fixed[corners] = False
    fixed[ends[uses != 2]] = True
    progress.update(0.1)
    both = np.concatenate([ends, ends[:, ::-1]])
    degree = np.bincount(both[:, 0], minlength=len(place))
    share = np.where(fixed, 0.0, 1.0 / np.maximum(degree, 1))
    mean = csr_array((share[both[:, 0]], (both[:, 0], both[:, 1])), shape=(len(place), len(place)))
    forward = LAMBDA * options.strength
    # the gain of one round, (1 - forward k)(1 - backward k), is at most 1 + (forward band / 2)**2, half way in the band
    band = min(PASS_BAND, 2.0 / forward * (GAIN / options.rounds) ** 0.5)
    backward = 1.0 / (band - 1.0 / forward)
    at = mesh.vertices[place].astype(np.float64)
    low = at.min(axis=0)
    at -= low
    for done in range(options.rounds):
        progress.update(0.1 + 0.9 * done / options.rounds)
        for step in (forward, backward):
            at += step * np.where(fixed[:, None], 0.0, mean @ at - at)
    at = _with_volume_of(mesh.vertices[place] - low, at, corners, ends, fixed)
    moved = np.where(fixed[place][:, None], mesh.vertices, (at + low)[place])
    progress.update(1.0)
    return Outcome(mesh.moved(moved.astype(np.float32)))


def _with_volume_of(
    before: NDArray[np.float64], after: NDArray[np.float64], corners: Ids, ends: Ids, fixed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The smoothed places, `(n, 3)`, with every part that has no fixed place scaled to the volume that it had."""
    count, part = connected(len(before), ends[:, 0], ends[:, 1])
    of_face = part[corners[:, 0]]
    members = np.bincount(part, minlength=count)
    middle = np.stack([np.bincount(part, after[:, k], count) for k in range(3)], axis=1) / members[:, None]

    def volumes(at: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b, c = (at[corners[:, k]] - middle[of_face] for k in range(3))
        return np.bincount(of_face, np.einsum("ij,ij->i", a, np.cross(b, c)), count).astype(np.float64)

    held = np.zeros(count, dtype=bool)
    held[part[corners[fixed[corners]]]] = True
    was, now = volumes(before), volumes(after)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = was / now
    factor = np.where(~held & (ratio > 1 / MOST_SCALED) & (ratio < MOST_SCALED), np.cbrt(ratio), 1.0)
    return np.asarray((after - middle[part]) * factor[part][:, None] + middle[part])


def decimate(mesh: Mesh, options: DecimateOptions, progress: Progress) -> Outcome:
    """The mesh with at most so many faces, bare; the mesh itself, with its look, where it has no more.

    What is closed stays closed, a manifold stays one, rims stay: see `quadrics.simplify`. A note says what had to go
    where the number allows that no longer.

    Raises:
        EngineProblem: every face is without area.
    """
    progress.update(0.0)
    if options.faces >= len(mesh.faces):
        return Outcome(mesh, (f"The mesh has no more than {len(mesh.faces)} triangles already.",))
    points, faces = places_of(mesh)
    low = simplify(points, faces, options.faces, progress)
    notes = []
    if low.dropped_parts:
        parts = "1 small part" if low.dropped_parts == 1 else f"{low.dropped_parts} small parts"
        notes.append(f"So few triangles do not hold every part: {parts} went.")
    if low.torn:
        notes.append("So few triangles do not hold this shape: holes or handles closed, or sheets grew together.")
    return Outcome(bare(low.points, low.faces), tuple(notes))


def places_of(mesh: Mesh) -> tuple[NDArray[np.float64], Ids]:
    """The surface of a mesh without its seams: one point for each place that is used, `(n, 3) float64`, and `(m, 3)
    int64` faces with three different corners.

    Raises:
        EngineProblem: there is none.
    """
    corners = same_rows(mesh.vertices)[mesh.faces]
    corners = corners[~collapsed(corners)]
    if not len(corners):
        raise EngineProblem("Every face of the mesh is without area.", "Try another engine or another picture.")
    used, faces = np.unique(corners, return_inverse=True)
    return mesh.vertices[used].astype(np.float64), faces.reshape(-1, 3).astype(np.int64)


def bare(points: NDArray[np.float64], faces: Ids) -> Mesh:
    """A mesh without a look.

    Raises:
        EngineProblem: no face is left.
    """
    if not len(faces):
        raise EngineProblem("No triangle would be left.", "Allow more triangles.")
    return Mesh(distinct(points.astype(np.float32)), faces.astype(np.int32)).validate()


def _ends(corners: Ids) -> tuple[Ids, Ids]:
    """`(e, 2)` ends of each edge and `(e,)` how many faces it has."""
    edges = edges_of(corners)
    first = np.zeros(len(edges.uses), dtype=np.int64)
    first[edges.edge[::-1]] = edges.order[::-1]
    return np.stack([corners[first // 3, first % 3], corners[first // 3, (first + 1) % 3]], axis=1), edges.uses
