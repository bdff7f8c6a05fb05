"""Which device is chosen, what it computes with, and what missing memory becomes."""

import weakref

import pytest
import torch
from torch import nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines import device
from img2model_desktop.engines.device import (
    CPU_CHUNK,
    Device,
    choose,
    chunk_for,
    lower,
    memory_watched,
    processor,
)
from img2model_desktop.errors import Cancelled, InputProblem, OutOfMemory


def test_the_processor_computes_in_bfloat16_only_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for features, wanted in (
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
        ({"avx512_f": True}, torch.float32),
        ({}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=features: found, raising=False)
        assert processor().dtype == wanted
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert processor().dtype == torch.float32


def test_without_a_card_the_processor_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (torch.cuda, torch.xpu, torch.backends.mps):
        monkeypatch.setattr(backend, "is_available", lambda: False)
    assert choose() == processor()
    assert choose().is_cpu


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
@pytest.mark.parametrize(("hip", "kind"), [(None, "CUDA"), ("6.2", "ROCm")])
def test_a_card_is_preferred(
    fast: bool, dtype: torch.dtype, hip: str | None, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 9")
    monkeypatch.setattr(torch.version, "hip", hip)
    assert choose() == Device(torch.device("cuda"), dtype, f"Card 9 ({kind})")
    assert not choose().is_cpu


def test_chunks_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Device(torch.device("cuda"), torch.float32, "card")
    for free, wanted in ((80 << 30, 1 << 20), (64 << 20, 1 << 14), (1, 1 << 10)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 0))
        assert chunk_for(card, 1024) == wanted
    assert chunk_for(processor(), 1024) == CPU_CHUNK


@pytest.mark.parametrize("lacking", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_missing_memory_is_told_by_its_type(lacking: Exception) -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def work() -> None:
        large = torch.zeros(9)
        held.append(weakref.ref(large))
        raise lacking

    with pytest.raises(OutOfMemory) as caught, memory_watched(processor()):
        work()
    assert "the processor" in caught.value.message
    assert caught.value.__suppress_context__
    assert held[0]() is None  # the error's frames let go of what they worked on


@pytest.mark.parametrize("other", [RuntimeError("CUDA out of memory"), InputProblem("no"), Cancelled()])
def test_other_errors_are_left_alone(other: Exception) -> None:
    with pytest.raises(type(other)) as caught, memory_watched(processor()):
        raise other
    assert caught.value is other


def test_only_linear_layers_are_lowered() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Conv1d(4, 4, 1), nn.Linear(4, 4))
    fractions: list[float] = []
    lower(net, torch.bfloat16, Progress(fractions.append))
    assert [part.weight.dtype for part in net] == [torch.bfloat16, torch.float32, torch.float32, torch.bfloat16]
    assert fractions


def test_nothing_is_given_back_where_there_is_no_card() -> None:
    device.release(processor())
    assert not torch.cuda.is_initialized()
