"""Jobs that ask for pictures: as many as wished, each with its recipe, none made twice; pictures redrawn by words."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from img2model_desktop.aside import Inline
from img2model_desktop.core.events import Failed, Finished, JobEvent, Preview, Stage, StageBegan, Stopped
from img2model_desktop.core.mesh_files import read_recipe
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import encode_png, read_picture, write_png
from img2model_desktop.core.picture_recipe import recipe_in, with_recipe
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality, Request
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Role
from img2model_desktop.engines.bench import Bench
from img2model_desktop.jobs.pipeline import made_name, run_job
from img2model_desktop.jobs.plan import resolve

PICTURES = Request(prompt="Hi", goal="pictures", variants=3, seed=5, style="rounded")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "20260101-job"
    folder.mkdir()
    return folder


class Counting(Bench):
    """A bench that notes its calls."""

    def __init__(self) -> None:
        super().__init__(Inline())
        self.seeds: list[int] = []

    def make(
        self, spec: EngineSpec, prompt: str, style: str, options: object, seed: int, progress: Progress
    ) -> Picture:
        """Notes the seed."""
        self.seeds.append(seed)
        return super().make(spec, prompt, style, options, seed, progress)


def run(request: Request, folder: Path, bench: Bench) -> tuple[list[JobEvent], JobEvent]:
    events: list[JobEvent] = []
    return events, run_job(resolve(request), bench, folder, events.append, lambda: False)


def test_as_many_pictures_as_wished(folder: Path) -> None:
    bench = Counting()
    events, last = run(PICTURES, folder, bench)
    assert isinstance(last, Finished)
    names = [made_name(number) for number in (1, 2, 3)]
    assert names == ["made-1.png", "made-2.png", "made-3.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (last.path, last.engine, last.facts) == (str(folder / "made-1.png"), "lettering", None)
    previews = [event for event in events if isinstance(event, Preview)]
    assert [(event.stage, event.path) for event in previews] == [(Stage.PICTURE, str(folder / name)) for name in names]
    assert [event.stage for event in events if isinstance(event, StageBegan)] == [Stage.PICTURE]
    assert bench.seeds == [5, 6, 7]
    assert len({(folder / name).read_bytes() for name in names}) == 3


def test_each_carries_its_recipe(folder: Path) -> None:
    run(PICTURES, folder, Counting())
    for number in (1, 2, 3):
        path = folder / made_name(number)
        recipe = recipe_in(path.read_bytes())
        with Image.open(path) as image:  # another reader finds it, too
            assert json.loads(image.info["img2model"]) == recipe
        assert recipe["prompt"] == "Hi"
        assert recipe["style"] == "rounded"
        assert recipe["seed"] == 4 + number
        assert recipe["maker"] == "lettering"
        assert recipe["restyled"] is False
        assert recipe["options"]["colour"] == "by seed"


def test_a_mesh_tells_how_its_picture_was_made(folder: Path, tmp_path: Path) -> None:
    run(dataclasses.replace(PICTURES, variants=1), folder, Counting())
    second = tmp_path / "second"
    second.mkdir()
    request = Request(picture=str(folder / "made-1.png"), engine="extrude", quality=Quality.DRAFT)
    _, last = run(request, second, Counting())
    assert isinstance(last, Finished)
    recipe = read_recipe(second / "result.glb")
    assert recipe["picture_recipe"] == recipe_in((folder / "made-1.png").read_bytes())


def test_what_was_made_is_not_made_again(folder: Path) -> None:
    whole = Counting()
    run(PICTURES, folder, whole)
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "made-2.png").write_bytes(kept["made-2.png"][:300])  # a power cut
    again = Counting()
    events, last = run(PICTURES, folder, again)
    assert isinstance(last, Finished)
    assert again.seeds == [6]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    assert len([event for event in events if isinstance(event, Preview)]) == 3


def test_stopped_between_two_pictures(folder: Path) -> None:
    events: list[JobEvent] = []
    bench = Counting()
    last = run_job(
        resolve(PICTURES), bench, folder, events.append, lambda: any(isinstance(event, Preview) for event in events)
    )
    assert isinstance(last, Stopped)
    assert [path.name for path in folder.iterdir()] == ["made-1.png"]
    again = Counting()
    _, last = run(PICTURES, folder, again)
    assert isinstance(last, Finished)
    assert again.seeds == [6, 7]


def test_a_mesh_from_a_prompt_keeps_its_picture(folder: Path) -> None:
    request = Request(prompt="Hi", engine="extrude", quality=Quality.DRAFT)
    bench = Counting()
    events: list[JobEvent] = []
    stopped = run_job(
        resolve(request),
        bench,
        folder,
        events.append,
        lambda: any(isinstance(event, StageBegan) and event.stage is Stage.CUT_OUT for event in events),
    )
    assert isinstance(stopped, Stopped)
    again, last = run(request, folder, bench)
    assert isinstance(last, Finished)
    assert bench.seeds == [0]
    assert next((event.stage, event.resumed) for event in again if isinstance(event, StageBegan)) == (
        Stage.PICTURE,
        True,
    )


class Tinting:
    """A maker that paints over a picture, for want of one with weights."""

    def make(self, prompt: str, style: str, options: object, seed: int, progress: Progress) -> Picture:
        """Not asked for here."""
        raise AssertionError

    def restyle(
        self, picture: Picture, prompt: str, style: str, options: object, seed: int, progress: Progress
    ) -> Picture:
        """The picture with its red replaced by the seed."""
        progress.update(0.5)
        pixels = picture.pixels.copy()
        pixels[..., 0] = seed
        return Picture(pixels)

    def close(self) -> None:
        """Holds nothing."""


@pytest.fixture
def tinting(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = EngineSpec(
        "tinting", Role.MAKER, "Tinting", "For tests.", f"{__name__}:Tinting", restyles=True, uses_seed=True
    )
    monkeypatch.setattr(catalog, "ENGINES", (*catalog.ENGINES, spec))


@pytest.mark.usefixtures("tinting")
def test_a_picture_is_redrawn(folder: Path, tmp_path: Path) -> None:
    write_png(Picture(np.full((40, 50, 4), 255, np.uint8)), tmp_path / "white.png")
    request = Request(prompt="red", goal="pictures", variants=2, seed=9, maker="tinting", restyle=True)
    _, last = run(dataclasses.replace(request, picture=str(tmp_path / "white.png")), folder, Bench(Inline()))
    assert isinstance(last, Finished)
    for number in (1, 2):
        made = read_picture(folder / made_name(number))
        assert (made.pixels[..., 0] == 8 + number).all()
        assert (made.pixels[..., 1:] == 255).all()
        assert recipe_in((folder / made_name(number)).read_bytes())["restyled"] is True


def test_no_letters_for_the_prompt(folder: Path) -> None:
    _, last = run(dataclasses.replace(PICTURES, prompt="字"), folder, Counting())
    assert isinstance(last, Failed)
    assert last.kind == "input"


PNG = encode_png(Picture(np.full((3, 4, 4), 200, np.uint8)))


def test_a_recipe_goes_into_a_picture_and_comes_back() -> None:
    recipe = {"prompt": "a “red” apple 苹果 🍎", "seed": 3, "options": {"steps": 20, "sharp": True}}
    assert recipe_in(with_recipe(PNG, recipe)) == recipe
    assert recipe_in(PNG) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff", PNG[:20], with_recipe(PNG, {"a": 1})[:60], with_recipe(PNG, {"long": "x" * 70_000})],
    ids=["empty", "a photo", "cut", "cut in the recipe", "too long"],
)
def test_what_holds_no_recipe_gives_none(content: bytes) -> None:
    assert recipe_in(content) == {}


def test_a_recipe_that_is_no_record_or_damaged_is_not_believed() -> None:
    assert recipe_in(with_recipe(PNG, [1, 2])) == {}
    damaged = bytearray(with_recipe(PNG, {"prompt": "hello"}))
    damaged[damaged.index(b"hello")] ^= 1
    assert recipe_in(bytes(damaged)) == {}
