"""One sampler for the published straight flows: TripoSG, TRELLIS and TRELLIS.2, Hunyuan3D.

All of them go in a straight line from noise to data, x = (1 - t) data + t noise, in Euler steps (Liu et al., Flow
straight and fast, 2022; Lipman et al., Flow matching, 2022). They differ in what their networks are told of the time,
in which direction they predict, and in how they are guided: `Convention` and `Guidance`. Here t always falls from 1,
noise, to 0, data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from img2model_desktop.core.progress import Progress

Velocity = Callable[[Tensor, Tensor, bool], Tensor]
"""A network: x, its own time `(b,) float32`, and whether it sees the condition, to the velocity, shaped as x.

With and without the condition are two calls, not a batch of two: about as fast, in 0.6 of the memory, and what the call
without needs not be computed (a cross-attention to nothing) is left out by the network.
"""

TRAINED_STEPS = 1000
"""Of the time that networks are told: t is embedded as 1000 t."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How a published network understands time and velocity.

    Args:
        towards_data: it predicts data - noise; else noise - data.
        rising: it is told how much is data, 0..1; else how much is noise, 0..1000.
        closed: the times include 0 as one of the steps, so that the last step has no length and is left out; else the
            steps end there.
        single: times are rounded to float32 before they are used, as the published code does.
        sigma_min: noise that is left in the data.
    """

    towards_data: bool
    rising: bool = False
    closed: bool = False
    single: bool = False
    sigma_min: float = 0.0


TRIPOSG = Convention(towards_data=True, single=True)
TRELLIS = Convention(towards_data=False, sigma_min=1e-5)
HUNYUAN = Convention(towards_data=True, rising=True, closed=True, single=True)


@dataclass(frozen=True, slots=True)
class Guidance:
    """How far to go beyond what the network says without the condition: without + scale (with - without).

    Args:
        scale: 1 is the network's word with the condition, in one call instead of two. TRELLIS v1's own "strength"
            is this less 1.
        interval: lowest and highest t that is guided, both included; elsewhere the scale is 1.
        rescale: TRELLIS.2's: share of the guided estimate of the data, 0..1, that gets the deviation of the one that
            is not guided, against colours and sizes that are blown up. (Lin et al., Common diffusion noise schedules
            and sample steps are flawed, 2024, section 3.4.)
    """

    scale: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)
    rescale: float = 0.0

    def is_at(self, t: float) -> bool:
        """Whether a step from this time is guided."""
        return self.scale != 1.0 and self.interval[0] <= t <= self.interval[1]


def noise(shape: tuple[int, ...], seed: int, device: torch.device) -> Tensor:
    """Normal noise `float32`, drawn on the processor, so that a seed means the same on every machine."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)


def times_of(steps: int, shift: float, convention: Convention) -> tuple[float, ...]:
    """The times from 1 to 0, one more than there are steps.

    Args:
        steps: as published code counts them, at least 1; at least 2 where the convention is closed.
        shift: more than 1 takes more of the steps near the noise: t becomes shift t / (1 + (shift - 1) t).
            TRELLIS names it rescale_t.
        convention: of the network.
    """
    least = 1 + convention.closed
    if steps < least:
        raise ValueError(f"{steps} steps; there have to be {least}")
    even = np.linspace(1.0, 0.0, steps + (not convention.closed))
    shifted = shift * even / (1 + (shift - 1) * even)
    if convention.single:
        shifted = shifted.astype(np.float32)
    return tuple(float(t) for t in shifted)


def told(t: float, convention: Convention) -> float:
    """What the network is told at time t."""
    return 1.0 - t if convention.rising else TRAINED_STEPS * t


def flow(
    velocity: Velocity,
    start: Tensor,
    times: tuple[float, ...],
    guidance: Guidance,
    convention: Convention,
    progress: Progress,
) -> Tensor:
    """From noise to data, `float32`, shaped as `start`.

    Args:
        velocity: the network.
        start: noise, `(b, ...)`; stays as it is.
        times: from `times_of`.
        guidance: of its steps.
        convention: of the network.
        progress: asked before each call of the network.

    Raises:
        Cancelled: from `progress`.
    """
    x = start.float()
    steps = len(times) - 1
    with torch.inference_mode():
        for number, (t, after) in enumerate(pairwise(times)):
            step = progress.part(number / steps, (number + 1) / steps)
            away = _away(velocity, x, t, guidance, convention, step)
            x = x - (t - after) * away
    progress.update(1.0)
    return x.clone()  # an ordinary tensor, also for those who go on outside of inference


def _away(
    velocity: Velocity, x: Tensor, t: float, guidance: Guidance, convention: Convention, progress: Progress
) -> Tensor:
    """The guided velocity towards the noise at a time."""
    time = torch.full((len(x),), told(t, convention), dtype=torch.float32, device=x.device)
    sign = -1.0 if convention.towards_data else 1.0
    progress.update(0.0)
    seen = sign * velocity(x, time, True).float()
    if not guidance.is_at(t):
        return seen
    progress.update(0.5)
    unseen = sign * velocity(x, time, False).float()
    guided = unseen + guidance.scale * (seen - unseen)
    return _rescaled(guided, seen, x, t, guidance.rescale, convention.sigma_min) if guidance.rescale else guided


def _rescaled(guided: Tensor, seen: Tensor, x: Tensor, t: float, share: float, sigma_min: float) -> Tensor:
    """The guided velocity whose estimate of the data deviates as much as the one that is not guided, by a share."""
    wide = sigma_min + (1 - sigma_min) * t

    def data(away: Tensor) -> Tensor:
        return (1 - sigma_min) * x - wide * away

    def deviation(values: Tensor) -> Tensor:
        return values.std(dim=list(range(1, values.ndim)), keepdim=True)

    blown, calm = data(guided), data(seen)
    pressed = blown * (deviation(calm) / deviation(blown))
    mixed = share * pressed + (1 - share) * blown
    return ((1 - sigma_min) * x - mixed) / wide
