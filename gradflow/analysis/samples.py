"""What a run was trained on, as its summary tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Samples:
    """What a run was trained on; `held_out` and `task` are None in a run of before they were recorded."""

    samples: int
    features: int
    outputs: int
    held_out: int | None = None
    task: str | None = None  # classification | regression
