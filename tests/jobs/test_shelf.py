"""The library finds what it holds, keeps what the user said of it, and no text that is typed can break a search."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from img2model_desktop.core.descriptor import KIND, LENGTH, describe_picture
from img2model_desktop.core.events import Facts, Failed, Finished, Started, Stopped
from img2model_desktop.core.mesh_files import write_mesh
from img2model_desktop.core.picture_files import write_png
from img2model_desktop.core.request import Request
from img2model_desktop.errors import HistoryProblem
from img2model_desktop.jobs.edits import keep_edit
from img2model_desktop.jobs.looks import THUMBNAIL, Looked, judge_at, look_at, size_of
from img2model_desktop.jobs.shelf import MESH, PICTURES, Entry, Shelf, Sort, Wanted, tidy
from img2model_desktop.jobs.shelf_words import LONGEST, expression, indexed, tokens
from img2model_desktop.jobs.store import JobRow, Store
from tests.drawn import alpha_of, coloured, disc, polygon
from tests.shapes import box, torus

FACTS = Facts(100, 200, 1, True, (0.1, 0.1, 0.1))
STAR = alpha_of(polygon((128, 20), (220, 230), (15, 95), (241, 95), (36, 230)), 256)
DISC = alpha_of(disc(128, 128, 90), 256)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "history.sqlite3", tmp_path / "jobs")
    yield made
    made.close()


@pytest.fixture
def shelf(store: Store) -> Shelf:
    return Shelf(store)


def never() -> bool:
    return False


def silent(_fraction: float) -> None:
    return None


def made(store: Store, shelf: Shelf, prompt: str, *, engine: str = "extrude", **changes: Any) -> JobRow:
    """A finished job that the shelf knows."""
    facts, seconds = changes.pop("facts", FACTS), changes.pop("seconds", 1.0)
    row = store.add(replace(Request(prompt=prompt), **changes))
    now = time.time()
    store.apply(Started(row.id, now))
    row = store.apply(Finished(row.id, now, str(row.folder / "result.glb"), engine, facts, seconds))
    shelf.note(row)
    return row


# -- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Café Ångström, ŁÓDŹ", ("cafe", "angstrom", "lodz")),
        ("STRASSE straße Øresund", ("strasse", "strasse", "oresund")),
        ("red-chair_2 v1.5", ("red", "chair", "2", "v1", "5")),
        ("木の椅子 chair", ("木", "の", "椅", "子", "chair")),
        ("cafe\u0301 ﬁne", ("cafe", "fine")),
        ("\u0301 🙂 !?", ()),
        ("x" * 100, ("x" * LONGEST,)),
    ],
)
def test_words_come_without_case_and_marks(text: str, words: tuple[str, ...]) -> None:
    assert tokens(text) == words


def test_what_is_typed_becomes_words_beginnings_and_phrases() -> None:
    assert expression('caf "red chair" 12') == '"caf" * AND "red chair" AND "12" *'
    assert expression('"open') == '"open"'
    for empty in ("", "  ", '"', '""', "()*:^-+", "🙂"):
        assert expression(empty) == ""


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("chair", {"A red chair", "a CHAIRS lamp"}),
        ("cha re", {"A red chair"}),
        ('"red chair"', {"A red chair"}),
        ('"chair red"', set()),
        ('"cha"', set()),
        ("cafe", {"Café, Ångström"}),
        ("ÅNG caf", {"Café, Ångström"}),
        ("extr", {"A red chair", "a CHAIRS lamp", "Café, Ångström", "木の椅子"}),
        ("椅子", {"木の椅子"}),
        ("子椅", set()),
        ("nothing", set()),
        ("", {"A red chair", "a CHAIRS lamp", "Café, Ångström", "木の椅子"}),
    ],
)
def test_jobs_are_found_by_their_words(store: Store, shelf: Shelf, typed: str, found: set[str]) -> None:
    rows = {
        made(store, shelf, prompt).id: prompt
        for prompt in ("A red chair", "a CHAIRS lamp", "Café, Ångström", "木の椅子")
    }
    assert {rows[id_] for id_ in shelf.search(Wanted(typed))} == found


def test_the_name_of_the_file_the_style_and_the_tags_are_words_too(store: Store, shelf: Shelf) -> None:
    row = made(store, shelf, "", picture="/pictures/Old Van.png", style="badge")
    other = made(store, shelf, "lamp")
    assert shelf.search(Wanted("old van")) == (row.id,)
    assert shelf.search(Wanted("badge")) == (row.id,)
    shelf.tag([other.id], "Für Ana")
    assert shelf.search(Wanted("fur an")) == (other.id,)
    shelf.untag([other.id], "Für Ana")
    assert shelf.search(Wanted("fur an")) == ()


ALPHABET = st.sampled_from([*list('abAB éÉ"-*:()木椅'), "AND", "OR", "NEAR(", "ß", "́", "\x00", "'", "red ", "�"])
TEXTS = st.lists(ALPHABET, max_size=12).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120, deadline=None)
@given(typed=st.one_of(st.text(max_size=400), TEXTS))
def test_no_text_breaks_a_search(filled: Shelf, typed: str) -> None:
    found = filled.search(Wanted(typed))
    assert set(found) <= set(filled.search(Wanted()))
    if not expression(typed[:200]):
        assert found == filled.search(Wanted())


@pytest.fixture
def filled(store: Store, shelf: Shelf) -> Shelf:
    for prompt in ("a red chair", "b", "Éa ab", "木椅", "bed AND breakfast", "near or far"):
        made(store, shelf, prompt)
    return shelf


def oracle(typed: str, columns: tuple[str, ...]) -> bool:
    """Whether a job is found, said in the plainest way: every term stands in some column, word after word."""
    terms = [(part, True) if number % 2 else (part, False) for number, part in enumerate(typed.split('"'))]
    wanted: list[tuple[tuple[str, ...], bool]] = []
    for part, is_quoted in terms:
        pieces = [part] if is_quoted else part.split()
        wanted += [(tokens(piece), is_quoted) for piece in pieces if tokens(piece)]
    return all(any(_stands_in(words, tokens(column), is_whole) for column in columns) for words, is_whole in wanted)


def _stands_in(words: tuple[str, ...], column: tuple[str, ...], is_whole: bool) -> bool:
    for start in range(len(column) - len(words) + 1):
        head, last = column[start : start + len(words) - 1], column[start + len(words) - 1]
        if head == words[:-1] and (last == words[-1] if is_whole else last.startswith(words[-1])):
            return True
    return False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(prompts=st.lists(TEXTS, min_size=1, max_size=4), typed=TEXTS)
def test_a_search_finds_what_a_plain_look_finds(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str], typed: str
) -> None:
    folder = tmp_path_factory.mktemp("found")
    store = Store(folder / "h.sqlite3", folder / "jobs")
    try:
        shelf = Shelf(store)
        rows = [made(store, shelf, prompt, engine="") for prompt in prompts]
        expected = {row.id for row in rows if oracle(typed, (row.title, row.request.prompt))}
        assert set(shelf.search(Wanted(typed))) == expected
    finally:
        store.close()


# -- filters and order


def test_every_filter_leaves_what_it_says(store: Store, shelf: Shelf) -> None:
    flat = replace(FACTS, watertight=False, faces=50)
    one = made(store, shelf, "one", engine="lathe", seconds=9.0)
    two = made(store, shelf, "two", facts=flat)
    pictures = made(store, shelf, "three", facts=None, goal="pictures", engine="lettering")
    failed = store.add(Request(prompt="four"))
    store.apply(Started(failed.id, time.time()))
    shelf.note(store.apply(Failed(failed.id, time.time(), "input", "No.", "Do.")))
    store.rate(one.id, 4)
    shelf.judged(one.id, {"print": "fit", "game": "not fit"})
    shelf.judged(two.id, {"print": "fit after fixes", "game": "fit"})
    for wanted, found in (
        (Wanted(), [failed, pictures, two, one]),
        (Wanted(sort=Sort.OLDEST), [one, two, pictures, failed]),
        (Wanted(sort=Sort.TITLE), [failed, one, pictures, two]),
        (Wanted(sort=Sort.STARS, kind=MESH), [one, two]),
        (Wanted(sort=Sort.FACES, kind=MESH), [one, two]),
        (Wanted(sort=Sort.SLOWEST, kind=MESH), [one, two]),
        (Wanted(states=("failed",)), [failed]),
        (Wanted(states=("failed", "stopped", "done")), [failed, pictures, two, one]),
        (Wanted(engine="lathe"), [one]),
        (Wanted(fit_for="print"), [one]),
        (Wanted(fit_for="game"), [two]),
        (Wanted(stars=4), [one]),
        (Wanted(stars=5), []),
        (Wanted(kind=MESH), [two, one]),
        (Wanted(kind=PICTURES), [pictures]),
        (Wanted(is_watertight=True), [one]),
        (Wanted(is_watertight=False), [two]),
        (Wanted(since=two.created), [failed, pictures, two]),
        (Wanted(until=two.created), [one]),
        (Wanted("o", kind=MESH), [one]),
    ):
        expected = [row.id for row in found]
        assert list(shelf.search(wanted)) == expected, wanted


def test_the_trash_is_apart(store: Store, shelf: Shelf) -> None:
    one, two = made(store, shelf, "one"), made(store, shelf, "two")
    shelf.tag([one.id, two.id], "pair")
    shelf.collect([one.id], "Best")
    store.trash(one.id)
    assert shelf.search(Wanted()) == (two.id,)
    assert shelf.search(Wanted(is_trash=True)) == (one.id,)
    assert shelf.tags() == (("pair", 1),)
    assert shelf.collections() == (("Best", 0),)
    store.restore(one.id)
    assert shelf.collections() == (("Best", 1),)


def test_what_is_gone_for_good_is_forgotten(store: Store, shelf: Shelf) -> None:
    one = made(store, shelf, "one")
    shelf.tag([one.id], "x")
    shelf.collect([one.id], "Best")
    shelf.keep(one.id, Looked(5, vector=unit(0).tobytes()))
    store.delete(one.id)
    shelf.forget([one.id])
    assert shelf.search(Wanted()) == shelf.search(Wanted("one")) == ()
    assert shelf.tags() == ()
    assert shelf.collections() == (("Best", 0),)
    for table in ("entry", "look", "tag", "collected", "words"):
        assert store.database.select(f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0
    with pytest.raises(HistoryProblem):
        shelf.entry(one.id)


# -- tags and collections


def test_tags_are_one_whatever_the_case_and_last(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite3", tmp_path / "jobs")
    shelf = Shelf(store)
    one, two = made(store, shelf, "one"), made(store, shelf, "two")
    assert shelf.tag([one.id], "  Living   Room ") == "Living Room"
    assert shelf.tag([two.id], "living room") == "Living Room"
    assert shelf.tag([two.id], " \x00 ") == ""
    shelf.tag([two.id], "zoo")
    store.close()
    store = Store(tmp_path / "h.sqlite3", tmp_path / "jobs")
    shelf = Shelf(store)
    assert shelf.tags() == (("Living Room", 2), ("zoo", 1))
    assert shelf.search(Wanted(tags=("Living Room", "zoo"))) == (two.id,)
    assert shelf.suggested("liv") == shelf.suggested("roo") == ("Living Room",)
    assert shelf.suggested("", without=("living room",)) == ("zoo",)
    assert shelf.suggested("x") == ()
    assert shelf.entry(two.id).tags == ("Living Room", "zoo")
    store.close()


def test_collections_are_made_renamed_joined_and_dissolved(store: Store, shelf: Shelf) -> None:
    one, two = made(store, shelf, "one"), made(store, shelf, "two")
    assert shelf.collect([], "Later") == "Later"
    shelf.collect([one.id], "Best")
    shelf.collect([two.id, one.id], "best")
    assert shelf.collections() == (("Best", 2), ("Later", 0))
    assert set(shelf.search(Wanted(collection="Best"))) == {one.id, two.id}
    shelf.uncollect([one.id], "Best")
    shelf.collect([one.id], "Later")
    assert shelf.rename("Best", "Later") == "Later"
    assert shelf.collections() == (("Later", 2),)
    assert shelf.rename("Later", "Sooner") == "Sooner"
    assert shelf.entry(one.id).collections == ("Sooner",)
    shelf.dissolve("Sooner")
    assert shelf.collections() == ()
    assert set(shelf.search(Wanted())) == {one.id, two.id}


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_none(text: str) -> None:
    name = tidy(text)
    assert name == tidy(name)
    assert len(name) <= 40
    name.encode()


# -- what is kept of each job


def unit(place: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    vector = np.zeros(LENGTH, np.float32)
    vector[place] = 1
    return vector


def test_what_was_not_noted_is_found_and_noted(store: Store, shelf: Shelf) -> None:
    rows = [store.add(Request(prompt=name)) for name in ("one", "two", "three")]
    assert shelf.search(Wanted("two")) == ()
    assert shelf.unnoted() == tuple(row.id for row in reversed(rows))
    assert shelf.unnoted(1) == (rows[2].id,)
    for id_ in shelf.unnoted():
        shelf.note(store.row(id_))
    assert shelf.unnoted() == ()
    assert shelf.search(Wanted("two")) == (rows[1].id,)
    assert shelf.unseen() == ()  # they have not ended


def test_an_entry_says_what_was_kept(store: Store, shelf: Shelf) -> None:
    row = made(store, shelf, "one")
    assert shelf.entry(row.id) == Entry(row, MESH, None, 200, True)
    assert shelf.unseen() == shelf.unjudged() == (row.id,)
    shelf.judged(row.id, {"print": "fit"})
    shelf.keep(row.id, Looked(1234, 200, True))
    assert shelf.entry(row.id) == Entry(row, MESH, 1234, 200, True, {"print": "fit"})
    assert shelf.unseen() == shelf.unjudged() == ()
    shelf.keep(row.id, Looked(1300, 90, False))  # another mesh: its verdict is not known
    assert shelf.entry(row.id) == Entry(row, MESH, 1300, 90, False, {})
    shelf.changed(row.id)
    assert shelf.unseen() == (row.id,)
    shelf.note(store.apply(Stopped(row.id, 1.0)))  # what comes late changes nothing but what was found out
    assert shelf.entry(row.id).size_bytes is None


def test_entries_come_in_the_order_of_the_ids_and_without_those_that_are_gone(store: Store, shelf: Shelf) -> None:
    rows = [made(store, shelf, name) for name in "abc"]
    asked = (rows[2].id, "gone", rows[0].id)
    assert [entry.row.title for entry in shelf.entries(asked)] == ["c", "a"]
    assert shelf.entries(()) == ()
    assert shelf.engines() == (("extrude", 3),)


def test_a_result_is_looked_at_and_found_by_its_look(store: Store, shelf: Shelf, tmp_path: Path) -> None:
    rows = []
    for alpha, colour, mesh in (
        (STAR, (200, 40, 30), box(0.1, 0.1, 0.1)),
        (DISC, (200, 40, 30), torus()),
        (STAR, (40, 60, 200), torus()),
    ):
        row = made(store, shelf, "thing")
        write_png(coloured(alpha, colour), row.folder / "cutout.png")
        write_png(coloured(alpha, colour), row.folder / THUMBNAIL)
        write_mesh(mesh, row.folder / "result.glb", {})
        looked = look_at(str(row.folder), silent, never)
        assert looked.faces == len(mesh.faces)
        assert looked.is_watertight
        assert looked.size_bytes == sum(path.stat().st_size for path in row.folder.iterdir())
        shelf.keep(row.id, looked)
        rows.append(row.id)
    look = describe_picture(coloured(STAR, (190, 45, 35)))
    found = shelf.alike(look, Wanted())
    assert next(id_ for id_, _ in found) == rows[0]
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert len(found) == 3
    fresh = Shelf(store)  # reads the vectors from the database
    again = fresh.alike(look, Wanted())
    assert again == found
    assert [id_ for id_, _ in fresh.alike(look, Wanted(engine="lathe"))] == []
    own = fresh.looks.of(rows[1])
    assert own is not None
    assert fresh.alike(own, Wanted())[0] == (rows[1], pytest.approx(1.0, abs=1e-5))


def test_looks_equal_plain_cosines(store: Store, shelf: Shelf) -> None:
    rows = [made(store, shelf, str(number)) for number in range(20)]
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20, LENGTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert shelf.looks.of(rows[0].id) is None
    for row, vector in zip(rows, vectors, strict=True):
        shelf.keep(row.id, Looked(1, kind=KIND, vector=vector.tobytes()))
    shelf.keep(rows[3].id, Looked(1, kind="another", vector=b"1234"))  # another kind does not mix
    found = dict(shelf.alike(vectors[7], Wanted()))
    for row, vector in zip(rows, vectors, strict=True):
        assert found[row.id] == pytest.approx(float(np.dot(vector, vectors[7])), abs=1e-5)
    shelf.forget([rows[7].id])
    assert rows[7].id not in dict(shelf.alike(vectors[7], Wanted()))
    assert len(shelf.looks) == 19


def test_looks_are_read_in_slices(store: Store, shelf: Shelf) -> None:
    rows = [made(store, shelf, str(number)) for number in range(7)]
    for place, row in enumerate(rows):
        shelf.keep(row.id, Looked(1, vector=unit(place).tobytes()))
    fresh = Shelf(store)
    counts = []
    while not fresh.looks.is_read:
        fresh.looks.read(3)
        counts.append(len(fresh.looks))
    assert counts == [3, 6, 7]
    fresh.looks.read(3)
    assert len(fresh.looks) == 7
    assert fresh.alike(unit(5), Wanted())[0] == (rows[5].id, 1.0)
    assert Shelf(store).looks.of(rows[5].id) == pytest.approx(unit(5))


def test_files_that_cannot_be_read_are_passed_over(store: Store, shelf: Shelf) -> None:
    row = made(store, shelf, "one")
    (row.folder / "cutout.png").write_bytes(b"no picture")
    (row.folder / "result.glb").write_bytes(b"no mesh")
    looked = look_at(str(row.folder), silent, never)
    assert looked.faces is None
    assert not looked.vector
    assert judge_at(str(row.folder), silent, never) == {}
    shelf.keep(row.id, looked)
    assert shelf.unseen() == ()


def test_the_mesh_as_its_edits_have_left_it_counts(store: Store, shelf: Shelf) -> None:
    row = made(store, shelf, "one")
    write_mesh(box(0.1, 0.1, 0.1), row.folder / "result.glb", {})
    before = judge_at(str(row.folder), silent, never)
    assert set(before) == {"print", "game", "web", "render"}
    keep_edit(row.folder, "Another", (), torus())
    assert look_at(str(row.folder), silent, never).faces == len(torus().faces)


def test_links_do_not_count_for_the_size(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 5000)
    folder = tmp_path / "job"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_bytes(b"12345")
    (folder / "link").symlink_to(outside)
    (folder / "file").symlink_to(outside / "large")
    assert size_of(folder) == 5
    assert size_of(tmp_path / "gone") == 0


def test_the_index_is_ascii_and_tells_letters_apart() -> None:
    assert indexed("Ω ω 木") == "_0003c9 _0003c9 _006728"
    assert indexed("ж") != indexed("з")
