"""A request becomes a whole plan, or every problem at once."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from img2model_desktop.core.request import Quality, Request, Stroke
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import Role
from img2model_desktop.engines.styles import Style, Styles
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
        (Request(prompt="a", options=(("no", 1000),)), "No engine of this job has an option “no”."),
        (Request(prompt="a", options=(("lathe.back", "plain"),)), "No engine of this job has an option “lathe.back”."),
        (Request(prompt="a", size_mm=0.5), "The size cannot be 0.5 mm."),
        (Request(prompt="x" * 601), "The prompt has 601 characters."),
        (Request(prompt="a", strokes=(Stroke(True, 0.1, ((0.5, 0.5),)),)), "Brush strokes need a picture."),
    ],
)
def test_one_problem(request_: Request, message: str) -> None:
    assert messages(request_) == [message]


def test_an_option_without_an_engine_is_for_every_sculptor_that_may_be_chosen_and_has_it(picture: str) -> None:
    request = Request(picture=picture, options=(("thickness", 0.5), ("faces", 900), ("extrude.thickness", 0.2)))
    plan = resolve(request)
    assert {step.options.faces for step in plan.sculptors} == {900}
    found = {step.key: step.options.thickness for step in plan.sculptors if hasattr(step.options, "thickness")}
    assert {"inflate", "twin", "extrude"} <= set(found)
    assert found.pop("extrude") == 0.2
    assert set(found.values()) == {0.5}
    assert plan.left_out("inflate") == ()
    assert plan.left_out("lathe") == ("thickness",)


def test_a_value_that_one_of_the_sculptors_cannot_take_is_refused(picture: str) -> None:
    (message,) = messages(Request(picture=picture, options=(("thickness", 2.0),)))  # a share, for Extrude
    assert message == "Thickness (thickness) of Extrude cannot be “2.0”."
    assert messages(Request(picture=picture, engine="inflate", options=(("thickness", 2.0),))) == []


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


def says(request: Request) -> str:
    return " ".join(f"{problem.message} {problem.advice}" for problem in problems(request))


def test_pictures_need_the_maker_alone() -> None:
    plan = resolve(Request(prompt="a red fox", maker="prompt", style="clay", goal="pictures", variants=4))
    assert plan.maker is not None
    assert plan.maker.key == "prompt"
    assert plan.cutter is None
    assert plan.sculptors == ()


def test_options_of_a_sculptor_are_refused_where_pictures_alone_are_made() -> None:
    request = Request(prompt="a fox", maker="prompt", goal="pictures", options=(("inflate.depth", 0.5),))
    assert "No engine of this job has an option “inflate.depth”" in says(request)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request(prompt="x", goal="film"), "“film” is not something to make. Choose one of: mesh, pictures."),
        (Request(prompt="x", goal="pictures", variants=9), "There cannot be 9 variants. Choose 1 to 8."),
        (Request(prompt="x", goal="pictures", variants=0), "There cannot be 0 variants."),
        (Request(prompt="x", variants=2), "A mesh is made of one picture."),
        (Request(prompt="x", restyle=True, maker="prompt"), "There is no picture to redraw."),
        (Request(prompt="x", maker="prompt", style="oil"), "Prompt has no style “oil”. Choose one of: product-photo,"),
        (
            Request(prompt="x", maker="prompt", options=(("prompt.strength", 0.5),)),
            "The strength is that of redrawing a picture.",
        ),
    ],
)
def test_goals_that_cannot_be_met_say_why(request_: Request, said: str) -> None:
    assert said in says(request_)


def test_redrawing_needs_a_picture_a_prompt_and_a_maker_that_can(tmp_path: Path) -> None:
    picture = tmp_path / "fox.png"
    picture.write_bytes(b"not looked into")
    here = str(picture)
    assert problems(Request(picture=here, prompt="in clay", restyle=True, maker="prompt", style="clay")) == ()
    assert "Lettering cannot redraw a picture. Use one of: prompt." in says(
        Request(picture=here, prompt="in clay", restyle=True)
    )
    assert "Redrawing a picture needs a prompt." in says(Request(picture=here, restyle=True, maker="prompt"))
    assert "There is a picture already." in says(Request(picture=here, goal="pictures"))
    plan = resolve(Request(picture=here, prompt="in clay", restyle=True, maker="prompt", engine="inflate"))
    assert [step.key for step in (plan.maker, plan.cutter, *plan.sculptors) if step] == ["prompt", "cutout", "inflate"]


def test_every_problem_of_a_goal_is_told_at_once() -> None:
    request = Request(goal="pictures", variants=99, restyle=True, maker="lettering", seed=-1)
    told = says(request)
    for part in ("no picture to redraw", "Lettering cannot redraw", "99 variants", "seed is negative"):
        assert part in told


def test_styles_that_the_user_added_are_taken() -> None:
    assert "no style “bronze”" in says(Request(prompt="x", maker="prompt", style="bronze"))
    Styles().put(Style("bronze", "Bronze", "{prompt}, cast in bronze"))
    assert problems(Request(prompt="x", maker="prompt", style="bronze")) == ()
