"""How much memory is free, and where engines may run. Importing it imports neither torch nor psutil."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MIB = 1 << 20

_ON_PROCESSOR = [False]  # of this process, while an engine is called


@dataclass(frozen=True, slots=True)
class Room:
    """Free memory, MiB.

    Args:
        machine: what programs can still take without swapping; None where that is not known.
        card: of the graphics card, or None where there is none that engines use, or it does not tell.
    """

    machine: int | None
    card: int | None = None


Gauge = Callable[[bool], Room]
"""Measures; its argument says whether the card is asked, too, which imports torch."""


def measure(asks_card: bool) -> Room:
    """What is free now on this machine."""
    psutil = importlib.import_module("psutil")  # 10 ms: not for the command line's help
    return Room(int(psutil.virtual_memory().available) // MIB, _card() if asks_card else None)


def a_quarter() -> int:
    """Of this machine's memory, MiB."""
    psutil = importlib.import_module("psutil")
    return int(psutil.virtual_memory().total) // MIB // 4


@contextmanager
def kept_on_processor(wish: bool) -> Iterator[None]:
    """While inside, engines that are loaded in this process stay off the graphics card, if that is wished."""
    before, _ON_PROCESSOR[0] = _ON_PROCESSOR[0], wish
    try:
        yield
    finally:
        _ON_PROCESSOR[0] = before


def stays_on_processor() -> bool:
    """Whether `kept_on_processor` wishes it now."""
    return _ON_PROCESSOR[0]


def in_words(mib: int) -> str:
    """An amount of memory for people."""
    return f"{mib / 1024:.1f} GB" if mib >= 1000 else f"{mib} MB"


def _card() -> int | None:
    torch = importlib.import_module("torch")  # by name: bench, which is imported everywhere, must not import it
    for backend in (torch.cuda, torch.xpu):
        if backend.is_available():
            return int(backend.mem_get_info()[0]) // MIB
    return None  # Apple's graphics share the machine's memory
