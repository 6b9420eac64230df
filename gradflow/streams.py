"""Counter-based random streams: (seed, purpose, index) gives the same numbers whatever was drawn before."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for. The numbers are part of the format of a run: never renumber them."""

    WEIGHTS = 1
    BIASES = 2
    BATCHES = 3
    DATA = 4
    SPLIT = 5
    DIRECTIONS = 6
    EVALUATION = 7


def stream(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """A Philox generator keyed by (seed, purpose, layer or epoch); network i of `seed: s` uses seed s + i."""
    key = np.array([seed, (purpose << 48) | index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
