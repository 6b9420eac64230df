"""Advice on the learning rate, from what the first updates changed and how the loss then went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import isfinite, nan
from typing import Any

import numpy as np

from gradflow.analysis.critical_rate import ABOVE, BELOW, NOT_MEASURED, CriticalRate, standing
from gradflow.analysis.summary import Advice, Symptom
from gradflow.arrays import Array, Readings
from gradflow.config import Config
from gradflow.nn.optimizers import Optimizer
from gradflow.units import rounded

OVERSHOOTS = ("loss-spiking", "loss-swinging", "non-finite")
STALLS = ("loss-stalled", "loss-at-chance")
DECAYED = "weights-decayed"
SLOWER = 10  # by how much a learning rate that overshoots is divided where no critical one explains it
SHARES, SHARE = {"sgd": 0.25}, 0.125  # of the critical learning rate, that networks learn most at
FAR_BELOW = 0.01  # of the critical learning rate: one below is to blame for a loss that stands
FIRST_ROWS = 5  # whose updates tell how long steps are
FAST, SLOW = 0.1, 1e-4  # of a layer's weights in a step: beyond, networks forget or stay as they were drawn
USUAL = {"fast": 0.01, "slow": 1e-3}  # what a step is brought to, from either side
SURVIVED = 0.5  # of the first loss: a run that ends below has come through its first spikes
FITTED = 0.1  # of the first loss: one that ends below has nothing to gain
UNMOVED = 0.9  # of the loss of the first quarter: a last quarter above tells that a run has hardly begun
FEW_ROWS = 12  # below, no run can be blamed for a loss that has not fallen


def told(
    symptoms: Iterable[Symptom], critical: CriticalRate, lr: float, *, decays: bool = False
) -> tuple[Symptom, ...]:
    """Symptoms of too long or too short steps, with how far the learning rate is from the critical one.

    None is said to be too short where weight decay takes the weights away, as `decays` says or a symptom.
    """
    symptoms = tuple(symptoms)
    decays = decays or any(one.name == DECAYED for one in symptoms)
    return tuple(one if decays and one.name in STALLS else _told(one, critical, lr) for one in symptoms)


def _told(symptom: Symptom, critical: CriticalRate, lr: float) -> Symptom:
    if critical.initial is None:
        return symptom
    ratio = lr / critical.initial
    if (symptom.name in OVERSHOOTS and ratio > ABOVE) or (symptom.name in STALLS and ratio < BELOW):
        words = f"lr {lr:g} is {standing(lr, critical.initial)} the critical {critical.initial:.2g}"
        return replace(symptom, message=f"{symptom.message}; {words}")
    return symptom


def learning_rates(
    config: Config,
    symptoms: Iterable[Symptom],
    record: Readings,
    critical: CriticalRate = NOT_MEASURED,
    *,
    passes: bool = True,
    left: float | None = None,
) -> Iterator[Advice]:
    """A learning rate for a run whose steps were too long or too short for it to learn; none for others.

    It is a share of the critical one where that is known and asks for a change of the same sense; steps below
    that share are not too long, whatever they change. Steps are short by themselves where the network as it
    is drawn hardly passes a gradient, not `passes`. A loss that falls is too slow for them if it is still
    above guessing when all is over, `left_to_learn` beyond 1.
    """
    blew_up = any(symptom.name == "non-finite" for symptom in symptoms)
    overshoots = any(symptom.name in OVERSHOOTS and symptom.step > 0 for symptom in symptoms)
    end, moved, optimizer = end_of(record), moved_by(config, record), config.training.optimizer
    lr, known = optimizer.lr, _of_critical(optimizer, critical)
    shorter = known if known and _rate(known) < lr else None
    fast = moved is not None and moved > FAST and (known is None or shorter is not None)
    short = passes and _is_unmoved(record, left)
    if overshoots and (blew_up or not (fast or end < SURVIVED)):  # where updates are known, they tell how far
        words = f"the steps overshoot: a learning rate of {{lr:g}} takes them {SLOWER} times shorter"
        yield shorter or _advice(rounded(lr / SLOWER), words)
    elif moved is not None and fast and not end < FITTED:
        share = f"{rounded(moved, 1):g} of themselves"
        words = f"the first updates change a layer's weights by {share}: {{lr:g}} makes that "
        yield shorter or _advice(rounded(lr * USUAL["fast"] / moved, 1), words + f"{USUAL['fast']:g}")
    elif moved and moved <= FAST and short and (known is None or _rate(known) > lr):
        if known and lr < FAR_BELOW * (critical.initial or 0):
            yield known
        elif moved < SLOW:
            words = f"an update changes no layer's weights by more than {moved:.1g} of themselves: {{lr:g}} "
            yield _advice(rounded(lr * USUAL["slow"] / moved, 1), words + f"makes that {USUAL['slow']:g}")


def safe_rate(optimizer: Optimizer, critical: CriticalRate) -> float | None:
    """The share of the critical learning rate at which networks learn most in their first hundred steps."""
    if critical.initial_lowest is None:
        return None
    return rounded(SHARES.get(optimizer.name, SHARE) * critical.initial_lowest, 1)


def fitted_rate(optimizer: Optimizer, critical: CriticalRate) -> float:
    """The optimizer's own learning rate; the safe share of the critical one if beyond that or far below."""
    lr, safe = optimizer.lr, safe_rate(optimizer, critical)
    if safe is None or critical.initial is None or FAR_BELOW * critical.initial <= lr <= critical.initial:
        return lr
    return safe


def _of_critical(optimizer: Optimizer, critical: CriticalRate) -> Advice | None:
    """The safe share of the critical learning rate."""
    safe = safe_rate(optimizer, critical)
    if critical.initial is None or safe is None:
        return None
    words = (
        f"the loss first comes back at lr {critical.initial:.2g} along the {critical.direction}, and lr "
        f"{optimizer.lr:g} is {standing(optimizer.lr, critical.initial)} it: {{lr:g}} is a safe part of it"
    )
    if critical.direction and critical.direction.startswith(optimizer.name):
        words = words.replace("along the ", "along ")
    return _advice(safe, words)


def _rate(advice: Advice) -> float:
    return float(advice.set["training.optimizer.lr"])


def _advice(lr: float, words: str) -> Advice:
    return Advice("optimizer", {"training.optimizer.lr": lr}, None, None, None, words.format(lr=lr))


def end_of(record: Readings) -> float:
    """The mean loss of the last quarter of the rows, in parts of the first; where that is 0, inf or nan."""
    loss = record["loss"].mean(axis=1)
    with np.errstate(all="ignore"):
        return float(np.divide(_last(loss), loss[0]))


def left_to_learn(config: Config, data: Mapping[str, Any], record: Readings) -> float | None:
    """What is left at the end of the loss of guessing, whatever the inputs are: 1 - R2 of training samples.

    Elsewhere the mean loss of the last quarter of the rows, in parts of the entropy of the classes'
    frequencies or of the targets' mean square, as run.json's `data` tells them. None where it does not, and
    of a record of few rows.
    """
    loss = record["loss"].mean(axis=1)
    if "r2_train" in record:
        with np.errstate(all="ignore"):
            left = 1 - float(record["r2_train"][-1].mean())
    else:
        guess = data.get("chance" if config.training.loss == "cross_entropy" else "q_y")
        left = _last(loss) / guess if guess else nan
    return left if len(loss) >= FEW_ROWS and isfinite(left) else None


def _is_unmoved(record: Readings, left: float | None) -> bool:
    """Whether the loss of the last quarter of the rows is that of the first, whose batches differ too.

    Or whether it is no better than a guess after all that time, however it went.
    """
    loss = record["loss"].mean(axis=1)
    quarter = max(1, len(loss) // 4)
    stays = len(loss) >= FEW_ROWS and _last(loss) > UNMOVED * float(loss[:quarter].mean())
    return stays or (left is not None and left > 1)


def _last(loss: Array) -> float:
    """The mean of the last quarter of the rows."""
    return float(loss[-max(1, len(loss) // 4) :].mean())


def moved_by(config: Config, record: Readings) -> float | None:
    """The share of its weights by which an update changes the layer that moves most, over the first rows.

    Of an update with all of the learning rate, of which a schedule may have taken a part.
    """
    training, first = config.training, record["step"][:FIRST_ROWS]
    first = first[first < training.steps]  # no schedule goes on behind the last update
    shares = [training.schedule.share(int(step) + 1, training.steps) for step in first]
    ratio = record["update_ratio"][: len(first)].mean(axis=2) / np.array(shares).reshape(-1, 1)
    ratio = ratio[np.isfinite(ratio).all(axis=1)]  # the last row of a run that was stopped has no update
    if not len(ratio):
        return None
    most = max(1.0, ratio[0].max())  # what overwrites all weights tells no longer of those that were drawn
    return float(np.minimum(ratio, most).mean(axis=0).max())
