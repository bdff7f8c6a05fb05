"""Tables of numbers as text, quickly."""

from itertools import chain

import numpy as np
from numpy.typing import NDArray

_BLOCK_ROWS = 8192


def rows(line: str, values: NDArray[np.generic]) -> str:
    """The rows of `(n, k)` values, each as `line` with its k `%` fields says.

    In blocks, as one call holds the interpreter until it ends. `%.9g` brings the same float32 back.
    """
    blocks = (values[begin : begin + _BLOCK_ROWS].tolist() for begin in range(0, len(values), _BLOCK_ROWS))
    return "".join((line * len(block)) % tuple(chain.from_iterable(block)) for block in blocks)
