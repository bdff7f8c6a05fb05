"""How soon the window is there: from the start of the process to the end of its first paint."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.table import Table

NAME = "opening"

STARTS = 7
PROMISED_S = 1.0
ROOT = Path(__file__).resolve().parents[2]


def tables() -> list[Table]:
    """One table: the first start (nothing in the home folder yet) and the ones after it."""
    with tempfile.TemporaryDirectory(prefix="img2model-bench-") as home:
        starts = [opened(Path(home)) for _ in range(STARTS)]
    seconds = [start[0] for start in starts]
    torch = any(start[1] for start in starts)
    rows = [
        ["first start", f"{seconds[0]:.2f}", f"{PROMISED_S:.1f}"],
        [f"median of {STARTS - 1} more", f"{statistics.median(seconds[1:]):.2f}", f"{PROMISED_S:.1f}"],
        ["slowest of them", f"{max(seconds[1:]):.2f}", f"{PROMISED_S:.1f}"],
        ["torch loaded by then", "yes" if torch else "no", "no"],
    ]
    return [Table("Opening: start of the process to the window's first paint, s", ["", "measured", "promised"], rows)]


def opened(home: Path) -> tuple[float, bool]:
    """Starts the program as a user does, until its first paint.

    Returns:
        Seconds it took, and whether torch was loaded by then.
    """
    environment = {**os.environ, "IMG2MODEL_HOME": str(home), "IMG2MODEL_FIRST_PAINT": "1"}
    began = time.time()
    told = subprocess.run(
        [sys.executable, "-m", "img2model_desktop"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    return float(told[0]) - began, told[1] == "True"
