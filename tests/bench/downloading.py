"""The downloader against a host on this machine: how much of the processor it takes, and how soon it stops.

The host runs in a process of its own. Wall-clock seconds; the processor time is the downloader's alone.
"""

import hashlib
import multiprocessing
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights.download import Wanted, download
from img2model_desktop.errors import Cancelled
from tests.bench.table import Table
from tests.loopback import Host, serving, silent, stall, status

NAME = "downloading"

BYTES = 300_000_000
STOPS = ("a body that comes", "a body that stalls", "an answer that does not come", "a wait for the next try")
ROUNDS = 5


def tables() -> list[Table]:
    """Two tables: speed, and seconds until a wish to stop has ended the work."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        url = ours.recv()
        return [_speed(url), _stopping(url)]
    finally:
        ours.send("end")
        process.join()


def _serve(pipe: Connection) -> None:
    content = bytes(BYTES)
    host = Host({"/file": content, "/stall": content, "/silent": content, "/busy": content})
    host.acts = {"/stall": [stall(1000)], "/silent": [silent], "/busy": [status(503, Retry_After="200")]}
    with serving(host) as served:
        pipe.send(served.url)
        pipe.recv()


def _speed(url: str) -> Table:
    sha256 = hashlib.sha256(bytes(BYTES)).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        began, busy = time.perf_counter(), time.process_time()
        download([Wanted("file", f"{url}/file", "", BYTES, sha256)], Path(folder), Progress())
        took, busy = time.perf_counter() - began, time.process_time() - busy
    row = [f"{BYTES / 1e6:.0f}", f"{took:.2f}", f"{BYTES / 1e6 / took:.0f}", f"{busy * 1e9 / BYTES:.2f}"]
    return Table("Downloading: one file, hashed", ["MB", "s", "MB/s", "processor s per GB"], [row])


def _stopping(url: str) -> Table:
    rows = []
    for name, path in zip(STOPS, ("file", "stall", "silent", "busy"), strict=True):
        worst = max(_until_stopped(f"{url}/{path}") for _ in range(ROUNDS))
        rows.append([name, f"{worst:.3f}", "0.3"])
    return Table(f"Stopping: seconds until it has ended, the worst of {ROUNDS}", ["in", "s", "promised"], rows)


def _until_stopped(url: str) -> float:
    cancel, moment = threading.Event(), [0.0]

    def stop() -> None:
        moment[0] = time.perf_counter()
        cancel.set()

    timer = threading.Timer(0.1, stop)
    with tempfile.TemporaryDirectory() as folder:
        timer.start()
        try:
            download([Wanted("file", url, "", BYTES)], Path(folder), Progress(is_cancelled=cancel.is_set))
        except Cancelled:
            return time.perf_counter() - moment[0]
        finally:
            timer.join()
    raise RuntimeError("it was not stopped")
