"""One question to one host, over an encrypted connection: the only module of this program that opens a socket.

`download` alone imports it, and is itself loaded only when the user has agreed to a download.

No proxy is used, whatever the environment says: the user agreed to one host. No user name, password or token is ever
sent. Addresses of both versions of IP are tried in the order that the system gives them.
"""

import contextlib
import errno
import functools
import http.client
import io
import re
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from img2model_desktop import __version__
from img2model_desktop.errors import SetupProblem

MAX_REDIRECTS = 5
MOMENT_S = 0.05  # the longest time in which nobody asks whether to go on
BUFFER = 1 << 18
MOVED = frozenset({301, 302, 303, 307, 308})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
BRING = "Or copy the files from another machine."
_SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK, 10035)  # the last is Windows' own number
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)


class Broken(Exception):
    """What went wrong on the way, a clause: it may go better the next time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for what, seconds.

    Args:
        connect_s: for each address of the host; for the handshake again.
        answer_s: for the whole head of an answer.
        stall_s: without a byte of the body.
    """

    connect_s: float = 15.0
    answer_s: float = 60.0
    stall_s: float = 30.0


class Answer:
    """What a host answers.

    Args:
        response: after its head was read.
        address: that it came from, where redirections have led.
        linked: sha256 that the hub told on the way, or "".
    """

    def __init__(self, response: http.client.HTTPResponse, address: SplitResult, linked: str) -> None:
        self._response = response
        self.host = address.netloc
        self.status = response.status
        self.length = response.length  # bytes of the body, or None
        self.sha256 = linked

    def header(self, name: str) -> str:
        """The value, or ""."""
        return self._response.getheader(name) or ""

    @property
    def validator(self) -> str:
        """What names this version of the file (RFC 9110, 8.8): a strong ETag, or a date; "" where none can be relied
        on."""
        etag = self.header("ETag")
        return etag if etag.startswith('"') else "" if etag else self.header("Last-Modified")

    def read(self, count: int) -> bytes:
        """The next bytes of the body, at most so many; none at its end. Raises Broken."""
        with _trouble(self.host):
            return self._response.read1(count)


@contextlib.contextmanager
def asked(url: str, headers: dict[str, str], check: Callable[[], None], limits: Limits) -> Iterator[Answer]:
    """The answer of the host at the end of all redirections; the connection is closed afterwards.

    Args:
        url: with https; with http only to this machine itself.
        headers: of the request, beside the usual ones.
        check: called at least every `MOMENT_S` except while the system looks a name up; what it raises ends it.

    Raises:
        Broken: no connection, or it broke; it may go better the next time.
        SetupProblem: an address that is refused, a host that cannot prove its name, redirections without end.
    """
    address, linked = _address(url), ""
    for _ in range(MAX_REDIRECTS + 1):
        with contextlib.ExitStack() as stack:
            with _trouble(str(address.hostname)):
                wire = stack.enter_context(_Wire(address, check, limits))
                response = stack.enter_context(_request(wire, address, headers))
            told = _SHA256.fullmatch(response.getheader("X-Linked-Etag") or "")
            linked = told.group(1) if told and not linked else linked
            if response.status not in MOVED:
                wire.wait_for_body()
                yield Answer(response, address, linked)
                return
        address = _next_address(address, response.getheader("Location") or "")
    raise SetupProblem(f"{address.hostname} sends from one address to the next and never to the file.", BRING)


def _request(wire: "_Wire", address: SplitResult, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(str(address.hostname))
    connection.sock = wire  # it has what is used of a socket
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    ours = {"Host": address.netloc, "Accept-Encoding": "identity", "User-Agent": f"img2model/{__version__}"}
    connection.request("GET", path, headers=ours | {"Connection": "close"} | headers)
    return connection.getresponse()


def _address(url: str) -> SplitResult:
    """An address that may be asked: https, or this machine itself. Raises SetupProblem."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        parts, is_whole = SplitResult("", "", "", "", ""), False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (is_whole and is_safe and url.isascii() and url.isprintable() and " " not in url):
        raise SetupProblem(f"“{url[:200]}” is no address to fetch files from.", "It must begin with https.")
    return parts


def _next_address(here: SplitResult, location: str) -> SplitResult:
    """Where a redirection leads; never from the network to this machine, never out of encryption."""
    there = _address(urljoin(here.geturl(), location))
    if here.scheme == "https" and there.scheme != "https":
        raise SetupProblem(f"{here.hostname} sends to an address without encryption, which is refused.", BRING)
    if there.hostname in LOOPBACK and here.hostname not in LOOPBACK:
        raise SetupProblem(f"{here.hostname} sends to this machine itself, which is refused.", BRING)
    return there


@contextlib.contextmanager
def _trouble(host: str) -> Iterator[None]:
    """Turns what a connection raises into a clause, or into a sentence where trying again is no use."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise SetupProblem(
            f"{host} could not prove that it is {host}, so nothing was fetched.",
            "Check the date of this computer, or ask who runs your network.",
            str(error),
        ) from None
    except TimeoutError:
        raise Broken(f"{host} does not answer") from None
    except socket.gaierror:
        raise Broken(f"{host} was not found; is this computer online?") from None
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, ConnectionRefusedError):
            raise Broken(f"{host} takes no connection") from None
        if isinstance(error, OSError) and error.errno in _NO_WAY:
            raise Broken(f"there is no way to {host}; is this computer online?") from None
        raise Broken(f"the connection to {host} broke off") from None


class _Wire:
    """A connection that asks every moment whether to go on. It has what `http.client` wants of a socket.

    Args:
        address: of the host.
        check: called every moment; raises to end it.
    """

    def __init__(self, address: SplitResult, check: Callable[[], None], limits: Limits) -> None:
        self._check = check
        self._limits = limits
        self._limit_s = limits.connect_s
        self._end = 0.0  # of the head, by the clock; 0 where each wait has a limit of its own
        self._host = str(address.hostname)
        self._socket: Any = _connected(self._host, address.port or _usual_port(address), self._wait)
        if address.scheme == "https":
            try:
                self._encrypt()
            except BaseException:
                self._socket.close()
                raise
        self._end = time.monotonic() + limits.answer_s

    def __enter__(self) -> "_Wire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def wait_for_body(self) -> None:
        """The head is there: from now on each wait has the limit of a stall."""
        self._end, self._limit_s = 0.0, self._limits.stall_s

    def sendall(self, content: Any) -> None:
        """Sends all of it."""
        left = memoryview(content)
        while left:
            left = left[self._when_ready(functools.partial(self._socket.send, left), selectors.EVENT_WRITE) :]

    def receive(self, buffer: Any) -> int:
        """Fills a buffer with what is there, at least one byte; 0 at the end."""
        return self._when_ready(lambda: self._socket.recv_into(buffer), selectors.EVENT_READ)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What comes in, as a file."""
        del mode  # http.client reads
        return io.BufferedReader(_Incoming(self), BUFFER)

    def close(self) -> None:
        """`http.client` closes its socket before the body is read; the owner of this one closes it at the end."""

    def _encrypt(self) -> None:
        context = ssl.create_default_context()
        self._socket = context.wrap_socket(self._socket, server_hostname=self._host, do_handshake_on_connect=False)
        self._when_ready(lambda: self._socket.do_handshake() or 0, selectors.EVENT_READ)

    def _when_ready(self, act: Callable[[], int], usual: int) -> int:
        """What a call of the socket gives once it would not block."""
        while True:
            try:
                return act()
            except ssl.SSLWantWriteError:
                self._wait(self._socket, selectors.EVENT_WRITE)
            except ssl.SSLWantReadError:
                self._wait(self._socket, selectors.EVENT_READ)
            except BlockingIOError:
                self._wait(self._socket, usual)

    def _wait(self, connection: socket.socket, event: int) -> None:
        """Until a connection can be read or written. Raises TimeoutError, and what `check` raises."""
        end = self._end or time.monotonic() + self._limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(connection, event)
            while True:
                self._check()
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                if selector.select(min(left, MOMENT_S)):
                    return


class _Incoming(io.RawIOBase):
    """What comes in over a wire."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """See `_Wire.receive`."""
        return self._wire.receive(buffer)


def _usual_port(address: SplitResult) -> int:
    return 443 if address.scheme == "https" else 80


def _connected(host: str, port: int, wait: Callable[[socket.socket, int], None]) -> socket.socket:
    """A connection to the first address of a host that takes one; it does not block. Raises OSError."""
    problem: OSError = ConnectionRefusedError()
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            code = connection.connect_ex(place)
            if code in _IN_PROGRESS:
                wait(connection, selectors.EVENT_WRITE)
                code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                return connection
            problem = OSError(code, "not connected")  # Python makes the right kind of it
            connection.close()
        except OSError as error:
            connection.close()
            problem = error
        except BaseException:
            connection.close()
            raise
    raise problem
