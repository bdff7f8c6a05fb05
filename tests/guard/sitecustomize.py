"""Closes the network to every Python process that the tests start: a socket that could leave this machine raises.

Python imports a module of this name at start-up when its folder is on PYTHONPATH; conftest.py puts it there
and installs the same guard in the test process itself. The guard is an audit hook, so that neither a C
extension that uses the `_socket` module nor a monkeypatch gets around it.
"""

import os
import socket
import sys
from typing import Any

LOOPBACK = "IMG2MODEL_TEST_LOOPBACK"  # ports of 127.0.0.1 that may be used; set by tests/loopback.py alone

WATCHED = frozenset(
    {
        "socket.__new__",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "urllib.Request",
    }
)


class NetworkUsed(AssertionError):
    """The program tried to use the network. An AssertionError, so that no `except OSError` swallows it."""


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook: raises NetworkUsed unless the socket is a local one (AF_UNIX)."""
    if event not in WATCHED:
        return
    local = getattr(socket, "AF_UNIX", None)
    if event == "socket.__new__" and arguments[1] == local:
        return
    if isinstance(arguments[0], socket.socket) and arguments[0].family == local:
        return
    if _is_granted(event, arguments):
        return
    raise NetworkUsed(f"{event}{arguments!r}")


def _is_granted(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether it is the one exception: a port of this machine at which a test of the downloader serves files."""
    ports = {int(port) for port in os.environ.get(LOOPBACK, "").split(",") if port}
    if not ports:
        return False
    if event == "socket.__new__":  # its address is not known yet; no other event lets it go anywhere
        return bool(arguments[1] == socket.AF_INET and arguments[2] & socket.SOCK_STREAM)
    if event in ("socket.connect", "socket.bind"):
        is_right_kind = isinstance(arguments[0], socket.socket) and arguments[0].family == socket.AF_INET
        return is_right_kind and arguments[1][0] == "127.0.0.1" and arguments[1][1] in ports
    return event == "socket.getaddrinfo" and arguments[0] == "127.0.0.1" and arguments[1] in ports


sys.addaudithook(guard)
