"""Clipping: how many gradients it cuts, to what share of themselves, and what to set where it cuts all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from gradflow.analysis.critical_rate import NOT_MEASURED, CriticalRate, of_shares
from gradflow.analysis.rates import SURVIVED, USUAL, end_of, fitted_rate, moved_by
from gradflow.analysis.summary import Advice, Number, Symptom
from gradflow.arrays import Array, Readings
from gradflow.nn.optimizers import Sgd
from gradflow.units import rounded

if TYPE_CHECKING:
    from gradflow.config import Config


ARRAY = "clip_share"
NAME = "gradient-clipped"
FEWEST = 5  # updates that tell a habit
RARE = 0.9  # quantile of the gradients' norms that is advised as clip_norm


def clipping_of(record: Readings) -> tuple[Number, Number]:
    """The share of the recorded updates that were clipped, and the median share of these that was left.

    The last row of a record has no update. None where nobody recorded it, or where nothing was clipped.
    """
    left = _left(record)
    if not left.size:
        return None, None
    cut = left[left < 1]
    return cut.size / left.size, float(np.median(cut)) if cut.size else None


def clipping_symptom(record: Readings, limit: float) -> Symptom | None:
    """That nearly every gradient is clipped: the length of a step is then set by clip_norm alone."""
    share, median = clipping_of(record)
    if share is None or share < limit or median is None or _left(record).size < FEWEST:
        return None
    first = int(np.argmax((record[ARRAY] < 1).any(axis=1)))
    message = (
        f"nearly every gradient is clipped, that share of them, to {median:.2g} of itself at the median: "
        "clip_norm and not the gradient sets how long a step is"
    )
    return Symptom(NAME, int(record["step"][first]), None, share, limit, message)


def unclipped(
    config: Config,
    symptoms: Iterable[Symptom],
    record: Readings,
    rates: tuple[Advice, ...],
    critical: CriticalRate = NOT_MEASURED,
) -> tuple[Advice, ...]:
    """The advice on learning `rates`, or on clip_norm where it sets how long steps are, unless too long."""
    optimizer, clip_norm = config.training.optimizer, config.training.clip_norm
    shorter = any(advice.set["training.optimizer.lr"] < optimizer.lr for advice in rates)
    if clip_norm is None or shorter or not any(symptom.name == NAME for symptom in symptoms):
        return rates
    left = _left(record)
    settings = {"training.clip_norm": rounded(float(np.quantile(clip_norm / left, RARE)), 2)}
    words = f"clip rare gradients only: clip_norm {settings['training.clip_norm']:g} cuts one in ten"
    if isinstance(optimizer, Sgd):  # whose steps grow with the gradients
        lr, said = _rate_of_whole(config, record, critical)
        words += said
        if lr != optimizer.lr:
            settings["training.optimizer.lr"] = lr
    return (Advice("optimizer", settings, None, None, None, words),)


def _rate_of_whole(config: Config, record: Readings, critical: CriticalRate) -> tuple[float, str]:
    """The learning rate of gradients that are left whole, and what is said of it.

    Steps that have learnt stay as long as they were. Others have been too short, and grow with the gradients
    where the critical rate, that of clipped ones times the share that was left, or else what an update then
    changes allows it.
    """
    optimizer, share = config.training.optimizer, float(np.median(_left(record)))
    if end_of(record) < SURVIVED:
        lr = rounded(optimizer.lr * share, 2)
        return lr, f", and lr {lr:g} keeps the typical step as long as it was"
    whole, moved = of_shares(critical, record[ARRAY][0].tolist()), moved_by(config, record)
    lr = fitted_rate(optimizer, whole)
    if whole.initial is None and moved:
        lr = min(lr, rounded(lr * USUAL["fast"] * share / moved, 1))
    stays = f"lr {lr:g} can stay" if lr == optimizer.lr else f"lr {lr:g} is one for whole gradients"
    return lr, f"; steps as short as these have learnt little, and {stays}"


def _left(record: Readings) -> Array:
    """What was left of each gradient, of all updates and networks; [] of runs of older versions."""
    shares = record.get(ARRAY, np.empty(0))
    return np.asarray(shares[np.isfinite(shares) & (shares > 0)])
