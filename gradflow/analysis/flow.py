"""The fit of c: the per-layer factor of the backward signal, from per-sample delta norms, with its interval.

ln g is a random walk over layers, so the mean of its increments, the difference of its ends over their
number, is the best estimator of ln c; networks are independent, so their mean increments give the interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from gradflow.analysis.increments import increments, passing, window
from gradflow.analysis.intervals import Estimate, exp_or_none, mean_of_known
from gradflow.analysis.known_increments import NOTHING, Known, mean_square
from gradflow.analysis.laws import OF_CHAINS, Expected, exponent
from gradflow.analysis.rounding import rounding_of
from gradflow.analysis.summary import Flow, Number, Numbers
from gradflow.analysis.summary_parts import Profile, Rounding
from gradflow.analysis.verdict import are_most, log_over, verdict_of
from gradflow.analysis.weakest import weakest
from gradflow.arrays import Array, Readings
from gradflow.formats import STABLE_DECADES
from gradflow.nn.parts.factors import factor_arrays, two_of
from gradflow.units import LN10

AtStep = Readings  # arrays of the record at one step, each (layers, networks)

PROFILE_LAYERS = 200
DRAWN_DIGITS = 7  # of what is there to be drawn, decimals of logs: more would double summary.json for nothing
DEPTHS = (10, 20, 50, 100)
ALIKE = 1e-6  # of ln c: factors that differ by less are one number to six digits
NO_STEP = "c needs two hidden layers: there is no step between layers"
CHAIN = Expected(candidates=OF_CHAINS)


@dataclass(frozen=True)
class Measured:
    """ln c over the window and ln of the whole ratio; None where no network has a usable increment."""

    log_c: Estimate | None
    log_ratio: Estimate | None
    alive: Array  # (networks,) whose delta reaches the first layer


def measure(row: AtStep, first: int = 0, known: Known = NOTHING) -> Measured:
    """ln c and ln ||delta_1|| / ||delta_L|| of a row's log norms (layers, networks), without dead networks.

    c is over the window, or from the layer `first` on if that is deeper.
    """
    log_delta, square = row["log_delta_norm"], mean_square(row)
    alive = passing(log_delta)
    if not alive.any() or len(log_delta) < 2:
        return Measured(None, None, alive)
    start = max(window(len(log_delta))[0], first)
    rising, square = increments(log_delta[:, alive]), None if square is None else square[:, alive]
    ratio = known.mean(rising, 1, square).scaled(len(rising))
    return Measured(known.mean(rising, start, square), ratio, alive)


def fit_flow(
    row: AtStep,
    step: int,
    stable_decades: float = STABLE_DECADES,
    expected: Expected = CHAIN,
    known: Known = NOTHING,
    names: Sequence[str] = (),
) -> Flow:
    """The Flow of one row; `row` has `log_delta_norm`, and what else it has goes into factors and profile.

    `expected` is what is known of its law, `known` what theory has of its increments, and `names` are those
    of the layers, where they have others than numbers.
    """
    log_delta, blank = row["log_delta_norm"], _blank(row, step)
    networks, dead_networks = log_delta.shape[1], blank.dead_networks or 0
    if not (log_delta < np.inf).all():  # nan fails this too
        return replace(blank, verdict="overflow", reason=f"the delta norms are not finite at step {step}")
    measured = measure(row, known=known.at(step))
    dead = _dead(log_delta, names) if dead_networks else None
    if dead_networks == networks:
        return replace(blank, verdict="dead", reason=dead)
    if measured.log_c is None or measured.log_ratio is None:
        found = replace(blank, reason="; ".join(filter(None, (dead, NO_STEP))))
    else:
        edges = stable_decades, expected
        found = _with_c(blank, row, measured, measured.log_c, measured.log_ratio, *edges)
        found = replace(found, reason=dead, rounding=_rounding(row, measured, known.rounding))
    return replace(found, verdict="dead", borderline=False) if are_most(dead_networks, networks) else found


def _rounding(row: AtStep, measured: Measured, eps: float) -> Rounding | None:
    """What rounding makes of the digits shown; None too where the dtype is not known."""
    if not eps or "q" not in row or measured.log_c is None or measured.log_ratio is None:
        return None
    log_delta, q = (row[name][:, measured.alive] for name in ("log_delta_norm", "q"))
    count = len(log_delta) - window(len(log_delta))[0]
    return rounding_of(log_delta, q, eps, (measured.log_c, measured.log_ratio), count)


def _blank(row: AtStep, step: int) -> Flow:
    """What is known of a flow whether or not it has a c."""
    log_delta = row["log_delta_norm"]
    depth, networks = log_delta.shape
    return Flow(
        step,
        transitions=depth - 1,
        layers=window(depth),
        networks=networks,
        dead_networks=int(np.isneginf(log_delta).any(axis=0).sum()),
        saturated=_saturated(row),
        log10_growth=_growth(row),
        profile=_profile(row),
    )


def _dead(log_delta: Array, names: Sequence[str]) -> str:
    """Which layer stops the gradient: the deepest whose delta is exactly 0, in the first such network."""
    zero = np.isneginf(log_delta)
    dead, networks = int(zero.any(axis=0).sum()), zero.shape[1]
    network = int(np.argmax(zero.any(axis=0)))
    layer = layer_name(int(np.flatnonzero(zero[:, network])[-1]), names)
    words = f"no gradient passes layer {layer} (delta is exactly 0 on every sample)"
    if networks == 1:
        return words
    who = f"all {networks} networks are dead" if dead == networks else _left_out(dead, networks)
    return f"{who}: {'in the first of them ' if dead > 1 else ''}{words}"


def layer_name(index: int, names: Sequence[str]) -> str:
    """What a layer, counted from 0, is called: its own name, or else its number, from 1."""
    return names[index] if names else str(index + 1)


def _left_out(dead: int, networks: int) -> str:
    return f"{dead} of {networks} networks {'is' if dead == 1 else 'are'} dead and left out"


def _saturated(row: AtStep) -> Number:
    """The share of saturated unit x sample, mean over networks, in the layer that has most of them."""
    if "saturated" not in row:
        return None
    share = float(row["saturated"].mean(axis=1).max())
    return share if np.isfinite(share) else None


def _growth(row: AtStep) -> Number:
    """log10 of |z_L| / |z_1|, root mean squares, mean over networks."""
    if "q" not in row:
        return None
    with np.errstate(all="ignore"):
        decades = float((np.log10(row["q"][-1]) - np.log10(row["q"][0])).mean()) / 2
    return decades if np.isfinite(decades) else None


def _with_c(
    flow: Flow, row: AtStep, measured: Measured, log_c: Estimate, log_ratio: Estimate,
    stable_decades: float, expected: Expected,
) -> Flow:  # fmt: skip
    decades = log_ratio.scaled(1 / LN10)
    verdict, borderline = verdict_of(decades.mean, decades.low, decades.high, stable_decades)
    first = flow.layers[0]
    rising = increments(row["log_delta_norm"][:, measured.alive])
    flow = replace(flow, exact=bool((np.abs(rising - log_c.mean) <= ALIKE).all()))
    factors = {label: _factor(row[name], flow, measured.alive) for label, name in factor_arrays(row).items()}
    return replace(
        _with_law(flow, expected, rising.mean(axis=1)[first - 1 :], log_c.mean),
        c=exp_or_none(log_c.mean),
        c_low=exp_or_none(log_c.low),
        c_high=exp_or_none(log_c.high),
        interval=log_c.method,
        log10_ratio=decades.mean,
        log10_ratio_low=decades.low,
        log10_ratio_high=decades.high,
        log10_ratio_sd=decades.spread,
        verdict=verdict,
        borderline=borderline,
        factors=factors,
        **two_of(factors),
        efold_layers=1 / abs(log_c.mean) if log_c.mean else None,
        weakest=weakest(row, measured.alive, first, stable_decades),
    )


def _with_law(flow: Flow, expected: Expected, rising: Array, log_c: float) -> Flow:
    """The law of the increments (T,) over the window, and what it makes of some depths."""
    first, own = flow.layers[0], flow.transitions + 1
    name = expected.law(rising, first)
    ruled = name if expected.rules else None
    k = exponent(name, rising, first) if expected.rules else None
    depths = sorted({*DEPTHS, own, *([flow.transitions] if flow.exact else [])})
    powers = {str(n): exp_or_none(log_over(ruled, k, log_c, n, own)) for n in depths}
    return replace(flow, law=name, law_exponent=k, c_power_depth=powers)


def _factor(logs: Array, flow: Flow, alive: Array) -> Number:
    """The geometric mean of a factor over the window, so that the product of all is c.

    Where a branch passes nothing a factor is nan and is left out; then the product is not c, which is the
    stream's.
    """
    mean = float(mean_of_known(logs[flow.layers[0] - 1 : flow.layers[1] - 1, alive]))
    return None if isnan(mean) else exp_or_none(mean)


def _profile(row: AtStep) -> Profile:
    """Means over networks, without the dead ones unless all are, of at most 200 layers."""
    log_delta = row["log_delta_norm"]
    depth, alive = len(log_delta), passing(log_delta)
    kept = alive if alive.any() else np.ones_like(alive)
    layers = spread_out(depth, PROFILE_LAYERS)

    def mean(name: str) -> Array:
        missing = np.full(len(layers), np.nan)
        return mean_of_known(row[name][layers][:, kept], 1) if name in row else missing

    def decades(name: str) -> Numbers:
        return numbers((mean(name) / LN10).round(DRAWN_DIGITS))

    with np.errstate(all="ignore"):
        arrays = factor_arrays(row)
        factors = {label: drawn(numbers(np.exp(mean(name)))) for label, name in arrays.items()}
        return Profile(
            tuple(int(layer) + 1 for layer in layers),
            decades("log_delta_norm"),
            decades("log_weight_grad_norm"),
            decades("log_bias_grad_norm"),
            **two_of(factors, (None,) * len(layers)),
            factors=factors,
            correlation=drawn(numbers(mean("correlation"))),
            correlation_expected=(None,) * len(layers),
        )


def spread_out(size: int, most: int) -> Array:
    """At most so many of the first `size` numbers from 0, evenly spread, both ends among them."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(int))


def drawn(values: Iterable[Number]) -> Numbers:
    """The numbers with as many digits as a picture can show."""
    return tuple(None if value is None else float(f"{value:.{DRAWN_DIGITS}g}") for value in values)


def numbers(values: Array) -> Numbers:
    """Plain floats; None for those that are not finite."""
    return tuple(float(value) if np.isfinite(value) else None for value in values)
