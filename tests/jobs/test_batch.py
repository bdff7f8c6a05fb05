"""Batches: which pictures there are, what their results are called, and what is known about them after a crash."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from img2model_desktop.core.request import Quality, Request
from img2model_desktop.errors import InputProblem, SetupProblem
from img2model_desktop.jobs.batch import Batch, Source, content_hash
from img2model_desktop.jobs.batch_ledger import LEDGER, Entry, Ledger, Outcome, read_batch, read_entries
from img2model_desktop.jobs.batch_run import Standing, devices_of, time_words
from img2model_desktop.jobs.batch_scan import Scanner, natural

PNG = b"\x89PNG\r\n\x1a\n"


def batch_of(tmp_path: Path, *sources: str, recursive: bool = True, suffix: str = ".glb") -> Batch:
    folders = tuple(tmp_path / name for name in sources or ("in",))
    return Batch(folders, tmp_path / "out", Request(engine="inflate"), suffix, recursive=recursive)


def put(folder: Path, *names: str, content: bytes = PNG) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def keys(batch: Batch) -> list[str]:
    return [source.key for source in Scanner(batch, lambda _: False).scan()]


def done(source: Source, result: str, batch: Batch) -> Entry:
    """What the run would write about a picture whose result is there."""
    (batch.target / result).write_bytes(b"mesh")
    return Entry(source.key, Outcome.DONE, result, *source.look, content_hash(source.path), batch.stamp)


def names(ledger: Ledger, batch: Batch) -> dict[str, str]:
    results = ledger.begin(Scanner(batch, ledger.is_ours).scan())
    return {key: path.relative_to(batch.target).as_posix() for key, path in results.items()}


# -- scanning


def test_pictures_are_found_by_content_and_sorted_as_people_count(tmp_path: Path) -> None:
    put(tmp_path / "in", "b 10.png", "b 2.png", "A.JPG", "no suffix", "deep/er/c.webp", "phone.heic")
    put(tmp_path / "in", "notes.txt", "table.pdf", "mesh.glb", content=b"%PDF or anything else")
    put(tmp_path / "in", "empty.png", content=b"")
    batch = batch_of(tmp_path)
    assert keys(batch) == ["A.JPG", "b 2.png", "b 10.png", "deep/er/c.webp", "empty.png", "no suffix", "phone.heic"]
    assert keys(replace(batch, recursive=False)) == [key for key in keys(batch) if "/" not in key]


def test_hidden_passing_and_own_files_are_no_sources(tmp_path: Path) -> None:
    put(tmp_path / "in", ".hidden.png", "~$lock.png", "a.png.part", "b.crdownload", ".git/x.png", "r.thumbs/1.png")
    put(tmp_path / "in" / "out", "texture.png")
    put(tmp_path / "in", "seen.png")
    assert keys(replace(batch_of(tmp_path), target=tmp_path / "in" / "out")) == ["seen.png"]


def test_results_among_the_sources_are_no_sources(tmp_path: Path) -> None:
    """OBJ files come with a picture: a batch into its own folder must not take it for the next source."""
    put(tmp_path / "in", "cup.png")
    batch = replace(batch_of(tmp_path, suffix=".obj"), target=tmp_path / "in")
    with Ledger(batch) as ledger:
        assert names(ledger, batch) == {"cup.png": "cup.obj"}
        put(tmp_path / "in", "cup.obj", "cup.mtl", "cup_base_colour.png", "cup_basecolor.png", "other.png")
        from img2model_desktop.core.mesh_files import names_of

        for name in names_of(Path("cup.obj")):
            put(tmp_path / "in", name)
        found = {source.key for source in Scanner(batch, ledger.is_ours).scan()}
    assert found == {"cup.png", "cup_base_colour.png", "cup_basecolor.png", "other.png"} - set(
        names_of(Path("cup.obj"))
    )


def test_several_sources_of_the_same_names_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "one" / "toys", "a.png")
    put(tmp_path / "two" / "toys", "a.png")
    put(tmp_path / "three", "a.png")
    found = keys(batch_of(tmp_path, "one/toys", "two/toys", "three", "three/a.png"))
    assert len(found) == len(set(found)) == 4
    assert {"three/a.png", "a.png"} < set(found)
    assert found == keys(batch_of(tmp_path, "three/a.png", "three", "two/toys", "one/toys"))  # whatever their order


def test_a_missing_source_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputProblem, match="is not there") as caught:
        keys(batch_of(tmp_path))
    assert "in" in caught.value.message


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png", "shut/b.png")
    (tmp_path / "in" / "shut").chmod(0)
    scanner = Scanner(batch_of(tmp_path), lambda _: False)
    found = scanner.scan()
    (tmp_path / "in" / "shut").chmod(0o700)
    assert [source.key for source in found] == ["a.png"]
    assert len(scanner.unread) == 1
    assert "shut" in scanner.unread[0]


def test_natural_order() -> None:
    assert sorted(["x10", "x9", "X1", "", "x", "9", "10a", "x09b"], key=natural) == [
        "", "9", "10a", "x", "X1", "x9", "x09b", "x10",
    ]  # fmt: skip


def test_a_growing_file_is_taken_only_when_it_rests(tmp_path: Path) -> None:
    put(tmp_path / "in", "whole.png")
    put(tmp_path / "in", "growing.png", content=b"")
    scanner = Scanner(batch_of(tmp_path), lambda _: False)
    growing = tmp_path / "in" / "growing.png"
    taken = []
    for step in range(5):
        taken.append([source.key for source in scanner.rested()])
        if step < 3:
            growing.write_bytes(growing.read_bytes() + PNG)
            os.utime(growing, ns=(1, 1000 + step if step != 1 else 1000))  # once only the size tells
    assert taken == [[], ["whole.png"], ["whole.png"], ["whole.png"], ["growing.png", "whole.png"]]


# -- names


def test_results_are_named_after_their_pictures(tmp_path: Path) -> None:
    put(tmp_path / "in", "cup.png", "twin.png", "twin.JPG", "Case.png", "case.jpg", "sub/cup.png", "ünï çödé 3.png")
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        assert names(ledger, batch) == {
            "cup.png": "cup.glb",
            "twin.png": "twin.png.glb",
            "twin.JPG": "twin.JPG.glb",
            "Case.png": "Case.png.glb",  # the same file to Windows and macOS
            "case.jpg": "case.jpg.glb",
            "sub/cup.png": "sub/cup.glb",
            "ünï çödé 3.png": "ünï çödé 3.glb",
        }
        assert (tmp_path / "out" / "sub").is_dir()


def test_a_name_once_given_stays(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png")
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        assert names(ledger, batch) == {"a.png": "a.glb"}
    put(tmp_path / "in", "a.jpg")
    with Ledger(batch) as ledger:
        assert names(ledger, batch) == {"a.jpg": "a.jpg.glb", "a.png": "a.glb"}
    with Ledger(replace(batch, suffix=".stl")) as ledger:
        assert names(ledger, ledger.batch) == {"a.jpg": "a.jpg.stl", "a.png": "a.png.stl"}


def test_files_of_the_user_are_never_replaced(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png", "b.png")
    put(tmp_path / "out", "a.glb", "a.png.glb", "b.json", content=b"mine")
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        found = names(ledger, batch)
    assert found["b.png"] == "b.glb"
    assert found["a.png"] not in ("a.glb", "a.png.glb")
    assert found["a.png"].startswith("a.png-")


@pytest.mark.skipif(sys.platform != "linux", reason="names of 255 bytes, and of bytes that are no text")
def test_very_long_names_and_names_that_are_no_text(tmp_path: Path) -> None:
    put(tmp_path / "in", "ä" * 125 + ".png", "ä" * 124 + "b.png", "x" * 251 + ".png", os.fsdecode(b"bad\xff.png"))
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        found = names(ledger, batch)
        assert len(set(found.values())) == 4
        for name in found.values():
            path = batch.target / name
            path.with_name(f"{path.stem}_metallic_roughness.png").write_bytes(b"")  # room for what comes along
    with Ledger(batch) as ledger:
        assert names(ledger, batch) == found  # what was read from the disk is the same


# -- ledger


def test_what_is_done_is_not_due_until_something_changes(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png")
    batch = batch_of(tmp_path)
    picture = tmp_path / "in" / "a.png"

    def is_due(asked: Batch = batch) -> bool:
        with Ledger(asked) as ledger:
            (source,) = Scanner(asked, ledger.is_ours).scan()
            return ledger.is_due(source)

    with Ledger(batch) as ledger:
        (source,) = Scanner(batch, ledger.is_ours).scan()
        assert ledger.is_due(source)
        ledger.begin([source])
        assert ledger.is_due(source)
        ledger.end(done(source, "a.glb", batch))
    assert not is_due()
    os.utime(picture, ns=(5, 5))
    assert not is_due()  # touched, not changed
    assert read_entries(batch.target)[0].mtime_ns == 5  # and not hashed again
    assert is_due(replace(batch, request=replace(batch.request, quality=Quality.HIGH)))
    assert is_due(replace(batch, suffix=".stl"))
    assert not is_due(replace(batch, recursive=False))
    picture.write_bytes(PNG + b"more")
    assert is_due()
    picture.write_bytes(PNG)
    assert not is_due()
    (batch.target / "a.glb").unlink()
    assert is_due()


@pytest.mark.parametrize(("kind", "again"), [("input", False), ("engine", False), ("memory", False), ("setup", True)])
def test_what_failed_by_itself_waits_for_the_user(tmp_path: Path, kind: str, again: bool) -> None:
    put(tmp_path / "in", "a.png")
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        (source,) = Scanner(batch, ledger.is_ours).scan()
        ledger.begin([source])
        ledger.end(Entry(source.key, Outcome.FAILED, "a.glb", *source.look, stamp=batch.stamp, error_kind=kind))
        assert ledger.is_due(source) is again
        assert ledger.is_due(source, retry_failed=True)


def test_lines_that_a_crash_has_cut_are_passed_over(tmp_path: Path) -> None:
    """Cut at every byte: what came before the cut is known, nothing raises, and the next line is whole again."""
    put(tmp_path / "in", "a.png", "b.png")
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        first, second = Scanner(batch, ledger.is_ours).scan()
        ledger.begin([first, second])
        ledger.end(done(first, "a.glb", batch))
        ledger.end(done(second, "b.glb", batch))
    path = batch.target / LEDGER
    whole = path.read_bytes()
    ends = [number + 1 for number, byte in enumerate(whole) if byte == 10]
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        with Ledger(batch) as ledger:
            known = sum(entry.state is Outcome.DONE for entry in ledger.entries())
            assert known == max(sum(end <= cut + 1 for end in ends) - 3, 0)
            ledger.end(done(second, "b.glb", batch))
        entry = {entry.key: entry for entry in read_entries(batch.target)}["b.png"]
        assert entry.state is Outcome.DONE
        assert entry.sha256 == content_hash(tmp_path / "in" / "b.png")
        assert [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]


def test_a_batch_is_read_back_from_its_folder(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png")
    options = (("relief", 0.4), ("texture", True))
    request = Request(engine="inflate", quality=Quality.DRAFT, size_mm=42.5, options=options, picture="x", seed=7)
    batch = Batch((tmp_path / "in",), tmp_path / "out", request, ".obj", "z", recursive=True)
    Ledger(batch).close()
    assert read_batch(tmp_path / "out") == replace(batch, request=replace(request, picture=""))
    with pytest.raises(InputProblem, match="no batch"):
        read_batch(tmp_path / "in")


def test_one_folder_holds_one_batch(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png")
    put(tmp_path / "other", "a.png")
    Ledger(batch_of(tmp_path)).close()
    with pytest.raises(InputProblem, match="another batch"):
        Ledger(batch_of(tmp_path, "other"))
    (tmp_path / "in").rename(tmp_path / "moved")
    with Ledger(batch_of(tmp_path, "moved")) as ledger:  # the same pictures at another place
        assert ledger.batch.sources == (tmp_path / "moved",)


def test_one_program_at_a_time(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.png")
    with Ledger(batch_of(tmp_path)), pytest.raises(SetupProblem, match="already"):
        Ledger(batch_of(tmp_path))
    Ledger(batch_of(tmp_path)).close()


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "out", LEDGER, content=b'{"version": 99, "batch": {}}\n')
    with pytest.raises(SetupProblem, match="newer version"):
        Ledger(batch_of(tmp_path))


def test_what_a_killed_program_left_is_cleared(tmp_path: Path) -> None:
    put(tmp_path / "in", "sub/a.png")
    batch = batch_of(tmp_path)
    with Ledger(batch) as ledger:
        names(ledger, batch)
    left = batch.target / "sub" / ".image2model-0a1b2c3d"
    young, theirs = batch.target / ".image2model-11111111", batch.target / ".keep"
    for folder in (left, young, theirs):
        put(folder, "half.glb")
    for folder in (left, theirs):
        os.utime(folder, (1, 1))
    Ledger(batch).close()
    assert [folder.exists() for folder in (left, young, theirs)] == [False, True, True]


# -- run


def test_devices() -> None:
    assert devices_of("", 0) == ("",)
    assert devices_of("", 3) == ("", "", "")
    assert devices_of("0,1", 0) == ("0", "1")
    assert devices_of("0, 1", 3) == ("0", "1", "0")
    assert devices_of("cpu", 2) == ("cpu", "cpu")
    with pytest.raises(InputProblem, match="no device"):
        devices_of("gpu0", 0)


def test_the_time_left_is_reckoned_from_what_was_made() -> None:
    sources = tuple(Source(str(number), Path(str(number)), 1, 1) for number in range(10))
    ended = tuple(Entry(str(number), Outcome.DONE, "") for number in range(2))
    standing = Standing(sources, frozenset({"8", "9"}), ended, 30.0)
    assert standing.left == 6
    assert standing.left_s == pytest.approx(90.0)
    assert Standing(sources, frozenset(), (), 30.0).left_s is None
    assert [time_words(seconds) for seconds in (1, 43, 89, 100, 3700, 8000)] == [
        "5 s", "45 s", "90 s", "2 min", "62 min", "2.2 h",
    ]  # fmt: skip


def test_what_is_begun_keeps_its_time(tmp_path: Path) -> None:
    """Jobs of an earlier run are told by it from those before: a second look must not make it younger."""
    put(tmp_path / "in", "a.png")
    batch = batch_of(tmp_path)
    times = []
    for content in (PNG, PNG, PNG + b"changed"):
        (tmp_path / "in" / "a.png").write_bytes(content)
        os.utime(tmp_path / "in" / "a.png", ns=(1, 1))
        with Ledger(batch) as ledger:
            names(ledger, batch)
        times.append(read_entries(batch.target)[0].at)
    assert times[0] == times[1] < times[2]
