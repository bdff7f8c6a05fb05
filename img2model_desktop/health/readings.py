"""What is measured, and one look at the machine and at our own processes."""

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import psutil

GIB = 2**30
CHILDREN_EVERY_S = 5.0  # finding our helper processes means going through all processes of the machine


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured again and again.

    Args:
        key: stable; names it in files.
        title: for people.
        unit: "%", "GiB", "MB/s", "°C", "ms", or "" for counts.
        full: the value at which there is no more, or None where there is no such value.
    """

    key: str
    title: str
    unit: str = ""
    full: float | None = None


MEASURES: tuple[Measure, ...] = (
    Measure("processor", "Processor, whole machine", "%", 100.0),
    Measure("processor_own", "Processor, this program", "%", 100.0),
    Measure("memory", "Memory in use, whole machine", "%", 100.0),
    Measure("memory_own", "Memory, this program", "GiB"),
    Measure("swap", "Swap in use", "GiB"),
    Measure("disk_free", "Free on the disk of the data", "GiB"),
    Measure("files", "Open files and handles"),
    Measure("threads", "Threads"),
    Measure("processes", "Helper processes"),
    Measure("card_use", "Graphics card in use", "%", 100.0),
    Measure("card_memory", "Graphics memory in use", "%", 100.0),
    Measure("card_temperature", "Graphics card temperature", "°C"),
    Measure("queue", "Jobs that wait or run"),
    Measure("gap", "Longest gap of the window", "ms"),
)
"""In the order of their columns in files; a new one goes to the end."""

KEYS = tuple(measure.key for measure in MEASURES)
BY_KEY = {measure.key: measure for measure in MEASURES}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured at one moment.

    Args:
        at: seconds since the epoch.
        values: by the key of the measure, in its unit; what could not be read is left out.
    """

    at: float
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card.

    Args:
        name: as its driver says, or "" where there is none that can be read.
        memory_gib: all of its memory, or 0.
        driver: version, or "".
        note: why nothing is read from it, a sentence, or "".
    """

    name: str = ""
    memory_gib: float = 0.0
    driver: str = ""
    note: str = ""


class CardReader:
    """Memory, use and temperature of the first NVIDIA card; of others nothing is read, and `card.note` says so."""

    def __init__(self) -> None:
        self._nvml: ModuleType | None = None
        self.card = self._open()

    def read(self) -> dict[str, float]:
        """Of the card measures those that it tells."""
        nvml = self._nvml
        if nvml is None:
            return {}
        values: dict[str, float] = {}
        with contextlib.suppress(nvml.NVMLError):
            memory = nvml.nvmlDeviceGetMemoryInfo(self._handle)
            values["card_memory"] = 100.0 * memory.used / max(memory.total, 1)
        with contextlib.suppress(nvml.NVMLError):  # some cards tell one and not the other
            values["card_use"] = float(nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)
        with contextlib.suppress(nvml.NVMLError):
            sensor = nvml.NVML_TEMPERATURE_GPU
            values["card_temperature"] = float(nvml.nvmlDeviceGetTemperature(self._handle, sensor))
        return values

    def close(self) -> None:
        """Lets go of the driver's library."""
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            self._nvml = None

    def _open(self) -> Card:
        try:
            import pynvml as nvml
        except ImportError:
            return Card(note="The library that reads NVIDIA cards is not installed.")
        try:
            nvml.nvmlInit()
        except nvml.NVMLError:
            return Card(note="No NVIDIA driver is here; use and memory of AMD, Intel and Apple graphics are not read.")
        try:
            self._handle = nvml.nvmlDeviceGetHandleByIndex(0)
            memory = nvml.nvmlDeviceGetMemoryInfo(self._handle).total / GIB
            card = Card(_text(nvml.nvmlDeviceGetName(self._handle)), memory, _text(nvml.nvmlSystemGetDriverVersion()))
        except nvml.NVMLError as error:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()
            return Card(note=f"The NVIDIA driver does not tell about its card ({error}).")
        self._nvml = nvml
        return card


class Sampler:
    """Looks at the machine and at this process with all that it started. Used by one thread.

    Args:
        folder: whose disk is watched.
        card: where the graphics card is read from.
    """

    def __init__(self, folder: Path, card: CardReader) -> None:
        self._folder = folder
        self._card = card
        self._me = psutil.Process()
        self._children: dict[int, psutil.Process] = {}
        self._looked = -math.inf
        self._spent: dict[int, float] = {}  # processor seconds by process at the last look
        self._last = time.monotonic()
        psutil.cpu_percent(None)  # tells the share since its last call
        self._own_share()

    def read(self) -> Reading:
        """One look; takes about a millisecond, each fifth one some more."""
        self._find_children()
        memory = psutil.virtual_memory()
        values = {
            "processor": float(psutil.cpu_percent(None)),
            "processor_own": self._own_share(),
            "memory": float(memory.percent),
            "swap": psutil.swap_memory().used / GIB,
            "processes": float(len(self._children)),
            **self._own_counts(),
            **self._card.read(),
        }
        with contextlib.suppress(OSError):  # a folder on a disk that was taken out
            values["disk_free"] = psutil.disk_usage(str(self._folder)).free / GIB
        return Reading(time.time(), values)

    def _find_children(self) -> None:
        now = time.monotonic()
        if now - self._looked < CHILDREN_EVERY_S:
            return
        self._looked = now
        with contextlib.suppress(psutil.Error):
            found = {child.pid: child for child in self._me.children(recursive=True)}
            self._children = {pid: self._children.get(pid, child) for pid, child in found.items()}

    def _own_share(self) -> float:
        """Percent of the whole machine that our processes took since the last call."""
        now = time.monotonic()
        spent: dict[int, float] = {}
        for pid, process in [(self._me.pid, self._me), *self._children.items()]:
            with contextlib.suppress(psutil.Error):  # ended in between
                times = process.cpu_times()
                spent[pid] = times.user + times.system
        taken = sum(max(seconds - self._spent.get(pid, seconds), 0.0) for pid, seconds in spent.items())
        span = max(now - self._last, 1e-3)
        self._spent, self._last = spent, now
        return min(100.0 * taken / span / (psutil.cpu_count() or 1), 100.0)

    def _own_counts(self) -> dict[str, float]:
        resident, files, threads = 0.0, 0, 0
        for process in (self._me, *self._children.values()):
            with contextlib.suppress(psutil.Error), process.oneshot():
                resident += process.memory_info().rss
                files += process.num_handles() if psutil.WINDOWS else process.num_fds()
                threads += process.num_threads()
        return {"memory_own": resident / GIB, "files": float(files), "threads": float(threads)}


def _text(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
