"""The library at 10,000 entries: how long a search takes, by words, by filters and by look; how long its window holds
the event loop up while it is scrolled through; and what the look finds.

The entries are rows with words, tags, verdicts and vectors as jobs leave them; each has a thumbnail in its folder, and
no other file. Times are those of the processor in the window's thread, which other programs do not stretch. What the
look finds is measured on the evaluation set: each object, seen from another side or in another light, looked for among
all objects.
"""

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from img2model_desktop.core.descriptor import KIND, LENGTH, describe_picture, describe_views
from img2model_desktop.core.mesh_files import read_mesh
from img2model_desktop.core.picture import Picture
from img2model_desktop.core.picture_files import read_picture, write_png
from img2model_desktop.core.request import Request
from img2model_desktop.jobs.looks import Looks
from img2model_desktop.jobs.shelf import Shelf, Sort, Wanted
from img2model_desktop.jobs.store import Store
from tests.bench.evaluation import eval_folder
from tests.bench.table import Table

if TYPE_CHECKING:
    from img2model_desktop.gui.library.window import LibraryWindow

NAME = "searching"

ENTRIES = 10_000
RUNS = 15
PROMISED_MS = 50
PAGE = 100
NOUNS = (
    "chair",
    "lamp",
    "van",
    "frog",
    "vase",
    "tank",
    "guitar",
    "table",
    "boat",
    "house",
    "dog",
    "bear",
    "robot",
    "cup",
)
SORTS = (
    "red",
    "blue",
    "old",
    "small",
    "tall",
    "round",
    "wooden",
    "clay",
    "Ångström",
    "little",
    "broken",
    "shiny",
    "soft",
)


def tables() -> list[Table]:
    """Searching, scrolling, and what the look finds where the evaluation data is there."""
    found = _at_ten_thousand()
    folder = eval_folder() / "objects"
    return [*found, _recalls(folder)] if folder.is_dir() else found


# -- how long it takes


def _at_ten_thousand() -> list[Table]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "history.sqlite3", Path(folder) / "jobs")
        try:
            fill(store, ENTRIES)
            _draw(store)
            return [_timed(store), _scrolled(store)]
        finally:
            store.close()


def _draw(store: Store) -> None:
    """A thumbnail for each job: noise in a disc, as large on the disk as a real one."""
    random_pixels = np.random.default_rng(0).integers(60, 200, (256, 256, 4), dtype=np.uint8)
    rows, columns = np.ogrid[-128:128, -128:128]
    random_pixels[..., 3] = np.where(rows**2 + columns**2 < 110**2, 255, 0)
    first = store.jobs_folder / "thumbnail.png"
    write_png(Picture(random_pixels), first)
    for (id_,) in store.database.select("SELECT id FROM job"):
        (store.jobs_folder / id_).mkdir(exist_ok=True)
        (store.jobs_folder / id_ / first.name).hardlink_to(first)


def _scrolled(store: Store) -> Table:
    """The window without a display; each step is what one turn of the wheel or one key makes the event loop do."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication, QWidget

    from img2model_desktop import paths
    from img2model_desktop.gui.icons import Icons
    from img2model_desktop.gui.library.keeper import LibraryKeeper
    from img2model_desktop.gui.library.window import LibraryWindow
    from img2model_desktop.gui.runner import JobRunner
    from img2model_desktop.gui.theme import Theme, ThemeChoice

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme = Theme(application, ThemeChoice.DARK, paths.resources_dir() / "icons")
    runner, host = JobRunner(store), QWidget()
    keeper = LibraryKeeper(runner, host)
    window = LibraryWindow(runner, keeper, Icons(paths.resources_dir() / "icons", theme.colours), host)

    began = time.thread_time()
    window.show()
    shown_ms = (time.thread_time() - began) * 1000 + _turn()
    taken = _steps(window) | {"the window opened": [shown_ms]}
    count = len(window.model.ids)
    window.close()
    keeper.stop()
    rows = [
        [name, str(len(each)), f"{statistics.median(each):.1f}", f"{np.percentile(each, 99):.1f}", f"{max(each):.1f}"]
        for name, each in taken.items()
    ]
    title = f"The library's window with {count:,} entries: longest hold-up of its event loop, processor milliseconds"
    return Table(title, ["", "times", "median", "99 %", "longest"], rows)


def _turn() -> float:
    """Milliseconds that the event loop was held up for, at most, until nothing is left to do."""
    from PySide6.QtWidgets import QApplication

    longest = 0.0
    for _ in range(40):
        began = time.thread_time()
        QApplication.processEvents()
        longest = max(longest, (time.thread_time() - began) * 1000)
    return longest


def _steps(window: "LibraryWindow") -> dict[str, list[float]]:
    """Milliseconds of each step that a user makes, by what it is."""
    bar = window.grid.verticalScrollBar()
    wheel, pages, letters = [], [], []
    for step in range(150):
        bar.setValue(bar.value() + bar.singleStep())
        wheel.append(_turn())
        if step % 3 == 0:
            bar.setValue(round(bar.maximum() * ((step * 37) % 150) / 150))
            pages.append(_turn())
    for word in ("r", "re", "red", "red c", "red ch", ""):
        window.search.field.setText(word)
        began = time.thread_time()
        window.find_now()
        letters.append(max((time.thread_time() - began) * 1000, _turn()))
    return {"a turn of the wheel": wheel, "a jump to another place": pages, "a letter typed": letters}


def fill(store: Store, count: int) -> None:
    """So many finished jobs with everything that the shelf keeps of them, written straight into the tables."""
    draw = random.Random(0)
    vectors = np.random.default_rng(0).normal(size=(count, LENGTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shelf = Shelf(store)
    with store.database.writing(lasting=False) as db:
        first = store.add(Request(prompt="first"))
        (row,) = db.execute("SELECT * FROM job WHERE id = ?", (first.id,)).fetchall()
        names = row.keys()
        for number in range(count - 1):
            words = f"{draw.choice(SORTS)} {draw.choice(SORTS)} {draw.choice(NOUNS)} {number}"
            request = Request(prompt=words, seed=number)
            values = dict(row) | {
                "id": f"20260101-{number:06d}-000000-0000",
                "request": json.dumps(request.to_dict()),
                "title": words,
                "state": draw.choice(("done", "done", "done", "failed", "stopped")),
                "engine": draw.choice(("lathe", "inflate", "twin", "extrude")),
                "created": 1.7e9 + number,
                "stars": draw.randrange(6),
                "facts": "[100, 200, 1, true, [0.1, 0.1, 0.1]]",
                "seconds": draw.random() * 20,
                "result": "result.glb",
            }
            marks = ", ".join("?" * len(names))
            db.execute(f"INSERT INTO job ({', '.join(names)}) VALUES ({marks})", [values[name] for name in names])
    ids = [row["id"] for row in store.database.select("SELECT id FROM job ORDER BY id")]
    with store.database.writing(lasting=False) as db:
        for id_, vector in zip(ids, vectors, strict=True):
            shelf.note(store.row(id_))
            shelf.judged(id_, {"print": draw.choice(("fit", "fit after fixes")), "game": "fit"})
            db.execute("INSERT INTO look VALUES (?, ?, ?)", (id_, KIND, vector.tobytes()))
        shelf.tag(ids[::7], "every seventh")
        shelf.collect(ids[::50], "Some")


def _timed(store: Store) -> Table:
    shelf = Shelf(store)
    began = time.thread_time()
    looks = Looks(store.database)
    while not looks.is_read:
        looks.read()
    reading_ms = (time.thread_time() - began) * 1000
    ids = shelf.search(Wanted())
    look = looks.of(ids[5])
    assert look is not None
    shelf.alike(look, Wanted())  # reads the vectors
    everything: dict[str, Callable[[], int]] = {
        "everything, newest first": lambda: len(shelf.search(Wanted())),
        "one letter": lambda: len(shelf.search(Wanted("c"))),
        "one word": lambda: len(shelf.search(Wanted("chair"))),
        "three words": lambda: len(shelf.search(Wanted("red angstrom cha"))),
        "a phrase": lambda: len(shelf.search(Wanted('"wooden chair"'))),
        "words, fit for print, three stars, by faces": lambda: len(
            shelf.search(Wanted("lamp", fit_for="print", stars=3, sort=Sort.FACES))
        ),
        "a tag and a collection": lambda: len(shelf.search(Wanted(tags=("every seventh",), collection="Some"))),
        "nothing found": lambda: len(shelf.search(Wanted("xyzzy"))),
        "look, among everything": lambda: len(shelf.alike(look, Wanted())),
        "look, among one engine's": lambda: len(shelf.alike(look, Wanted(engine="lathe"))),
        f"a page of {PAGE} entries read": lambda: len(shelf.entries(ids[4000 : 4000 + PAGE])),
    }
    rows = []
    for name, search in everything.items():
        taken = []
        for _ in range(RUNS):
            began = time.thread_time()
            count = search()
            taken.append((time.thread_time() - began) * 1000)
        rows.append([name, str(count), f"{statistics.median(taken):.1f}", f"{max(taken):.1f}", str(PROMISED_MS)])
    rows.append(
        ["all vectors read from the disk, once", str(len(looks)), f"{reading_ms:.1f}", f"{reading_ms:.1f}", "-"]
    )
    return Table(
        f"Searching {ENTRIES:,} entries, {RUNS} times each: milliseconds of the processor",
        ["", "found", "median", "longest", "promised"],
        rows,
    )


# -- what it finds


def _recalls(folder: Path) -> Table:
    objects = sorted(path for path in folder.iterdir() if path.is_dir())
    views = [read_picture(path / "view.png") for path in objects]
    fronts = [read_picture(path / "front.png") for path in objects]
    meshes = [read_mesh(path / "mesh.ply") for path in objects]
    known = np.stack([describe_picture(view) for view in views])
    made = np.stack([describe_views([view], mesh) for view, mesh in zip(views, meshes, strict=True)])
    searches = {
        "front, among three-quarter views": (fronts, known),
        "front, in less and warmer light": ([lit(front, 0.8, (1.0, 0.95, 0.88)) for front in fronts], known),
        "front, before an even grey ground": ([grounded(front) for front in fronts], known),
        "front, half as large": ([reduced(front) for front in fronts], known),
        "same view, in less light": ([lit(view, 0.7, (1.0, 1.0, 1.0)) for view in views], known),
        "same view, mirrored": ([Picture(view.pixels[:, ::-1].copy()) for view in views], known),
        "front, among views with their meshes": (fronts, made),
    }
    rows = []
    for name, (asked, among) in searches.items():
        scores = np.stack([describe_picture(picture) for picture in asked]) @ among.T
        place = (scores > np.diag(scores)[:, None]).sum(axis=1)
        rows.append([name, f"{(place < 1).mean():.3f}", f"{(place < 5).mean():.3f}"])
    return Table(
        f"Looking for one of {len(objects)} objects by its look: share found", ["", "at once", "in the first 5"], rows
    )


def lit(picture: Picture, gain: float, tint: tuple[float, float, float]) -> Picture:
    """The picture in another light."""
    pixels = picture.pixels.copy()
    pixels[..., :3] = np.clip(picture.rgb * np.array(tint) * gain, 0, 255).astype(np.uint8)
    return Picture(pixels)


def grounded(picture: Picture) -> Picture:
    """The cut-out before an even ground, opaque."""
    share = picture.alpha[..., None] / 255
    pixels = np.full_like(picture.pixels, 255)
    pixels[..., :3] = np.round(picture.rgb * share + np.array([200, 205, 210]) * (1 - share))
    return Picture(pixels)


def reduced(picture: Picture) -> Picture:
    """Every second pixel of every second row."""
    return Picture(np.ascontiguousarray(picture.pixels[::2, ::2]))
