"""Presets: what is written with each is what the other program expects."""

from dataclasses import fields
from pathlib import Path

import pytest
import trimesh

from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read_mesh
from img2model_desktop.core.verdict.findings import Purpose, Severity
from img2model_desktop.core.verdict.limits import LIMITS
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.export import ExportOptions, can_write, export_mesh
from img2model_desktop.jobs.presets import PRESETS, Preset, find
from tests.shapes import box, textured

BY_KEY = pytest.mark.parametrize("preset", PRESETS, ids=[preset.key for preset in PRESETS])


@BY_KEY
def test_each_can_be_saved_and_has_a_reason_for_every_value(preset: Preset, tmp_path: Path) -> None:
    assert can_write(tmp_path / f"a{preset.suffix}", preset.options) is None
    usual = ExportOptions()
    unusual = {one.name for one in fields(usual) if getattr(preset.options, one.name) != getattr(usual, one.name)}
    assert {name for name, _ in preset.reasons} == unusual | {"format"}
    assert preset.options.size_mm is None
    assert preset.summary.endswith(".")


def test_keys_are_told_apart_and_found() -> None:
    assert len({preset.key for preset in PRESETS}) == len({preset.title for preset in PRESETS}) == len(PRESETS)
    assert {preset.suffix for preset in PRESETS} <= set(MESH_SUFFIXES)
    assert find("web") in PRESETS
    with pytest.raises(InputProblem, match="no preset “maya”") as caught:
        find("maya")
    assert "blender, unity" in caught.value.advice


@pytest.mark.parametrize(
    ("key", "size", "up"),
    [
        ("blender", (0.1, 0.2, 0.4), "y"),  # metres, y up
        ("unreal", (0.1, 0.2, 0.4), "y"),
        ("web", (0.1, 0.2, 0.4), "y"),
        ("unity", (0.1, 0.2, 0.4), "y"),
        ("cad", (100, 400, 200), "z"),  # millimetres, z up
        ("slicer", (100, 400, 200), "z"),
    ],
)
def test_another_reader_finds_size_axis_and_ground(
    key: str, size: tuple[float, float, float], up: str, tmp_path: Path
) -> None:
    preset = find(key)
    mesh = textured(box(0.1, 0.2, 0.4, at=(3, 5, 7)))
    done = export_mesh(mesh, tmp_path / f"a{preset.suffix}", preset.options)
    assert done.size_mm == pytest.approx((100, 200, 400), rel=1e-5)
    if preset.suffix == ".3mf":  # trimesh needs a package for it; lib3mf has read it already
        low, high = read_mesh(done.path).bounds * 1000
        assert (high - low) == pytest.approx((100, 200, 400), rel=1e-5)
        assert low[1] == pytest.approx(0, abs=1e-3)
        return
    low, high = trimesh.load(done.path, process=False).bounds
    assert high - low == pytest.approx(size, rel=1e-5)
    assert low["xyz".index(up)] == pytest.approx(0, abs=1e-6 * max(size))
    for axis in {"x", "y", "z"} - {up}:
        k = "xyz".index(axis)
        assert low[k] + high[k] == pytest.approx(0, abs=1e-5 * max(size))


@pytest.mark.parametrize(
    ("key", "purpose"),
    [
        ("unity", Purpose.GAME), ("unreal", Purpose.GAME), ("web", Purpose.WEB), ("quicklook", Purpose.WEB),
        ("slicer", Purpose.PRINT),
    ],
)  # fmt: skip
def test_limits_are_within_those_of_the_verdict(key: str, purpose: Purpose) -> None:
    options = find(key).options
    for measure, value in (("triangles", options.faces), ("texture_longest_px", options.texture_px)):
        bounds = [
            limit.bound
            for limit in LIMITS
            if limit.measure == measure and purpose in limit.purposes and limit.severity is not Severity.STOP
        ]
        assert not bounds or (value is not None and value <= min(bounds))
