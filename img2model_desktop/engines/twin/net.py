"""The Twin engine's network and its view of a picture; shared by the engine and by the tool that trains it.

One RGBA picture of a subject goes in; the first and the last surface along each pixel's ray come out, with normals
of the first, colours of the last, and the camera's perspective and elevation.
"""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

FILL = 0.92  # share of the picture's side that the longer side of the subject's outline box takes
CHANNELS_IN = 6  # premultiplied colour, alpha, x, y
MAPS = 9  # depth, thickness, normal (3), back colour (3), how much of the back repeats the front's colour
CAMERA = (0.30, 0.22)  # typical tangent of half the picture's angle, elevation in radians: what the heads start from


@dataclass(frozen=True, slots=True)
class NetShape:
    """Everything that fixes the network's layers.

    Args:
        size: side of the square input, pixels; a multiple of 16. The weights run at other sizes too.
        width: channels at 1/2, 1/4, 1/8 and 1/16 of `size`.
        down: residual blocks on the way down, at the same scales.
        up: residual blocks on the way up, at 1/2, 1/4 and 1/8.
        attention: attention layers at 1/16.
    """

    size: int = 64
    width: tuple[int, int, int, int] = (32, 96, 192, 320)
    down: tuple[int, int, int, int] = (1, 2, 2, 2)
    up: tuple[int, int, int] = (0, 1, 2)
    attention: int = 2

    def to_text(self) -> str:
        """JSON, for a weights file's metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "NetShape":
        """The shape that `to_text` wrote."""
        plain: dict[str, Any] = json.loads(text)
        return cls(**{item.name: _tupled(plain[item.name]) for item in fields(cls)})


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the network says about a batch of pictures.

    Args:
        front: `(b, 1, s, s)`, depth of the first surface, towards the camera, in units of half the picture's side at
            the subject's centre, measured from there.
        back: `(b, 1, s, s)`, of the last surface; at most `front`.
        normal: `(b, 3, s, s)`, unit normals of the first surface in camera axes.
        colour: `(b, 3, s, s)`, sRGB 0..1 of the last surface: `fresh` and the picture mixed by `repeat`.
        fresh: `(b, 3, s, s)`, its colour where it differs from the front.
        repeat: `(b, 1, s, s)`, 0..1, how much it repeats the front's colour at the same place.
        perspective: `(b,)`, tangent of half the picture's angle.
        elevation: `(b,)`, radians, of the camera above the horizon.
    """

    front: Tensor
    back: Tensor
    normal: Tensor
    colour: Tensor
    fresh: Tensor
    repeat: Tensor
    perspective: Tensor
    elevation: Tensor


class Block(nn.Module):
    """Pre-normalised residual block of two 3 x 3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, width, h, w)` in and out."""
        out: Tensor = x + self.second(F.relu(self.first(F.relu(self.norm(x)))))
        return out


class Attention(nn.Module):
    """Self-attention over all places, and a two-layer perceptron; both residual."""

    def __init__(self, width: int, head: int = 40) -> None:
        super().__init__()
        self.heads = width // head
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, width, h, w)` in and out."""
        b, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.mix(self.norm(tokens)).view(b, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        tokens = tokens + self.out(mixed)
        tokens = tokens + self.narrow(F.relu(self.wide(self.norm2(tokens))))
        again: Tensor = tokens.transpose(1, 2).reshape(b, c, h, w)
        return again.contiguous(memory_format=torch.channels_last)


class TwinNet(nn.Module):
    """A residual U-Net with attention at its lowest resolution.

    The picture is folded 2 x 2 into channels at the entrance and unfolded at the exit: nothing is computed at full
    resolution, where a convolution costs most and sees least.
    """

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        self.shape = shape
        w = shape.width
        self.stem = nn.Conv2d(CHANNELS_IN * 4, w[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(*(Block(c) for _ in range(n))) for c, n in zip(w, shape.down, strict=True)
        )
        self.shrink = nn.ModuleList(nn.Conv2d(w[k], w[k + 1], 2, stride=2) for k in range(3))
        self.attention = nn.Sequential(*(Attention(w[3]) for _ in range(shape.attention)))
        self.grow = nn.ModuleList(nn.Conv2d(w[k + 1], w[k], 1) for k in range(3))
        self.merge = nn.ModuleList(nn.Conv2d(2 * w[k], w[k], 3, padding=1) for k in range(3))
        self.up = nn.ModuleList(nn.Sequential(*(Block(w[k]) for _ in range(shape.up[k]))) for k in range(3))
        self.maps = nn.Conv2d(w[0], MAPS * 4, 3, padding=1)
        self.camera = nn.Sequential(nn.Linear(w[3], 128), nn.ReLU(), nn.Linear(128, 2))
        for part in self.parameters():
            if part.ndim == 4:  # processors convolve fastest with channels last
                part.data = part.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Prediction:
        """`x`: `(b, 6, s, s)` as `network_input` makes it, s a multiple of 16."""
        shown = x[:, :3].float() / 2 + 0.5
        x = F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        x = F.relu(self.stem(x))
        skips = []
        for level in range(4):
            x = self.down[level](x)
            if level < 3:
                skips.append(x)
                x = self.shrink[level](x)
        x = self.attention(x)
        camera = self.camera(x.float().mean((2, 3)).to(x.dtype)).float()
        for level in (2, 1, 0):
            x = F.interpolate(self.grow[level](x), scale_factor=2.0, mode="nearest")
            x = F.relu(self.merge[level](torch.cat([x, skips[level]], 1)))
            x = self.up[level](x)
        return self._read(F.pixel_shuffle(self.maps(x), 2).float(), camera, shown)

    def _read(self, maps: Tensor, camera: Tensor, shown: Tensor) -> Prediction:
        front = maps[:, 0:1]
        thickness = F.softplus(3 * maps[:, 1:2]) / 3
        fresh, repeat = torch.sigmoid(maps[:, 5:8]), torch.sigmoid(maps[:, 8:9])
        return Prediction(
            front=front + thickness / 2,
            back=front - thickness / 2,
            normal=F.normalize(maps[:, 2:5] + maps.new_tensor([0.0, 0.0, 0.5]).view(1, 3, 1, 1), dim=1),
            colour=torch.lerp(fresh, shown, repeat),
            fresh=fresh,
            repeat=repeat,
            perspective=CAMERA[0] * torch.exp(camera[:, 0]),
            elevation=CAMERA[1] + camera[:, 1],
        )


def network_input(image: Tensor) -> Tensor:
    """`(b, 6, s, s) float32` from straight RGBA `(b, 4, s, s)`, uint8 or float 0..1.

    Colour is premultiplied around mid-grey, so that what lies behind the matte never matters; x and y run from -1 to 1.
    """
    picture = image.float() / 255 if image.dtype == torch.uint8 else image
    alpha = picture[:, 3:]
    size = image.shape[-1]
    line = (torch.arange(size, device=image.device, dtype=torch.float32) + 0.5) / size * 2 - 1
    across = line.view(1, 1, 1, size).expand(len(image), 1, size, size)
    up = -line.view(1, 1, size, 1).expand(len(image), 1, size, size)
    return torch.cat([(picture[:, :3] - 0.5) * 2 * alpha, alpha * 2 - 1, across, up], 1)


def build(shape: NetShape, seed: int = 0) -> TwinNet:
    """A fresh network with seeded weights; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TwinNet(shape)


def read_weights(path: Path) -> TwinNet:
    """The network of a weights file, in float32 on the CPU, ready to predict.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a file of this network.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            shape = NetShape.from_text((file.metadata() or {})["shape"])
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a mapping
        net = TwinNet(shape)
        net.load_state_dict(state)
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path.name} does not hold the weights of this network: {error}") from error
    return net.eval().requires_grad_(False)


def parameter_count(net: nn.Module) -> int:
    """How many numbers the network has learned."""
    return sum(math.prod(p.shape) for p in net.parameters())
