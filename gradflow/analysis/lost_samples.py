"""Samples that pass no gradient: their delta is exactly 0 at layer 1, and c is that of the others."""

from __future__ import annotations

import numpy as np

from gradflow.analysis.intervals import mean_of_known
from gradflow.analysis.summary import Symptom
from gradflow.analysis.summary_parts import HALF_LOST, LostSamples
from gradflow.arrays import Array, Readings

NAME = "lost-samples"


def lost_samples(row: Readings, batch: int) -> LostSamples | None:
    """How many of a `batch` are left out of a row of the record; None where no living network loses any.

    `row` has `zero_delta` (layers, networks), unless nobody recorded it.
    """
    zero = row["zero_delta"][0] if "zero_delta" in row else None
    if zero is None or not (alive := zero < batch).any():  # of all, or nan
        return None
    mean = float(zero[alive].mean())
    return LostSamples(mean, batch) if mean else None


def lost_in_training(record: Readings, batch: int) -> Symptom | None:
    """The symptom of a run's record, over the networks that are alive at a row."""
    if "zero_delta" not in record:
        return None
    zero = record["zero_delta"][:, 0]
    living = mean_of_known(np.where(zero < batch, zero, np.nan), 1)
    return lost_symptom(record["step"], living, np.full(len(living), batch))


def lost_symptom(step: Array, lost: Array, samples: Array) -> Symptom | None:
    """The first step at which most samples are `lost`; means over networks (rows,)."""
    share = lost / samples
    if not (most := share > HALF_LOST).any():
        return None
    row = int(most.argmax())
    words = "most samples get a gradient of exactly 0 at some point, and are left out"
    return Symptom(NAME, int(step[row]), None, float(share[row]), HALF_LOST, words)
