"""A mesh file of any program becomes a result: unchanged, with what is known about it."""

from pathlib import Path

import numpy as np
import pytest

from img2model_desktop.aside import Inline
from img2model_desktop.core.events import Failed, Finished, JobEvent, Stage, StageBegan, Started, Warned
from img2model_desktop.core.mesh_facts import measure
from img2model_desktop.core.mesh_files import read_mesh, read_recipe, write_mesh
from img2model_desktop.core.request import Request
from img2model_desktop.engines.bench import Bench
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.job_row import title_of
from img2model_desktop.jobs.pipeline import run_job
from img2model_desktop.jobs.plan import problems, resolve
from tests.shapes import box, mesh_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    return folder


def opened(request: Request, folder: Path) -> tuple[list[JobEvent], JobEvent]:
    events: list[JobEvent] = []
    last = run_job(resolve(request), Bench(Inline()), folder, events.append, lambda: False)
    assert events[-1] is last
    assert isinstance(events[0], Started)
    return events, last


def test_an_opened_mesh_is_a_result_with_the_same_faces(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "kiste.obj"
    write_mesh(box(0.01, 0.02, 0.04), path)
    events, last = opened(Request(mesh=str(path)), folder)
    assert isinstance(last, Finished)
    assert last.engine == "opened"
    assert [event.stage for event in events if isinstance(event, StageBegan)] == [Stage.OPEN]
    result = read_mesh(folder / "result.glb")
    wanted = box(0.01, 0.02, 0.04)  # an OBJ file numbers its vertices anew
    assert np.allclose(result.vertices[result.faces], wanted.vertices[wanted.faces], atol=1e-9)
    assert last.facts == measure(result).brief()
    assert read_recipe(folder / "result.glb")["opened"] == {"file": "kiste.obj"}
    assert [path.name for path in folder.iterdir()] == ["result.glb"]


def test_what_is_broken_stays_broken(tmp_path: Path, folder: Path) -> None:
    doubled = np.concatenate([box().faces, box().faces[:3], [[0, 0, 1]]])
    path = tmp_path / "broken.glb"
    write_mesh(mesh_of(box().vertices, doubled), path)
    opened(Request(mesh=str(path)), folder)
    assert np.array_equal(read_mesh(folder / "result.glb").faces, doubled)


def test_a_recipe_is_kept_so_that_it_can_be_made_again(tmp_path: Path, folder: Path) -> None:
    recipe = {"program": "Image2Model Desktop 0", "request": {"prompt": "Hello"}}
    path = tmp_path / "hello.glb"
    write_mesh(box(), path, recipe)
    opened(Request(mesh=str(path)), folder)
    assert read_recipe(folder / "result.glb") == recipe


@pytest.mark.parametrize(("up", "size_m"), [("y", (0.001, 0.002, 0.004)), ("z", (0.001, 0.004, 0.002))])
def test_the_axis_that_was_said_is_up(tmp_path: Path, folder: Path, up: str, size_m: tuple[float, ...]) -> None:
    path = tmp_path / "a.stl"
    write_mesh(box(0.001, 0.002, 0.004), path)
    _, last = opened(Request(mesh=str(path), mesh_up=up), folder)
    assert isinstance(last, Finished)
    assert last.facts.size_m == pytest.approx(size_m)


@pytest.mark.parametrize(("unit", "longest_m"), [("mm", 0.04), ("cm", 0.4), ("m", 40.0), ("in", 1.016)])
def test_the_unit_that_was_said_is_taken(tmp_path: Path, folder: Path, unit: str, longest_m: float) -> None:
    path = tmp_path / "a.ply"
    write_mesh(box(0.01, 0.02, 0.04), path)  # 10 x 20 x 40 in the file
    _, last = opened(Request(mesh=str(path), mesh_unit=unit), folder)
    assert isinstance(last, Finished)
    assert max(last.facts.size_m) == pytest.approx(longest_m)


def test_a_size_that_nobody_means_is_told(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.stl"
    write_mesh(box(0.00001, 0.00002, 0.00004), path)
    events, _ = opened(Request(mesh=str(path)), folder)
    said = [event for event in events if isinstance(event, Warned)]
    assert len(said) == 1
    assert "0.04 mm" in said[0].message
    assert "Set size" in said[0].advice


def test_a_file_that_is_no_mesh_fails_with_one_sentence_and_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(b"this is no mesh at all")
    _, last = opened(Request(mesh=str(path)), folder)
    assert isinstance(last, Failed)
    assert last.kind == "input"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mesh": "nowhere.stl"}, "no file"),
        ({"mesh": "."}, "folder"),
        ({"prompt": "a"}, "together"),
        ({"mesh_up": "x"}, "axis"),
        ({"mesh_unit": "yd"}, "unit"),
    ],
)
def test_a_wrong_request_is_refused_before_it_is_a_job(tmp_path: Path, changes: dict[str, str], word: str) -> None:
    path = tmp_path / "a.stl"
    write_mesh(box(), path)
    request = Request(**{"mesh": str(path), **changes})
    assert [word in problem.message for problem in problems(request)] == [True]
    with pytest.raises(InputProblem, match=word):
        resolve(request)


def test_title_and_plain_form(tmp_path: Path) -> None:
    request = Request(mesh="/somewhere/Alte Vase.stl", mesh_up="z", mesh_unit="in")
    assert title_of(request) == "Alte Vase"
    assert Request.from_dict(request.to_dict()) == request
