"""What there is to be told of a training that ended before its last step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Warned:
    """The step at which each of these first showed that a run would diverge, and the lead of the first."""

    loss: int | None = None
    gradient: int | None = None
    update: int | None = None
    lead: int | None = None  # None: nothing showed it before


@dataclass(frozen=True)
class Stopped:
    """The step at which `training.stop` ended a training, and why."""

    step: int
    reason: str
