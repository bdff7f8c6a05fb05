"""The downloader against a host that cuts, lies, stalls, and sends the wrong piece: the same bytes, or one sentence."""

import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights import download as downloading
from img2model_desktop.engines.weights.download import Patience, Wanted, bytes_there, download
from img2model_desktop.engines.weights.wire import Limits
from img2model_desktop.errors import Cancelled, SetupProblem
from tests.loopback import ETAG, Act, Host, Talk, cut, host, http_date, serving, silent, slow, stall, status, well

__all__ = ["host"]  # a fixture

CONTENT = random.Random(7).randbytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = "deep/weights.bin"
HALF = 500_000


class Naps:
    """Stands in for sleeping: notes how long, and does not."""

    def __init__(self) -> None:
        self.total = 0.0

    def __call__(self, seconds: float) -> None:
        self.total += seconds


def patience(naps: Naps | None = None, **change: float) -> Patience:
    """Hurried, and without chance."""
    limits = Limits(connect_s=0.3, answer_s=0.3, stall_s=0.2)
    hurried = {"tries": 4, "slow_s": 0.3, "slow_bytes": 1000} | change
    return Patience(**hurried, limits=limits, sleep=naps or Naps(), chance=lambda: 0.0)


def wanted(host: Host, sha256: str = SHA256, **change: object) -> Wanted:
    """The file that a host serves."""
    host.files.setdefault("/weights.bin", CONTENT)
    values = {"path": PATH, "url": f"{host.url}/weights.bin", "page": "https://page", "bytes": len(CONTENT)}
    return Wanted(**(values | {"sha256": sha256} | change))


def fetch(host: Host, folder: Path, *acts: Act, sha256: str = SHA256, **change: float) -> dict[str, str]:
    """Downloads the file from a host that acts so."""
    host.acts["/weights.bin"] = list(acts) or [well]
    return download([wanted(host, sha256)], folder, Progress(), patience(**change))


def refusal(call: Callable[[], object], folder: Path) -> str:
    """The sentence of a failure that leaves nothing under the file's name."""
    with pytest.raises(SetupProblem) as caught:
        call()
    assert caught.value.advice
    assert not (folder / PATH).exists()
    return caught.value.message


def is_whole(folder: Path) -> bool:
    """Every byte is there, and nothing else but what the downloader keeps."""
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return (folder / PATH).read_bytes() == CONTENT and left == {PATH, "state.json", "lock"}


def half_there(folder: Path, host: Host) -> None:
    """The first half, as an earlier download has left it."""
    with pytest.raises(SetupProblem):
        fetch(host, folder, cut(HALF), status(500))
    assert (folder / f"{PATH}.part").stat().st_size == HALF
    assert bytes_there([wanted(host)], folder) == HALF
    host.asked.clear()


# -- what goes well ---------------------------------------------------------------------------------------------------


def test_a_file_comes_whole_with_what_a_host_may_know_of_us(host: Host, tmp_path: Path) -> None:
    told: list[float] = []
    files = [wanted(host)]
    assert download(files, tmp_path, Progress(told.append), patience()) == {PATH: SHA256}
    assert is_whole(tmp_path)
    assert told[-1] == 1.0
    assert told == sorted(told)
    ((path, headers),) = host.asked
    assert path == "/weights.bin"
    assert set(headers) == {"Host", "Accept-Encoding", "User-Agent", "Connection"}  # no cookie, no token
    assert headers["Accept-Encoding"] == "identity"
    assert download(files, tmp_path, Progress(), patience()) == {PATH: SHA256}
    assert len(host.asked) == 1  # what is there is not asked for again


def test_a_body_in_chunks_comes_whole(host: Host, tmp_path: Path) -> None:
    def chunked(talk: Talk) -> None:
        talk.head(200, {"Transfer-Encoding": "chunked", "ETag": ETAG})
        for at in range(0, len(CONTENT), 300_000):
            piece = CONTENT[at : at + 300_000]
            talk.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        talk.wfile.write(b"0\r\n\r\n")

    fetch(host, tmp_path, chunked)
    assert is_whole(tmp_path)


def test_a_cut_is_gone_on_with(host: Host, tmp_path: Path) -> None:
    fetch(host, tmp_path, cut(HALF), cut(123_456), well)
    assert is_whole(tmp_path)
    assert host.ranges() == ["", f"bytes={HALF}-", f"bytes={HALF + 123_456}-"]
    assert host.asked[1][1]["If-Range"] == ETAG


def test_many_cuts_are_survived_as_long_as_each_try_brings_something(host: Host, tmp_path: Path) -> None:
    fetch(host, tmp_path, cut(100_000), tries=2)
    assert is_whole(tmp_path)
    assert len(host.asked) == 10


def test_a_later_call_goes_on_where_an_earlier_one_ended(host: Host, tmp_path: Path) -> None:
    half_there(tmp_path, host)
    told: list[float] = []
    host.acts["/weights.bin"] = [well]
    download([wanted(host)], tmp_path, Progress(told.append), patience())
    assert is_whole(tmp_path)
    assert host.ranges() == [f"bytes={HALF}-"]
    assert told[0] == pytest.approx(0.5)


def test_several_files_each_in_its_place(host: Host, tmp_path: Path) -> None:
    host.files = {"/weights.bin": CONTENT, "/b": b"b" * 70_000, "/c": b"c"}
    host.acts["/c"] = [status(404)]
    files = [
        wanted(host),
        Wanted("b", f"{host.url}/b", "page", 70_000),
        Wanted("c", f"{host.url}/c", "page", 1, is_needed=False),
    ]
    hashes = download(files, tmp_path, Progress(), patience())
    assert hashes == {PATH: SHA256, "b": hashlib.sha256(b"b" * 70_000).hexdigest()}
    assert not list(tmp_path.glob("c*"))


def test_redirections_are_followed_and_the_hub_tells_the_hash(host: Host, tmp_path: Path) -> None:
    host.files["/cdn"] = CONTENT
    moved = status(302, Location="/cdn?key=1", X_Linked_Etag=f'"{SHA256}"')
    assert fetch(host, tmp_path, moved, sha256="") == {PATH: SHA256}
    assert [path for path, _ in host.asked] == ["/weights.bin", "/cdn?key=1"]
    lie = status(302, Location="/cdn", X_Linked_Etag=f'"{"0" * 64}"')
    shutil.rmtree(tmp_path)
    assert "is not the published file" in refusal(lambda: fetch(host, tmp_path, lie, sha256=""), tmp_path)


def test_redirections_lead_to_another_host(host: Host, tmp_path: Path) -> None:
    with serving(Host({"/there": CONTENT})) as other:
        fetch(host, tmp_path, status(307, Location=f"{other.url}/there"))
    assert is_whole(tmp_path)


# -- what a host must not be believed ---------------------------------------------------------------------------------


def wrong_begin(talk: Talk) -> None:
    at = talk.begin - 10
    talk.piece(CONTENT[at:], Content_Range=f"bytes {at}-{len(CONTENT) - 1}/{len(CONTENT)}")


def wrong_total(talk: Talk) -> None:
    talk.piece(CONTENT[talk.begin :], Content_Range=f"bytes {talk.begin}-{len(CONTENT) - 1}/{len(CONTENT) + 1}")


def no_range(talk: Talk) -> None:
    talk.piece(CONTENT[talk.begin :], Content_Range="")


def wrong_length(talk: Talk) -> None:
    talk.piece(CONTENT[talk.begin :] + b"more", Content_Length=str(len(CONTENT) - talk.begin + 4))


def other_version(talk: Talk) -> None:
    talk.piece(CONTENT[talk.begin :], etag='"second"')


def all_of_it(talk: Talk) -> None:
    talk.whole(CONTENT)


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (wrong_begin, 2),
        (wrong_total, 2),
        (no_range, 2),
        (wrong_length, 2),
        (other_version, 2),
        (status(416), 2),
        (all_of_it, 1),  # the host knows no ranges, or the file has changed: it begins anew by itself
    ],
)
def test_a_wrong_piece_is_thrown_away_with_what_was_there(
    host: Host, tmp_path: Path, answer: Act, requests: int
) -> None:
    half_there(tmp_path, host)
    fetch(host, tmp_path, answer, well)
    assert is_whole(tmp_path)
    assert host.ranges() == [f"bytes={HALF}-", ""][:requests]


def test_a_changed_file_is_fetched_from_its_beginning(host: Host, tmp_path: Path) -> None:
    def changed(talk: Talk) -> None:
        assert talk.headers["If-Range"] == ETAG
        talk.whole(CONTENT, etag='"second"')

    (tmp_path / PATH).parent.mkdir(parents=True)
    half_there(tmp_path, host)
    part = tmp_path / f"{PATH}.part"
    part.write_bytes(b"\0" * HALF)  # of the version that is no more
    fetch(host, tmp_path, changed)
    assert is_whole(tmp_path)
    marks = json.loads((tmp_path / "state.json").read_text())["files"]
    assert marks[PATH]["validator"] == '"second"'


@pytest.mark.parametrize("headers", [{}, {"etag": 'W/"weak"'}])
def test_nothing_is_gone_on_with_where_the_host_names_no_version(
    host: Host, tmp_path: Path, headers: dict[str, str]
) -> None:
    def nameless(talk: Talk) -> None:
        talk.head(200, {"Content-Length": str(len(CONTENT))} | ({"ETag": headers["etag"]} if headers else {}))
        talk.wfile.write(CONTENT[:HALF])

    fetch(host, tmp_path, nameless, well)
    assert is_whole(tmp_path)
    assert host.ranges() == ["", ""]


def test_a_date_names_a_version_too(host: Host, tmp_path: Path) -> None:
    date = http_date(-3)

    def dated(talk: Talk) -> None:
        if "Range" in talk.headers:
            assert talk.headers["If-Range"] == date
            begin, size = talk.begin, len(CONTENT)
            talk.head(206, {"Content-Range": f"bytes {begin}-{size - 1}/{size}", "Content-Length": str(size - begin)})
            talk.wfile.write(CONTENT[begin:])
        else:
            talk.head(200, {"Content-Length": str(len(CONTENT)), "Last-Modified": date})
            talk.wfile.write(CONTENT[:HALF])

    fetch(host, tmp_path, dated)
    assert is_whole(tmp_path)
    assert host.ranges() == ["", f"bytes={HALF}-"]


def test_parts_of_two_versions_that_pass_for_one_are_found_out_by_the_hash(host: Host, tmp_path: Path) -> None:
    half_there(tmp_path, host)
    part = tmp_path / f"{PATH}.part"
    part.write_bytes(b"\0" * HALF)
    fetch(host, tmp_path, well)
    assert is_whole(tmp_path)
    assert host.ranges() == [f"bytes={HALF}-", ""]


def longer(talk: Talk) -> None:
    talk.whole(CONTENT + b"x", Content_Length=str(len(CONTENT) + 1))


def endless(talk: Talk) -> None:
    talk.head(200, {"ETag": ETAG})
    talk.wfile.write(CONTENT + b"x")


def other_content(talk: Talk) -> None:
    talk.whole(b"\0" * len(CONTENT))


def login(talk: Talk) -> None:
    page = b"<!DOCTYPE html><html>Please sign in</html>"
    talk.whole(page, Content_Length=str(len(page)), Content_Type="text/html; charset=utf-8")


def page_in_disguise(talk: Talk) -> None:
    talk.whole(b"\n <html>" + CONTENT[:-8])


def packed(talk: Talk) -> None:
    talk.whole(CONTENT, Content_Encoding="gzip")


@pytest.mark.parametrize(
    ("answer", "sentence", "requests"),
    [
        (longer, "is not the published file: it has 1,000,001 bytes, not 1,000,000.", 1),
        (endless, "sends more than “weights.bin” is long.", 1),
        (other_content, "is not the published file: its content is another one.", 1),
        (login, "answers with a web page instead of the file.", 1),
        (page_in_disguise, "answers with a web page instead of the file.", 1),
        (packed, "packed, which was not asked for.", 1),
        (status(401), "only to people who have signed in there and agreed to its terms.", 1),
        (status(403), "only to people who have signed in there and agreed to its terms.", 1),
        (status(404), "is not at 127.0.0.1:", 1),
        (status(418), "refuses “weights.bin” (status 418).", 1),
        (status(302, Location="/weights.bin"), "sends from one address to the next and never to the file.", 6),
        (status(302, Location="http://elsewhere.example/x"), "“http://elsewhere.example/x” is no address", 1),
        (status(302, Location="file:///etc/passwd"), "“file:///etc/passwd” is no address", 1),
        (status(302, Location="https://me:secret@elsewhere.example/"), "is no address to fetch files from.", 1),
        (status(302), "sends from one address to the next and never to the file.", 6),
        (status(500), "could not be fetched: 127.0.0.1:", 4),
        (status(503, Retry_After="86400"), "It asks to wait for 1440 minutes.", 1),
        (cut(0), "broke off", 4),
        (silent, "could not be fetched: 127.0.0.1 does not answer.", 1),
    ],
)
def test_refusals_are_one_sentence(host: Host, tmp_path: Path, answer: Act, sentence: str, requests: int) -> None:
    said = refusal(lambda: fetch(host, tmp_path, answer, tries=requests if answer is silent else 4), tmp_path)
    assert sentence in said
    assert len(host.asked) == requests


def test_a_gated_file_names_the_page_to_open(host: Host, tmp_path: Path) -> None:
    with pytest.raises(SetupProblem) as caught:
        fetch(host, tmp_path, status(403))
    assert caught.value.advice == "Open https://page in a browser, fetch the file there, and import it."


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://127.0.0.1/x", "https:///x", "https://a b/", "", "//x"])
def test_addresses_that_are_refused_before_anything_is_opened(url: str, tmp_path: Path) -> None:
    file = Wanted(PATH, url, "page", 3)
    assert "is no address" in refusal(lambda: download([file], tmp_path, Progress(), patience()), tmp_path)


def test_a_redirection_never_leads_from_the_network_to_this_machine() -> None:
    from urllib.parse import urlsplit

    from img2model_desktop.engines.weights.wire import _next_address

    with pytest.raises(SetupProblem, match="sends to this machine itself"):
        _next_address(urlsplit("https://hub.example/x"), "https://localhost/y")
    with pytest.raises(SetupProblem, match="without encryption"):
        _next_address(urlsplit("https://hub.example/x"), "http://127.0.0.1/y")
    assert _next_address(urlsplit("https://hub.example/x"), "y").geturl() == "https://hub.example/y"


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_waits_double_and_the_last_try_is_the_last(host: Host, tmp_path: Path) -> None:
    naps = Naps()
    host.acts["/weights.bin"] = [status(503)]
    with pytest.raises(SetupProblem):
        download([wanted(host)], tmp_path, Progress(), patience(naps, tries=5, first_s=1.0, longest_s=4.0))
    assert naps.total == pytest.approx(1 + 2 + 4 + 4)
    assert len(host.asked) == 5


@pytest.mark.parametrize("is_date", [False, True])
def test_a_host_is_given_the_time_that_it_asks_for(host: Host, tmp_path: Path, is_date: bool) -> None:
    naps = Naps()
    told = http_date(200 / 86_400) if is_date else "200"
    host.acts["/weights.bin"] = [status(429, Retry_After=told), well]
    download([wanted(host)], tmp_path, Progress(), patience(naps))
    assert 100 < naps.total <= 200.01  # a date passes while the test runs
    assert is_whole(tmp_path)


def test_a_stall_is_gone_on_from(host: Host, tmp_path: Path) -> None:
    fetch(host, tmp_path, stall(HALF), well)
    assert is_whole(tmp_path)
    assert host.ranges() == ["", f"bytes={HALF}-"]


def test_a_host_that_sends_drop_by_drop_is_asked_again(host: Host, tmp_path: Path) -> None:
    fetch(host, tmp_path, slow(20, 0.05), well)
    assert is_whole(tmp_path)
    first, second = host.ranges()
    assert first == ""
    assert second.startswith("bytes=")


@pytest.mark.parametrize("act", [silent, stall(1000), slow(10_000, 0.02), status(503, Retry_After="200")])
def test_cancelling_is_heard_in_the_middle_and_the_next_call_goes_on(host: Host, tmp_path: Path, act: Act) -> None:
    calm = Patience(sleep=time.sleep)
    host.acts["/weights.bin"] = [act]
    cancel = threading.Event()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()
    with pytest.raises(Cancelled):
        download([wanted(host)], tmp_path, Progress(is_cancelled=cancel.is_set), calm)
    timer.join()
    assert len(host.asked) == 1  # nothing was waited for to its end: the next try would have come
    host.stopped.set()
    assert not (tmp_path / PATH).exists()
    fetch(host, tmp_path, well)
    assert is_whole(tmp_path)


# -- the machine ------------------------------------------------------------------------------------------------------


def test_space_is_looked_at_before_anything_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda folder: usage._replace(free=40_000_000))
    file = Wanted(PATH, "https://hub.example/x", "page", 10_000_000)
    said = refusal(lambda: download([file], tmp_path, Progress(), patience()), tmp_path)
    assert said == "There is not enough space: 10 MB are needed and 40 MB are free."


@pytest.mark.skipif(sys.platform != "linux", reason="needs a device that is always full")
def test_a_disk_that_fills_up_is_told_and_what_is_there_is_kept(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_there(tmp_path, host)
    full = functools.partial(Path("/dev/full").open, "wb", buffering=0)
    monkeypatch.setattr(downloading, "_writing", lambda part, at: full())
    said = refusal(lambda: fetch(host, tmp_path, well), tmp_path)
    assert said == "There is not enough space left to save “weights.bin”."
    assert (tmp_path / f"{PATH}.part").stat().st_size == HALF


def test_a_damaged_state_means_from_the_beginning(host: Host, tmp_path: Path) -> None:
    half_there(tmp_path, host)
    (tmp_path / "state.json").write_text('{"files": []}')
    fetch(host, tmp_path, well)
    assert is_whole(tmp_path)
    assert host.ranges() == [""]


def test_two_downloads_of_the_same_files_do_not_meet(host: Host, tmp_path: Path) -> None:
    with downloading._alone(tmp_path):
        assert refusal(lambda: fetch(host, tmp_path), tmp_path) == "These files are being downloaded already."
    assert host.asked == []
    fetch(host, tmp_path)
    assert is_whole(tmp_path)


PROGRAM = """
import sys
from pathlib import Path
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.download import Wanted, download
url, folder, size, sha256 = sys.argv[1:]
download([Wanted("deep/weights.bin", url, "page", int(size), sha256)], Path(folder), Progress())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_leaves_what_the_next_goes_on_with(host: Host, tmp_path: Path) -> None:
    host.files["/weights.bin"] = CONTENT
    host.acts["/weights.bin"] = [slow(50_000, 0.05)]
    part = tmp_path / f"{PATH}.part"
    arguments = [f"{host.url}/weights.bin", str(tmp_path), str(len(CONTENT)), SHA256]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments])
    while not (part.exists() and part.stat().st_size >= 262_144):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=120) == -signal.SIGKILL
    host.stopped.set()
    have = part.stat().st_size
    assert CONTENT[:have] == part.read_bytes()
    assert not (tmp_path / PATH).exists()
    fetch(host, tmp_path, well)
    assert is_whole(tmp_path)
    assert host.ranges()[-1] == f"bytes={have}-"


# -- encryption -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of nobody but itself, for 127.0.0.1, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    about = ["-keyout", key, "-out", made, "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *map(str, about)], check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


def test_a_host_that_cannot_prove_its_name_is_refused_at_once(certificate: Path, tmp_path: Path) -> None:
    with serving(Host(), certificate) as host:
        said = refusal(lambda: fetch(host, tmp_path), tmp_path)
        assert said == "127.0.0.1 could not prove that it is 127.0.0.1, so nothing was fetched."
        assert host.asked == []


def test_a_file_comes_encrypted_and_in_pieces(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Host(), certificate) as host:
        fetch(host, tmp_path, cut(HALF), stall(100_000), well)
        assert is_whole(tmp_path)
        assert host.ranges() == ["", f"bytes={HALF}-", f"bytes={HALF + 100_000}-"]


def test_from_encryption_nothing_leads_out_of_it(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Host
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Host(), certificate) as secure:
        moved = status(302, Location=f"{host.url}/weights.bin")
        assert "without encryption" in refusal(lambda: fetch(secure, tmp_path, moved), tmp_path)
    assert host.asked == []
