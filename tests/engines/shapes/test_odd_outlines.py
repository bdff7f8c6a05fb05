"""Outlines that nobody would draw: each sculptor gives a closed, consistent body or says what is wrong."""

from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.catalog import ExtrudeOptions, LatheOptions, ReliefOptions
from img2model_desktop.engines.shapes import extrude, lathe, relief
from img2model_desktop.errors import InputProblem
from tests.drawn import Alpha

SCULPTORS: tuple[tuple[Any, Any], ...] = (
    (lathe.load(), LatheOptions(faces=1_500)),
    (lathe.load(), LatheOptions(faces=500, axis="lying")),
    (lathe.load(), LatheOptions(faces=2_000, from_above=40.0)),
    (extrude.load(), ExtrudeOptions(faces=2_000)),
    (
        extrude.load(),
        ExtrudeOptions(faces=500, bevel=0.5, edge="chamfer", thickness=1.0, bevel_back=True, back="plain"),
    ),
    (relief.load(), ReliefOptions(faces=2_000, shape="coin", frame=0.2)),
    (relief.load(), ReliefOptions(faces=2_000, shape="cut-out", source="lithophane", smoothing=2.0)),
    (relief.load(), ReliefOptions(faces=500, shape="plaque", invert=True, frame=0.2)),
)


def blobs(seed: int, scale: float, hard: bool) -> Alpha:
    noise = np.random.default_rng(seed).random((96, 96)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), scale)
    level = (soft - np.median(soft)) / max(float(soft.std()), 1e-6)
    return np.clip(level * (1e4 if hard else 400) + 128, 0, 255).astype(np.uint8)


def odd() -> dict[str, Alpha]:
    line = np.zeros((64, 64), np.uint8)
    cv2.line(line, (3, 3), (60, 55), 255, 1)
    rings = np.zeros((150, 150), np.uint8)
    for number, radius in enumerate(range(70, 4, -5)):
        cv2.circle(rings, (75, 75), radius, 0 if number % 2 else 255, -1)
    return {
        "one pixel": np.full((1, 1), 255, np.uint8),
        "one row": np.full((1, 40), 255, np.uint8),
        "whole frame": np.full((60, 90), 255, np.uint8),
        "thin slanted line": line,
        "rings in rings": rings,
        "chessboard": ((np.indices((48, 48)).sum(0) // 4) % 2 * 255).astype(np.uint8),
        "pixel noise": (np.random.default_rng(0).random((48, 48)) > 0.5).astype(np.uint8) * np.uint8(255),
        "faint": np.full((30, 30), 60, np.uint8),
    }


def check(alpha: Alpha) -> None:
    pixels = np.full((*alpha.shape, 4), 90, np.uint8)
    pixels[..., 0] = np.arange(alpha.shape[1]) % 256
    pixels[..., 3] = alpha
    for engine, options in SCULPTORS:
        try:
            mesh: Mesh = engine.sculpt(Picture(pixels), options, 0, Progress())
        except InputProblem:
            continue
        body = trimesh.Trimesh(mesh.vertices.astype(np.float64), mesh.faces, process=False)
        assert body.is_watertight, options
        assert body.is_winding_consistent, options
        assert body.volume > 0, options


@pytest.mark.parametrize("name", list(odd()))
def test_odd_outlines(name: str) -> None:
    check(odd()[name])


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), scale=st.floats(3.0, 12.0), hard=st.booleans())
def test_any_outline(seed: int, scale: float, hard: bool) -> None:
    alpha = blobs(seed, scale, hard)
    if (alpha > 0).any():
        check(alpha)
