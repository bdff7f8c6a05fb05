"""A request becomes a whole plan, or every problem at once."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from img2model_desktop.core.request import Quality, Request, Stroke
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.errors import InputProblem
from img2model_desktop.jobs.plan import cutter_step, problems, resolve


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "vase.png"
    path.write_bytes(b"not read by the plan")
    return str(path)


def messages(request: Request) -> list[str]:
    return [problem.message for problem in problems(request)]


def test_auto_plans_every_sculptor(picture: str) -> None:
    plan = resolve(Request(picture=picture))
    assert plan.is_auto
    assert [step.key for step in plan.sculptors] == [spec.key for spec in catalog.of_role(Role.SCULPTOR)]
    assert plan.maker is None
    assert plan.cutter.key == "cutout"


def test_prompt_plans_a_maker() -> None:
    plan = resolve(Request(prompt="Hello", style="badge", engine="extrude"))
    assert plan.maker is not None
    assert plan.maker.key == "lettering"
    assert [step.key for step in plan.sculptors] == ["extrude"]


@pytest.mark.parametrize("quality", list(Quality))
def test_quality_fills_the_options(picture: str, quality: Quality) -> None:
    spec = catalog.find("inflate", Role.SCULPTOR)
    plan = resolve(Request(picture=picture, engine="inflate", quality=quality))
    options = plan.sculptor("inflate").options
    for name, value in spec.quality[quality].items():
        assert getattr(options, name) == value


def test_options_overrule_the_quality_and_are_read_from_text(picture: str) -> None:
    request = Request(
        picture=picture, engine="inflate", quality=Quality.DRAFT, options=(("faces", "2000"), ("inflate.relief", "0.5"))
    )
    options = resolve(request).sculptor("inflate").options
    assert (options.faces, options.relief, options.texture_px) == (2000, 0.5, 512)
    assert type(options.faces) is int


def test_every_problem_at_once(tmp_path: Path) -> None:
    request = Request(
        picture=str(tmp_path / "none.png"),
        engine="inflate",
        style="badge",
        seed=-1,
        size_mm=float("nan"),
        options=(("colour", "red"), ("relief", "much")),
    )
    found = messages(request)
    assert len(found) == 6
    with pytest.raises(InputProblem) as caught:
        resolve(request)
    for message in found:
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(), "There is no picture and no prompt."),
        (Request(prompt="  "), "There is no picture and no prompt."),
        (Request(prompt="a", engine="nose"), "There is no sculptor called “nose”."),
        (Request(prompt="a", style="gothic"), "Lettering has no style “gothic”."),
        (Request(prompt="a", options=(("faces", 1000),)), "“faces” could mean several engines."),
        (Request(prompt="a", options=(("lathe.back", "plain"),)), "No engine of this job has an option “lathe.back”."),
        (Request(prompt="a", size_mm=0.5), "The size cannot be 0.5 mm."),
        (Request(prompt="x" * 601), "The prompt has 601 characters."),
        (Request(prompt="a", strokes=(Stroke(True, 0.1, ((0.5, 0.5),)),)), "Brush strokes need a picture."),
    ],
)
def test_one_problem(request_: Request, message: str) -> None:
    assert messages(request_) == [message]


def test_folder_is_not_a_picture(tmp_path: Path) -> None:
    assert messages(Request(picture=str(tmp_path))) == [f"“{tmp_path.name}” is a folder."]


@pytest.mark.parametrize(("value", "fits"), [("3", True), ("3.01", False), ("nan", False), ("-1", False)])
def test_range(picture: str, value: str, fits: bool) -> None:
    request = Request(picture=picture, engine="inflate", options=(("thickness", value),))
    assert bool(problems(request)) is not fits


def test_option_of_another_engine_is_refused(picture: str) -> None:
    request = Request(picture=picture, engine="lathe", options=(("relief", 0.5),))
    assert messages(request) == ["No engine of this job has an option “relief”."]


def test_plan_crosses_processes(picture: str) -> None:
    plan = resolve(Request(picture=picture))
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys; from img2model_desktop.jobs import plan;"
        "print([m for m in ('torch', 'cv2', 'scipy', 'PySide6', 'trimesh') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("engine", "given", "background"),
    [
        ("relief", (), "keep"),
        ("relief", (("background", "remove"),), "remove"),
        ("inflate", (), "remove"),
        ("inflate", (("cutout.background", "keep"),), "keep"),
        ("depth", (), "keep"),
        ("depth", (("kind", "coin"),), "keep"),
        ("depth", (("kind", "body"),), "remove"),
        ("auto", (), "remove"),
    ],
)
def test_background_follows_the_sculptor(
    picture: str, engine: str, given: tuple[tuple[str, str], ...], background: str
) -> None:
    request = Request(picture=picture, engine=engine, options=given)
    plan = resolve(request)
    assert plan.cutter.options.background == background
    assert cutter_step(request) == plan.cutter


def test_cutter_step_is_there_while_something_else_is_wrong(tmp_path: Path) -> None:
    step = cutter_step(Request(picture=str(tmp_path / "gone.png"), engine="relief"))
    assert step is not None
    assert step.options.background == "keep"
    assert cutter_step(Request(options=(("sensitivity", "much"),))) is None
