"""Materials and light of training views: plain, patterned and vertex-coloured, matt to glossy."""

import colorsys
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

WAVES = 6  # of a pattern; each a random direction, frequency and phase


@dataclass(frozen=True, slots=True)
class Look:
    """How a batch of `b` views is painted and lit. Plain arrays; they travel to the device when used.

    Args:
        plain: `(b, 4) float32`, a colour and how much of it replaces the object's own.
        accent: `(b, 3) float32`, second colour of the pattern.
        pattern: `(b,) float32`, how strong the pattern is, 0..1.
        waves: `(b, WAVES, 4) float32`, wave vector (radians per unit of the object) and phase.
        hard: `(b,) float32`, sharpness of the pattern's edges.
        tint: `(b, 3) float32`, factor on the object's own colours.
        light: `(b, 3) float32`, unit vector to the main light, camera axes.
        power: `(b, 4) float32`, of the main light, the fill from the camera, the sky, the ground.
        gloss: `(b, 2) float32`, strength and exponent of the highlight.
        dent: `(b,) float32`, how much dents are darkened.
        room: `(b, 5) float32`, what a polished surface mirrors: wave vector (radians per unit of the reflected
            direction), phase, strength.
    """

    plain: np.ndarray
    accent: np.ndarray
    pattern: np.ndarray
    waves: np.ndarray
    hard: np.ndarray
    tint: np.ndarray
    light: np.ndarray
    power: np.ndarray
    gloss: np.ndarray
    dent: np.ndarray
    room: np.ndarray


def random_colour(rng: Generator) -> np.ndarray:
    """`(3,) float64` sRGB 0..1: many greys, whites and blacks, some pastels, some strong ones."""
    kind = rng.random()
    saturation = rng.uniform(0, 0.12) if kind < 0.4 else rng.uniform(0.15, 0.95)
    value = rng.choice([rng.uniform(0.75, 1), rng.uniform(0.03, 0.3), rng.uniform(0.2, 1)])
    return np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value))


def random_looks(count: int, rng: Generator) -> Look:
    """A look for each of `count` views."""
    plain = np.zeros((count, 4), np.float32)
    light = rng.normal(size=(count, 3)) * [1.0, 0.6, 0.5] + [0, 0.9, 0.9]
    light[:, 2] = np.abs(light[:, 2])
    light /= np.linalg.norm(light, axis=1, keepdims=True)
    waves = rng.normal(size=(count, WAVES, 4))
    waves[..., :3] *= np.exp(rng.uniform(np.log(2), np.log(45), (count, 1, 1)))
    waves[..., :3] *= np.where(rng.random((count, 1, 3)) < 0.3, 0.15, 1.0)  # stripes and grain along an axis
    waves[..., 3] = rng.uniform(0, 2 * np.pi, (count, WAVES))
    for k in range(count):
        plain[k, :3] = random_colour(rng)
        plain[k, 3] = rng.choice([0.0, 1.0, rng.uniform(0, 1)], p=[0.72, 0.2, 0.08])
    power = np.stack(
        [rng.uniform(0.3, 1.3, count), rng.uniform(0.0, 0.5, count), rng.uniform(0.25, 0.7, count), np.zeros(count)], 1
    )
    power[:, 3] = power[:, 2] * rng.uniform(0.3, 1.0, count)
    room = np.concatenate([rng.normal(0, 3, (count, 3)), rng.uniform(0, 2 * np.pi, (count, 1))], 1)
    mirror = np.where(rng.random(count) < 0.75, 0.0, rng.uniform(0.05, 0.5, count))
    shine = np.where(rng.random(count) < 0.5, 0.0, rng.uniform(0, 0.6, count))
    return Look(
        plain=plain,
        accent=np.stack([random_colour(rng) for _ in range(count)]).astype(np.float32),
        pattern=np.where(rng.random(count) < 0.78, 0.0, rng.uniform(0.1, 1, count)).astype(np.float32),
        waves=waves.astype(np.float32),
        hard=np.exp(rng.uniform(np.log(0.5), np.log(20), count)).astype(np.float32),
        tint=np.exp(rng.normal(0, 0.18, (count, 3))).astype(np.float32),
        light=light.astype(np.float32),
        power=power.astype(np.float32),
        gloss=np.stack([shine, np.exp(rng.uniform(np.log(6), np.log(90), count))], 1).astype(np.float32),
        dent=rng.uniform(0.1, 0.7, count).astype(np.float32),
        room=np.column_stack([room, mirror]).astype(np.float32),
    )


def colour_at(own: Tensor, place: Tensor, view: Tensor, looks: Look) -> Tensor:
    """`(k, 3)` linear base colour of points.

    Args:
        own: `(k, 3)` sRGB 0..1, the object's colours there.
        place: `(k, 3)` in the object's axes.
        view: `(k,)` which look applies.
        looks: of the batch.
    """
    plain = _at(looks.plain, view, own)
    colour = (own * _at(looks.tint, view, own)).clamp(0, 1)
    colour = colour + (plain[:, :3] - colour) * plain[:, 3:]
    drawn = np.flatnonzero(looks.pattern > 0)
    if len(drawn):
        some = torch.isin(view, torch.as_tensor(drawn, device=view.device))
        which, spot = view[some], place[some]
        waves = _at(looks.waves, which, own)
        field = torch.sin((waves[..., :3] * spot[:, None]).sum(-1) + waves[..., 3]).sum(1) / WAVES**0.5
        share = torch.sigmoid(field * _at(looks.hard, which, own)) * _at(looks.pattern, which, own)
        base = colour[some]
        colour[some] = base + (_at(looks.accent, which, own) - base) * share[:, None]
    return to_linear(colour)


def shade(albedo: Tensor, normal: Tensor, dent: Tensor, view: Tensor, looks: Look) -> Tensor:
    """`(k, 3)` sRGB 0..1: light of sky and ground, a main light, a fill from the camera, a highlight (Blinn 1977), a
    mirrored room of soft bright bands."""
    light, power = _at(looks.light, view, albedo), _at(looks.power, view, albedo)
    gloss = _at(looks.gloss, view, albedo)
    sky = power[:, 3] + (power[:, 2] - power[:, 3]) * (normal[:, 1] * 0.5 + 0.5)
    main = power[:, 0] * (normal * light).sum(1).clamp_min(0)
    fill = power[:, 1] * normal[:, 2].clamp_min(0)
    shadow = 1 - _at(looks.dent, view, albedo) * dent
    halfway = torch.nn.functional.normalize(light + light.new_tensor([0.0, 0.0, 1.0]), dim=1)
    spark = gloss[:, 0] * (normal * halfway).sum(1).clamp_min(0) ** gloss[:, 1] * power[:, 0]
    room = _at(looks.room, view, albedo)
    mirrored = 2 * normal[:, 2:] * normal - normal.new_tensor([0.0, 0.0, 1.0])
    band = torch.sigmoid(4 * torch.sin((mirrored * room[:, :3]).sum(1) + room[:, 3]))
    lit = albedo * ((sky + main + fill) * shadow)[:, None] + (spark + room[:, 4] * band * shadow)[:, None]
    return to_srgb(lit.clamp(0, 1))


def to_linear(srgb: Tensor) -> Tensor:
    """sRGB 0..1 to linear light (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp_min(0) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    """Linear light 0..1 to sRGB (IEC 61966-2-1)."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-8) ** (1 / 2.4) - 0.055)


def _at(values: np.ndarray, view: Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype).to(like.device)[view]
