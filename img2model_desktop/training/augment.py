"""What real photographs and mattes do to a picture: mirrored, recoloured, blurred, compressed, badly cut out."""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Generator, Tensor

from img2model_desktop.training.views import Views

_BLOCK = 8


def augmented(views: Views, generator: Generator) -> Views:
    """The batch as a camera, a compressor and a careless cut-out would leave it; the truth stays as it is.

    Args:
        views: of any size that is a multiple of 8.
        generator: a CPU generator; the same state gives the same result.
    """
    device = views.image.device
    count = len(views.image)

    def draw(low: float = 0.0, high: float = 1.0, width: int = 1) -> Tensor:
        numbers = torch.rand((count, width), generator=generator) * (high - low) + low
        return numbers.to(device)[..., None, None]

    views = _mirrored(views, draw()[:, 0, 0, 0] < 0.5)
    picture = views.image.float() / 255
    colour, alpha = picture[:, :3], picture[:, 3:]
    some = draw() < 0.6
    colour = torch.where(some, _recoloured(colour, draw(0.7, 1.4), draw(-0.08, 0.08), draw(0.88, 1.12, 3)), colour)
    grey = colour.mean(1, keepdim=True)
    colour = torch.where(draw() < 0.4, grey + (colour - grey) * draw(0, 1.6), colour)
    colour, alpha = shadowed(colour, alpha, draw() < 0.12, draw(0.5, 1.2), draw(0.02, 0.12), draw(0.1, 0.6))
    colour, alpha = _softened(colour, alpha, draw() < 0.2)
    alpha = _recut(alpha, draw() < 0.25, draw(0.2, 0.8))
    colour = torch.where(alpha > 0, colour, 0.5)
    noise = torch.randn((count, 1, *colour.shape[2:]), generator=generator).to(device)
    colour = colour + noise * draw(0, 0.03) * (draw() < 0.3)
    if float(torch.rand((), generator=generator)) < 0.3:
        colour = torch.where(draw() < 0.5, compressed(colour, draw(0.01, 0.12)), colour)
    image = torch.cat([colour, alpha], 1).clamp(0, 1)
    return replace(views, image=(image * 255).round().to(torch.uint8))


def _mirrored(views: Views, which: Tensor) -> Views:
    """Some views left to right; normals turn with them."""
    pick = which.view(-1, 1, 1, 1)

    def flip(values: Tensor) -> Tensor:
        return torch.where(pick, values.flip(-1), values)

    normal = views.normal.clone()
    normal[:, 0] = torch.where(which.view(-1, 1, 1), -normal[:, 0], normal[:, 0])
    return replace(views, image=flip(views.image), depth=flip(views.depth), normal=flip(normal), back=flip(views.back))


def _recoloured(colour: Tensor, gain: Tensor, lift: Tensor, tint: Tensor) -> Tensor:
    return ((colour * tint).clamp(1e-4, 1) ** (1 / gain) + lift).clamp(0, 1)


def shadowed(
    colour: Tensor, alpha: Tensor, which: Tensor, width: Tensor, height: Tensor, grey: Tensor
) -> tuple[Tensor, Tensor]:
    """What is left of the shadow on the ground: a flat ellipse under the subject's lowest point, dark at its middle.

    Args:
        width: of the ellipse, share of the subject's.
        height: of the ellipse, share of the picture's side.
        grey: its colour, 0..1.
    """
    size = alpha.shape[-1]
    line = (torch.arange(size, device=alpha.device) + 0.5) / size
    there = alpha >= 0.5
    low = (there.any(3) * line).amax(2)[..., None, None]
    columns = there.any(2)
    left = torch.where(columns, line, 1.0).amin(2)[..., None, None]
    right = (columns * line).amax(2)[..., None, None]
    across = (line.view(1, 1, 1, size) - (left + right) / 2) / ((right - left) * width / 2).clamp_min(1e-3)
    down = (line.view(1, 1, size, 1) - low + height / 3) / height
    blob = ((1 - across**2 - down**2) * 2).clamp(0, 1) * which
    whole = alpha + (1 - alpha) * blob
    mixed = (colour * alpha + grey * (1 - alpha) * blob) / whole.clamp_min(1e-4)
    return torch.where(which, mixed, colour), whole


def _softened(colour: Tensor, alpha: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Out of focus: colour and matte blurred together, premultiplied."""
    kernel = colour.new_tensor([1.0, 2.0, 1.0])
    kernel = (kernel[:, None] * kernel[None] / 16).expand(4, 1, 3, 3)
    whole = F.conv2d(torch.cat([colour * alpha, alpha], 1), kernel, padding=1, groups=4)
    blurred = whole[:, :3] / whole[:, 3:].clamp_min(1e-4)
    return torch.where(which, blurred, colour), torch.where(which, whole[:, 3:], alpha)


def _recut(alpha: Tensor, which: Tensor, level: Tensor) -> Tensor:
    """A matte cut at another level of its blurred self: corners rounded, thin parts grown or lost."""
    blurred = F.avg_pool2d(alpha, 3, 1, 1)
    return torch.where(which, ((blurred - level) * 4 + 0.5).clamp(0, 1), alpha)


def compressed(colour: Tensor, step: Tensor) -> Tensor:
    """The colours with their 8 x 8 cosine transform rounded to multiples of `step`, coarser at high frequencies."""
    count, channels, height, width = colour.shape
    k = torch.arange(_BLOCK, device=colour.device, dtype=torch.float32)
    basis = torch.cos(torch.pi / _BLOCK * (k[None] + 0.5) * k[:, None]) * (2 / _BLOCK) ** 0.5
    basis[0] /= 2**0.5
    blocks = colour.reshape(count, channels, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).transpose(3, 4)
    wave = basis @ blocks @ basis.T
    coarse = step.view(-1, 1, 1, 1, 1, 1) * (1 + k[:, None] + k[None])
    wave = torch.round(wave / coarse) * coarse
    again: Tensor = (basis.T @ wave @ basis).transpose(3, 4).reshape(colour.shape)
    return again
