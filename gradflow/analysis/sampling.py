"""What the choice of the batches alone makes of losses and norms, so that it is not taken for a symptom."""

from __future__ import annotations

from math import ceil, inf

import numpy as np

from gradflow.arrays import Array

BEFORE = 10  # rows whose median loss a spike stands out from
RANGES = 2  # of the values of as many rows, in logs, that batches alone hardly make


def sampling(loss: Array, row: int, epoch: int) -> float:
    """The factor up to which batches explain that losses (rows,) differ at a row; `epoch` as below."""
    with np.errstate(over="ignore"):
        return float(np.exp(sampling_of_logs(np.log(loss), row, epoch)))


def sampling_of_logs(logs: Array, row: int, epoch: int) -> float:
    """The difference up to which batches explain that logs (rows,) differ: twice the range of calmer rows.

    Those are the rows before, or the last ones where they are too few: an epoch, so that every hard sample is
    among them, and as many as have BEFORE degrees of freedom: the batches of an epoch, `epoch` of them, sum
    up to the same.
    """
    rows = max(ceil(BEFORE * epoch / (epoch - 1)), epoch)
    calm = logs[row - rows : row] if row >= rows else logs[-rows:]
    return RANGES * float(calm.max() - calm.min()) if len(calm) == rows else inf
