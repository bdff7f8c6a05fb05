"""Whatever a mesh file holds: a valid mesh, or one clear sentence; soon, in little memory, and nothing else happens.

The number of damaged files of each kind is `IMG2MODEL_FUZZ`, for a longer run by hand: IMG2MODEL_FUZZ=20000 pytest ...
"""

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.core.mesh import Mesh
from img2model_desktop.core.mesh_files import READ_SUFFIXES, ReadLimits, read, read_recipe
from img2model_desktop.errors import InputProblem
from tests.hostile import SECRET, Case, damaged, png, valid_files

LIMITS = ReadLimits(file_bytes=2_000_000, vertices=100_000, picture_pixels=1_000_000)
FUZZED = int(os.environ.get("IMG2MODEL_FUZZ", "60"))
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
