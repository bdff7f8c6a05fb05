"""What is asked of the network: right depths first, then right slopes, colours and camera."""

from dataclasses import dataclass

import torch
from torch import Tensor

from img2model_desktop.engines.twin.net import Prediction
from img2model_desktop.training.views import Views

NEAR = 0.07  # an error well inside this counts as a hit; the scores of the field take 0.05 to 0.1 of half a side


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of the whole loss."""

    depth: float = 1.0
    hit: float = 0.35
    moved: float = 0.3
    slope: float = 0.6
    normal: float = 0.15
    colour: float = 0.25
    camera: float = 0.15


def terms(guess: Prediction, views: Views, weights: Weights) -> dict[str, Tensor]:
    """The weighted parts of the loss, each a scalar.

    Only pixels count that the subject is shown to cover at least half of, and where it truly is. An error of depth that
    is the same everywhere moves the mesh but does not change it, so only the share `moved` of it is charged.
    """
    cover = _cover(views)
    pixels = cover.sum((1, 2, 3), keepdim=True).clamp_min(1)
    truth = views.depth.float()
    error = (torch.cat([guess.front, guess.back], 1) - truth) * cover
    middle = error.sum((1, 2, 3), keepdim=True) / (2 * pixels)
    shape = (error - (1 - weights.moved) * middle) * cover

    def mean(values: Tensor) -> Tensor:
        return ((values * cover).sum((1, 2, 3)) / pixels[:, 0, 0, 0]).mean() / values.shape[1]

    hit = 1 - torch.exp(-((shape / NEAR) ** 2) / 2)
    normal = (guess.normal - views.normal.float() / 127).abs()
    colour = (guess.colour - views.back.float() / 255).abs()
    camera = (torch.log(guess.perspective / views.camera[:, 0])).abs() + (guess.elevation - views.camera[:, 1]).abs()
    return {
        "depth": weights.depth * mean(shape.abs()),
        "hit": weights.hit * mean(hit),
        "slope": weights.slope * _slope(error, truth, cover),
        "normal": weights.normal * mean(normal),
        "colour": weights.colour * mean(colour),
        "camera": weights.camera * camera.mean(),
    }


def _cover(views: Views) -> Tensor:
    """`(b, 1, s, s)`, 1 where the matte shows the subject and there is truth: a careless matte shows more than that."""
    return ((views.image[:, 3:] >= 128) & (views.normal != 0).any(1, keepdim=True)).float()


def _slope(error: Tensor, truth: Tensor, cover: Tensor) -> Tensor:
    """Differences of the error between neighbours at three distances; steps of the truth count like small slopes.

    The true slope at a step would drown all others, so a pair's error is divided by one plus its true difference
    in units of what a 45 degree slope gives.
    """
    total = error.new_zeros(())
    for step in (1, 2, 4):
        unit = 2.0 * step / error.shape[-1]
        for axis in (2, 3):
            length = error.shape[axis] - step
            ahead, here = error.narrow(axis, step, length), error.narrow(axis, 0, length)
            both = cover.narrow(axis, step, length) * cover.narrow(axis, 0, length)
            true = (truth.narrow(axis, step, length) - truth.narrow(axis, 0, length)).abs() / unit
            gap = (ahead - here).abs() / (1 + true)
            total = total + (gap * both).sum() / (both.sum() * error.shape[1]).clamp_min(1)
    return total


def hit_share(guess: Prediction, views: Views, near: float = 0.1) -> Tensor:
    """`(b,)`: share of covered pixels, over both layers, whose depth is right within `near` once both centres agree.

    A cheap relative of the F-score: it sees neither sideways distances nor walls.
    """
    cover = _cover(views)
    pixels = cover.sum((1, 2, 3)).clamp_min(1)
    error = (torch.cat([guess.front, guess.back], 1) - views.depth.float()) * cover
    error = error - _middle_of_extent(guess, views, cover)
    return ((error.abs() < near).float() * cover).sum((1, 2, 3)) / (2 * pixels)


def _middle_of_extent(guess: Prediction, views: Views, cover: Tensor) -> Tensor:
    """How far the middle of the predicted depth range lies from that of the true one, `(b, 1, 1, 1)`."""
    outside = 1e4 * (1 - cover)

    def middle(front: Tensor, back: Tensor) -> Tensor:
        return ((front - outside).amax((1, 2, 3)) + (back + outside).amin((1, 2, 3))) / 2

    truth = views.depth.float()
    shift = middle(guess.front, guess.back) - middle(truth[:, :1], truth[:, 1:])
    return shift.view(-1, 1, 1, 1)
