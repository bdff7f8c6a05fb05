"""Where networks run, in which precision, and what it means when memory runs out there."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.room import stays_on_processor
from img2model_desktop.errors import OutOfMemory

CPU_CHUNK = 1 << 14
"""Points of a field at once on a processor: what is computed for them fits its caches. 65,536 take 1.4 times
as long."""

LARGEST_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Device:
    """One that can compute.

    Args:
        device: torch's name for it.
        dtype: of the weights of transformers' linear layers; whatever a surface or a colour is read from stays float32.
        name: for people.
    """

    device: torch.device
    dtype: torch.dtype
    name: str

    @property
    def is_cpu(self) -> bool:
        return self.device.type == "cpu"


def choose() -> Device:
    """The fastest device of this machine: a graphics card (CUDA, ROCm, Intel, Apple), else the processor.

    Where `room.kept_on_processor` wishes it, it is the processor.

    bfloat16 is chosen where the hardware computes with it: transformers then run about 1.5 times as fast on processors
    and 2 to 4 times on cards. Cards without it get float32, since float16 overflows in some published networks.
    """
    if stays_on_processor():
        return processor()
    if torch.cuda.is_available():
        kind = "ROCm" if torch.version.hip else "CUDA"
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return _card("cuda", fast, f"{torch.cuda.get_device_name()} ({kind})")
    if torch.xpu.is_available():
        return _card("xpu", torch.xpu.is_bf16_supported(), f"{torch.xpu.get_device_name()} (XPU)")
    if torch.backends.mps.is_available():
        return _card("mps", False, "Apple graphics (MPS)")
    return processor()


def processor() -> Device:
    """The processor: always there."""
    return Device(torch.device("cpu"), torch.bfloat16 if _has_fast_bfloat16() else torch.float32, "the processor")


def lower(net: nn.Module, dtype: torch.dtype, progress: Progress | None = None) -> None:
    """Brings the weights of linear layers to a precision, one layer after the other; norms and tables stay."""
    layers = [module for module in net.modules() if isinstance(module, nn.Linear)]
    for number, layer in enumerate(layers):
        if progress is not None:
            progress.update(number / len(layers))
        layer.to(dtype)


def chunk_for(device: Device, bytes_each: int) -> int:
    """How many points to work on at once, a power of two.

    Args:
        device: where.
        bytes_each: what one point takes while it is worked on.
    """
    if device.device.type == "cuda":
        free = int(torch.cuda.mem_get_info(device.device)[0])
    elif device.device.type == "xpu":
        free = int(torch.xpu.mem_get_info(device.device)[0])
    else:
        return CPU_CHUNK
    room = max(free // 4 // bytes_each, 1)
    return 1 << max(10, min(LARGEST_CHUNK.bit_length() - 1, room.bit_length() - 1))


@contextmanager
def memory_watched(device: Device) -> Iterator[None]:
    """Turns torch's and Python's own errors of missing memory, told by their type, into ours.

    Raises:
        OutOfMemory: the device, or the machine, has not enough.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        traceback.clear_frames(error.__traceback__)  # they hold the very tensors that are to go
        release(device)
        raise OutOfMemory(
            f"There is not enough free memory on {device.name} for that.",
            "Close other programs, or choose a lower quality.",
            str(error) or "out of memory",
        ) from None


def release(device: Device) -> None:
    """Gives freed memory of a card back to the system."""
    if device.device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.device.type == "xpu":
        torch.xpu.empty_cache()
    elif device.device.type == "mps":
        torch.mps.empty_cache()


def _card(kind: str, has_bfloat16: bool, name: str) -> Device:
    return Device(torch.device(kind), torch.bfloat16 if has_bfloat16 else torch.float32, name)


def _has_fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself (AVX-512 BF16 or AMX); elsewhere it is emulated and slow."""
    told = getattr(torch.cpu, "get_capabilities", None)  # not in every torch that we run with
    if told is None:
        return False
    features = told()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
