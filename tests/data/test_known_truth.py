"""No file of a known truth is taken for another task, other classes, other values or another order."""

from collections import Counter
from pathlib import Path

import numpy as np

from tests.data.known_truth import File, drawn


def test_what_is_read_is_what_was_written_or_it_is_refused(tmp_path: Path, thorough: bool) -> None:
    found: Counter[str] = Counter()
    for seed in range(2_000 if thorough else 300):
        file = drawn(np.random.default_rng([13, seed]), tmp_path)
        told = file.told(tmp_path)
        assert told != "wrong", (seed, shown(file))
        assert told == "right" or not file.target.plain, (seed, shown(file))
        found[told] += 1
    assert found["right"] > found["refused"] > 0, found


def shown(file: File) -> str:
    """The keys and the first targets of a file."""
    keys = {key: value for key, value in file.keys.items() if key not in ("x", "y")}
    return f"{keys} {file.target.task} {file.target.cells[:8]} of {len(file.target.cells)}"
