"""The library of weights: what the user brings is found, taken in whole or not at all, verified, exported, removed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from img2model_desktop.core import atomic
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import catalog
from img2model_desktop.engines.weights import library, recognise, sets
from img2model_desktop.engines.weights.found import FREE_LICENCES, MAX_COMPANION
from img2model_desktop.engines.weights.library import Found, Library, Origin, Standing
from img2model_desktop.engines.weights.pipelines import PLACE
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import Cancelled, InputProblem, SetupProblem
from tests.published import (
    TINY,
    add_tiny,
    as_half,
    facts_of,
    hub_cache,
    published_bytes,
    published_tiny,
    random_tensors,
    write,
    write_shards,
    write_sparse,
)

LINKS = pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    """The folder that the user has: a clone of the repository "someone/Tiny"."""
    return tmp_path / "brought"


@pytest.fixture
def tiny(brought: Path, monkeypatch: pytest.MonkeyPatch) -> WeightSet:
    """A set of the table whose published files lie in `brought`."""
    entry = add_tiny(brought, monkeypatch)
    (brought / "config.json").write_text("{}", encoding="utf-8")
    (brought / "README.md").write_text("---\nlicense: mit\n---\nA model.", encoding="utf-8")
    (brought / "LICENSE").write_text("The licence of Tiny.", encoding="utf-8")
    return entry


@pytest.fixture
def shelf(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def message(call: Callable[[], object]) -> str:
    with pytest.raises(SetupProblem) as caught:
        call()
    assert caught.value.advice
    return caught.value.message


def fine_tune(path: Path, scale: float = 2.0) -> Path:
    tensors = random_tensors(facts_of(published_tiny()))
    return write(path, {n: t * scale if t.is_floating_point() else t for n, t in tensors.items()})


# -- the table ---------------------------------------------------------------------------------------------------------


def test_every_set_is_free_for_commercial_use_everywhere() -> None:
    assert {entry.licence for entry in sets.SETS} <= FREE_LICENCES
    own = {spec.key for spec in catalog.ENGINES if spec.weights == PLACE}  # what the user links to has its own licence
    assert {spec.licence for spec in catalog.ENGINES if spec.key not in own} <= FREE_LICENCES
    for name in FREE_LICENCES:
        assert "NC" not in name.split("-")
    owners = {entry.source.split("/")[0].lower() for entry in sets.SETS}
    assert owners.isdisjoint({"briaai", "tencent", "stepfun-ai"})
    assert "stabilityai" not in {o for e in sets.SETS if e.key != "triposr" for o in e.source.split("/")[:1]}


def test_engines_need_sets_that_there_are() -> None:
    for spec in catalog.ENGINES:
        if spec.weights and spec.weights != PLACE:
            assert sets.find(spec.weights).licence in FREE_LICENCES


def test_manifests_predict_the_published_sizes() -> None:
    sizes = {entry.key: entry.files[0].bytes for entry in sets.SETS}
    for key in ("birefnet-lite", "birefnet", "depth-small"):
        assert published_bytes(recognise.manifest(key)) == sizes[key]
    data = sum(facts.bytes for facts in recognise.manifest("triposr").values())
    assert data == 1_677_102_512
    assert 0 < sizes["triposr"] - data < 200_000  # the container of a pickle


@pytest.mark.parametrize("entry", sets.SETS, ids=lambda entry: entry.key)
def test_networks_have_the_published_names_and_shapes(entry: WeightSet) -> None:
    import importlib

    module, function = entry.network.split(":")
    net = getattr(importlib.import_module(module), function)()
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    have = {name: facts.shape for name, facts in recognise.manifest(entry.key).items()}
    unused = entry.unused or ("\0",)
    assert recognise.difference(wanted, have, lambda name: name.startswith(unused)) == ""
    assert all(tensor.is_meta for tensor in net.state_dict().values())


# -- finding -----------------------------------------------------------------------------------------------------------


def test_a_clone_is_found_with_what_goes_along(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    (brought / ".git").mkdir()
    (brought / ".git" / "config").write_text('[remote "origin"]\n\turl = https://hub/someone/Tiny\n', encoding="utf-8")
    found = shelf.find(brought)
    assert [(file.path, file.bytes) for file in found.files] == [
        ("model.safetensors", tiny.files[0].bytes),
        ("config.json", 2),
    ]
    assert (found.key, found.source, found.licence, found.kind) == (TINY, "someone/Tiny", "MIT", "safetensors")
    assert found.is_published_size


def test_any_name_and_any_depth_will_do(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    deep = brought / "a" / "b" / "checkpoint.pt"
    deep.parent.mkdir(parents=True)
    (brought / "model.safetensors").rename(deep)
    assert shelf.find(brought).files[0].source == deep
    assert shelf.find(deep).files[0].path == "model.safetensors"
    bare = deep.rename(deep.with_name("no suffix at all"))
    assert shelf.find(bare).key == TINY


@LINKS
def test_a_hub_cache_is_found_through_its_links(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognise, "LEAST_BYTES", 1)  # the files that the links lead to have no suffix
    names = ("model.safetensors", "config.json")
    snapshot = hub_cache(tmp_path / "hub", tiny.source, {name: brought / name for name in names})
    assert list(recognise.candidates(tmp_path / "hub")) == [snapshot / "model.safetensors"]
    for path in (tmp_path / "hub", snapshot.parents[1], snapshot, snapshot / "model.safetensors"):
        found = shelf.find(path)
        assert (found.source, found.revision) == ("someone/Tiny", snapshot.name)
        assert found.files[0].sha256 == tiny.files[0].sha256
        assert found.files[0].source == snapshot / "model.safetensors"
    assert shelf.take(found).origin is Origin.PUBLISHED
    assert "copy" in shelf.state(TINY).how
    assert not (tmp_path / "library" / TINY / "files" / "model.safetensors").is_symlink()


def test_of_two_files_the_published_one_is_taken(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    tensors = random_tensors(facts_of(published_tiny()))
    write(brought / "a.ckpt", tensors)
    write(brought / "z.safetensors", {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()})
    write(brought / "large.safetensors", {n: t.double() if t.is_floating_point() else t for n, t in tensors.items()})
    assert shelf.find(brought).files[0].source.name == "model.safetensors"
    (brought / "large.safetensors").unlink()
    (brought / "model.safetensors").unlink()
    assert shelf.find(brought).files[0].source.name == "z.safetensors"  # mapped, and nothing in it could run


def test_several_sets_are_told_apart(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    write_sparse(brought / "x.bin", recognise.manifest("depth-small"))
    assert message(lambda: shelf.find(brought)) == "“brought” holds Depth Anything V2 Small and Tiny."
    assert shelf.find(brought, TINY).key == TINY
    assert [found.key for found in shelf.find_all(brought)] == ["depth-small", TINY]
    assert message(lambda: shelf.find(brought / "x.bin", TINY)) == "“x.bin” holds Depth Anything V2 Small, not Tiny."


def test_files_of_other_programs_are_left_alone(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    (brought / "film.mov").write_bytes(b"\0" * 2_000_000)
    (brought / "archive.zip").write_bytes(b"PK\x03\x04" + b"\0" * 2_000_000)
    assert shelf.find(brought).key == TINY


def test_nothing_to_find_is_told(tmp_path: Path, shelf: Library) -> None:
    (tmp_path / "empty").mkdir()
    assert message(lambda: shelf.find(tmp_path / "empty")) == "There are no weights in “empty”."
    assert message(lambda: shelf.find(tmp_path / "nowhere")) == "“nowhere” is not there."
    (tmp_path / "empty" / "model_index.json").write_text("{}", encoding="utf-8")
    assert "making pictures from words" in message(lambda: shelf.find(tmp_path / "empty"))


def test_what_is_wrong_with_the_only_file_is_told(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    os.truncate(brought / "model.safetensors", 9_000)
    assert message(lambda: shelf.find(brought)) == "“model.safetensors” is cut off: 9.0 kB of 22 kB are there."


@pytest.mark.parametrize(
    ("card", "config"),
    [
        ("---\nlicense: other\nlicense_name: bria-rmbg-2.0\n---", ""),
        ("---\nlicense: cc-by-nc-4.0\n---", ""),
        ("", '[remote "origin"]\n\turl = git@hub:briaai/RMBG-2.0.git\n'),
    ],
)
def test_what_looks_free_and_is_not_is_refused(
    brought: Path, tiny: WeightSet, shelf: Library, card: str, config: str
) -> None:
    (brought / "README.md").write_text(card, encoding="utf-8")
    (brought / ".git").mkdir()
    (brought / ".git" / "config").write_text(config, encoding="utf-8")
    assert "may not be used commercially" in message(lambda: shelf.find(brought))


# -- taking in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["copy", "link", "move"])
def test_a_set_is_taken_in(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, how: str) -> None:
    before = content(brought)
    fractions: list[float] = []
    state = shelf.take(shelf.find(brought), how, Progress(fractions.append))
    assert (state.standing, state.origin, state.how) == (Standing.READY, Origin.PUBLISHED, how)
    assert (state.licence, state.source, state.bytes) == ("MIT", "someone/Tiny", tiny.files[0].bytes + 2)
    files = shelf.folder(TINY)
    assert content(files) == {name: before[name] for name in ("model.safetensors", "config.json")}
    assert (files / "model.safetensors").is_symlink() == (how == "link")
    taken = {"model.safetensors", "config.json"} if how == "move" else set()
    assert content(brought) == {name: data for name, data in before.items() if name not in taken}
    assert fractions[-1] == 1.0
    home = tmp_path / "library" / TINY
    assert (home / "LICENSE.txt").read_text(encoding="utf-8") == "The licence of Tiny."
    record = json.loads((home / "engine.json").read_text(encoding="utf-8"))
    assert record["files"][0]["sha256"] == tiny.files[0].sha256
    assert record["files"][0]["verified"].endswith("+00:00")
    assert [path.name for path in (tmp_path / "library").iterdir()] == [TINY]


def test_a_fine_tune_is_taken_in_and_called_one(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    fine_tune(brought / "model.safetensors")
    (brought / "README.md").write_text("---\nlicense: apache-2.0\n---", encoding="utf-8")
    state = shelf.take(shelf.find(brought))
    assert (state.standing, state.origin, state.licence) == (Standing.READY, Origin.OTHER, "Apache-2.0")
    (brought / "README.md").unlink()
    assert shelf.take(shelf.find(brought)).licence == "unknown"


def test_half_precision_and_parts_are_taken_in(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    tensors = random_tensors(facts_of(published_tiny()))
    half = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
    state = shelf.take(shelf.find(write(tmp_path / "half.safetensors", half)))
    assert (state.standing, state.origin) == (Standing.READY, Origin.OTHER)
    shelf.take(shelf.find(write(tmp_path / "m.ckpt", tensors)))
    assert [path.name for path in shelf.folder(TINY).iterdir()] == ["model.ckpt"]
    index = write_shards(tmp_path / "parts", tensors)
    for path in (index, index.parent):
        shelf.take(shelf.find(path))
        assert len(list(shelf.folder(TINY).iterdir())) == 3


def test_where_no_hash_is_known_the_size_speaks(tmp_path: Path, shelf: Library) -> None:
    path = write_sparse(tmp_path / "x", recognise.manifest("depth-small"))
    assert shelf.take(shelf.find(path), "link").origin is Origin.OTHER  # its published hash is known
    path = write_sparse(tmp_path / "y", recognise.manifest("birefnet-lite"))
    found = shelf.find(path)
    assert found.is_published_size
    assert shelf.take(found, "link").origin is Origin.LIKELY
    assert not shelf.find(write_sparse(path, as_half(recognise.manifest("birefnet-lite")))).is_published_size


def test_taking_in_again_replaces(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    shelf.take(shelf.find(fine_tune(tmp_path / "m.ckpt")))
    shelf.take(shelf.find(brought))
    assert shelf.state(TINY).origin is Origin.PUBLISHED
    assert sorted(content(shelf.folder(TINY))) == ["config.json", "model.safetensors"]
    assert message(lambda: shelf.take(shelf.find(tmp_path / "library"))) == "Tiny is in the library already."


def test_cancelled_anywhere_nothing_has_changed(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.take(shelf.find(fine_tune(tmp_path / "m.safetensors")))
    before = content(tmp_path)
    monkeypatch.setattr(library, "CHUNK", 5_000)
    monkeypatch.setattr(library, "FLUSH", 7_000)
    found = shelf.find(brought)
    for how in ("copy", "link", "move"):
        for stop_at in range(1, 6):
            asked = iter(range(1000))
            with pytest.raises(Cancelled):
                shelf.take(found, how, Progress(is_cancelled=lambda: next(asked) >= stop_at))  # noqa: B023 - it is called within the round
    assert content(tmp_path) == before
    assert [path.name for path in (tmp_path / "library").iterdir()] == [TINY]


def test_a_disk_without_space_is_told_before_anything_is_written(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shelf.find(brought)
    monkeypatch.setattr(library.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 20_000))
    said = message(lambda: shelf.take(found))
    assert said == "There is not enough space: 22 kB are needed and 20 kB are free."
    assert not (tmp_path / "library").exists()
    assert shelf.take(found, "link").standing is Standing.READY
    monkeypatch.setattr(library, "SPARE", 0)
    assert "not enough space" in message(lambda: shelf.export(TINY, tmp_path))


def test_a_failure_in_the_last_step_leaves_everything_as_it_was(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.take(shelf.find(fine_tune(tmp_path / "m.safetensors")))
    before = content(tmp_path)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(atomic.HIDDEN_PREFIX) and not self.name.endswith(".old"):
            raise PermissionError(13, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    for how in ("copy", "link", "move"):
        assert "cannot be written" in message(lambda: shelf.take(shelf.find(brought), how))  # noqa: B023 - it is called within the round
    assert content(tmp_path) == before


def test_what_an_ended_import_left_is_cleared(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    old, new = (tmp_path / "library" / f"{atomic.HIDDEN_PREFIX}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"0")
    for path in (old / "half", old, new):  # somebody still writes into the other one
        os.utime(path, (0, 0))
    shelf.take(shelf.find(brought))
    assert sorted(path.name for path in (tmp_path / "library").iterdir()) == [new.name, TINY]


@LINKS
def test_a_link_of_the_cache_is_not_moved(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path / "hub", tiny.source, {"model.safetensors": brought / "model.safetensors"})
    assert "only a link" in message(lambda: shelf.take(shelf.find(snapshot), "move"))
    assert shelf.take(shelf.find(snapshot), "link").standing is Standing.READY
    target = shelf.folder(TINY) / "model.safetensors"
    assert target.readlink().parent.name == "blobs"  # the cache may drop the snapshot


@LINKS
def test_a_damaged_file_of_a_cache_is_refused(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path / "hub", tiny.source, {"model.safetensors": brought / "model.safetensors"})
    blob = (snapshot / "model.safetensors").resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    assert "is damaged" in message(lambda: shelf.take(shelf.find(snapshot)))
    assert list((tmp_path / "library").iterdir()) == []


def test_a_file_that_changed_since_is_not_taken(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    found = shelf.find(brought)
    os.truncate(brought / "model.safetensors", 100)
    assert "has changed in the meantime" in message(lambda: shelf.take(found))
    assert message(lambda: shelf.take(found, "steal")) == "“steal” is no way to take weights."


def test_a_large_companion_stays_behind(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    os.truncate(brought / "config.json", MAX_COMPANION + 1)
    assert [file.path for file in shelf.find(brought).files] == ["model.safetensors"]


# -- what is there -----------------------------------------------------------------------------------------------------


def test_an_empty_library_says_what_is_missing(tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    states = shelf.states()
    assert [state.key for state in states] == [entry.key for entry in sets.SETS]
    assert {state.standing for state in states} == {Standing.MISSING}
    with pytest.raises(SetupProblem) as caught:
        shelf.folder(TINY)
    assert caught.value.message == "Tiny needs its weights (22 kB), which are not on this computer."
    assert caught.value.advice.startswith("Import or download them: ")
    with pytest.raises(InputProblem):
        shelf.folder("nothing")
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_file_that_is_gone_or_changed_is_told(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, how: str
) -> None:
    shelf.take(shelf.find(brought), how)
    real = (shelf.folder(TINY) / "model.safetensors").resolve()
    os.truncate(real, 11_000)
    said = "“model.safetensors” of Tiny has changed: 11 kB of 22 kB are there."
    assert shelf.state(TINY).problem == said
    assert message(lambda: shelf.folder(TINY)) == said
    real.unlink()
    gone = "is gone." if how == "copy" else "is no longer where it was linked to."
    assert shelf.state(TINY).problem == f"“model.safetensors” of Tiny {gone}"
    assert shelf.state(TINY).standing is Standing.DAMAGED
    shutil.copytree(brought, tmp_path / "again")
    if how == "link":
        return
    assert shelf.take(shelf.find(brought)).standing is Standing.READY  # imported again it is whole again


def test_verifying_reads_every_byte(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    shelf.take(shelf.find(brought))
    record = tmp_path / "library" / TINY / "engine.json"
    record.write_text(record.read_text(encoding="utf-8").replace("+00:00", "-00:00"), encoding="utf-8")
    fractions: list[float] = []
    assert shelf.verify(TINY, Progress(fractions.append)).verified.endswith("+00:00")
    assert fractions[-1] == 1.0
    path = shelf.folder(TINY) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert shelf.state(TINY).standing is Standing.READY  # its size tells nothing
    assert message(lambda: shelf.verify(TINY)).startswith("“model.safetensors” of Tiny is damaged")
    with pytest.raises(Cancelled):
        shelf.verify(TINY, Progress(is_cancelled=lambda: True))


def test_a_folder_made_by_hand_is_as_good(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    files = tmp_path / "library" / TINY / "files"
    files.mkdir(parents=True)
    shutil.copy(brought / "model.safetensors", files)
    state = shelf.state(TINY)
    assert (state.standing, state.origin, state.verified) == (Standing.READY, None, "")
    assert shelf.folder(TINY) == files
    assert shelf.verify(TINY).origin is Origin.PUBLISHED
    assert shelf.state(TINY).verified


@pytest.mark.parametrize(
    "text", ["", "[]", '{"key": "tiny"}', '{"key": "tiny", "files": [{"path": "../x", "bytes": 1}]}']
)
def test_a_damaged_record_is_as_none(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, text: str) -> None:
    shelf.take(shelf.find(brought))
    (tmp_path / "library" / TINY / "engine.json").write_text(text, encoding="utf-8")
    assert shelf.state(TINY).standing is Standing.READY
    assert shelf.state(TINY).origin is None
    assert shelf.verify(TINY).origin is Origin.PUBLISHED


@pytest.mark.parametrize("how", ["copy", "link"])
def test_removing_leaves_the_users_files(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, how: str
) -> None:
    before = content(brought)
    shelf.take(shelf.find(brought), how)
    shelf.remove(TINY)
    assert list((tmp_path / "library").iterdir()) == []
    assert content(brought) == before
    assert message(lambda: shelf.remove(TINY)) == "Tiny is not in the library."


# -- for another machine -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["copy", "link"])
def test_an_export_goes_to_another_machine(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, how: str
) -> None:
    shelf.take(shelf.find(brought), how)
    stick = tmp_path / "stick"
    stick.mkdir()
    fractions: list[float] = []
    assert shelf.export(TINY, stick, Progress(fractions.append)) == stick / TINY
    assert fractions[-1] == 1.0
    assert not any(path.is_symlink() for path in stick.rglob("*"))
    assert [path.name for path in stick.iterdir()] == [TINY]
    shelf.export(TINY, stick)  # an export of ours is replaced
    other = Library(tmp_path / "other")
    for path in (stick, stick / TINY, stick / TINY / "files"):
        state = other.take(other.find(path))
        assert (state.origin, state.source, state.licence) == (Origin.PUBLISHED, "someone/Tiny", "MIT")
    assert content(tmp_path / "other" / TINY / "files") == content(shelf.folder(TINY))
    assert (tmp_path / "other" / TINY / "LICENSE.txt").read_bytes() == b"The licence of Tiny."


def test_what_a_stick_damaged_is_refused(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    shelf.take(shelf.find(brought))
    stick = tmp_path / "stick"
    stick.mkdir()
    path = shelf.export(TINY, stick) / "files" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    other = Library(tmp_path / "other")
    assert "is damaged" in message(lambda: other.take(other.find(stick)))


def test_an_export_is_whole_or_not_there(
    brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.take(shelf.find(brought))
    monkeypatch.setattr(library, "CHUNK", 5_000)
    monkeypatch.setattr(library, "FLUSH", 7_000)
    stick = tmp_path / "stick"
    stick.mkdir()
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        shelf.export(TINY, stick, Progress(is_cancelled=lambda: next(asked) >= 3))
    assert list(stick.iterdir()) == []
    (stick / TINY).mkdir()
    assert "no export of this program" in message(lambda: shelf.export(TINY, stick))
    assert "is not there" in message(lambda: shelf.export(TINY, tmp_path / "nowhere"))


def test_an_export_checks_what_it_copies(brought: Path, tiny: WeightSet, shelf: Library, tmp_path: Path) -> None:
    shelf.take(shelf.find(brought))
    path = shelf.folder(TINY) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (tmp_path / "stick").mkdir()
    assert "is damaged" in message(lambda: shelf.export(TINY, tmp_path / "stick"))
    assert list((tmp_path / "stick").iterdir()) == []


def test_what_is_found_travels_between_processes(brought: Path, tiny: WeightSet, shelf: Library) -> None:
    import pickle

    found: Any = pickle.loads(pickle.dumps(shelf.find(brought)))
    assert isinstance(found, Found)
    state = shelf.take(found)
    assert pickle.loads(pickle.dumps(state)) == state
    assert hashlib.sha256((shelf.folder(TINY) / "model.safetensors").read_bytes()).hexdigest() == tiny.files[0].sha256
