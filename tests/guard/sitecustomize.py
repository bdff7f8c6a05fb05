"""Closes the network to every Python process that the tests start: a socket that could leave this machine raises.

Python imports a module of this name at start-up when its folder is on PYTHONPATH; conftest.py puts it there
and installs the same guard in the test process itself. The guard is an audit hook, so that neither a C
extension that uses the `_socket` module nor a monkeypatch gets around it.
"""

import socket
import sys
from typing import Any

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
    raise NetworkUsed(f"{event}{arguments!r}")


sys.addaudithook(guard)
