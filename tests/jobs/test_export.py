"""A result in the format, size and place that the user wants, or nothing at all."""

import errno
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import MESH_SUFFIXES, read_mesh, read_recipe, write_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.workshop.place import scaled_to
from img2model_desktop.core.workshop.stack import do_steps
from img2model_desktop.core.workshop.step import Step
from img2model_desktop.errors import Cancelled, EngineProblem, InputProblem, SetupProblem
from img2model_desktop.jobs import export
from img2model_desktop.jobs.export import (
    ExportOptions,
    can_write,
    export_levels,
    export_mesh,
    losses,
    sizes,
    without_surface,
)
from tests.shapes import box, pixels, sphere, textured, torus

RECIPE = {"program": "Image2Model Desktop 0.1.0", "request": {"prompt": "ring"}, "seed": 3}
SIDE_FILE = (".obj", ".stl", ".ply")  # formats without a place for a recipe


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A finished job's result: a textured ring, 100 mm."""
    path = tmp_path / "job" / "result.glb"
    path.parent.mkdir()
    write_mesh(scaled_to(textured(torus()), 100), path, RECIPE)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("size_mm", [None, 100.0, 100.000001])
def test_glb_of_the_same_size_is_the_same_file(result: Path, out: Path, size_mm: float | None) -> None:
    exported = export_mesh(result, out / "ring.glb", ExportOptions(size_mm=size_mm))
    assert content(out) == {"ring.glb": result.read_bytes()}
    assert (exported.path, exported.companions, exported.faces) == (out / "ring.glb", (), 768)
    assert exported.size_mm == pytest.approx((100, 20, 100), rel=1e-6)
    assert exported.seconds > 0


def test_glb_of_another_size_keeps_the_recipe_and_the_pixels(result: Path, out: Path) -> None:
    exported = export_mesh(result, out / "ring.glb", ExportOptions(size_mm=250))
    assert exported.size_mm == pytest.approx((250, 50, 250), rel=1e-6)
    again = read_mesh(out / "ring.glb")
    assert again.size_m * 1000 == pytest.approx([250, 50, 250], rel=1e-6)
    assert again.bounds[0][1] == 0
    assert read_recipe(out / "ring.glb") == RECIPE | {"export": [{"operation": "scale", "options": {"size_mm": 250}}]}
    assert np.array_equal(again.base_colour.pixels, read_mesh(result).base_colour.pixels)


def test_glb_gets_the_recipe_it_is_given(result: Path, out: Path) -> None:
    export_mesh(result, out / "ring.glb", recipe={"a": 1})
    assert read_recipe(out / "ring.glb") == {"a": 1}


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply", ".STL"])
def test_slicer_formats_are_in_millimetres_and_stand_on_the_ground(
    result: Path, out: Path, suffix: str, up: str
) -> None:
    exported = export_mesh(result, out / f"ring{suffix}", ExportOptions(size_mm=40, up=up))
    assert exported.size_mm == pytest.approx((40, 8, 40), rel=1e-6)
    low, high = trimesh.load(exported.path, process=False).bounds
    assert high - low == pytest.approx([40, 8, 40] if up == "y" else [40, 40, 8], rel=1e-6)
    assert low["xyz".index(up)] == 0
    assert sorted(content(out)) == sorted(path.name for path in (exported.path, *exported.companions))
    facts = measure(read_mesh(exported.path))
    assert (facts.watertight, facts.genus, facts.faces) == (True, 1, 768)


def test_obj_names_its_companions(result: Path, out: Path) -> None:
    exported = export_mesh(result, out / "ring.obj")
    assert exported.companions == (out / "ring.mtl", out / "ring_texture.png", out / "ring.obj.recipe.json")
    assert read_recipe(out / "ring.obj") == RECIPE


def test_an_old_file_is_replaced(result: Path, out: Path) -> None:
    (out / "ring.stl").write_text("old")
    export_mesh(result, out / "ring.stl")
    assert len(content(out)["ring.stl"]) == 84 + 50 * 768


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_what_comes_back_otherwise_is_not_saved(
    result: Path, out: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export.encode

    def wrong(mesh: Mesh, *rest: object) -> dict[str, bytes]:
        return real(Mesh(mesh.vertices, mesh.faces[1:], mesh.uv, mesh.base_colour), *rest)

    monkeypatch.setattr(export, "encode", wrong)
    (out / f"ring{suffix}").write_text("old")
    with pytest.raises(EngineProblem, match="not the same mesh") as caught:
        export_mesh(result, out / f"ring{suffix}", ExportOptions(size_mm=30))
    assert caught.value.details == "it has 767 triangles instead of 768"
    assert content(out) == {f"ring{suffix}": b"old"}


def test_a_disk_that_gives_back_something_else_is_noticed(
    result: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export.atomic.write_staged
    monkeypatch.setattr(export.atomic, "write_staged", lambda path, data: real(path, data[:-1] + b"?"))
    with pytest.raises(SetupProblem, match="gave back something else"):
        export_mesh(result, out / "ring.glb")
    assert content(out) == {}


@pytest.mark.parametrize("size_mm", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_that_is_none(result: Path, out: Path, size_mm: float) -> None:
    with pytest.raises(InputProblem, match="is not a size"):
        export_mesh(result, out / "ring.glb", ExportOptions(size_mm=size_mm))
    assert content(out) == {}


def test_a_result_that_is_gone_or_damaged(result: Path, out: Path) -> None:
    result.write_bytes(result.read_bytes()[:-100])
    with pytest.raises(InputProblem, match="broken"):
        export_mesh(result, out / "ring.stl")
    result.unlink()
    with pytest.raises(InputProblem, match="not there"):
        export_mesh(result, out / "ring.stl")
    assert content(out) == {}


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_full_disk_leaves_what_was_there(result: Path, out: Path, suffix: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(out)]
    as_root = os.name == "posix" and os.geteuid() == 0
    if not as_root or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        (out / f"ring{suffix}").write_text("old")
        assert can_write(out / f"ring{suffix}") is None
        with pytest.raises(SetupProblem, match="not enough space"):
            export_mesh(result, out / f"ring{suffix}")
        assert content(out) == {f"ring{suffix}": b"old"}
    finally:
        subprocess.run(["umount", str(out)], check=True)


# -- asked before the work -------------------------------------------------------------------------


def test_can_write_where_one_can(out: Path) -> None:
    (out / "old.stl").write_text("old")
    for name in ("new.glb", "old.stl", "日本.OBJ"):
        assert can_write(out / name) is None
    assert can_write(out / "a.ply", ExportOptions(up="z")) is None
    assert content(out) == {"old.stl": b"old"}


@pytest.mark.parametrize(
    ("name", "up", "kind", "sentence"),
    [
        ("a.fbx", "y", InputProblem, "“.fbx” is not a mesh format"),
        ("a", "y", InputProblem, "no suffix"),
        ("a.glb", "z", InputProblem, "always y up"),
        ("a.obj", "w", InputProblem, "not an axis"),
        ("a\0.glb", "y", InputProblem, "cannot be used"),
        ("folder.glb", "y", SetupProblem, "is a folder"),
        ("x" * 300 + ".glb", "y", SetupProblem, "too long"),
        ("x" * 250 + ".obj", "y", SetupProblem, "too long"),  # its texture's name is longer
        ("none/a.glb", "y", SetupProblem, "is not there"),
        ("file/a.glb", "y", SetupProblem, "is not there"),
    ],
)
def test_can_write_says_what_is_wrong(out: Path, name: str, up: str, kind: type[Exception], sentence: str) -> None:
    (out / "folder.glb").mkdir()
    (out / "file").write_text("")
    problem = can_write(out / name, ExportOptions(up=up))
    assert type(problem) is kind
    assert sentence in problem.message
    assert problem.advice
    assert sorted(path.name for path in out.iterdir()) == ["file", "folder.glb"]


def test_can_write_sees_a_read_only_place(out: Path) -> None:
    as_root = os.name == "posix" and os.geteuid() == 0
    if as_root:  # permissions do not stop root; a read-only mount does
        command = ["mount", "-t", "tmpfs", "-o", "ro,size=100k", "tmpfs", str(out)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting needs more rights than this root has")
    else:
        out.chmod(0o500)
    try:
        problem = can_write(out / "a.glb")
        assert isinstance(problem, SetupProblem)
        assert "read-only" in problem.message
    finally:
        if as_root:
            subprocess.run(["umount", str(out)], check=True)
        else:
            out.chmod(0o700)


def test_a_file_without_texture_is_exported_too(tmp_path: Path, out: Path) -> None:
    write_mesh(box(0.1, 0.2, 0.4), tmp_path / "plain.glb")
    for suffix in MESH_SUFFIXES:
        exported = export_mesh(tmp_path / "plain.glb", out / f"a{suffix}", ExportOptions(size_mm=40))
        beside = {".gltf": ["a.bin"]}.get(suffix, [f"a{suffix}.recipe.json"] if suffix in SIDE_FILE else [])
        assert [path.name for path in exported.companions] == beside
        assert exported.size_mm == pytest.approx((10, 20, 40), rel=1e-6)


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("cm", 0.1), ("m", 0.001), ("in", 1 / 25.4)])
@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply"])
def test_the_unit_of_a_format_that_does_not_say_it(
    result: Path, out: Path, suffix: str, unit: str, factor: float
) -> None:
    exported = export_mesh(result, out / f"ring{suffix}", ExportOptions(50, unit=unit))
    assert exported.size_mm == pytest.approx((50, 10, 50), rel=1e-6)
    low, high = trimesh.load(exported.path, process=False).bounds
    assert high - low == pytest.approx(np.array([50, 10, 50]) * factor, rel=1e-5)
    assert read_mesh(exported.path).size_m * 1000 == pytest.approx([50, 10, 50], rel=1e-5)


@pytest.mark.parametrize(
    ("origin", "low_mm"), [("keep", (195, 95, -55)), ("floor", (-5, 0, -5)), ("centre", (-5, -5, -5))]
)
def test_the_origin(tmp_path: Path, out: Path, origin: str, low_mm: tuple[float, ...]) -> None:
    source = tmp_path / "aside.glb"
    write_mesh(box(0.1, 0.1, 0.1, (0.15, 0.095, -0.1)), source)
    export_mesh(source, out / "a.glb", ExportOptions(10, origin=origin))
    assert read_mesh(out / "a.glb").bounds[0] * 1000 == pytest.approx(low_mm, abs=1e-4)


def test_fewer_triangles_keep_the_look_and_are_in_the_recipe(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "ball.glb"
    write_mesh(scaled_to(textured(sphere(0.05), pixels(16, 16)), 100), source, RECIPE)
    exported = export_mesh(source, out / "ball.glb", ExportOptions(60, faces=400, texture_px=128, origin="centre"))
    mesh = read_mesh(out / "ball.glb")
    assert len(mesh.faces) == exported.faces <= 400
    assert mesh.base_colour is not None
    assert max(mesh.base_colour.width, mesh.base_colour.height) <= 128
    assert mesh.size_m.max() * 1000 == pytest.approx(60, rel=1e-6)
    steps = read_recipe(out / "ball.glb")["export"]
    assert [one["operation"] for one in steps] == ["decimate", "texture_size", "scale", "recentre"]
    assert {k: v for k, v in read_recipe(out / "ball.glb").items() if k != "export"} == RECIPE
    again = do_steps(read_mesh(source), [Step.from_dict(one) for one in steps]).mesh
    assert np.array_equal(again.vertices, mesh.vertices)  # the recipe says all that was done


def test_limits_that_the_mesh_keeps_change_nothing(result: Path, out: Path) -> None:
    export_mesh(result, out / "ring.glb", ExportOptions(faces=768, texture_px=32, origin="floor"))
    assert content(out) == {"ring.glb": result.read_bytes()}


def test_a_mesh_itself_and_a_file_of_another_format(tmp_path: Path, out: Path) -> None:
    export_mesh(box(0.1, 0.2, 0.4), tmp_path / "a.stl", ExportOptions(up="z", unit="in"), {"a": 1})
    exported = export_mesh(tmp_path / "a.stl", out / "b.glb")
    assert exported.size_mm == pytest.approx((100, 200, 400), rel=1e-6)
    assert read_recipe(out / "b.glb") == {"a": 1}


def test_a_glb_of_another_program_is_written_anew(result: Path, tmp_path: Path, out: Path) -> None:
    foreign = tmp_path / "foreign.glb"
    write_mesh(read_mesh(result), foreign, {"author": "somebody"})
    foreign.write_bytes(foreign.read_bytes() + b"\0" * 4)  # bytes after the announced end, which readers pass over
    export_mesh(foreign, out / "ring.glb")
    assert (out / "ring.glb").read_bytes() != foreign.read_bytes()
    assert read_recipe(out / "ring.glb") == {"author": "somebody"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (ExportOptions(unit="ft"), "not a unit"),
        (ExportOptions(up="x"), "not an axis"),
        (ExportOptions(origin="top"), "not a place for the origin"),
        (ExportOptions(faces=0), "Triangles|Reduce"),
        (ExportOptions(texture_px=1), "Texture"),
        (ExportOptions(size_mm=1e9), "Size|size"),
    ],
)
def test_options_that_are_none_are_told_before_the_work(
    result: Path, out: Path, options: ExportOptions, sentence: str
) -> None:
    problem = can_write(out / "a.stl", options)
    assert isinstance(problem, InputProblem)
    with pytest.raises(InputProblem, match=sentence) as caught:
        export_mesh(result, out / "a.stl", options)
    assert str(caught.value) == str(problem)
    assert content(out) == {}


def test_it_can_be_stopped_until_the_file_takes_its_name(result: Path, out: Path) -> None:
    (out / "ring.obj").write_text("old")
    seen: list[float] = []
    calls = 0

    def count() -> bool:
        nonlocal calls
        calls += 1
        return False

    export_mesh(result, out / "other.obj", ExportOptions(40), progress=Progress(seen.append, count))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    before = content(out)
    for k in range(calls):
        with pytest.raises(Cancelled):
            export_mesh(result, out / "ring.obj", ExportOptions(40), progress=Progress(is_cancelled=nth_asked(k)))
        assert content(out) == before


def nth_asked(k: int) -> Callable[[], bool]:
    """True when it is asked for the time that `k` others went before."""
    asked = iter([False] * k + [True])
    return lambda: next(asked)


# -- levels of detail --------------------------------------------------------------------------------------------------


def test_levels_of_detail_are_files_of_their_own(tmp_path: Path, out: Path) -> None:
    write_mesh(scaled_to(textured(sphere(0.05)), 100), tmp_path / "ball.glb", RECIPE)
    made = export_levels(tmp_path / "ball.glb", out / "ball.gltf", (600, 200), ExportOptions(80, texture_px=64))
    assert [one.path.name for one in made] == ["ball_lod0.gltf", "ball_lod1.gltf", "ball_lod2.gltf"]
    counts = [len(read_mesh(one.path).faces) for one in made]
    assert counts[0] == len(sphere().faces)
    assert 150 < counts[2] <= 200 < counts[1] <= 600
    assert sorted(content(out)) == sorted(path.name for one in made for path in (one.path, *one.companions))
    whole = read_mesh(made[0].path)
    assert max(made[0].size_mm) == pytest.approx(80, rel=1e-6)
    for one in made[1:]:
        assert read_mesh(one.path).bounds == pytest.approx(whole.bounds, abs=0.02 * 0.08)
        assert [step["operation"] for step in read_recipe(one.path)["export"]] == ["scale", "decimate", "texture_size"]


def test_levels_of_detail_all_or_none(result: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (out / "ring_lod0.glb").write_text("old")
    real, asked = export.verify_written, []

    def fails_at_the_last(mesh: Mesh, *rest: object) -> tuple[str, ...]:
        asked.append(len(mesh.faces))
        return ("it is other",) if len(asked) == 3 else real(mesh, *rest)

    monkeypatch.setattr(export, "verify_written", fails_at_the_last)
    with pytest.raises(EngineProblem, match="not the same mesh"):
        export_levels(torus(), out / "ring.glb", (400, 200))
    assert content(out) == {"ring_lod0.glb": b"old"}


@pytest.mark.parametrize("faces", [(), (100, 100), (100, 200), tuple(range(90, 0, -10)), (0,)])
def test_counts_that_are_no_levels(result: Path, out: Path, faces: tuple[int, ...]) -> None:
    with pytest.raises(InputProblem):
        export_levels(result, out / "ring.glb", faces)
    with pytest.raises(InputProblem):
        export_levels(result, out / "ring.glb", (500, 400), ExportOptions(faces=500))
    assert content(out) == {}


# -- what fails on the way ---------------------------------------------------------------------------------------------


class Failing:
    """Counts the calls of the file system's functions, and lets one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.at = -1
        for holder, name in ((Path, "mkdir"), (Path, "open"), (Path, "replace"), (os, "fsync")):
            monkeypatch.setattr(holder, name, self._watched(holder, name))

    def _watched(self, holder: Any, name: str) -> Callable[..., Any]:
        real = getattr(holder, name)

        def watched(*args: Any, **options: Any) -> Any:
            if name == "open" and "w" not in str(args[1:2]):
                return real(*args, **options)
            self.calls.append(name)
            if len(self.calls) - 1 == self.at:
                raise OSError(errno.ENOSPC, "no space left")
            return real(*args, **options)

        return watched


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".obj", ".stl"])
def test_wherever_the_disk_fails_the_old_files_stay(
    result: Path, out: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_mesh(textured(box(0.1, 0.1, 0.1)), out / f"a{suffix}", recipe=RECIPE)
    before = content(out)
    new = out.parent / "new"
    new.mkdir()
    failing = Failing(monkeypatch)
    export_mesh(result, new / f"a{suffix}", ExportOptions(40))
    calls = list(failing.calls)
    wanted = content(new)
    assert calls.count("open") >= len(wanted)
    refused = 0
    for failing.at in range(len(calls) + 2 * len(wanted)):  # replacing moves the old files aside, too
        failing.calls.clear()
        problem = export_problem(result, out / f"a{suffix}")
        if problem is None:
            # only the last flush, of names that are there already, may fail without a word
            assert failing.at == len(failing.calls) - 1
            assert sorted(content(out)) == sorted(wanted)
            break
        refused += 1
        assert content(out) == before, failing.calls
        assert "not enough space" in str(problem)
    assert refused >= 1 + 3 * len(wanted)  # making a folder; opening, flushing and moving each file


def export_problem(source: Path, out: Path) -> SetupProblem | None:
    try:
        export_mesh(source, out, ExportOptions(40))
    except SetupProblem as problem:
        return problem
    return None


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_disk_that_gives_back_other_bytes_later_is_noticed(
    result: Path, out: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out / f"ring{suffix}").write_text("old")
    real = export.verify_written

    def rotten(mesh: Mesh, path: Path, *rest: object) -> tuple[str, ...]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
        path.write_bytes(data)
        return real(mesh, path, *rest)

    monkeypatch.setattr(export, "verify_written", rotten)
    with pytest.raises(EngineProblem, match="not the same mesh"):
        export_mesh(result, out / f"ring{suffix}", ExportOptions(30))
    assert content(out) == {f"ring{suffix}": b"old"}


# -- said before -------------------------------------------------------------------------------------------------------


def test_what_a_format_forces_is_said_before() -> None:
    plain = ExportOptions()
    assert losses(".glb", plain, has_texture=True) == ()
    assert losses(".STL", plain, has_texture=True) == ("STL keeps no colour.",)
    for suffix in MESH_SUFFIXES:
        assert losses(suffix, plain, has_texture=False, faces=100) == ()
    assert "each vertex" in losses(".ply", plain, has_texture=True)[0]


def test_triangles_without_a_surface_are_left_out_by_3mf_alone_and_said_before(out: Path) -> None:
    solid = box()
    thin = Mesh(np.vstack([solid.vertices, solid.vertices[:1]]), np.vstack([solid.faces, [[0, 1, 8], [2, 2, 5]]]))
    assert without_surface(thin) == 2
    for suffix in MESH_SUFFIXES:
        said = losses(suffix, ExportOptions(), has_texture=False, flat_faces=without_surface(thin))
        write_mesh(thin, path := out / f"thin{suffix}")
        lost = len(thin.faces) - len(read_mesh(path).faces)
        assert said == (("3MF leaves out 2 triangles without a surface.",) if suffix == ".3mf" else ())
        assert lost == (2 if said else 0), suffix
    assert losses(".3mf", ExportOptions(), has_texture=False, flat_faces=1)[0].endswith("1 triangle without a surface.")


def test_what_the_limits_take_is_said_before() -> None:
    options = ExportOptions(faces=5000, texture_px=512)
    assert losses(".glb", options, True, 20_000, 2048) == (
        "At most 5,000 of 20,000 triangles are kept; its texture is baked onto them anew.",
        "The texture gets 512 pixels instead of 2048 along its longest side.",
    )
    assert losses(".glb", options, True, 5000, 512) == ()
    assert losses(".glb", options, True, 5000) == ("A texture with more than 512 pixels along a side is made smaller.",)
    assert losses(".stl", options, False, 20_000) == ("At most 5,000 of 20,000 triangles are kept.",)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_loss_is_said_if_and_only_if_there_is_one(result: Path, out: Path, suffix: str) -> None:
    """What comes back from each format, against what was said before."""
    mesh = replace(read_mesh(result), metallic_roughness=pixels(8, 8), normal=pixels(8, 8, 1))
    exported = export_mesh(mesh, out / f"a{suffix}")
    back = read_mesh(exported.path)
    names = ("base_colour", "metallic_roughness", "normal")
    kept = [is_same(getattr(back, name), getattr(mesh, name)) for name in names]
    assert bool(losses(suffix, ExportOptions(), has_texture=True, has_surface=True)) != all(kept)
    plain = export_mesh(replace(mesh, metallic_roughness=None, normal=None), out / f"b{suffix}")
    is_kept = is_same(read_mesh(plain.path).base_colour, mesh.base_colour)
    assert bool(losses(suffix, ExportOptions(), has_texture=True)) != is_kept


def is_same(found: Picture | None, wanted: Picture | None) -> bool:
    return found is not None and wanted is not None and np.array_equal(found.pixels, wanted.pixels)


def test_sizes_are_read_out_in_three_units() -> None:
    found = sizes((0.1, 0.02, 0.05))
    assert found.mm == pytest.approx((100, 20, 50))
    assert found.cm == pytest.approx((10, 2, 5))
    assert found.inch == pytest.approx((3.937, 0.7874, 1.9685), rel=1e-4)
    assert sizes((0.1, 0.02, 0.05), ExportOptions(254)).inch == pytest.approx((10, 2, 5))
    assert sizes((0.0, 0.0, 0.0), ExportOptions(254)).mm == (0, 0, 0)
