"""What went wrong in training, as a list of looks at the record: each finds where it began, or nothing.

The thresholds are the keys of the config's `analysis` section. A look takes means over networks, and what it
sees counts when it lasts for `patience` rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import numpy as np

from gradflow.analysis.clipping import clipping_symptom
from gradflow.analysis.decay import decay_symptom
from gradflow.analysis.sampling import BEFORE, sampling, sampling_of_logs
from gradflow.analysis.saturation import bends_on_both_sides, ordinarily_saturated
from gradflow.analysis.summary import Symptom
from gradflow.analysis.symptom_rules import (
    blown_up,
    early_frozen,
    first_lasting,
    gradient_jump,
    lasting,
    symptom_at,
)
from gradflow.arrays import Array, Readings
from gradflow.config.sections import Analysis
from gradflow.evaluation import STEP
from gradflow.nn.activations import Activation
from gradflow.units import LN10

Finder = Callable[[Readings, Analysis, "Circumstances"], Symptom | None]

CONVERGED = 0.1  # of the first loss: one that is below has learnt what there is
HALFWAY = 0.5  # of it: from there on a limit of saturated units is halfway to all of them
FALSE_ALARM = 0.01  # the probability, at most, that batches alone swing so long anywhere in a run
SKIP = "log_skip_factor"  # what is recorded where a branch has one beside it
HALF_LINEAR = 0.25  # share of saturated units at q = 1 from which it is the ordinary state, as for relu


@dataclass(frozen=True)
class Circumstances:
    """What a look knows of a run but its record.

    `epoch` is how many batches hold all samples, where losses may differ by their batches alone; else 1.
    """

    activation: Activation
    epoch: int


def find_symptoms(
    record: Readings,
    thresholds: Analysis,
    activation: Activation,
    outcome: Mapping[str, Any],
    chance: float | None,
    epoch: int,
) -> tuple[Symptom, ...]:
    """Every symptom of a record whose rows are finite, and the blow-up that `outcome` tells of.

    `chance` is the loss of guessing, where the loss is a cross entropy and it is known. `epoch` is
    how many batches hold all samples: more than one differ by themselves. A blow-up needs no more proof.
    """
    circumstances = Circumstances(activation, epoch if outcome["diverged_step"] is None else 1)
    with np.errstate(all="ignore"):
        found = [look(record, thresholds, circumstances) for look in LOOKS]
        found.append(None if chance is None else _at_chance(record, thresholds, chance))
    found.append(blown_up(outcome["diverged_step"], outcome["diverged_reason"]))
    return tuple(symptom for symptom in found if symptom is not None)


def _frozen(record: Readings, thresholds: Analysis, _: Circumstances) -> Symptom | None:
    """Early layers whose weights hardly move; the last row has no update."""
    ratios = record["update_ratio"].mean(axis=2)[:-1]
    layers = np.arange(ratios.shape[1])
    return early_frozen(record["step"][:-1], ratios, layers, thresholds.frozen_ratio, thresholds.patience)


def _stalled(record: Readings, thresholds: Analysis, _: Circumstances) -> Symptom | None:
    """A loss that has stopped falling, far from fitted, and stays so to the end."""
    (step, loss), span = _curve(record, thresholds), thresholds.stall_steps
    if step[-1] < 2 * span or not np.isfinite(loss).all():
        return None
    ends = _apart(step, span)
    best = np.minimum.accumulate(loss)[ends]
    falls = 1 - best[1:] / best[:-1]
    going = np.flatnonzero(falls >= thresholds.stall_share)
    first = int(going[-1]) + 1 if len(going) else 0
    if first >= len(falls) or best[-1] < CONVERGED * loss[0]:
        return None
    message = f"the loss has stalled: it falls by less than that share in {span} steps"
    if loss[-1] > (1 + thresholds.stall_share) * best[-1]:
        message += f", and ends {loss[-1] / best[-1] - 1:.0%} above its lowest"
    found, limit = falls[first], thresholds.stall_share
    return _symptom("loss-stalled", {"step": step}, int(ends[first]), None, found, limit, message)


def _at_chance(record: Readings, thresholds: Analysis, chance: float) -> Symptom | None:
    """A loss that has come to be that of guessing, and stays so to the end, for a span at least.

    One that falls by `stall_share` a span, as it should, is on its way through chance. What is below chance,
    however little, has learnt something. A run of less than two spans tells nothing.
    """
    if STEP not in record:
        return None  # what minibatches hide is not guessed at
    (step, loss), share = _curve(record, thresholds), thresholds.stall_share
    near = [*(np.abs(loss[::-1] / chance - 1) < share), False]
    tail = slice(len(loss) - near.index(False), None)
    spans = (step[-1] - step[tail]) / thresholds.stall_steps
    if not len(spans) or spans[0] < 1 or step[-1] < 2 * thresholds.stall_steps:
        return None
    mean, falling = float(loss[tail].mean()), 1 - loss[-1] / loss[tail][0] >= share * spans[0]
    if falling or mean < (1 - share / 10) * chance or loss[-1] < (1 - share / 2) * mean:
        return None
    message = (
        f"the loss stays at chance, that of guessing classes by their frequency ({chance:.4f}; from then on "
        f"it is {loss[tail].min():.4f} to {loss[tail].max():.4f}): nothing of the inputs is learnt"
    )
    return _symptom("loss-at-chance", {"step": step[tail]}, 0, None, mean, chance, message)


def _curve(record: Readings, thresholds: Analysis) -> tuple[Array, Array]:
    """Steps and losses (evals,) over the evaluated training samples, means over networks.

    Of a run of an older version, whose minibatches alone are known, the means of theirs over spans of steps.
    """
    if STEP in record:
        return record[STEP], record["loss_train"].mean(axis=1)
    step, loss = record["step"], _loss(record)
    span = max(thresholds.stall_steps, _gap(step))  # so that a row is in each
    starts = span * np.arange(max(1, (step[-1] + 1) // span))
    means = [loss[(step >= start) & (step < start + span)].mean() for start in starts]
    return starts, np.array(means)


def _apart(step: Array, span: int) -> Array:
    """The rows, from the last one back, that lie `span` steps or more apart, in their order."""
    rows = [len(step) - 1]
    while (before := int(np.searchsorted(step, step[rows[-1]] - span, side="right"))) > 0:
        rows.append(before - 1)
    return np.array(rows[::-1])


def _spike(record: Readings, thresholds: Analysis, run: Circumstances) -> Symptom | None:
    """A loss that jumps far above the steps before: the learning rate overshoots."""
    loss = _loss(record)
    if len(loss) < 2:
        return None
    before = np.array([np.median(loss[max(0, row - BEFORE) : row]) for row in range(1, len(loss))])
    leaps = _leaps(record, thresholds)
    before = np.minimum(before, loss[0]) if leaps else before  # a steady rise, too
    factor = np.append(1.0, np.minimum(loss[1:] / before, np.finfo(float).max))
    # one that comes down from far below its start is noise of a good fit, not a jump
    risen = (loss > loss[0]) & np.isfinite(loss)  # what is not finite has a symptom of its own
    rows = map(int, np.flatnonzero((factor > thresholds.spike_factor) & risen))
    told = leaps or run.epoch == 1
    row = next((row for row in rows if told or factor[row] > sampling(loss, row, run.epoch)), None)
    if row is None:
        return None
    message = "the loss spikes to that many times its median of the steps before: the steps overshoot"
    return _symptom("loss-spiking", record, row, None, factor[row], thresholds.spike_factor, message)


def _leaps(record: Readings, thresholds: Analysis) -> bool:
    """Whether the loss over samples that stay the same comes to be so many times the first, too."""
    loss = record["loss_train"].mean(axis=1) if STEP in record else np.ones(1)
    return bool(loss.max() > thresholds.spike_factor * loss[0])


def _swinging(record: Readings, thresholds: Analysis, run: Circumstances) -> Symptom | None:
    """A loss that goes up and down step by step by a large share of itself."""
    loss = _loss(record)
    changes = np.diff(loss)
    turns = np.append(False, changes[1:] * changes[:-1] < 0)
    swing = np.abs(changes) / np.minimum(loss[1:], loss[:-1])
    # a good fit is small and noisy: only what is still large can overshoot
    high = np.maximum(loss[1:], loss[:-1]) > CONVERGED * loss[0]
    seen = turns & high & (swing > thresholds.swing_share)
    row = first_lasting(seen, thresholds.patience)
    if run.epoch > 1:
        sizes = np.where(seen, 1 + swing, 1.0)
        row = _first_beyond_sampling(loss, sizes, thresholds.patience, run.epoch)
    if row is None:
        return None
    message = "the loss goes up and down by that share of itself, step by step: the steps overshoot"
    return _symptom("loss-swinging", record, row + 1, None, swing[row], thresholds.swing_share, message)


def _first_beyond_sampling(loss: Array, factors: Array, patience: int, epoch: int) -> int | None:
    """The first row of a swing by `factors` (1: none) that the choice of the batches does not explain.

    Either it is larger than what the batches make of calmer rows, for `patience` rows, or it is too regular.
    If steps changed nothing, the losses of two batches would come in either order alike. So k turns in a
    row, k / 2 + 1 pairs in the same order, have a probability of 2^(-k / 2) at most, from each of the rows.
    """
    regular = max(patience, ceil(2 * log2(len(loss) / FALSE_ALARM)))
    for row in lasting(factors > 1, min(patience, len(factors)) or 1):
        larger = factors[row : row + patience].min() > sampling(loss, row - 1, epoch)
        if larger or (factors[row : row + regular] > 1).sum() == regular:
            return row
    return None


def _jump(record: Readings, thresholds: Analysis, run: Circumstances) -> Symptom | None:
    """A layer's gradient that changes by decades from one row to the next, beyond what batches make of it.

    A fall counts by what it is more than that of the loss, with which a gradient goes.
    """
    norms, limit, loss = record["log_delta_norm"], thresholds.jump_decades, np.log(_loss(record))

    def beyond(logs: Array, row: int, jump: float) -> bool:
        fall = loss[row - 1] - loss[row] if logs[row] < logs[row - 1] else 0.0
        if jump - fall <= limit * LN10:
            return False
        return run.epoch == 1 or jump > sampling_of_logs(logs, row, run.epoch)

    return gradient_jump(record["step"], norms, limit, beyond, "step")


def _saturated(record: Readings, thresholds: Analysis, run: Circumstances) -> Symptom | None:
    """Units whose slope has all but gone, where the activation bends on both sides.

    As the loss falls units saturate by learning, too: the limit rises as it does, halfway to 1 at `HALFWAY`.
    """
    ordinary, limit = ordinarily_saturated(run.activation), thresholds.saturated_share
    if ordinary > HALF_LINEAR:
        if not bends_on_both_sides(run.activation):
            return None
        limit = ordinary + (1 - ordinary) * limit
    if SKIP in record:  # which passes the gradient beside them
        limit = (1 + limit) / 2
    share = record["saturated"].mean(axis=2)
    limits = 1 - (1 - limit) * _unlearnt(record, thresholds)
    row = first_lasting((share > limits[:, None]).any(axis=1), thresholds.patience)
    if row is None:
        return None
    layer = int(np.argmax(share[row]))
    message = f"units are saturated: that share of unit x sample, {share[0, layer]:.0%} at step 0"
    return _symptom("saturated-units", record, row, layer + 1, share[row, layer], limits[row], message)


def _unlearnt(record: Readings, thresholds: Analysis) -> Array:
    """The lowest loss until each row (rows,), in parts of the first: 1 at most and `HALFWAY` at least."""
    step, loss = _curve(record, thresholds)
    last = np.searchsorted(step, record["step"], side="right") - 1
    lowest = np.fmin.accumulate(loss)[last] / loss[0]
    return np.asarray(np.where(lowest > HALFWAY, lowest, HALFWAY))


def _dead(record: Readings, thresholds: Analysis, run: Circumstances) -> Symptom | None:
    """Units that have come to pass no gradient on any sample: on none of the batches that hold them all."""
    share = record["dead"].mean(axis=2)
    grown = share - share[0]
    patience = max(thresholds.patience, run.epoch)
    row = first_lasting((grown > thresholds.dead_growth).any(axis=1), patience)
    if row is None:
        return None
    layer = int(np.argmax(grown[row]))
    message = f"units have died: that share passes no gradient on any sample, {share[0, layer]:.0%} at step 0"
    limit = share[0, layer] + thresholds.dead_growth
    return _symptom("dead-units", record, row, layer + 1, share[row, layer], limit, message)


def _clipped(record: Readings, thresholds: Analysis, _: Circumstances) -> Symptom | None:
    return clipping_symptom(record, thresholds.clipped_share)


def _decayed(record: Readings, _: Analysis, __: Circumstances) -> Symptom | None:
    return decay_symptom(record)


LOOKS: tuple[Finder, ...] = (
    _decayed, _frozen, _stalled, _spike, _swinging, _jump, _saturated, _dead, _clipped,
)  # fmt: skip


def _symptom(
    name: str, record: Readings, row: int, layer: int | None, value: float, threshold: float, message: str
) -> Symptom:
    return symptom_at(name, record["step"][row], layer, value, threshold, message)


def _gap(step: Array) -> int:
    """How many steps lie between two rows at most."""
    return int(np.diff(step).max(initial=1))


def _loss(record: Readings) -> Array:
    mean: Array = record["loss"].mean(axis=1)
    return mean
