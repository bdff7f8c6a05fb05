"""Triangles to the first and the last hit along each pixel's ray, in plain torch: one code path for CPU and GPU."""

from dataclasses import dataclass

import torch
from torch import Tensor

FRAGMENTS_AT_ONCE = 4_000_000  # about 0.5 GB of temporaries
_STEPS = (1 << 30) - 1  # quantisation of the inverse depth within a view


@dataclass(frozen=True, slots=True)
class Hits:
    """What the rays of a batch of views hit.

    Args:
        front, back: `(b, s, s) int64`, the face of the nearest and the farthest hit, -1 where there is none.
    """

    front: Tensor
    back: Tensor


def rasterise(points: Tensor, faces: Tensor, view: Tensor, views: int, size: int) -> Hits:
    """The nearest and farthest face at each pixel centre of `views` square pictures.

    Args:
        points: `(v, 3) float32`: column and row in pixels (a pixel's centre is at +0.5), and the inverse depth
            1 / (distance from the camera's plane) in (0, 1e6), which is linear on the picture.
        faces: `(f, 3) int64` into `points`.
        view: `(f,) int64`, which picture each face belongs to.
        views: how many pictures.
        size: of a picture, pixels.
    """
    corner = points[faces]
    low, high = corner[..., 2].min(), corner[..., 2].max()
    scale = _STEPS / (high - low).clamp_min(1e-9)
    a, b, c = corner.unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    face, row, start, count = _spans(corner, area, size)
    base = (view[face] * size + row) * size + start
    planes = edge_planes(corner, area)
    near = torch.full((views * size * size,), -1, dtype=torch.int64, device=points.device)
    far = near.clone()
    total = torch.cumsum(count, 0)
    begin = 0
    while begin < len(count):
        done = int(total[begin - 1]) if begin else 0
        end = max(begin + 1, int(torch.searchsorted(total, done + FRAGMENTS_AT_ONCE)))
        some = slice(begin, end)
        cell, depth = _fragments(corner, planes, (face[some], row[some], start[some], base[some], count[some]))
        step = ((depth - low) * scale).long().clamp_(0, _STEPS)
        name = torch.repeat_interleave(face[some], count[some])
        near.scatter_reduce_(0, cell, (step << 32) | name, "amax")
        far.scatter_reduce_(0, cell, ((_STEPS - step) << 32) | name, "amax")
        begin = end
    mask = (1 << 32) - 1
    shape = (views, size, size)
    return Hits(torch.where(near >= 0, near & mask, -1).view(shape), torch.where(far >= 0, far & mask, -1).view(shape))


def _spans(corner: Tensor, area: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Face, row, first column and length of every run of pixel centres that a face covers on a row."""
    low, high = corner[..., 1].amin(1), corner[..., 1].amax(1)
    first = torch.ceil(low - 0.5).long().clamp_(0, size)
    rows = (torch.floor(high - 0.5).long().clamp_(-1, size - 1) - first + 1).clamp_(min=0)
    rows = torch.where(area.abs() > 1e-9, rows, 0)
    face = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), rows)
    within = torch.arange(len(face), device=rows.device) - torch.repeat_interleave(torch.cumsum(rows, 0) - rows, rows)
    row = first[face] + within
    y = row.float() + 0.5
    left = torch.full_like(y, torch.inf)
    right = -left
    for p, q in ((0, 1), (1, 2), (2, 0)):
        (x0, y0), (x1, y1) = corner[face, p, :2].unbind(1), corner[face, q, :2].unbind(1)
        crosses = (y0 <= y) != (y1 <= y)
        x = x0 + (y - y0) / torch.where(crosses, y1 - y0, 1.0) * (x1 - x0)
        left = torch.where(crosses, torch.minimum(left, x), left)
        right = torch.where(crosses, torch.maximum(right, x), right)
    start = torch.ceil(left - 0.5).clamp_(0, size).long()
    count = torch.floor(right - 0.5).clamp_(-1, size - 1).long() - start + 1
    kept = count > 0
    return face[kept], row[kept], start[kept], count[kept]


def _fragments(
    corner: Tensor, planes: Tensor, spans: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Flat pixel index and inverse depth of every pixel centre of some runs (face, row, start, base, count)."""
    face, row, start, base, count = spans
    x, y = start.float() + 0.5, row.float() + 0.5
    weight = barycentric(planes[face], x, y)
    begin = (weight * corner[face, :, 2]).sum(1)
    plane = planes[face]
    second = corner[face, 1, 2] - corner[face, 0, 2]
    third = corner[face, 2, 2] - corner[face, 0, 2]
    slope = plane[:, 2] * second + plane[:, 4] * third
    skipped = torch.cumsum(count, 0) - count
    within = torch.arange(int(count.sum()), device=face.device) - torch.repeat_interleave(skipped, count)
    depth = torch.repeat_interleave(begin, count) + within * torch.repeat_interleave(slope, count)
    return torch.repeat_interleave(base, count) + within, depth


def edge_planes(corner: Tensor, area: Tensor) -> Tensor:
    """`(f, 6)`: the first corner (x, y) and the gradients of the second and third barycentric weight.

    Measured from a corner, not from the picture's, so that small faces far from the origin keep their precision.
    """
    a, b, c = corner[..., :2].unbind(1)
    ab, ac = b - a, c - a
    return torch.stack([a[:, 0], a[:, 1], ac[:, 1] / area, -ac[:, 0] / area, -ab[:, 1] / area, ab[:, 0] / area], dim=1)


def barycentric(plane: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`(k, 3)` weights of points `(k,)`, `(k,)` on faces whose `edge_planes` rows are `plane` `(k, 6)`."""
    dx, dy = x - plane[:, 0], y - plane[:, 1]
    second = dx * plane[:, 2] + dy * plane[:, 3]
    third = dx * plane[:, 4] + dy * plane[:, 5]
    return torch.stack([1 - second - third, second, third], dim=1)


def interpolate(points: Tensor, faces: Tensor, hit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where a layer of hits lies on its faces.

    Args:
        points, faces: as given to `rasterise`.
        hit: `(b, s, s) int64`, one layer of `Hits`.

    Returns:
        the indices `(k,)` of the hit pixels in the flattened layer; perspective-correct barycentric weights
        `(k, 3)`; the inverse depth `(k,)`.
    """
    size = hit.shape[-1]
    where = torch.nonzero(hit.reshape(-1) >= 0)[:, 0]
    corner = points[faces[hit.reshape(-1)[where]]]
    a, b, c = corner.unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    x, y = (where % size).float() + 0.5, (torch.div(where, size, rounding_mode="floor") % size).float() + 0.5
    flat = barycentric(edge_planes(corner, area), x, y).clamp_(0, 1)
    flat = flat / flat.sum(1, keepdim=True)
    inverse = (flat * corner[..., 2]).sum(1)
    weight = flat * corner[..., 2] / inverse[:, None]
    return where, weight, inverse
