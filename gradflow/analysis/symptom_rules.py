"""Looks at a record that need no config: the rules that runs, watched trainings and files of norms share.

Each finds where something began, or nothing. `step` (rows,) are the recorded steps, layers count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradflow.analysis.summary import Symptom, strict
from gradflow.arrays import Array
from gradflow.units import LN10

Beyond = Callable[[Array, int, float], bool]  # of a layer's logs (rows,), the row and the size of a change

FEW_LAYERS = 4  # below, there are no early layers to compare with later ones


def symptom_at(
    name: str, step: float, layer: int | None, value: float, threshold: float, message: str
) -> Symptom:
    """A symptom with plain numbers, None where one is not finite."""
    return Symptom(name, int(step), layer, strict(float(value)), strict(float(threshold)), message)


def early_frozen(step: Array, ratios: Array, layers: Array, limit: float, patience: int) -> Symptom | None:
    """Early layers whose weights hardly move while the later ones' do.

    `ratios` (rows, layers) are ||update|| / ||W|| of `layers` (from 0); the median of their first quarter is
    taken over that of the last. The first layer is named that is so far below the last ones.
    """
    quarter = len(layers) // 4
    if len(layers) < FEW_LAYERS or not len(step):
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # where the last ones rest
        share = np.median(ratios[:, :quarter], axis=1) / np.median(ratios[:, -quarter:], axis=1)
    row = first_lasting(share < limit, patience)
    if row is None:
        return None
    frozen = ratios[row] < limit * np.median(ratios[row, -quarter:])
    words = "early layers are frozen: an update changes them that much less than the last layers"
    return symptom_at(
        "frozen-layers", step[row], int(layers[np.argmax(frozen)]) + 1, share[row], limit, words
    )


def gradient_jump(step: Array, log_delta: Array, limit: float, beyond: Beyond, rows: str) -> Symptom | None:
    """A layer's gradient that changes by more than `limit` decades from one row to the next.

    `log_delta` is (rows, layers, networks). Of the networks that have a gradient in both rows: one that dies
    changes by no number of decades. `beyond` tells a change from what batches make of norms; `rows` is what
    the rows are called.
    """
    living = np.isfinite(log_delta[1:]) & np.isfinite(log_delta[:-1])
    with np.errstate(invalid="ignore"):
        changes = np.where(living, log_delta[1:] - log_delta[:-1], 0).sum(axis=2)
    jumps = np.abs(changes) / np.maximum(living.sum(axis=2), 1)
    means: dict[int, Array] = {}  # of the layers that are looked at: a noisy record has many rows that change
    for row in np.flatnonzero((jumps > limit * LN10).any(axis=1)).tolist():
        layer = int(np.argmax(jumps[row]))
        jump = float(jumps[row, layer])
        if layer not in means:
            means[layer] = _mean_of_finite(log_delta[:, layer])
        if beyond(means[layer], row + 1, jump):
            words = f"the gradient jumps by that many decades from one {rows} to the next"
            return symptom_at("gradient-jump", step[row + 1], layer + 1, jump / LN10, limit, words)
    return None


def _mean_of_finite(values: Array) -> Array:
    """The mean over the networks of (rows, networks) that have a finite value; nan where none has."""
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(finite, values, 0).sum(axis=1) / finite.sum(axis=1))


def blown_up(step: int | None, reason: str | None) -> Symptom | None:
    """That training stopped being finite at a step."""
    words = f"training blew up: {reason}"
    return None if step is None else Symptom("non-finite", step, None, None, None, words)


def first_lasting(seen: Array, patience: int) -> int | None:
    """The first row from which `seen` (rows,) holds `patience` times in a row, or all of a shorter record."""
    patience = min(patience, len(seen))
    return next(lasting(seen, patience), None) if patience else None


def lasting(seen: Array, patience: int) -> Iterator[int]:
    """The rows from which `seen` (rows,) holds `patience` times in a row."""
    for row in range(len(seen) - patience + 1):
        if seen[row : row + patience].all():
            yield row
