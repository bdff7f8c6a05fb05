"""What is read of the machine, against what the system itself says."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from img2model_desktop.health.readings import BY_KEY, GIB, KEYS, Card, CardReader, Sampler


class NvmlError(Exception):
    """Stands in for the library's own."""


class Nvml(SimpleNamespace):
    """Stands in for the library: one card, with what of it fails."""

    def __init__(self, *failing: str) -> None:
        def told(name: str, value: Any) -> Any:
            def tell(*_arguments: Any) -> Any:
                if name in failing:
                    raise NvmlError(name)
                return value

            return tell

        self.ended = 0
        super().__init__(
            NVMLError=NvmlError,
            NVML_TEMPERATURE_GPU=0,
            nvmlInit=told("init", None),
            nvmlDeviceGetHandleByIndex=told("handle", "card 0"),
            nvmlDeviceGetMemoryInfo=told("memory", SimpleNamespace(used=6 * GIB, total=24 * GIB)),
            nvmlDeviceGetName=told("name", b"RTX 4090"),
            nvmlSystemGetDriverVersion=told("driver", "570.1"),
            nvmlDeviceGetUtilizationRates=told("use", SimpleNamespace(gpu=37)),
            nvmlDeviceGetTemperature=told("temperature", 64),
            nvmlShutdown=self._end,
        )

    def _end(self) -> None:
        self.ended += 1


def test_a_card_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    reader = CardReader()
    assert reader.card == Card("RTX 4090", 24.0, "570.1")
    assert reader.read() == {"card_memory": 25.0, "card_use": 37.0, "card_temperature": 64.0}
    reader.close()
    reader.close()
    assert nvml.ended == 1
    assert reader.read() == {}


@pytest.mark.parametrize("failing", ["memory", "use", "temperature"])
def test_what_a_card_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Nvml())
    reader = CardReader()
    reader._nvml = Nvml(failing)  # type: ignore[assignment] # fails later than the opening
    assert set(reader.read()) == {"card_memory", "card_use", "card_temperature"} - {f"card_{failing}"}


@pytest.mark.parametrize("failing", ["init", "handle", "memory", "name", "driver"])
def test_a_card_that_cannot_be_opened_is_said_plainly(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    nvml = Nvml(failing)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    reader = CardReader()
    assert reader.card.name == ""
    assert reader.card.note.endswith(".")
    assert reader.read() == {}
    assert nvml.ended == (failing != "init")


def test_without_the_library_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert CardReader().card == Card(note="The library that reads NVIDIA cards is not installed.")


def test_a_reading_agrees_with_the_system(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path, CardReader())
    reading = sampler.read()
    assert set(reading.values) <= set(KEYS)
    assert abs(reading.at - time.time()) < 5
    me = psutil.Process()
    assert reading.values["memory_own"] >= 0.9 * me.memory_info().rss / GIB
    assert reading.values["disk_free"] == pytest.approx(psutil.disk_usage(str(tmp_path)).free / GIB, abs=2)
    assert 0 < reading.values["memory"] <= 100
    assert reading.values["threads"] >= me.num_threads()
    assert all(0 <= value <= (BY_KEY[key].full or float("inf")) for key, value in reading.values.items())


def test_a_helper_process_counts_as_ours(tmp_path: Path) -> None:
    code = "import sys; kept = bytearray(200_000_000); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        sampler = Sampler(tmp_path, CardReader())
        sampler._looked = -1e9
        with_child = sampler.read().values
        child.communicate()
    sampler._looked = -1e9
    without = sampler.read().values
    assert with_child["processes"] == without["processes"] + 1
    assert with_child["memory_own"] - without["memory_own"] > 0.15
    assert with_child["files"] > without["files"]


def test_own_share_is_that_of_the_work_done(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path, CardReader())
    spent, began = time.process_time(), time.monotonic()
    while time.process_time() - spent < 0.2:
        pass
    share = sampler.read().values["processor_own"]
    most = 100 * (time.process_time() - spent) / (time.monotonic() - began) / (os.cpu_count() or 1)
    assert 0.5 * most <= share <= 100


def test_a_disk_that_is_gone_is_left_out(tmp_path: Path) -> None:
    assert "disk_free" not in Sampler(tmp_path / "gone", CardReader()).read().values
