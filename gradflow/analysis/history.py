"""How the flow moved during training: c and the ratio row by row, and where the verdict changed for good."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradflow.analysis.flow import DRAWN_DIGITS, Measured, drawn, measure, numbers, spread_out
from gradflow.analysis.intervals import exp_or_none
from gradflow.analysis.known_increments import NOTHING, Known
from gradflow.analysis.summary import Flip, History
from gradflow.analysis.verdict import are_most, verdict_of
from gradflow.arrays import Array, Readings
from gradflow.units import LN10

ROWS = 200
MEASURED = ("log_delta_norm", "activation_mean", "activation_std")  # what c and its interval are made of


def history_of(
    recording: Readings,
    stable_decades: float,
    patience: int,
    verdicts: list[str] | None = None,
    known: Known = NOTHING,
) -> History:
    """The History of a record; a flip counts once the new verdict has held for `patience` rows.

    `verdicts` are those of its rows, where they are known.
    """
    step, log_delta = recording["step"].astype(int), recording["log_delta_norm"]
    rows = spread_out(len(step), ROWS)
    by_layer = {name: array for name, array in recording.items() if name in MEASURED}
    measured = [
        measure({name: array[row] for name, array in by_layer.items()}, known=known.at(step[row]))
        for row in rows
    ]
    log_c = [one.log_c for one in measured]
    with np.errstate(invalid="ignore", over="ignore"):
        loss = recording["loss"][rows].mean(axis=1)
    return History(
        steps=tuple(int(step[row]) for row in rows),
        c=drawn(exp_or_none(None if one is None else one.mean) for one in log_c),
        c_low=drawn(exp_or_none(None if one is None else one.low) for one in log_c),
        c_high=drawn(exp_or_none(None if one is None else one.high) for one in log_c),
        log10_ratio=tuple(_log10_ratio(one) for one in measured),
        loss=drawn(numbers(loss)),
        flips=tuple(_flips(verdicts or row_verdicts(log_delta, stable_decades), step, patience)),
    )


def _log10_ratio(measured: Measured) -> float | None:
    ratio = measured.log_ratio
    return None if ratio is None else round(ratio.mean / LN10, DRAWN_DIGITS)


def row_verdicts(log_delta: Array, stable_decades: float) -> list[str]:
    """The verdict at every row of (rows, layers, networks), from the networks that are alive if most are."""
    with np.errstate(invalid="ignore"):
        ratio = (log_delta[:, 0] - log_delta[:, -1]) / LN10
    alive, finite = np.isfinite(ratio), np.asarray((log_delta < np.inf).all(axis=(1, 2)))
    return [
        "overflow" if not usable
        else "dead" if are_most(int((~kept).sum()), len(kept))
        else verdict_of(float(row[kept].mean()), None, None, stable_decades)[0]
        for row, kept, usable in zip(ratio, alive, finite, strict=True)
    ]  # fmt: skip


def _flips(verdicts: list[str], step: Array, patience: int) -> Iterator[Flip]:
    settled = verdicts[0]
    for row in range(1, len(verdicts) - patience + 1):
        new = verdicts[row]
        if new != settled and all(one == new for one in verdicts[row : row + patience]):
            yield Flip(int(step[row]), settled, new)
            settled = new
