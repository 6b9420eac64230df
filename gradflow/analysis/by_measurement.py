"""Advice that needs no theory: where the factors that were measured tell of themselves what a change makes.

Of a plain chain without biases whose phi is homogeneous, slopes stay as they are when all weights are scaled,
and every factor is scaled as they are. And a chain is stable that is no longer than any stable part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np

from gradflow.analysis.changes import first_layers
from gradflow.analysis.summary import Advice, Flow
from gradflow.analysis.theorist import LEAST_ROOM, Theorist, plain, settings
from gradflow.meanfield.networks import law_of
from gradflow.meanfield.plain import PlainField
from gradflow.nn.initializers import LARGEST, Constant, Initializer
from gradflow.nn.model import Model
from gradflow.units import rounded

MEASURED = "measurement"
AT_MOST = 2.0  # times as many factors as the mean one would allow, from which on depths are looked at


def by_measurement(theorist: Theorist, flow: Flow) -> Iterator[Advice]:
    """Weights of another scale, and the depth that is stable with these, of a plain chain that has a c.

    None where networks are dead or one layer alone decides: then no c describes the others.
    """
    model = theorist.model
    plain_chain = law_of(model) is PlainField and model.activation.bounded_slope
    one_c = not flow.dead_networks and flow.weakest is None
    if plain_chain and one_c and flow.c and flow.log10_ratio:
        yield from _weights(theorist, flow, flow.c, flow.log10_ratio)
        yield from _depth(theorist, flow, flow.c, flow.log10_ratio)


def _weights(theorist: Theorist, flow: Flow, c: float, ratio: float) -> Iterator[Advice]:
    """The scale at which the ratio is 1, where all factors are proportional to the weights."""
    factor: float = 10 ** (-ratio / flow.transitions)
    init = _scaled(theorist.model.init, factor) if _is_proportional(theorist.model) else None
    if init is None:
        return
    words = (
        f"every factor is proportional to the weights: draw them {factor:.4g} times as large, so that the "
        f"first layer's gradient equals the last's, {settings(init)}"
    )
    if (flow.log10_ratio_sd or 0.0) > theorist.edge:
        words += f"; single networks still differ by 10^{flow.log10_ratio_sd:.1f}: make the layers wider"
    yield Advice(
        "initialization", {"model.init": _plain(init)}, c * factor, None, init.torch(), words, MEASURED
    )


def _is_proportional(model: Model) -> bool:
    """Whether weights of another scale leave the slopes as they are."""
    variance = model.init.bias_variance(model.sizes[-1])
    return model.activation.homogeneous and not (model.bias if variance is None else variance)


def _scaled(init: Initializer, factor: float) -> Initializer | None:
    """The init with weights `factor` times as large, to six digits; None if it has no such scale."""
    if isinstance(init, Constant):
        values = init.value if isinstance(init.value, tuple) else (init.value,)
        scaled = tuple(rounded(value * factor) for value in values)
        return replace(init, value=scaled if isinstance(init.value, tuple) else scaled[0])
    value = rounded(getattr(init, init.scale_key) * factor) if init.scale_key else 0.0
    return init.rescaled(value) if 0 < value <= LARGEST else None


def _plain(init: Initializer) -> dict[str, Any]:
    """As the config writes it, lists too."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in plain(init).items()}


def _depth(theorist: Theorist, flow: Flow, c: float, ratio: float) -> Iterator[Advice]:
    """The largest depth that is surely stable: whichever of the measured factors in a row it has."""
    layers = np.arange(1, flow.transitions + 2)
    norms = np.interp(layers, flow.profile.layers, np.array(flow.profile.log10_delta, dtype=float))
    unsure = 0.0 if flow.log10_ratio_high is None else flow.log10_ratio_high - ratio
    edge = theorist.edge

    def reach(factors: int) -> float:
        room = max(unsure * sqrt(factors / flow.transitions), LEAST_ROOM * edge)
        return float(np.abs(norms[factors:] - norms[:-factors]).max()) + room

    most = min(flow.transitions, int(AT_MOST * edge * flow.transitions / abs(ratio)) + 1)
    factors = next((n for n in range(most - 1, 0, -1) if reach(n) < edge), 0)
    if factors:
        depth = factors + 1
        words = (
            f"{depth} layers of these factors keep the ratio of the first to the last within the stable range"
        )
        changes = first_layers(theorist.config.model, depth)
        yield Advice("depth", changes, c, None, None, words, MEASURED)
