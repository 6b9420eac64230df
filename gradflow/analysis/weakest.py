"""The one layer that decides: where one factor alone takes or gives the ratio, and what the others pass.

A factor stands out when it is farther from the median of the others than their median absolute deviation
allows. `bound` is set for the heaviest tail that a healthy network has, of one neuron a layer: ln|w| of a
Gaussian weight has an exponential tail, whose largest of T values grows as ln T. Wider layers come near a
normal law and stay far below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import copysign, log

import numpy as np

from gradflow.analysis.increments import increments
from gradflow.analysis.intervals import exp_or_none, mean_increment
from gradflow.analysis.summary import Flow, Symptom, Weakest
from gradflow.analysis.verdict import ROUNDING, verdict_of
from gradflow.arrays import Array, Readings
from gradflow.nn.parts.factors import OF_LAYER_ABOVE, factor_arrays
from gradflow.units import LN10

FEWEST = 5  # factors; the spread of fewer than four others is not known
NORMAL = 1.4826  # standard deviations of a normal law in its median absolute deviation
FALSE_ALARM = 0.001  # about the probability that one of a healthy network's factors stands out; 0.005 below 7
TAIL = 1.3  # of ln|w|, w normal, in such deviations: its decay length is 1.1, and the deviation uncertain
FEW = 12  # factors up to which the deviation itself is uncertain: it enters as 1 + (FEW / T)^2
EDGE_SHARE = 0.5  # of the decades of a verdict, that one factor has to take beyond the others
RATIO_SHARE = 0.1  # of the ratio, that it has to make where it does not turn the verdict


def weakest(row: Readings, alive: Array, first: int, stable_decades: float) -> Weakest | None:
    """The layer that decides the ratio of a row of arrays (layers, networks); None if none does.

    c without it is fitted from layer `first` on, as c is; it is c itself where the layer lies before.
    """
    rising = increments(row["log_delta_norm"][:, alive])
    factors = rising.mean(axis=1)
    index, excess, allowed = standing_out(factors)
    if abs(excess) <= EDGE_SHARE * stable_decades * LN10:
        return None
    ratio, left = float(factors.sum()), float(np.delete(factors, index).sum())
    verdict, without = (verdict_of(one / LN10, None, None, stable_decades)[0] for one in (ratio, left))
    if verdict == without and excess * ratio <= RATIO_SHARE * ratio**2:  # the other way, or little of it
        return None
    cause, shared = _cause(row, alive, index, excess)
    c = mean_increment(np.delete(rising, index, axis=0)[first - 1 - (index < first - 1) :])
    return Weakest(
        layer=index + 1,
        factor=exp_or_none(float(factors[index])),
        allowed=exp_or_none(allowed),
        cause=cause,
        cause_layer=None if shared else index + 1 + (cause in OF_LAYER_ABOVE),
        c_without=exp_or_none(c.mean),
        c_without_low=exp_or_none(c.low),
        c_without_high=exp_or_none(c.high),
        verdict_without=without,
    )


def standing_out(factors: Array) -> tuple[int, float, float]:
    """(index, how far it is from the median of the others, up to where these reach), of logs of factors (T,).

    The one that is farthest from the median; 0 from it where it does not stand out.
    """
    if len(factors) < FEWEST:
        return 0, 0.0, 0.0
    index = int(np.argmax(np.abs(factors - np.median(factors))))
    others = np.delete(factors, index)
    centre = float(np.median(others))
    spread = NORMAL * float(np.median(np.abs(others - centre)))
    excess, reach = float(factors[index]) - centre, bound(len(factors)) * max(spread, ROUNDING)
    return (index, excess, centre + copysign(reach, excess)) if abs(excess) > reach else (index, 0.0, 0.0)


def bound(count: int) -> float:
    """How many deviations from the others' median a factor of `count` may be by chance."""
    return TAIL * log(count / FALSE_ALARM) * (1 + (FEW / count) ** 2)


def _cause(row: Readings, alive: Array, index: int, excess: float) -> tuple[str | None, bool]:
    """The factor that stands out as their product does, and whether others do half of what it does.

    Then all of those: both, if there are two factors. None where factors are not known.
    """
    logs = {label: row[name][:-1, alive] for label, name in factor_arrays(row).items()}
    if not logs or not all(np.isfinite(log_factor).all() for log_factor in logs.values()):
        return None, True
    means = {label: log_factor.mean(axis=1) for label, log_factor in logs.items()}
    shares = {label: float((mean[index] - np.median(mean)) / excess) for label, mean in means.items()}
    found = [label for label, share in shares.items() if 2 * share >= max(shares.values())]
    if len(found) == 1:
        return found[0], False
    return "both" if len(logs) == 2 else " and ".join(found), True


def weakest_symptom(flows: Iterable[Flow]) -> tuple[Symptom, ...]:
    """The symptom of the first of these flows that one layer decides."""
    found = next((flow for flow in flows if flow.weakest), None)
    if found is None or found.weakest is None:
        return ()
    one = found.weakest
    message = f"{one.called} alone decides the ratio"
    message += f", by {one.by}" if one.by else ""
    if one.c_without is not None:
        message += f"; without it c is {one.c_without:.3g}"
    return (Symptom("single-layer", found.step, one.layer, one.factor, one.allowed, message),)
