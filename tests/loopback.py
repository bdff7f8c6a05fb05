"""A host on this machine that does what hosts do, and what they should not: for the tests of the downloader."""

import contextlib
import os
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

LOOPBACK = "IMG2MODEL_TEST_LOOPBACK"  # as guard/sitecustomize.py calls it
ETAG = '"first"'

Act = Callable[["Talk"], None]


@dataclass
class Host:
    """What is served, and what was asked.

    Args:
        files: content by path.
        acts: what to do at each request of a path, one after the other; the last one is done again and again.
            A path without any is served as it should be.
        asked: (path, headers) of each request so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    acts: dict[str, list[Act]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def ranges(self) -> list[str]:
        """The pieces asked for, "" for all of a file."""
        return [headers.get("Range", "") for _, headers in self.asked]


class Talk(BaseHTTPRequestHandler):
    """One request and its answer."""

    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers as the host is told to."""
        host, path = self.server.served, self.path.partition("?")[0]
        host.asked.append((self.path, dict(self.headers.items())))
        acts = host.acts.get(path, [well])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            act(self)
        self.close_connection = True

    @property
    def content(self) -> bytes:
        """Of the file that was asked for."""
        return self.server.served.files[self.path.partition("?")[0]]

    @property
    def begin(self) -> int:
        """Of the piece that was asked for."""
        return int(self.headers.get("Range", "bytes=0-")[6:].partition("-")[0])

    def head(self, status: int, headers: dict[str, str]) -> None:
        """The head of an answer."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def piece(self, body: bytes, *, etag: str = ETAG, **change: str) -> None:
        """206 with the head that is right for the piece asked for, with changes, and any body."""
        size = len(self.content)
        right = {"Content-Range": f"bytes {self.begin}-{size - 1}/{size}", "Content-Length": str(size - self.begin)}
        self.head(206, right | {"ETag": etag} | {name.replace("_", "-"): value for name, value in change.items()})
        self.wfile.write(body)

    def whole(self, body: bytes, *, etag: str = ETAG, **change: str) -> None:
        """200 with the right head, with changes, and any body."""
        right = {"Content-Length": str(len(self.content)), "ETag": etag}
        self.head(200, right | {name.replace("_", "-"): value for name, value in change.items()})
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def well(talk: Talk) -> None:
    """As it should be: a piece where one is asked for and the file is the same still."""
    if "Range" in talk.headers and talk.headers.get("If-Range") == ETAG:
        talk.piece(talk.content[talk.begin :])
    else:
        talk.whole(talk.content)


def cut(after: int) -> Act:
    """Well, but the connection ends after so many bytes of the body."""

    def act(talk: Talk) -> None:
        end = talk.begin + after
        if "Range" in talk.headers and talk.headers.get("If-Range") == ETAG:
            talk.piece(talk.content[talk.begin : end])
        else:
            talk.whole(talk.content[:after])

    return act


def slow(step: int, pause_s: float) -> Act:
    """The body in steps with pauses."""

    def act(talk: Talk) -> None:
        begin = talk.begin
        (talk.piece if begin else talk.whole)(b"")
        for at in range(begin, len(talk.content), step):
            talk.wfile.write(talk.content[at : at + step])
            talk.wfile.flush()
            if talk.server.served.stopped.wait(pause_s):
                return

    return act


def stall(after: int) -> Act:
    """So many bytes, then nothing more."""

    def act(talk: Talk) -> None:
        (talk.piece if talk.begin else talk.whole)(talk.content[talk.begin : talk.begin + after])
        talk.wfile.flush()
        talk.server.served.stopped.wait(20)

    return act


def silent(talk: Talk) -> None:
    """Takes the request and never answers."""
    talk.server.served.stopped.wait(20)


def status(code: int, **headers: str) -> Act:
    """A status and headers alone."""
    return lambda talk: talk.head(
        code, {"Content-Length": "0"} | {name.replace("_", "-"): value for name, value in headers.items()}
    )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True

    def __init__(self, served: Host) -> None:
        self.served = served
        super().__init__(("127.0.0.1", 0), Talk)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes is no error."""


@contextlib.contextmanager
def serving(served: Host, certificate: Path | None = None) -> Iterator[Host]:
    """Serves it at a port of this machine, which the guard lets through as long as this lasts."""
    before = os.environ.get(LOOPBACK, "")
    os.environ[LOOPBACK] = f"{before},0"
    server = _Server(served)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    os.environ[LOOPBACK] = f"{before},{port}"
    served.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        served.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
        os.environ[LOOPBACK] = before


@pytest.fixture
def host() -> Iterator[Host]:
    """A host without files."""
    with serving(Host()) as served:
        yield served


def http_date(days: float = 0.0) -> str:
    """A moment that many days from now, as HTTP writes it."""
    return formatdate(time.time() + days * 86_400, usegmt=True)
