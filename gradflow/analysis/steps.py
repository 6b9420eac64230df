"""Steps of a record: the row of one that was recorded, and the first at which a loss was reached."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping
from typing import Any

from gradflow.errors import InputError

LAST = "last"


def row_at(steps: Iterable[float], step: str, option: str = "--step") -> int:
    """The row of a step, a number or "last", as an option has it.

    InputError if it was not recorded, with those around it.
    """
    known = [int(one) for one in steps]
    if step == LAST:
        return len(known) - 1
    if not (step.isascii() and step.isdecimal() and len(step) <= 18):  # more than any run has
        raise InputError(f"{option} takes the number of a step or {LAST}, not {step}")
    if int(step) in known:
        return known.index(int(step))
    place = bisect(known, int(step))
    near = known[max(0, place - 1) : place + 1]
    told = f"nearest {'is' if len(near) == 1 else 'are'} {' and '.join(f'{one:,}' for one in near)}"
    raise InputError(f"{option} {step}: the step was not recorded; the {told}")


def steps_to_loss(recording: Mapping[str, Any], loss: float) -> int | None:
    """The first evaluated step whose loss over training samples, mean over networks, is at most `loss`."""
    if "eval_step" not in recording:
        return None
    reached = recording["loss_train"].mean(axis=1) <= loss
    return int(recording["eval_step"][reached][0]) if reached.any() else None
