"""A set of weights from a host into the library: nothing without consent, whole or not at all, repaired in part."""

import dataclasses
import functools
import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights import download as downloading
from img2model_desktop.engines.weights import library, sets
from img2model_desktop.engines.weights.delivery import FETCHED, LOOKED, Pace, Waiting, discard, fetch, terms_of, waiting
from img2model_desktop.engines.weights.library import Library, Origin, Standing
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import Cancelled, InputProblem, SetupProblem
from tests.loopback import Host, cut, host, slow, status, well
from tests.published import REVISION, TINY, add_tiny, facts_of, published_tiny, random_tensors, write

__all__ = ["host"]  # a fixture

START = f"/someone/Tiny/resolve/{REVISION}"
WEIGHTS = f"{START}/model.safetensors"


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    return tmp_path / "brought"


@pytest.fixture
def tiny(brought: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> WeightSet:
    """The tiny set, which the host serves."""
    entry = add_tiny(brought, monkeypatch)
    hurried = functools.partial(downloading.Patience, sleep=lambda seconds: None)
    monkeypatch.setattr(downloading, "Patience", hurried)
    host.files = {WEIGHTS: (brought / "model.safetensors").read_bytes(), f"{START}/config.json": b"{}"}
    return entry


@pytest.fixture
def shelf(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


def get(shelf: Library, host: Host, progress: Progress | None = None) -> library.SetState:
    return fetch(shelf, TINY, terms_of(TINY, host.url).consent, host.url, progress)


def paths(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_set_is_fetched_and_its_record_tells_what_was_agreed_to(
    shelf: Library, tiny: WeightSet, host: Host, tmp_path: Path
) -> None:
    told: list[float] = []
    state = get(shelf, host, Progress(told.append))
    assert (state.standing, state.origin, state.how) == (Standing.READY, Origin.PUBLISHED, "download")
    assert (told[-1], told == sorted(told)) == (1.0, True)
    files = {f"{TINY}/files/model.safetensors", f"{TINY}/files/config.json"}
    assert paths(tmp_path / "library") == files | {f"{TINY}/engine.json", f"{TINY}/LICENSE.txt"}
    assert (shelf.folder(TINY) / "model.safetensors").read_bytes() == host.files[WEIGHTS]
    record = json.loads((tmp_path / "library" / TINY / "engine.json").read_text())
    consent = record["consent"]
    assert consent["text"] == hashlib.sha256(terms_of(TINY, host.url).text.encode()).hexdigest()
    assert consent["when"].endswith("+00:00")
    assert consent["host"] == host.url.removeprefix("http://")
    assert (record["source"], record["revision"], record["licence"]) == ("someone/Tiny", REVISION, "MIT")
    assert shelf.verify(TINY).standing is Standing.READY


@pytest.mark.parametrize("consent", ["", "yes", "0" * 64])
def test_without_consent_nothing_is_asked_and_nothing_written(
    shelf: Library, tiny: WeightSet, host: Host, consent: str, tmp_path: Path
) -> None:
    with pytest.raises(SetupProblem, match="Nothing is fetched that nobody agreed to"):
        fetch(shelf, TINY, consent, host.url)
    agreed_elsewhere = terms_of(TINY).consent  # to another host
    with pytest.raises(SetupProblem, match="Nothing is fetched that nobody agreed to"):
        fetch(shelf, TINY, agreed_elsewhere, host.url)
    assert host.asked == []
    assert not (tmp_path / "library").exists()


def test_without_consent_the_modules_that_can_open_a_socket_are_not_even_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from img2model_desktop.engines.weights import delivery\n"
        "from img2model_desktop.engines.weights.library import Library\n"
        "from img2model_desktop.errors import SetupProblem\n"
        "terms = delivery.terms_of('triposr'); len(terms.text)\n"
        "try: delivery.fetch(Library(Path(sys.argv[1])), 'triposr', '')\n"
        "except SetupProblem: print(sorted({'socket', 'ssl', 'http.client', 'urllib.request'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_terms_say_all_that_is_agreed_to() -> None:
    terms = terms_of("triposr")
    assert terms.summary.splitlines()[:3] == [
        "TripoSR: 1.7 GB in 2 files",
        "From huggingface.co: stabilityai/TripoSR, revision main; it may send files from hosts of its own.",
        "Licence of the weights: MIT. The licence excludes no country.",
    ]
    assert terms.copy_list.splitlines() == [
        "stabilityai/TripoSR/model.ckpt  (1,677,246,742 bytes)",
        "stabilityai/TripoSR/config.yaml  (987 bytes)",
    ]
    assert "Copyright (c) 2024 Tripo AI & Stability AI" in terms.text
    assert "WITHOUT WARRANTY OF ANY KIND" in terms.text
    with pytest.raises(InputProblem):
        terms_of("nothing")


@pytest.mark.parametrize("key", [entry.key for entry in sets.SETS])
def test_every_set_has_its_licence_and_addresses_without_anything_odd(key: str) -> None:
    terms = terms_of(key)
    marks = {"MIT": "Permission is hereby granted, free of charge", "Apache-2.0": "Apache License"}
    assert marks[terms.weight_set.licence] in terms.licence_text
    for file in terms.weight_set.files:
        assert f"{terms.weight_set.source}/{file.path}".isascii()
        assert not set(f"{terms.weight_set.source}/{file.path}") & set(" %?#\\")


def test_territory_of_a_licence_is_part_of_what_is_agreed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = dataclasses.replace(sets.find("triposr"), territory="Not in the European Union.")
    before = terms_of("triposr").consent
    monkeypatch.setattr(sets, "SETS", (entry,))
    assert "Licence of the weights: MIT. Not in the European Union." in terms_of("triposr").text
    assert terms_of("triposr").consent != before


def test_a_download_that_broke_off_is_gone_on_with(shelf: Library, tiny: WeightSet, host: Host) -> None:
    host.acts[WEIGHTS] = [cut(10_000), status(404)]
    with pytest.raises(SetupProblem, match="is not at 127"):
        get(shelf, host)
    assert waiting(shelf, TINY) == Waiting(10_000, terms_of(TINY, host.url).consent, host.url)
    assert shelf.state(TINY).standing is Standing.MISSING
    host.acts[WEIGHTS] = [well]
    assert get(shelf, host).standing is Standing.READY
    assert waiting(shelf, TINY) is None
    assert host.ranges() == ["", "bytes=10000-", "bytes=10000-", ""]


def test_what_was_left_can_be_thrown_away(shelf: Library, tiny: WeightSet, host: Host, tmp_path: Path) -> None:
    host.acts[WEIGHTS] = [cut(10_000), status(404)]
    with pytest.raises(SetupProblem):
        get(shelf, host)
    discard(shelf, TINY)
    assert waiting(shelf, TINY) is None
    assert paths(tmp_path / "library") == set()


def test_cancelling_keeps_what_is_there(shelf: Library, tiny: WeightSet, host: Host) -> None:
    host.acts[WEIGHTS] = [slow(5000, 0.03)]
    with pytest.raises(Cancelled):
        get(shelf, host, Progress(is_cancelled=lambda: waiting(shelf, TINY) is not None))
    assert shelf.state(TINY).standing is Standing.MISSING
    assert waiting(shelf, TINY) is not None


def test_a_file_of_the_right_length_that_is_another_network_is_refused(
    shelf: Library, host: Host, brought: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = add_tiny(brought, monkeypatch)
    facts = facts_of(published_tiny())
    renamed = {f"x{name[1:]}": tensor for name, tensor in random_tensors(facts).items()}
    other = write(tmp_path / "other.safetensors", renamed)
    file = sets.WeightFile("model.safetensors", other.stat().st_size)  # whose hash nobody knows
    monkeypatch.setattr(sets, "SETS", (dataclasses.replace(entry, files=(file,)),))
    host.files[WEIGHTS] = other.read_bytes()
    with pytest.raises(SetupProblem, match="tensors"):
        get(shelf, host)
    assert paths(tmp_path / "library") == set()


def test_only_what_is_damaged_is_fetched_again(shelf: Library, tiny: WeightSet, host: Host) -> None:
    get(shelf, host)
    host.asked.clear()
    path = shelf.folder(TINY) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SetupProblem) as caught:
        shelf.verify(TINY)
    assert caught.value.message.startswith("“model.safetensors” of Tiny is damaged")
    assert caught.value.advice.startswith("Repair it")
    get(shelf, host)
    assert [path for path, _ in host.asked] == [WEIGHTS]
    assert shelf.verify(TINY).origin is Origin.PUBLISHED
    host.asked.clear()
    get(shelf, host)
    assert host.asked == []  # everything is as published: the host is not even asked


def test_files_that_are_linked_to_stay_what_they_are(
    shelf: Library, tiny: WeightSet, host: Host, brought: Path
) -> None:
    shelf.take(shelf.find(brought), "link")
    before = (brought / "model.safetensors").stat()
    get(shelf, host)  # brings the configuration, which was not there
    assert [path for path, _ in host.asked] == [f"{START}/config.json"]
    ours = (shelf.folder(TINY) / "model.safetensors").stat()
    assert (brought / "model.safetensors").stat() == before
    assert ours.st_ino != before.st_ino
    assert shelf.state(TINY).how == "download"


def test_verifying_names_every_damaged_file(shelf: Library, tiny: WeightSet, host: Host) -> None:
    get(shelf, host)
    for name in ("model.safetensors", "config.json"):
        (shelf.place / TINY / "files" / name).write_bytes(b"x")
        if name == "model.safetensors":
            with pytest.raises(SetupProblem, match=r"“model.safetensors” of Tiny has changed: 1 bytes of 22 kB"):
                shelf.verify(TINY)
    with pytest.raises(SetupProblem, match=r"2 files of Tiny are gone or damaged: .*22 kB.*config.json") as caught:
        shelf.verify(TINY)
    assert len(caught.value.details.splitlines()) == 2


def test_the_guard_still_closes_every_other_port(host: Host) -> None:
    port = int(host.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    for address in (("127.0.0.1", port + 1), ("127.0.0.2", port), ("localhost", port), ("192.0.2.1", port)):
        with pytest.raises(AssertionError, match="socket"):
            socket.create_connection(address, timeout=1)
    with socket.socket() as other, pytest.raises(AssertionError, match="socket"):
        other.bind(("0.0.0.0", port))
    with pytest.raises(AssertionError, match="socket"):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


# -- how fast ---------------------------------------------------------------------------------------------------------


def at(there: float) -> float:
    """The progress when so much of all bytes is there."""
    return LOOKED + (FETCHED - LOOKED) * there


def test_speed_and_time_left_leave_out_what_was_there_before() -> None:
    pace = Pace(1_000_000_000)
    assert pace.words(0.0) == "Looking at what is here"
    pace.add(0.02, 0.0)
    assert pace.words(0.0) == "Looking at what is here"
    pace.add(at(0.5), 1.0)  # from an earlier call
    assert pace.speed(1.0) == 0.0
    assert pace.words(1.1) == "500 MB of 1.0 GB"
    for second in range(1, 11):
        pace.add(at(0.5 + 0.01 * second), 1.0 + second)
    assert pace.speed(11.0) == pytest.approx(10_000_000)
    assert pace.words(11.0) == "600 MB of 1.0 GB, 10 MB/s, about 40 s left"
    assert pace.words(13.0) == "600 MB of 1.0 GB, 8.0 MB/s, about 50 s left"  # nothing has come since
    assert pace.words(16.0) == "600 MB of 1.0 GB, waiting for the host"
    pace.add(at(0.7), 40.0)
    pace.add(at(1.0), 41.0)
    assert pace.words(41.0) == "Reading it again, byte by byte"


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.2, "a few seconds left"), (0.02, "about 50 s left"), (0.001, "about 17 min left"), (0.0001, "about 3 h left")],
)
def test_time_left_is_as_exact_as_it_can_be(rate: float, words: str) -> None:
    pace = Pace(1_000_000_000)
    for step in range(2):
        pace.add(at(rate * step), float(step))
    assert pace.words(1.0).endswith(words)
