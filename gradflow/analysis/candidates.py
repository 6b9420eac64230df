"""What a config may be changed to so that it trains: networks first, then learning rates for the best one.

The networks are those of advice, and the skips that carry a gradient over any depth. Whether one has learnt
is told by what it loses on held-out samples, beside the best guess that is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from gradflow.analysis.architecture import BOUNDED_SKIP, PRE_NORM
from gradflow.analysis.predictions import Inputs, predicted, theory_of, trainable_of
from gradflow.analysis.rates import safe_rate
from gradflow.analysis.summary import Number, Summary
from gradflow.analysis.trainable import Trainable
from gradflow.config import Config
from gradflow.nn.optimizers import Optimizer
from gradflow.units import rounded

LR = "training.optimizer.lr"
DRAWN = ("data", "initialization")  # levers that keep the architecture: they come first
SKIPS = (
    (BOUNDED_SKIP, "a skip with a branch of 1 / sqrt(depth) bounds the gradient's ratio"),
    (PRE_NORM, "a skip over layer norm, activation and weights"),
)
NEARBY = 2.0  # times a learning rate, within which another is the same
AROUND, BELOW = (5.0, 0.2), (0.1, 0.01)  # times a learning rate that does something, or blows up
RATES = 3
NEARLY = 0.05  # of what the best one gained over guessing, by which another may lose more and do as well
CLEARLY = 0.9  # of the loss of the best constant guess, below which a network has learnt


@dataclass(frozen=True)
class Change:
    """A change of a config: the keys to set and why; nothing is set as it was given."""

    lever: str
    set: dict[str, Any] = field(default_factory=dict)
    message: str = ""

    def at_rate(self, lr: float) -> Change:
        """The same change with this learning rate."""
        return Change(self.lever, {**self.set, LR: lr}, self.message)


AS_GIVEN = Change("as given")


def networks(summary: Summary) -> tuple[Change, ...]:
    """The candidates for a run that was summarized at initialization, the least change first."""
    advice = [one for one in summary.advice if one.lever != "optimizer"]
    first = next((one.set for one in advice if one.lever == "data"), {})
    levers = [Change(one.lever, one.set, one.message) for one in advice]
    drawn = [one for one in levers if one.lever in DRAWN]
    skips = [Change("architecture", {**first, **changes}, words) for changes, words in SKIPS]
    return _distinct([AS_GIVEN, *drawn, *skips, *levers])


def rates(tried: Change, summary: Summary, optimizer: Optimizer) -> tuple[Change, ...]:
    """Learning rates for a network that was tried: what its own run advises, a safe one, some around it."""
    advised = [one.set for one in summary.advice if one.lever == "optimizer"]
    found = [Change("optimizer", {**tried.set, **one}) for one in advised]
    safe, lr = safe_rate(optimizer, summary.critical_lr), optimizer.lr
    factors = BELOW if summary.status == "diverged" else AROUND
    further = [*([] if safe is None else [safe]), *(factor * lr for factor in factors)]
    found += [Change("optimizer", {**tried.set, LR: rounded(one, 2)}) for one in _apart(further, lr)]
    return _distinct(found)[:RATES]


def expected(config: Config, inputs: Inputs) -> tuple[Number, Trainable]:
    """The c that theory expects at this width and depth, None where it has none, and whether it trains."""
    with np.errstate(all="ignore"):
        theory = theory_of(predicted(config, inputs))
    return theory.expected_c, trainable_of(config, theory, inputs)


def has_learnt(summary: Summary, chance: float | None) -> bool:
    """Whether a run ended clearly better than `chance`, the cross entropy of the best constant guess.

    Of another loss, whether it explains a tenth of the variance or of what guessing the largest class leaves
    wrong or, where there is neither, has lost a tenth of its loss. Of held-out samples, if there are any.
    """
    training, loss = summary.training, badness(summary)
    if chance is not None:
        return loss < CLEARLY * chance
    if _r2(summary) is not None:
        return loss < CLEARLY
    if training.accuracy_final is not None and training.majority is not None:
        return 1 - training.accuracy_final < CLEARLY * (1 - training.majority) and loss < inf
    return loss < CLEARLY * (training.loss_initial or 0.0)


def does_as_well(summary: Summary, best: Summary, chance: float | None) -> bool:
    """Whether a run lost hardly more than the best one, beside what that gained over guessing.

    Networks of one config that differ in their seeds alone are a hundredth of it apart, on digits after 300
    steps; the rest is what more steps and another learning rate easily turn.
    """
    least = badness(best)
    return badness(summary) - least <= NEARLY * (_guess(best, chance) - least)


def _guess(summary: Summary, chance: float | None) -> float:
    """The badness of guessing: where it is not known, that before the first step."""
    known = 1.0 if _r2(summary) is not None else summary.training.loss_initial or 0.0
    return known if chance is None else chance


def badness(summary: Summary) -> float:
    """By what runs are ranked: the loss at the end, of regression 1 - R2; inf after a blow-up."""
    if summary.status != "completed":
        return inf
    r2, training = _r2(summary), summary.training
    if r2 is not None:
        return 1 - r2
    loss = training.loss_test_final if training.loss_test_final is not None else training.loss_final
    return inf if loss is None else loss


def _r2(summary: Summary) -> Number:
    """On held-out samples or, without any, on those of training; None of classes."""
    training = summary.training
    return training.r2_test_final if training.r2_test_final is not None else training.r2_train_final


def _apart(lrs: Iterable[float], *taken: float) -> Iterator[float]:
    """Those that are near none before."""
    seen = [*taken]
    for lr in lrs:
        if all(max(lr / one, one / lr) >= NEARBY for one in seen):
            seen.append(lr)
            yield lr


def _distinct(candidates: Iterable[Change]) -> tuple[Change, ...]:
    """Without those that set what one before sets."""
    found: dict[str, Change] = {}
    for one in candidates:
        found.setdefault(str(sorted(one.set.items(), key=lambda item: item[0])), one)
    return tuple(found.values())
