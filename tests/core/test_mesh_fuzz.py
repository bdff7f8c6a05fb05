"""Whatever a mesh file holds: a valid mesh, or one clear sentence; soon, in little memory, and nothing else happens.

The number of damaged files of each kind is `IMG2MODEL_FUZZ`, for a longer run by hand: IMG2MODEL_FUZZ=20000 pytest ...
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2model_desktop.core.formats.frame import Frame
from img2model_desktop.core.formats.reopen import verify_written
from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import (
    MESH_SUFFIXES,
    READ_SUFFIXES,
    ReadLimits,
    names_of,
    read,
    read_recipe,
    write_mesh,
)
from img2model_desktop.core.topology import collapsed, same_rows
from img2model_desktop.errors import InputProblem
from tests.bombs import cases
from tests.hostile import SECRET, Case, damaged, png, text_ply, valid_files
from tests.shapes import pixels

LIMITS = ReadLimits(file_bytes=2_000_000, vertices=100_000, picture_pixels=1_000_000)
FUZZED = int(os.environ.get("IMG2MODEL_FUZZ", "40"))
SLOWEST_S = 5.0  # of the processor, for a file of a few kB; a loop without end is what this finds

VALID = valid_files()


def laid(folder: Path, case: Case) -> Path:
    """The case's files in a folder below, a picture that nobody may open in `folder`; the file to open."""
    inner = folder / "in"
    inner.mkdir(exist_ok=True)
    (folder / SECRET).write_bytes(png(3, 3))
    for name, content in case.items():
        (inner / name).write_bytes(content)
    return inner / next(iter(case))


def read_or_refused(path: Path, limits: ReadLimits = LIMITS) -> Mesh | InputProblem:
    """What reading ends in. Anything but a valid mesh or a sentence fails, and so does a file that was written."""
    before = {other: other.stat().st_mtime_ns for other in path.parents[1].rglob("*")}
    began = time.process_time()
    outcome = _outcome(path, limits)
    assert time.process_time() - began < SLOWEST_S
    if isinstance(outcome, InputProblem):
        assert outcome.message.endswith("."), outcome.message
        assert outcome.advice.endswith("."), outcome.advice
        assert len(outcome.message) < 300
    with contextlib.suppress(InputProblem):
        assert isinstance(read_recipe(path, limits), dict)
    assert {other: other.stat().st_mtime_ns for other in path.parents[1].rglob("*")} == before
    if isinstance(outcome, Mesh) and outcome.base_colour is not None:
        assert outcome.base_colour.pixels.shape[:2] != (3, 3)  # the secret
    return outcome


def _outcome(path: Path, limits: ReadLimits) -> Mesh | InputProblem:
    try:
        return read(path, limits).mesh.validate()
    except InputProblem as problem:
        return problem


@pytest.mark.parametrize("kind", VALID)
def test_what_is_to_be_damaged_is_whole(tmp_path: Path, kind: str) -> None:
    assert isinstance(read_or_refused(laid(tmp_path, VALID[kind])), Mesh)


def test_every_format_is_damaged() -> None:
    assert {Path(kind).suffix for kind in VALID} == set(READ_SUFFIXES)


@pytest.mark.parametrize("kind", VALID)
def test_damaged_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    outcomes = {Mesh: 0, InputProblem: 0}
    for seed in range(FUZZED):
        rng = np.random.default_rng([seed, sum(kind.encode())])
        case = dict(VALID[kind])
        name = list(case)[int(rng.integers(len(case)))] if rng.random() < 0.3 else next(iter(case))
        case[name] = damaged(case[name], Path(name).suffix, rng)
        try:
            outcomes[type(read_or_refused(laid(tmp_path, case)))] += 1
        except Exception as problem:
            problem.add_note(f"{kind}, seed {seed}")
            raise
    assert outcomes[InputProblem] > 0  # something was damaged


# -- files that mean harm ----------------------------------------------------------------------------------------------

HARMFUL = cases()
MUST_BE_REFUSED = re.compile(
    r"elsewhere \d+|itself|each other|deep|announces|million|without end|no number|no end|huge|below none|not there"
    r"|locked|a model above|absolute|blanks|multiply|38 times|a ring|relation to|no relation"
)
HARMLESS = re.compile(
    r"picture elsewhere|material elsewhere|a material that is itself|reference to itself|picture of 900 million"
    r"|usdz: an? (absolute )?layer|3mf: an? (absolute )?model|uv without end"
)
"""What costs a file its texture alone, or leads nowhere: names in an archive are looked up in it and nowhere else."""


@pytest.mark.parametrize("form", sorted({name.partition(":")[0] for name in HARMFUL}))
def test_files_that_mean_harm_do_none(tmp_path: Path, form: str) -> None:
    outcomes: dict[str, type] = {}
    for k, (name, case) in enumerate(HARMFUL.items()):
        if not name.startswith(f"{form}:"):
            continue
        folder = tmp_path / str(k)
        folder.mkdir()
        try:
            outcomes[name] = type(read_or_refused(laid(folder, case)))
        except Exception as problem:
            problem.add_note(name)
            raise
    read_all_the_same = [name for name, kind in outcomes.items() if kind is Mesh]
    wrong = [name for name in read_all_the_same if MUST_BE_REFUSED.search(name) and not HARMLESS.search(name)]
    assert wrong == []
    assert InputProblem in outcomes.values()


@pytest.mark.skipif(sys.platform == "win32", reason="the measure of memory is that of POSIX")
def test_files_that_mean_harm_take_little_memory(tmp_path: Path) -> None:
    """In a process of its own, which says after each file how much memory it has had at most."""
    paths = {}
    large = {
        name: case for name, case in HARMFUL.items() if not re.search(r"elsewhere \d|gltf: [a-z]+ [\d\[TN-]", name)
    }
    for k, (name, case) in enumerate(large.items()):
        (tmp_path / str(k)).mkdir()
        paths[name] = str(laid(tmp_path / str(k), case))
    (tmp_path / "cases.json").write_text(json.dumps(paths))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "cases.json")], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    grown = json.loads(done.stdout)
    assert len(grown) == len(large) > 100
    assert {name: kib // 1024 for name, kib in grown.items() if kib > MOST_MIB * 1024} == {}


MOST_MIB = 100
MEASURED = """
import json, resource, sys
from pathlib import Path
from img2model_desktop.core.mesh_files import ReadLimits, read
from img2model_desktop.core.formats import threemf_read, usdz_read  # what imports take is not the file's
from img2model_desktop.core.topology import collapsed, same_rows
from img2model_desktop.errors import InputProblem
limits = ReadLimits(file_bytes=2_000_000, vertices=100_000, picture_pixels=1_000_000)
unit = 1024 if sys.platform == "darwin" else 1  # bytes there, KiB elsewhere
high = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
grown = {}
for name, path in json.loads(Path(sys.argv[1]).read_text()).items():
    before = high()
    try:
        read(Path(path), limits)
    except InputProblem:
        pass
    grown[name] = high() - before
print(json.dumps(grown))
"""


# -- what is written comes back ----------------------------------------------------------------------------------------


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    """Any valid mesh of a few faces: doubled and flat faces, vertices that no face uses, far and tiny ones."""
    count = draw(st.integers(1, 12))
    scale = draw(st.sampled_from([1e-4, 1e-2, 1.0, 50.0]))
    coordinate = st.floats(-1, 1, width=32, allow_subnormal=False)
    vertices = np.array(draw(st.lists(st.tuples(*[coordinate] * 3), min_size=count, max_size=count)), np.float32)
    corner = st.integers(0, count - 1)
    faces = np.array(draw(st.lists(st.tuples(*[corner] * 3), min_size=1, max_size=20)), np.int32)
    uv = picture = None
    if draw(st.booleans()):
        uv = np.array(draw(st.lists(st.tuples(*[st.floats(-1, 2, width=32)] * 2), min_size=count, max_size=count)))
        picture = pixels(draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(0, 99)))
    return Mesh(vertices * np.float32(scale), faces, None if uv is None else uv.astype(np.float32), picture).validate()


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@given(mesh=meshes(), up=st.sampled_from("yz"), unit=st.sampled_from(["mm", "cm", "m", "in"]), number=st.integers(0, 9))
def test_any_mesh_comes_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, mesh: Mesh, up: str, unit: str, number: int
) -> None:
    folder = tmp_path_factory.mktemp("back")
    path = folder / f"a{suffix}"
    frame = Frame("y" if suffix in (".glb", ".gltf", ".usdz") else up, unit)
    if suffix == ".3mf" and collapsed(same_rows(mesh.vertices)[mesh.faces]).all():
        with pytest.raises(InputProblem, match="surface"):
            write_mesh(mesh, path, {"number": number}, frame)
        return
    write_mesh(mesh, path, {"number": number}, frame)
    back = read(path).mesh
    assert verify_written(mesh, path, frame) == ()  # and so says the reader that is not ours
    faces = mesh.faces
    if suffix == ".3mf":  # which must not have faces with one place twice
        faces = faces[~collapsed(same_rows(mesh.vertices)[faces])]
    assert len(back.faces) == len(faces)
    span = float(np.abs(mesh.vertices).max())
    corners, wanted = back.vertices[back.faces], mesh.vertices[faces]
    assert np.abs(corners - wanted).max() <= 1e-6 * span + 1e-12
    assert read_recipe(path) == {"number": number}
    if mesh.base_colour is not None and suffix not in (".stl", ".ply"):
        assert back.uv is not None
        assert np.abs(back.uv[back.faces] - mesh.uv[faces]).max() <= 1e-6 * max(1.0, np.abs(mesh.uv).max())
        assert np.array_equal(back.base_colour.pixels, mesh.base_colour.pixels)
    assert sorted(item.name for item in folder.iterdir()) == sorted(
        name for name in names_of(path) if (folder / name).exists()
    )


@pytest.mark.parametrize("order", "<>")
def test_ply_polygons_of_many_sizes_in_bytes_and_in_words(tmp_path: Path, order: str) -> None:
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 7, 300)
    lists = [rng.integers(0, 4, n) for n in counts]
    text = text_ply("".join(f"{n} {' '.join(map(str, one))}\n" for n, one in zip(counts, lists, strict=True)), 300)
    head = text.split(b"end_header\n")[0] + b"end_header\n"
    name = b"binary_little_endian" if order == "<" else b"binary_big_endian"
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], f"{order}f4").tobytes()
    faces = b"".join(bytes([n]) + one.astype(f"{order}i4").tobytes() for n, one in zip(counts, lists, strict=True))
    (tmp_path / "words.ply").write_bytes(text)
    (tmp_path / "bytes.ply").write_bytes(head.replace(b"ascii", name) + points + faces)
    words, bytes_ = read(tmp_path / "words.ply").mesh, read(tmp_path / "bytes.ply").mesh
    fans = [[one[0], one[k], one[k + 1]] for one in lists for k in range(1, len(one) - 1)]
    assert words.faces.tolist() == bytes_.faces.tolist() == np.array(fans).tolist()
    assert np.array_equal(words.vertices, bytes_.vertices)
    (tmp_path / "cut.ply").write_bytes((tmp_path / "bytes.ply").read_bytes()[:-1])
    assert isinstance(_outcome(tmp_path / "cut.ply", LIMITS), InputProblem) == (counts[-1] > 0)
