"""Where the record of a run first showed that it would blow up: in its losses, gradients or updates.

A sign looks back only, so that it could have been seen at its step: a loss or a gradient that comes to stand
far above all that it was until a few rows before, or an update as large as what it changes.
"""

from __future__ import annotations

from math import log

import numpy as np

from gradflow.analysis.summary_parts import Warned
from gradflow.arrays import Array, Readings
from gradflow.units import LN10

RISE, GROWTH = log(3), LN10  # ln of the factor of the loss, and of the norm of a layer's gradient
LATELY = 5  # rows that a steady rise may take for it
HASTY = 2.0  # times a rise must be as large in logs while so few rows are known, of which batches differ
REWRITES = 0.5  # of a layer's weights, by which one update changes them


def warned(recording: Readings, diverged_step: int | None) -> Warned | None:
    """The signs of a run that diverged, of the steps before, and the lead of the first; None of others."""
    if diverged_step is None:
        return None
    steps = {name: step for name, step in signs(recording).items() if step < diverged_step}
    return Warned(**steps, lead=diverged_step - min(steps.values()) if steps else None)


def signs(recording: Readings) -> dict[str, int]:
    """The step at which each of loss, gradient and update first gives a sign, of those that do."""
    with np.errstate(all="ignore"):
        loss = np.log(recording["loss"].mean(axis=1))[:, None]
        seen = {
            "loss": _rises(loss, RISE),
            "gradient": _rises(recording["log_weight_grad_norm"].max(axis=1), GROWTH),
            "update": (recording["update_ratio"] > REWRITES).any(axis=(1, 2)),
        }
    return {name: int(recording["step"][np.argmax(rows)]) for name, rows in seen.items() if rows.any()}


def _rises(logs: Array, by: float) -> Array:
    """The rows at which one of the columns stands so far above all that it was, but for the last few rows.

    Of the first rows: `HASTY` times as far above all before them.
    """
    highest = np.fmax.accumulate(logs, axis=0)
    rows = np.arange(len(logs))
    before = np.where(rows > LATELY, rows - LATELY, np.maximum(rows - 1, 0))
    limit = np.where(rows > LATELY, by, HASTY * by)[:, None]
    return np.asarray((logs - highest[before] > limit).any(axis=1))
