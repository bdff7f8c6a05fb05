"""The depth engine: from weights on disk to closed meshes, and from depths that are known to shapes that are known."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from img2model_desktop.aside import Inline
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import bench as bench_module
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role, build_options
from img2model_desktop.engines.bench import Bench
from img2model_desktop.engines.catalog import DepthOptions
from img2model_desktop.engines.depth.net import SMALL, DepthNet, DepthShape, published
from img2model_desktop.engines.depth.sculptor import load
from img2model_desktop.engines.weights import recognise, sets
from img2model_desktop.engines.weights.library import Library
from img2model_desktop.errors import Cancelled, InputProblem, SetupProblem
from tests.drawn import alpha_of, both, box, coloured, disc
from tests.engines.depth.depth_folder import FILE, SET, Told, load_tiny, published_tiny, write_folder
from tests.engines.test_contract import Stopwatch, content, drawn_subject
from tests.published import facts_of, write_sparse

Field = NDArray[np.float32]

SPEC = replace(
    catalog.find("depth", Role.SCULPTOR), entry="tests.engines.depth.depth_folder:load_tiny", weights=SET.key
)
KINDS = ("plaque", "coin", "lithophane", "body")
PLAIN: dict[str, Any] = {"faces": 8000, "texture_px": 128, "relief": 0.0}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose library has the tiny network's weights."""
    known = recognise.manifest
    file = write_folder(tmp_path / "brought") / FILE
    entry = replace(SET, files=(replace(SET.files[0], bytes=file.stat().st_size),))
    facts = facts_of(published_tiny())
    monkeypatch.setattr(sets, "SETS", (*sets.SETS, entry))
    monkeypatch.setattr(recognise, "manifest", lambda key: facts if key == SET.key else known(key))
    shelf = Library(tmp_path / "weights")
    shelf.take(shelf.find(tmp_path / "brought"))
    one = Bench(Inline(), tmp_path / "weights")
    yield one
    one.close()
    assert bench_module._HELD == []


def made(bench: Bench, kind: str, progress: Progress | None = None) -> Mesh:
    options = replace(
        build_options(SPEC, Quality.DRAFT, {"kind": kind}), seen_px=126
    )  # less than one may ask for: quick
    return bench.sculpt(SPEC, drawn_subject(), options, 7, progress or Progress())


def told(say: Callable[[Field], Field], picture: Picture, **options: Any) -> Mesh:
    return Told(say).sculpt(picture, DepthOptions(**{**PLAIN, **options}), 0, Progress())


def solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices.astype(np.float64), mesh.faces, process=False)


def across(image: Field) -> Field:
    """Nearness that rises from left to right."""
    return np.tile(np.linspace(0, 1, image.shape[1], dtype=np.float32), (image.shape[0], 1))


def dome(image: Field) -> Field:
    """A hemisphere that touches a window with the usual room around a disc."""
    rows, columns = (np.linspace(-1, 1, count) * 1.16 for count in image.shape[:2])
    return np.sqrt(np.maximum(1 - rows[:, None] ** 2 - columns**2, 0)).astype(np.float32)


# -- what every engine promises -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_result_is_closed_and_textured_and_the_same_twice(bench: Bench, kind: str) -> None:
    mesh = made(bench, kind)
    facts = measure(mesh)
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 > 0
    assert mesh.base_colour is not None
    assert (mesh.uv.min(), mesh.uv.max()) >= (0, 0)
    assert mesh.uv.max() <= 1
    assert content(made(bench, kind)) == content(mesh)


def quick(folder: Path, progress: Progress) -> Mesh:
    """The tiny network's word, without the way there."""
    engine = load_tiny(folder)
    try:
        return engine.sculpt(drawn_subject(), DepthOptions(**PLAIN, kind="body", seen_px=126), 7, progress)
    finally:
        engine.close()


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    watch = Stopwatch()
    quick(write_folder(tmp_path), watch.token())
    assert watch.calls >= 20
    assert watch.fractions == sorted(watch.fractions)
    assert watch.fractions[-1] == 1.0


def test_cancelled_anywhere_and_usable_again(tmp_path: Path) -> None:
    folder, whole = write_folder(tmp_path), Stopwatch()
    expected = content(quick(folder, whole.token()))
    for stop_at in sorted({0, whole.calls // 3, whole.calls // 2, whole.calls - 1}):
        with pytest.raises(Cancelled):
            quick(folder, Stopwatch(stop_at).token())
    assert content(quick(folder, Progress())) == expected


@pytest.mark.parametrize("quality", Quality)
def test_quality_bounds_the_triangles(quality: Quality) -> None:
    options = build_options(SPEC, quality, {"kind": "body"})
    picture = coloured(alpha_of(disc(256, 256, 200)))
    mesh = Told(dome).sculpt(picture, options, 0, Progress())
    assert len(mesh.faces) == pytest.approx(SPEC.quality[quality]["faces"], rel=0.15)
    assert max(mesh.base_colour.width, mesh.base_colour.height) <= SPEC.quality[quality]["texture_px"]


def test_a_closed_engine_is_of_no_more_use(tmp_path: Path) -> None:
    engine = load_tiny(write_folder(tmp_path))
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError):
        engine.sculpt(drawn_subject(), DepthOptions(), 0, Progress())


# -- weights --------------------------------------------------------------------------------------------------


def test_weights_of_published_size_are_loaded(tmp_path: Path) -> None:
    write_sparse(tmp_path / FILE, facts_of(published()))  # all 0: no place is nearer than another
    options = DepthOptions(**PLAIN, seen_px=126)
    mesh = load(tmp_path).sculpt(coloured(np.full((60, 80), 255, np.uint8)), options, 0, Progress())
    assert np.ptp(mesh.vertices[:, 2]) == pytest.approx(0.06 + 0.015, abs=1e-6)  # the frame; inside it is flat
    inner = (np.abs(mesh.vertices[:, 0]) < 0.4) & (np.abs(mesh.vertices[:, 1]) < 0.28)
    assert len(np.unique(mesh.vertices[inner, 2].round(6))) == 2


@pytest.mark.parametrize(("width", "size"), [(768, "Base"), (1024, "Large")])
def test_sizes_that_are_not_free_are_refused(tmp_path: Path, width: int, size: str) -> None:
    shape = DepthShape(replace(SMALL.backbone, width=width, layers=1))
    with torch_on_meta():
        facts = facts_of(DepthNet(replace(shape, taps=(1, 1, 1, 1))))
    write_sparse(tmp_path / FILE, facts)
    with pytest.raises(SetupProblem, match=f"Depth Anything V2 {size}, which may not be used commercially") as caught:
        load(tmp_path)
    assert "Small" in caught.value.advice


def torch_on_meta() -> Any:
    import torch

    return torch.device("meta")


def test_another_network_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    with pytest.raises(SetupProblem):
        load(tmp_path)


# -- plates ---------------------------------------------------------------------------------------------------


def test_a_plaque_rises_with_nearness_from_a_flat_back() -> None:
    whole = coloured(np.full((300, 400), 255, np.uint8))
    mesh = told(across, whole, frame=0.0)
    body = solid(mesh)
    assert body.euler_number == 2
    down = body.face_normals[:, 2] < -0.9
    assert np.ptp(body.triangles[down][..., 2]) == 0
    assert body.area_faces[down].sum() == pytest.approx(0.75, rel=1e-4)
    front = mesh.vertices[mesh.vertices[:, 2] > 0.0151]
    inner = front[(np.abs(front[:, 0]) < 0.45) & (np.abs(front[:, 1]) < 0.35)]
    slope, start = np.polyfit(inner[:, 0], inner[:, 2], 1)
    assert slope == pytest.approx(0.06 * 0.93, rel=0.04)  # the outermost 2 % are pressed into the shoulders
    assert np.abs(inner[:, 2] - (start + slope * inner[:, 0])).max() < 0.0015


def test_twice_the_depth_is_twice_as_high() -> None:
    whole = coloured(np.full((100, 100), 255, np.uint8))
    heights = [np.ptp(told(across, whole, frame=0.0, depth=d).vertices[:, 2]) - 0.015 for d in (1.0, 2.0)]
    assert heights[1] == pytest.approx(2 * heights[0], rel=1e-3)


def test_a_coin_is_round_and_has_a_rim() -> None:
    mesh = told(dome, coloured(alpha_of(disc(256, 256, 120))), kind="coin", frame=0.05)
    far = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1])
    assert far.max() == pytest.approx(0.5, abs=0.002)
    rim = (far > 0.46) & (far < 0.49) & (mesh.vertices[:, 2] > 0.001)
    assert mesh.vertices[rim, 2].min() == pytest.approx(0.015 + 0.05, abs=1e-4)


def test_a_lithophane_follows_brightness_or_depth() -> None:
    light = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (150, 1))
    whole = Picture(np.dstack([light, light, light, np.full_like(light, 255)]))
    back_to_front = lambda image: across(image)[:, ::-1].copy()  # noqa: E731 - the other way round
    for shares, falls in ((1.0, True), (0.0, False)):
        mesh = told(back_to_front, whole, kind="lithophane", light=shares, frame=0.0)
        front = mesh.vertices[mesh.vertices[:, 2] > 0.008]
        left, right = (front[np.abs(front[:, 0] - x) < 0.05, 2].mean() for x in (-0.35, 0.35))
        assert (left > right) == falls
        assert np.ptp(mesh.vertices[:, 2]) == pytest.approx(0.025 + 0.0075, abs=0.002)


def test_a_subject_stands_off_its_plate() -> None:
    mesh = told(lambda image: np.ones(image.shape[:2], np.float32), coloured(alpha_of(disc(256, 256, 100))), frame=0.0)
    top = mesh.vertices[np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1]) < 0.15, 2].max()
    corner = mesh.vertices[(mesh.vertices[:, :2] < -0.45).all(1), 2].max()
    assert corner == pytest.approx(0.015, abs=1e-5)
    assert top - corner == pytest.approx(0.06 * (0.2 + 0.8 * 0.5), abs=1e-3)  # flat: in the middle of the range


def test_relief_adds_what_light_and_shade_show() -> None:
    stripes = np.tile(np.where(np.arange(300) // 6 % 2, 90, 170).astype(np.uint8), (300, 1))
    whole = Picture(np.dstack([stripes, stripes, stripes, np.full_like(stripes, 255)]))
    rough = []
    for strength in (0.0, 1.0):
        normals = solid(told(across, whole, frame=0.0, relief=strength)).face_normals
        rough.append(float(np.std(normals[normals[:, 2] > 0.5, 0])))
    assert rough[1] > 5 * rough[0]


# -- bodies ---------------------------------------------------------------------------------------------------


def test_a_body_of_a_whole_picture_is_refused() -> None:
    with pytest.raises(InputProblem, match="cut out"):
        told(across, coloured(np.full((50, 50), 255, np.uint8)), kind="body")


@pytest.mark.parametrize("back", ["rounded", "mirrored", "flat"])
def test_a_dome_becomes_a_body_with_the_wanted_back(back: str) -> None:
    mesh = told(dome, coloured(alpha_of(disc(256, 256, 200))), kind="body", back=back, faces=12_000)
    body = solid(mesh)
    assert body.is_watertight
    assert body.euler_number == 2
    assert mesh.size_m[:2] == pytest.approx([1.0, 1.0], abs=0.01)
    middle = mesh.vertices[np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1]) < 0.05, 2]
    rim = mesh.vertices[np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1]) > 0.497, 2]
    bulge, behind = middle.max() - rim.mean(), rim.mean() - middle.min()
    assert 0.3 < bulge < 0.5
    wanted = {"rounded": (0.25, 0.5), "mirrored": (0.5 * bulge, 0.65 * bulge), "flat": (0.0, 0.05)}[back]
    assert wanted[0] <= behind <= wanted[1]
    if back == "flat":
        down = body.face_normals[:, 2] < -0.999
        assert body.area_faces[down].sum() == pytest.approx(math.pi / 4, rel=0.02)


def test_an_even_slope_stays_an_even_slope() -> None:
    """Inverse depth turned round: a plane that recedes is a plane, not a bent sheet."""
    far, near = 1.25, 1.0  # as far away as the engine takes the far end to be

    def plane(image: Field) -> Field:
        depth = np.linspace(far, near, image.shape[1], dtype=np.float32)
        return np.tile(1 / depth, (image.shape[0], 1))

    mesh = told(plane, coloured(alpha_of(box(56, 56, 456, 456))), kind="body", back="flat")
    front = mesh.vertices[solid(mesh).vertex_normals[:, 2] > 0.3]
    front = front[np.abs(front[:, :2]).max(1) < 0.4]
    slope, start = np.polyfit(front[:, 0], front[:, 2], 1)
    assert slope > 0.3
    assert np.abs(front[:, 2] - start - slope * front[:, 0]).max() < 0.006


def bar_before_disc(image: Field) -> Field:
    """A bar across the middle, far before what is behind it."""
    near = np.full(image.shape[:2], 0.2, np.float32)
    rows = np.linspace(0, 1, image.shape[0])
    near[np.abs(rows - 0.5) < 0.06] = 1.0
    return np.asarray(cv2.GaussianBlur(near, (0, 0), 1.5), np.float32)


@pytest.mark.parametrize(("cut", "parts"), [(True, 3), (False, 1)])
def test_a_jump_is_cut_or_bridged(cut: bool, parts: int) -> None:
    mesh = told(bar_before_disc, coloured(alpha_of(disc(256, 256, 200))), kind="body", cut=cut)
    body = solid(mesh)
    assert body.is_watertight
    assert len(body.split(only_watertight=True)) == parts
    if cut:  # nothing hangs between the bar and what is behind it
        depth = np.sort(body.split()[0].bounds[:, 2])
        hanging = (np.abs(mesh.vertices[:, 2] - mesh.vertices[:, 2].max()) > 0.2) & (np.abs(mesh.vertices[:, 1]) < 0.03)
        assert not hanging.any()
        assert depth[1] > depth[0]


SILHOUETTES = {
    "disc": disc(256, 256, 200),
    "ring": both(disc(256, 256, 200), disc(256, 256, 120, value=0)),
    "apart": both(disc(130, 256, 90), box(300, 200, 460, 300)),
    "thin": both(box(60, 250, 450, 254), box(250, 60, 254, 450)),
    "corner": both(box(60, 60, 200, 450), box(60, 330, 450, 450)),
    "frame": both(box(0, 0, 512, 512), box(0, 0, 40, 40)),
    "speck": box(250, 250, 253, 252),
}


@pytest.mark.parametrize("back", ["rounded", "mirrored", "flat"])
@pytest.mark.parametrize("name", SILHOUETTES)
def test_any_silhouette_becomes_a_closed_body(name: str, back: str) -> None:
    def waves(image: Field) -> Field:
        rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
        return np.asarray(np.sin(rows / 40) + np.sin(columns / 23) + (columns % 97 > 60), np.float32)

    alpha = alpha_of(SILHOUETTES[name])
    alpha[0, 0] = 0  # a whole picture is no silhouette
    facts = measure(told(waves, coloured(alpha), kind="body", back=back, faces=3000))
    assert facts.watertight
    assert facts.manifold
    assert facts.volume_m3 > 0


@pytest.mark.parametrize("say", [lambda image: np.zeros(image.shape[:2], np.float32), dome], ids=["nothing", "dome"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_depth_at_all_still_gives_a_mesh(say: Callable[[Field], Field], kind: str) -> None:
    facts = measure(told(say, coloured(alpha_of(disc(256, 256, 100))), kind=kind, faces=3000))
    assert facts.watertight
    assert facts.volume_m3 > 0
