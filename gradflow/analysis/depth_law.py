"""Depth laws: how the first layer's gradient goes with the depth of the network, as c^L across networks.

Within one bias-free relu or linear network ||dL/dW_l|| is flat whatever c is (Glorot & Bengio 2010, eq. 14);
across networks of growing depth ||dL/dW_1|| follows c^L, the reading that weight gradients do allow. It is
the norm of a batch's mean, in which samples add up the more the more alike they are: with a batch of many its
c is not that of delta, which is read sample by sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import log
from typing import Any

import numpy as np

from gradflow.analysis.differences import Flat, differing
from gradflow.analysis.intervals import exp_or_none, over_networks
from gradflow.analysis.summary import Number, Summary, Theory
from gradflow.arrays import Array, Readings
from gradflow.nn.parts.factors import factor_arrays
from gradflow.units import LN10

FEWEST = 2  # depths that make a law
DEPTH = "model.depth"
OPTIMIZER = "training.optimizer"
# keys that change nothing at initialization; but the first update makes a read-out of zeros
LATER = (OPTIMIZER, "training.steps", "training.clip_norm", "recording")


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """What the first gradient says of one network size, natural logs, one value per seed (seeds,).

    `log_weight_grad` is ln ||dL/dW_1|| of a batch of `batch_size`; `log_delta` is ln ||delta_1|| /
    ||delta_out||. Beside them stand c inside the network, theory's, and its ln ||delta_1|| / ||delta_out||,
    but for a factor that is the same at any depth. Of a read-out that started at zero theory has none: its
    first update gave it a size that goes with the depth.
    """

    depth: int
    log_weight_grad: Array
    log_delta: Array
    c: Number = None
    c_theory: Number = None
    log_ratio_theory: Number = None
    batch_size: int | None = None


@dataclass(frozen=True)
class Law:
    """The c of c^L with its 95% interval over seeds; without one where a single seed was run."""

    c: Number = None
    c_low: Number = None
    c_high: Number = None


@dataclass(frozen=True)
class DepthLaw:
    """c^L across networks, read from delta_1 and from dL/dW_1, beside theory's and the c inside the networks.

    `c_expected` is what delta's is compared with: the slope over the same depths of theory's log ratio.
    `c_inside` and `c_theory` are means over the depths in ln c, of c over the fitted layers of each network:
    of those that have a step between layers. A reason stands where there is no law.
    """

    depths: tuple[int, ...]
    delta: Law = Law()
    weight_grad: Law = Law()
    c_inside: Number = None
    c_theory: Number = None
    reason: str | None = None
    c_expected: Number = None
    batch_size: int | None = None  # of dL/dW_1; None where it is not known, or not the same at every depth


def first_layer(summary: Summary, recording: Readings) -> FirstLayer:
    """The first layer of a run in the row of its first flow.

    ln ||delta_L|| / ||delta_out|| is the sum of the last layer's factors; below it norms tell, for factors
    are nan where a branch passes nothing.
    """
    row = int(np.searchsorted(recording["step"], summary.flow.initial.step))
    norms = recording["log_delta_norm"][row]
    last = [recording[name][row, -1] for name in factor_arrays(recording).values()]
    with np.errstate(invalid="ignore"):  # a dead network has -inf - -inf
        log_delta = norms[0] - norms[-1] + np.sum(last, axis=0)
    theory = summary.theory
    return FirstLayer(
        depth=recording["q"].shape[1],
        log_weight_grad=recording["log_weight_grad_norm"][row, 0].copy(),
        log_delta=log_delta,
        c=summary.flow.initial.c,
        c_theory=theory.c_finite_width if theory.c_finite_width is not None else theory.c,
        log_ratio_theory=None if summary.config["model"].get("readout") == "zeros" else _log_ratio(theory),
        batch_size=batch_of(summary),
    )


def _log_ratio(theory: Theory) -> Number:
    """Theory's ln ||delta_1|| over what enters layer L."""
    return None if theory.log10_ratio is None else (theory.log10_ratio + (theory.log10_last or 0.0)) * LN10


def batch_of(summary: Summary) -> int | None:
    """The samples in the batch of a run's gradients: never more than the data holds."""
    asked: int | None = summary.config["training"].get("batch_size")
    return asked if asked is None or summary.data is None else min(asked, summary.data.samples)


def depth_law(layers: Sequence[FirstLayer]) -> DepthLaw:
    """The law over networks that differ in depth alone."""
    layers = sorted(layers, key=lambda layer: layer.depth)
    depths = tuple(layer.depth for layer in layers)
    if len(depths) < FEWEST:
        return DepthLaw(depths, reason="a depth law needs two depths")
    if len({len(layer.log_delta) for layer in layers}) > 1:
        return DepthLaw(depths, reason="the depths were not run with the same seeds")
    delta = _law(depths, np.array([layer.log_delta for layer in layers]))
    weight_grad = _law(depths, np.array([layer.log_weight_grad for layer in layers]))
    lost = weight_grad.c is None or delta.c is None
    batches = {layer.batch_size for layer in layers}
    stepped = [layer for layer in layers if layer.depth > 1]
    return DepthLaw(
        depths,
        delta,
        weight_grad,
        c_inside=_mean([layer.c for layer in stepped]),
        c_theory=_mean([layer.c_theory for layer in stepped]),
        reason="no seed has a gradient at every depth" if lost else None,
        c_expected=_expected(depths, [layer.log_ratio_theory for layer in layers]),
        batch_size=batches.pop() if len(batches) == 1 else None,
    )


def laws_across(networks: Iterable[tuple[Flat, FirstLayer | None]]) -> list[dict[str, Any]]:
    """A law for each combination of what networks differ in at initialization, other than the depth.

    As those keys, None where its networks lack one, then the `DepthLaw`; [] where none differ in depth. One
    that failed has no first layer.
    """
    networks = list(networks)
    keys = differing([config for config, _ in networks])
    updated = any(config.get("model.readout") == "zeros" for config, _ in networks)
    later = tuple(key for key in LATER if not (updated and key == OPTIMIZER))
    shared = [key for key in keys if key != DEPTH and not key.startswith(later)]
    groups: dict[str, tuple[Flat, dict[int, FirstLayer]]] = {}
    for config, layer in networks if DEPTH in keys else ():
        values = {key: config.get(key) for key in shared}
        found = groups.setdefault(repr(values), (values, {}))[1]
        if layer:
            found.setdefault(layer.depth, layer)
    return [{**values, **asdict(depth_law(list(found.values())))} for values, found in groups.values()]


def _law(depths: Sequence[int], logs: Array) -> Law:
    """exp of the mean over seeds of each seed's least-squares slope of logs (depths, seeds) against depth."""
    alive = logs[:, np.isfinite(logs).all(axis=0)]
    if not alive.size:
        return Law()
    slope = over_networks(_slopes(depths, alive))
    return Law(exp_or_none(slope.mean), exp_or_none(slope.low), exp_or_none(slope.high))


def _expected(depths: Sequence[int], logs: Sequence[Number]) -> Number:
    """The same of theory's logs; None unless it has one at every depth."""
    known = [value for value in logs if value is not None]
    if len(known) < len(depths):
        return None
    return exp_or_none(float(_slopes(depths, np.array(known)[:, None])[0]))


def _slopes(depths: Sequence[int], logs: Array) -> Array:
    """The least-squares slopes of logs (depths, seeds) against depth."""
    off = np.array(depths) - np.mean(depths)
    return np.asarray(off @ logs / (off @ off))


def _mean(values: Sequence[Number]) -> Number:
    """The geometric mean; None unless all are known and positive."""
    logs = [log(value) for value in values if value]
    return exp_or_none(sum(logs) / len(logs)) if len(logs) == len(values) else None
