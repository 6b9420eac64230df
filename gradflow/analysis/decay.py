"""Weight decay that eats the weights: updates that take one share of every layer's, which no gradient makes.

Where W' = W - lr (g + k W) and g is next to nothing, an update is lr k of the weights in each layer alike,
and z of layer 1 shrinks as they do.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from gradflow.analysis.rates import DECAYED, FITTED, STALLS, end_of
from gradflow.analysis.summary import Advice, Symptom
from gradflow.analysis.symptom_rules import symptom_at
from gradflow.arrays import Array, Readings
from gradflow.nn.optimizers import AdamW, Sgd
from gradflow.units import rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradflow.config import Config
    from gradflow.config.sections import TrainingKeys

ALIKE = 0.01  # by which the layers' shares differ at most: gradients are not so even
LEFT = exp(-1)  # of the weights, from which on most are gone
LITTLE = 0.1  # of the weights, that the decay which is advised takes in the whole run


def decay_symptom(record: Readings) -> Symptom | None:
    """That decay alone has moved the weights, from some row to the end, and taken most of them."""
    taken = _taken(record)
    if "q" not in record or taken.shape[1] < 2 or end_of(record) < FITTED:
        return None
    least, most = taken.min(axis=1), taken.max(axis=1)
    uneven = np.flatnonzero(~((least > 0) & (most < 1) & (most < (1 + ALIKE) * least)))
    first = int(uneven[-1]) + 1 if len(uneven) else 0
    shares, step = taken[first:].mean(axis=1), record["step"]
    left = float(np.exp((np.log1p(-shares) * np.diff(step)[first:]).sum()))
    z = _first_z(record)
    if left > LEFT or not z[-1] < left * z[first]:
        return None
    message = (
        f"the weights shrink to that share of themselves: an update takes {np.median(shares):.2g} of every "
        "layer's, as weight decay does where no gradient holds against it"
    )
    return symptom_at(DECAYED, step[first], None, left, LEFT, message)


def lower_decay(config: Config, symptoms: Iterable[Symptom], record: Readings) -> tuple[Advice, ...]:
    """A weight decay that leaves the weights to their gradients, where it has eaten them.

    Momentum and Adam's moments make its updates uneven: z then tells, in a run that has come to a stand.
    """
    training, told = config.training, {symptom.name for symptom in symptoms}
    decay = getattr(training.optimizer, "weight_decay", 0.0)
    if not decay or "q" not in record or told.isdisjoint({DECAYED, *STALLS}) or end_of(record) < FITTED:
        return ()
    z = _first_z(record)
    with np.errstate(all="ignore"):  # of a network that passes nothing, or overflows
        left = float(np.sqrt(z[-1] / z[0]))
    if not 0 < left < LEFT or not _can_leave(training, left):
        return ()
    lower = rounded(decay * LITTLE / -log(left), 1)
    words = f"weight_decay {decay:g} has left {left:.2g} of the weights: {lower:g} takes a tenth in as long"
    return (Advice("optimizer", {"training.optimizer.weight_decay": lower}, None, None, None, words),)


def _can_leave(training: TrainingKeys, left: float) -> bool:
    """Whether decay alone takes as much of the weights as is gone, but for half of ln of what is `left`.

    At the full learning rate in every step it leaves exp(-lr k steps / (1 - momentum)) of them; where an
    optimizer scales its steps, there is no such bound.
    """
    optimizer = training.optimizer
    if not isinstance(optimizer, Sgd | AdamW):
        return True
    grown = 1 - getattr(optimizer, "momentum", 0.0)
    return -2 * optimizer.lr * optimizer.weight_decay * training.steps / grown <= log(left)


def _first_z(record: Readings) -> Array:
    """The mean square of z in layer 1 (rows,): its inputs stay as they are, so that it goes as W^2."""
    return np.asarray(record["q"][:, 0].mean(axis=1))


def _taken(record: Readings) -> Array:
    """The share of a layer's weights in an update (rows - 1, layers): the last row has none."""
    return np.asarray(record["update_ratio"].mean(axis=2)[:-1])
