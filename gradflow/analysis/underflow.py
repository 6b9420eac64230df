"""Zeros that follow on the edge of a dtype: an underflow of norms recorded elsewhere, not a death."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from gradflow.analysis.flow import fit_flow, layer_name
from gradflow.analysis.summary import Flow
from gradflow.arrays import Array
from gradflow.units import LN10


@dataclass(frozen=True)
class Edge:
    """Where the numbers of a dtype end: a norm below `gone` may be 0, one below `near` has lost digits.

    `near` and `gone` of float32 and float64 are those of the squares that a norm is summed from.
    """

    dtype: str
    smallest: float
    gone: float
    near: float
    remedy: str


ROUNDING = 0.7  # of ln: the smallest number of a dtype stands for all down to its half
EDGES = (
    Edge("float16", 6e-8, 4e-8, 1e-6, "Record in float32, or scale the loss"),
    Edge("float32", 1.4e-45, 2.6e-23, 1e-18, "Record in float64, as of model.double()"),
    Edge("float64", 4.9e-324, 1.6e-162, 1e-150, "Record log_norm, of gradients over their largest entry"),
)


def smallest_of(log_delta: Array) -> float:
    """ln of the smallest norm of a record that is not 0; a dtype that ends above it is not the record's."""
    return float(np.min(log_delta, where=np.isfinite(log_delta), initial=np.inf))


def edge_of(log_delta: Array, smallest: float) -> Edge | None:
    """The dtype at whose edge every network's zeros begin, (layers, networks); None if one's do not.

    `smallest` is that of the whole record.
    """
    networks = np.flatnonzero(np.isneginf(log_delta).any(axis=0))
    found = {_edge_of_one(log_delta[:, network], smallest) for network in networks}
    return found.pop() if len(found) == 1 else None


def _edge_of_one(log_delta: Array, smallest: float) -> Edge | None:
    """Zeros follow on an edge if the norms fall towards it, and the last or the next one is there."""
    rest = log_delta[_last_zero(log_delta) + 1 :]
    if not rest.size or not np.isfinite(rest).all() or (rest.size > 1 and rest[-1] - rest[0] < LN10):
        return None
    step = (rest[-1] - rest[0]) / (rest.size - 1) if rest.size > 1 else 0.0
    for edge in EDGES:
        reached = rest[0] < log(edge.near) or rest[0] - step < log(edge.gone)
        if reached and smallest > log(edge.smallest) - ROUNDING:
            return edge
    return None


def _last_zero(log_delta: Array) -> int:
    return int(np.flatnonzero(np.isneginf(log_delta))[-1])


def of_underflow(
    flow: Flow, log_delta: Array, smallest: float, stable_decades: float, names: Sequence[str] = ()
) -> Flow:
    """A flow whose zeros are an underflow: if all networks have some it vanishes; c of the rest is told.

    `names` are those of the layers, where they have others than numbers.
    """
    edge, lost = edge_of(log_delta, smallest), np.isneginf(log_delta).any(axis=0)
    if edge is None:
        return flow
    if flow.verdict != "dead":
        words = f"{lost.sum()} of {lost.size} networks fall to 0 at the edge of {edge.dtype} and are left out"
        return replace(flow, reason=f"{words}. {edge.remedy}", dead_networks=0)
    dead = int(np.flatnonzero(np.isneginf(log_delta).any(axis=1))[-1])
    rest = log_delta[dead + 1 :]
    above = fit_flow({"log_delta_norm": rest}, flow.step, stable_decades)
    gone, reached, last = (layer_name(index, names) for index in (dead, dead + 1, len(log_delta) - 1))
    passing = "" if above.c is None else f"; layers {reached} to {last} pass {above.c:.3g} each"
    reason = (
        f"delta is 0 up to layer {gone}, where the numbers of {edge.dtype} end: it is "
        f"{np.exp(rest[0].mean()):.0e} at layer {reached}. {edge.remedy}{passing}"
    )
    return replace(flow, verdict="vanishing", reason=reason, dead_networks=0)
