"""The TripoSR sculptor: pictures in, meshes out, with a tiny network and with fields whose answer is known."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role, build_options
from img2model_desktop.engines.catalog import TripoOptions
from img2model_desktop.engines.device import Device, processor
from img2model_desktop.engines.triposr import sculptor as triposr
from img2model_desktop.engines.triposr.sculptor import STAGES, lattice_of, mesh_of, prepared
from img2model_desktop.errors import Cancelled, EngineProblem, InputProblem, OutOfMemory, SetupProblem
from tests.engines.triposr.triposr_folder import load_tiny, write_folder

SMALL = TripoOptions(faces=2000, texture_px=128, resolution=64)
LOW, HIGH = 20, 235


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("weights") / "triposr")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny sums are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def subject(shift: int = 0) -> Picture:
    """A red disc with a handle, 90 x 120."""
    pixels = np.zeros((90, 120, 4), np.uint8)
    cv2.circle(pixels, (50 + shift, 45), 30, (200, 60, 40, 255), -1)
    cv2.rectangle(pixels, (70, 40), (105, 52), (40, 60, 200, 255), -1)
    return Picture(pixels)


class Ell:
    """An L of three bars, each of another colour: up, to the viewer's right and, shortest, towards the camera.

    In the network's axes: x towards the camera, y to its right, z up.
    """

    def log_density(self, points: Tensor) -> Tensor:
        return torch.stack([self._bar(points, *bar) for bar in self._bars()]).amax(0) * 50 + float(np.log(25.0))

    def colour(self, points: Tensor) -> Tensor:
        level = torch.tensor([[HIGH, LOW, LOW], [LOW, HIGH, LOW], [LOW, LOW, HIGH]]) / 255
        which = torch.stack([self._bar(points, *bar) for bar in self._bars()]).argmax(0)
        return level[which]

    @staticmethod
    def _bars() -> list[tuple[Tensor, Tensor]]:
        ends = ([0.1, 0.1, 0.7], [0.1, 0.5, -0.4], [0.4, 0.1, -0.4])  # up, right, front
        return [(torch.tensor([-0.1, -0.1, -0.6]), torch.tensor(end)) for end in ends]

    @staticmethod
    def _bar(points: Tensor, low: Tensor, high: Tensor) -> Tensor:
        return -torch.maximum(low - points, points - high).amax(1)


class Ball:
    """A ball of 0.5 whose colour is its direction."""

    def log_density(self, points: Tensor) -> Tensor:
        return (0.5 - points.norm(dim=1)) * 40 + float(np.log(25.0))

    def colour(self, points: Tensor) -> Tensor:
        return 0.5 + 0.45 * points / points.norm(dim=1, keepdim=True)


def seen_colour(mesh: Mesh, at: tuple[float, float, float]) -> np.ndarray:
    """What the texture shows at the vertex next to a place."""
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    nearest = int(np.linalg.norm(mesh.vertices - np.array(at), axis=1).argmin())
    side = mesh.base_colour.width
    column, row = (mesh.uv[nearest] * (side, -side) + (0, side)).clip(0, side - 1).astype(int)
    return np.asarray(mesh.base_colour.rgb[row, column], np.int64)


# -- axes, surface and texture -------------------------------------------------------------------------------------


def test_axes_are_right_up_and_front() -> None:
    mesh = mesh_of(Ell(), replace(SMALL, faces=4000), processor(), Progress())
    low, high = mesh.bounds
    assert low == pytest.approx([-0.1, -0.6, -0.1], abs=0.03)
    assert high == pytest.approx([0.5, 0.7, 0.4], abs=0.03)
    assert list(seen_colour(mesh, (0.0, 0.7, 0.0))) == pytest.approx([HIGH, LOW, LOW], abs=3)
    assert list(seen_colour(mesh, (0.5, -0.5, 0.0))) == pytest.approx([LOW, HIGH, LOW], abs=3)
    assert list(seen_colour(mesh, (0.0, -0.5, 0.4))) == pytest.approx([LOW, LOW, HIGH], abs=3)
    facts = measure(mesh)
    assert facts.volume_m3 == pytest.approx(0.04 * (1.3 + 0.4) + 0.2 * 0.3 * 0.2, rel=0.05)  # positive: not mirrored


def test_axes_are_a_rotation() -> None:
    matrix = np.eye(3)[list(triposr.AXES)]
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    assert np.array_equal(matrix @ np.eye(3)[list(triposr.BACK)], np.eye(3))


def test_texture_is_the_field_at_each_texel_of_the_surface() -> None:
    mesh = mesh_of(Ball(), replace(SMALL, texture_px=256), processor(), Progress())
    facts = measure(mesh)
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 == pytest.approx(4 / 3 * np.pi * 0.125, rel=0.01)
    assert len(mesh.faces) <= 2000
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    middle = mesh.vertices[mesh.faces].astype(np.float64).mean(axis=1)
    uv = mesh.uv[mesh.faces].astype(np.float64).mean(axis=1)
    side = mesh.base_colour.width
    at = (uv * (side, -side) + (0, side)).clip(0, side - 1).astype(int)
    found = mesh.base_colour.rgb[at[:, 1], at[:, 0]].astype(np.float64)
    way = middle[:, triposr.BACK] / np.linalg.norm(middle, axis=1, keepdims=True)
    error = np.abs(found - 255 * (0.5 + 0.45 * way))
    assert np.quantile(error, 0.99) <= 2.5  # half a texel's slope and half a level
    assert (mesh.base_colour.alpha == 255).all()


def test_vertices_lie_on_a_smooth_surface() -> None:
    """They come from the density's logarithm; from the density itself they would lie by the outer grid points."""
    mesh = mesh_of(Ball(), replace(SMALL, faces=100_000), processor(), Progress())
    radius = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(radius - 0.5).max() < 0.0015  # cells are 0.027


def test_no_body_is_a_problem_with_advice() -> None:
    class Nothing(Ball):
        def log_density(self, points: Tensor) -> Tensor:
            return points[:, 0] - 9

    with pytest.raises(EngineProblem, match="no body") as caught:
        mesh_of(Nothing(), SMALL, processor(), Progress())
    assert caught.value.advice


def test_a_body_that_cannot_be_reduced_quickly_is_reduced_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def broken(whole: Mesh, faces: int) -> None:
        asked.append(faces)

    monkeypatch.setattr(triposr, "_quickly", broken)
    mesh = mesh_of(Ball(), replace(SMALL, resolution=32, faces=500), processor(), Progress())
    assert asked == [500, 485, 470, 750, 1500]
    assert len(mesh.faces) <= 500
    assert measure(mesh).manifold


@pytest.mark.parametrize("resolution", range(128, 513, 64))
@pytest.mark.parametrize("careful", [False, True])
def test_every_resolution_has_a_coarse_grid(resolution: int, careful: bool) -> None:
    lattice = lattice_of(resolution, careful)
    assert lattice.fine == resolution
    assert (64 if careful else 32) <= lattice.coarse <= (128 if careful else 64)
    assert lattice.dilate == careful


# -- the picture ---------------------------------------------------------------------------------------------------


def test_the_subject_is_centred_on_grey_and_fills_its_share() -> None:
    image = prepared(subject(), 200, 0.85)
    assert image.shape == (1, 3, 200, 200)
    assert float(image.min()) >= 0.0
    assert float(image.max()) <= 1.0
    is_grey = ((image[0] - 0.5).abs() < 0.01).all(0).numpy()
    rows, columns = np.flatnonzero(~is_grey.all(1)), np.flatnonzero(~is_grey.all(0))
    assert np.ptp(columns) / 200 == pytest.approx(0.85, abs=0.02)
    assert columns.min() + columns.max() == pytest.approx(199, abs=3)
    assert rows.min() + rows.max() == pytest.approx(199, abs=5)  # a pixel of the picture is 2.3 here
    assert image[0, :, 100, 60].tolist() == pytest.approx([200 / 255, 60 / 255, 40 / 255], abs=0.02)


def test_what_lies_beside_and_behind_the_subject_does_not_matter() -> None:
    pixels = subject().pixels.copy()
    pixels[pixels[..., 3] == 0, :3] = 77
    wide = np.pad(pixels, ((13, 5), (40, 2), (0, 0)))
    assert torch.equal(prepared(Picture(pixels), 128, 0.85), prepared(subject(), 128, 0.85))
    assert torch.equal(prepared(Picture(wide), 128, 0.85), prepared(subject(), 128, 0.85))


def test_a_single_pixel_is_a_subject_too() -> None:
    pixels = np.zeros((5, 5, 4), np.uint8)
    pixels[2, 3] = 255
    assert torch.isfinite(prepared(Picture(pixels), 32, 0.85)).all()


# -- the engine ----------------------------------------------------------------------------------------------------


def content(mesh: Mesh) -> tuple[bytes, ...]:
    assert mesh.uv is not None
    assert mesh.base_colour is not None
    return (*(part.tobytes() for part in (mesh.vertices, mesh.faces, mesh.uv)), mesh.base_colour.pixels.tobytes())


def test_a_picture_becomes_a_closed_textured_body_the_same_each_time(folder: Path) -> None:
    engine = load_tiny(folder)
    fractions: list[float] = []
    picture = subject()
    before = picture.pixels.tobytes()
    first = engine.sculpt(picture, SMALL, 1, Progress(fractions.append))
    facts = measure(first.validate())
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 > 0
    assert first.base_colour is not None
    assert first.base_colour.width == 128
    assert picture.pixels.tobytes() == before
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert content(engine.sculpt(picture, SMALL, 2, Progress())) == content(first)
    engine.close()
    assert content(engine.sculpt(picture, SMALL, 2, Progress())) == content(first)
    engine.close()
    assert content(load_tiny(folder).sculpt(subject(shift=9), SMALL, 1, Progress())) != content(first)


def test_cancelled_anywhere_and_usable_again(folder: Path) -> None:
    calls = [0]
    stop_at = [10**9]

    def stop() -> bool:
        calls[0] += 1
        return calls[0] > stop_at[0]

    engine = load_tiny(folder)
    quick = replace(SMALL, resolution=32, faces=1500, texture_px=64)
    expected = content(engine.sculpt(subject(), quick, 1, Progress(is_cancelled=stop)))
    engine.close()
    total = calls[0]
    assert total > 40
    for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        engine.close()
        calls[0], stop_at[0] = 0, int(total * share)
        with pytest.raises(Cancelled):
            engine.sculpt(subject(), quick, 1, Progress(is_cancelled=stop))
        assert calls[0] == stop_at[0] + 1
    assert content(engine.sculpt(subject(), quick, 1, Progress())) == expected


def test_stages_follow_each_other_and_fill_the_progress(folder: Path) -> None:
    whole = sum(STAGES.values())
    fractions: list[float] = []
    load_tiny(folder).field_of(subject(), 0.85, Progress(fractions.append))
    assert fractions[-1] == 1.0
    parts = triposr._parts(Progress(), tuple(STAGES))
    ends = [(part._low, part._high) for part in parts.values()]
    assert ends[0][0] == 0.0
    assert ends[-1][1] == 1.0
    assert all(one[1] == pytest.approx(other[0]) for one, other in itertools.pairwise(ends))
    assert parts["planes"]._high - parts["planes"]._low == pytest.approx(STAGES["planes"] / whole)


def test_a_card_without_room_says_so_and_never_moves_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens next is for the ladder, which tells it."""
    engine = load_tiny(folder)
    engine._device = Device(torch.device("cpu"), torch.float32, "a card")
    used: list[str] = []

    def crowded(field: triposr.Solid, options: TripoOptions, device: Device, progress: Progress) -> Mesh:
        used.append(device.name)
        raise OutOfMemory("no room")

    monkeypatch.setattr(triposr, "mesh_of", crowded)
    with pytest.raises(OutOfMemory):
        engine.sculpt(subject(), replace(SMALL, resolution=32), 1, Progress())
    assert used == ["a card"]
    assert engine._net is None
    monkeypatch.undo()
    assert len(engine.sculpt(subject(), replace(SMALL, resolution=32), 1, Progress()).faces) > 100


def test_no_room_on_the_processor_is_told_and_frees_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crowded(*_: object) -> Mesh:
        raise torch.OutOfMemoryError("no room")

    engine = load_tiny(folder)
    monkeypatch.setattr(triposr, "sample", crowded)
    with pytest.raises(OutOfMemory):
        engine.sculpt(subject(), SMALL, 1, Progress())
    assert engine._net is None
    monkeypatch.undo()
    assert len(engine.sculpt(subject(), replace(SMALL, resolution=32), 1, Progress()).faces) > 100


def test_lost_numbers_are_a_problem(folder: Path, tmp_path: Path) -> None:
    weights = torch.load(folder / "model.ckpt", weights_only=True)
    weights["backbone.proj_out.bias"][3] = float("nan")
    torch.save(weights, tmp_path / "model.ckpt")
    with pytest.raises(EngineProblem, match="lost its numbers"):
        load_tiny(tmp_path).sculpt(subject(), SMALL, 1, Progress())


def test_missing_and_other_weights_are_setup_problems(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupProblem):
        load_tiny(tmp_path).sculpt(subject(), SMALL, 1, Progress())
    with pytest.raises(SetupProblem):
        triposr.load_triposr(folder).sculpt(subject(), SMALL, 1, Progress())  # tiny ones are not the published ones


def test_an_empty_picture_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputProblem):
        load_tiny(tmp_path).sculpt(Picture(np.zeros((8, 8, 4), np.uint8)), SMALL, 1, Progress())


def test_catalogue_entry() -> None:
    spec = catalog.find("triposr", Role.SCULPTOR)
    assert spec.weights == "triposr"
    assert spec.entry == "img2model_desktop.engines.triposr.sculptor:load_triposr"
    for quality in Quality:
        options = build_options(spec, quality, {})
        assert isinstance(options, TripoOptions)
        lattice = lattice_of(options.resolution, options.thin_parts)
        assert lattice.coarse == (128 if quality is Quality.HIGH else 64)
