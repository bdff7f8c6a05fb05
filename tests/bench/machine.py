"""What the machine is that the figures come from."""

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil

from img2model_desktop import __version__
from tests.bench.table import Table

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "pillow", "trimesh", "PySide6-Essentials", "torch")


def machine() -> Table:
    """Program, processor, memory, system, Python, libraries and, where there is one, the GPU."""
    rows = [
        ["program", f"Image2Model Desktop {__version__}"],
        ["processor", f"{_processor()}, {_cores()} cores for this process, load {_load()}"],
        ["memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"],
        ["system", f"{_system()}, {platform.machine()}"],
        ["Python", platform.python_version()],
        ["libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)],
        ["GPU", _gpu()],
    ]
    return Table("The machine", ["", "is"], rows)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _load() -> str:
    return f"{psutil.getloadavg()[0]:.1f}"


def _system() -> str:
    if sys.platform != "linux":
        return platform.platform(terse=True)
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        name = "Linux"
    return f"{name}, kernel {platform.release()}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _gpu() -> str:
    program = shutil.which("nvidia-smi")
    if not program:
        return "none"
    asked = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    done = subprocess.run([program, *asked], capture_output=True, text=True, check=False)
    return done.stdout.strip().replace("\n", "; ") if done.returncode == 0 else "none"
