"""Lays a surface out flat: charts without overlap in a square, at one scale."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.topology import Ids, edges_of, same_rows
from img2model_desktop.core.workshop.charts import Pieces, cut, groups, pieces_of
from img2model_desktop.core.workshop.flatten import flatten, turned_over
from img2model_desktop.core.workshop.pack import Mask, Packed, pack, upright
from img2model_desktop.core.workshop.raster import Spans, expanded, spans_of, summed

Floats = NDArray[np.float64]

CELLS = 1024
"""Cells along the side of the square in which outlines are compared, about."""

FINE = 2
"""Places along a cell at which is looked whether a chart is there."""

GAP_PX = 4
"""Texels between charts: two for each, so that the texture at half its size is free of neighbours' colours, too."""

LEAST_GAP, MOST_GAP = 1 / 512, 1 / 128
"""Bounds of the gap, as shares of the side: for smaller levels of large textures, and for the room in small ones."""

COVERAGE = 0.65
"""Share of the square that charts fill, about; the scale of the cells rests on it, nothing else."""

SCRAP_PX = 12
"""Side, in texels, of a square below whose area a chart is better squeezed into a neighbour than left alone."""

ATTEMPTS, GENTLE = 12, 8
"""How often charts that lie on themselves are cut; after the gentle ones each face that still does is cut out."""


def unwrap(mesh: Mesh, texture_px: int, progress: Progress) -> Mesh:
    """The same faces in the same order with new uv; vertices are repeated at the borders of charts, and only there.

    No two faces overlap, none is mirrored, and all have about the same scale. Faces without area lie in a corner.

    Args:
        mesh: valid; may be broken in every other way. Its own uv and pictures are dropped.
        texture_px: side of the texture that will be laid on it; the gaps between charts are made for it.
        progress: token.

    Raises:
        Cancelled: from `progress`.
    """
    progress.update(0.0)
    places, which = np.unique(same_rows(mesh.vertices), return_inverse=True)
    middle = mesh.bounds.mean(axis=0)
    size = float(np.abs(mesh.bounds - middle).max())
    vertices = (mesh.vertices[places].astype(np.float64) - middle) / (size if size > 0 else 1.0)
    pieces = pieces_of(vertices, which[mesh.faces])
    total = float(pieces.area.sum())
    if total > 0:
        scrap = total * SCRAP_PX**2 / (COVERAGE * texture_px**2)
        label = cut(pieces, scrap, progress.part(0.0, 0.2))
        cell = np.sqrt(total / COVERAGE) / CELLS
        label, flat = _without_overlap(pieces, vertices, label, cell / FINE, progress.part(0.2, 0.6))
        uv = _packed(pieces, label, flat, texture_px, progress.part(0.6, 0.98))
    else:
        label, uv = np.full(len(mesh.faces), -1), np.zeros((len(mesh.faces), 3, 2))
    rows = _rows_of(pieces, label)
    new_uv = np.zeros((len(rows.chart), 2), dtype=np.float32)
    new_uv[rows.corners] = np.clip(uv, 0, 1)
    laid = Mesh(mesh.vertices[places[rows.place]], rows.corners.astype(np.int32), new_uv).validate()
    progress.update(1.0)
    return laid


class _Rows(NamedTuple):
    """Vertices of a layout: `corners (m, 3)` point at them; `chart (k,)`, ascending, and `place (k,)` are theirs."""

    corners: Ids
    chart: Ids
    place: Ids


def _rows_of(pieces: Pieces, label: Ids) -> _Rows:
    span = int(pieces.corners.max()) + 1
    keys, corners = np.unique(np.maximum(label, -1)[:, None] * span + pieces.corners, return_inverse=True)
    return _Rows(corners.reshape(-1, 3), keys // span, keys % span)


# -- charts that do not lie on themselves ------------------------------------------------------------------------------


def _without_overlap(
    pieces: Pieces, vertices: Floats, label: Ids, unit: float, progress: Progress
) -> tuple[Ids, Floats]:
    """Charts laid flat, and cut further where they lie on themselves.

    Args:
        unit: length of what is seen of an overlap.

    Returns:
        chart of each face, and `(m, 3, 2)` where its corners lie in its chart's own plane, in units, upright, each
        chart beginning at (0, 0).
    """
    flat = np.zeros((len(label), 3, 2))
    changed = label >= 0
    for attempt in range(ATTEMPTS):
        part = progress.part(1 - 0.5**attempt, 1 - 0.5 ** (attempt + 1))
        numbers = np.full(len(label), -1)
        numbers[changed] = np.unique(label[changed], return_inverse=True)[1]
        fresh = flatten(pieces, vertices, numbers, part)
        flat[changed] = fresh.uv[fresh.corners[changed]] / unit
        turned = np.zeros(len(label), dtype=bool)
        turned[changed] = turned_over(flat[changed] * unit, pieces.area[changed])
        _stand_upright(pieces, numbers, flat)
        crossing = _crossing(numbers, flat) & ~turned
        if not (turned.any() or crossing.any()):
            break
        before = label
        label = _cut_further(pieces, label, turned, crossing, attempt >= GENTLE)
        touched = np.unique(before[turned | crossing])
        changed = np.isin(before, touched)
    label = np.where(label >= 0, np.unique(label, return_inverse=True)[1] - int((label < 0).any()), -1)
    return label, flat


def _stand_upright(pieces: Pieces, label: Ids, flat: Floats) -> None:
    """Turns charts so that their bounding rectangles are small, and moves them to (0, 0), in place."""
    chosen = label >= 0
    rows = _rows_of(pieces, label)
    points = np.zeros((len(rows.chart), 2))
    points[rows.corners[chosen]] = flat[chosen]
    of_chart = rows.chart >= 0
    points, chart = points[of_chart], rows.chart[of_chart]
    turn = upright(points, chart, int(label.max()) + 1)
    cosine, sine = np.cos(turn)[label[chosen], None], np.sin(turn)[label[chosen], None]
    x, y = flat[chosen][..., 0], flat[chosen][..., 1]
    moved = np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=-1)
    low = np.full((len(turn), 2), np.inf)
    np.minimum.at(low, label[chosen], moved.min(axis=1))
    flat[chosen] = moved - low[label[chosen], None]


def _crossing(label: Ids, flat: Floats) -> NDArray[np.bool_]:
    """`(m,)`: faces that lie on another one of their chart, as far as it shows at the middles of units."""
    sheet = _sheet(label, flat)
    covered = summed(sheet.spans, np.ones(len(label), dtype=np.int64), sheet.width, sheet.height)
    if int(covered.max(initial=0)) < 2:
        return np.zeros(len(label), dtype=bool)
    crowded = np.zeros(covered.size + 1, dtype=np.int64)
    np.cumsum(covered.ravel() > 1, out=crowded[1:])
    begin = sheet.spans.row * sheet.width + sheet.spans.begin
    found = crowded[begin + sheet.spans.length] > crowded[begin]
    crossing = np.zeros(len(label), dtype=bool)
    crossing[sheet.faces[sheet.spans.face[found]]] = True
    return crossing


def _cut_further(
    pieces: Pieces, label: Ids, turned: NDArray[np.bool_], crossing: NDArray[np.bool_], roughly: bool
) -> Ids:
    """New charts: groups of turned faces are cut out; else all but the largest group of crossing faces; else halves."""
    label = label.copy()
    fresh = int(label.max()) + 1
    if roughly:
        chosen = np.nonzero(turned | crossing)[0]
        label[chosen] = fresh + np.arange(len(chosen))
        return groups(pieces, label)
    has_turned = np.isin(label, np.unique(label[turned]))
    crossing = crossing & ~has_turned
    group = groups(pieces, np.where(turned | crossing, label * 2 + turned, -1))
    area = np.bincount(group[group >= 0], weights=pieces.area[group >= 0])
    out = group >= 0
    # of each chart's crossing groups the largest stays
    crossed = np.nonzero(crossing)[0]
    heads = np.unique(group[crossed], return_index=True)[1]
    owner, size, name = label[crossed[heads]], area[group[crossed[heads]]], group[crossed[heads]]
    order = np.lexsort((name, -size, owner))
    first = np.ones(len(order), dtype=bool)
    first[1:] = owner[order][1:] != owner[order][:-1]
    out &= ~np.isin(group, name[order][first])
    lonely = owner[order][first][np.bincount(np.cumsum(first) - 1, minlength=int(first.sum())) == 1]
    label[out] = fresh + group[out]
    return groups(pieces, _halved(pieces, label, np.isin(label, lonely)))


def _halved(pieces: Pieces, label: Ids, chosen: NDArray[np.bool_]) -> Ids:
    """Cuts the chosen charts in two, by area, along the axis on which their normals or else their order differ most."""
    if not chosen.any():
        return label
    label = label.copy()
    fresh = int(label.max()) + 1
    for chart in np.unique(label[chosen]):  # few: charts that wind back over themselves
        faces = np.nonzero(label == chart)[0]
        spread = pieces.normal[faces]
        axis = int(np.ptp(spread, axis=0).argmax())
        order = faces[np.argsort(spread[:, axis], kind="stable")]
        label[order[len(order) // 2 :]] = fresh
        fresh += 1
    return label


# -- outlines and places -----------------------------------------------------------------------------------------------


class _Sheet(NamedTuple):
    """Charts side by side on a canvas, for being rasterised together.

    Args:
        faces: `(k,)`, which faces have a chart.
        spans: of them.
        corners: `(k, 3, 2)`, on the canvas.
        row, column, tall, wide: `(c,)`, of the rectangle of each chart; multiples of `FINE`.
        width, height: of the canvas.
    """

    faces: Ids
    spans: Spans
    corners: Floats
    row: Ids
    column: Ids
    tall: Ids
    wide: Ids
    width: int
    height: int


def _sheet(label: Ids, flat: Floats) -> _Sheet:
    faces = np.nonzero(label >= 0)[0]
    count = int(label.max()) + 1
    high = np.zeros((count, 2))
    np.maximum.at(high, label[faces], flat[faces].max(axis=1))
    wide, tall = ((np.floor(high[:, k] / FINE).astype(np.int64) + 1) * FINE for k in range(2))
    width = max(int(wide.max()), int(np.ceil(np.sqrt((wide * tall).sum()))))
    order = np.argsort(-tall, kind="stable")
    # shelves: charts of falling height side by side; one that begins within the width may end behind it
    begin = np.cumsum(wide[order]) - wide[order]
    shelf = begin // width
    starts = np.searchsorted(shelf, np.arange(int(shelf[-1]) + 1))
    used = np.unique(shelf)
    first = starts[used]
    heights = np.maximum.reduceat(tall[order], first)
    below = np.cumsum(heights) - heights
    number = np.searchsorted(used, shelf)
    row, column = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    row[order] = below[number]
    column[order] = begin - begin[first][number]
    canvas_width = int((column + wide).max())
    canvas_height = int((row + tall).max())
    offset = np.stack([column, row], axis=1).astype(np.float64)
    corners = flat[faces] + offset[label[faces], None]
    spans = spans_of(corners, canvas_width, canvas_height)
    return _Sheet(faces, spans, corners, row, column, tall, wide, canvas_width, canvas_height)


def _packed(pieces: Pieces, label: Ids, flat: Floats, texture_px: int, progress: Progress) -> Floats:
    """`(m, 3, 2)` uv: the charts in their places in the unit square."""
    gap = min(max(GAP_PX / texture_px, LEAST_GAP), MOST_GAP) * CELLS
    margin = int(np.ceil(gap / 2))
    masks = _masks(pieces, label, flat, margin)
    progress.update(0.1)
    packed = pack(masks, progress.part(0.1, 1.0))
    return _moved(label, flat, masks, packed, margin)


def _masks(pieces: Pieces, label: Ids, flat: Floats, margin: int) -> list[Mask]:
    """Which cells each chart lies on, and `margin` cells around it."""
    sheet = _sheet(label, flat)
    covered = summed(sheet.spans, np.ones(len(label), dtype=np.int64), sheet.width, sheet.height) > 0
    # the outline, too, so that a chart thinner than what is looked at is seen
    edges = edges_of(_rows_of(pieces, label).corners[sheet.faces])
    side = edges.order[edges.uses[edges.edge] == 1]
    start = sheet.corners[side // 3, side % 3]
    end = sheet.corners[side // 3, (side % 3 + 1) % 3]
    which, step = expanded(np.ceil(np.linalg.norm(end - start, axis=1)).astype(np.int64) + 1)
    share = step / np.maximum(np.bincount(which, minlength=len(side))[which] - 1, 1)
    points = np.floor(start[which] + (end - start)[which] * share[:, None]).astype(np.int64)
    covered[np.clip(points[:, 1], 0, sheet.height - 1), np.clip(points[:, 0], 0, sheet.width - 1)] = True
    rows, columns = sheet.height // FINE, sheet.width // FINE
    cells = (
        covered[: rows * FINE, : columns * FINE].reshape(rows, FINE, columns, FINE).max(axis=(1, 3)).astype(np.uint8)
    )
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE if margin > 1 else cv2.MORPH_RECT, (2 * margin + 1,) * 2)
    masks = []
    for row, column, tall, wide in zip(
        *(values // FINE for values in (sheet.row, sheet.column, sheet.tall, sheet.wide)), strict=True
    ):
        mask = np.zeros((tall + 2 * margin, wide + 2 * margin), np.uint8)
        mask[margin : margin + tall, margin : margin + wide] = cells[row : row + tall, column : column + wide]
        masks.append(np.asarray(cv2.dilate(mask, around), np.uint8))
    return masks


def _moved(label: Ids, flat: Floats, masks: list[Mask], packed: Packed, margin: int) -> Floats:
    spots = np.array(packed.spots)
    shape = np.array([mask.shape for mask in masks], dtype=np.float64)
    chosen = np.nonzero(label >= 0)[0]
    chart = label[chosen]
    points = flat[chosen] / FINE + margin
    tall, wide, quarters = shape[chart, :1], shape[chart, 1:], spots[chart, 2:]
    x, y = points[..., 0], points[..., 1]
    turned_x = np.choose(quarters, (x, y, wide - x, tall - y))
    turned_y = np.choose(quarters, (y, wide - x, tall - y, x))
    uv = np.zeros_like(flat)
    uv[chosen, :, 0] = (turned_x + spots[chart, 1:2]) / packed.side
    uv[chosen, :, 1] = (turned_y + spots[chart, :1]) / packed.side
    return uv
