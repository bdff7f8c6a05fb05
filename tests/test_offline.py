"""The program opens no socket: promise 2. Every test runs under the same guard; these look at the whole program."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def test_the_guard_stops_this_process() -> None:
    with pytest.raises(AssertionError, match="socket"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    with pytest.raises(AssertionError, match="socket"):
        socket.getaddrinfo("localhost", 80)


def test_the_guard_lets_local_sockets_through() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.sendall(b"x")
        assert there.recv(1) == b"x"


@pytest.mark.parametrize("start", ["", "import multiprocessing as m; m.set_start_method('spawn')"])
def test_the_guard_stops_child_processes(start: str) -> None:
    code = f"{start}\nimport socket; socket.socket(socket.AF_INET)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NetworkUsed" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["engines", "--json"], ["convert", "ball.png", "-o", "ball.glb", "--quality", "draft", "--json"]]
)
def test_the_command_line_uses_no_network(arguments: list[str], tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :96]
    inside = (x - 48) ** 2 + (y - 48) ** 2 < 40**2
    pixels = np.dstack([x * 2, y * 2, 128 + 0 * x, 255 * inside]).astype(np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "ball.png")
    done = subprocess.run(
        [sys.executable, "-m", "img2model_desktop", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(json.loads(line) for line in done.stdout.splitlines())
    if "convert" in arguments:
        assert (tmp_path / "ball.glb").read_bytes()[:4] == b"glTF"


@pytest.mark.parametrize("arguments", [["weights", "list"], ["weights", "download", "triposr"]])
def test_weights_open_nothing_before_consent(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "img2model_desktop", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == (2 if "download" in arguments else 0), done.stderr
    assert "NetworkUsed" not in done.stderr


def test_the_guard_stops_a_download_of_the_program() -> None:
    """A download does open a socket, and is stopped: so the test above would see one."""
    command = [sys.executable, "-m", "img2model_desktop", "weights", "download", "triposr", "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NetworkUsed: socket.getaddrinfo('huggingface.co', 443" in done.stderr


SESSION = [
    *("dropped a picture", "generated", "shown", "exported", "library", "diagnostics", "doctor", "bundle", "weights"),
    *("batch brought", "batch", "rests"),
]


@pytest.mark.gl
@pytest.mark.timeout(300)
def test_a_whole_session_with_the_window_uses_no_network(tmp_path: Path, img2model_home: Path) -> None:
    """Picture, mesh, export, library, diagnostics, check-up, bundle, weights and batch in a process under the guard."""
    command = [sys.executable, "-m", "tests.session", str(tmp_path / "session")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == SESSION, done.stderr
    assert done.returncode == 0, done.stderr
    logs = [path.read_text(errors="replace") for path in (img2model_home / "logs").rglob("*") if path.is_file()]
    assert logs
    assert not [text for text in (done.stderr, *logs) if "NetworkUsed" in text]
