"""What theory expects of a config and of changes of it: what advice is tried on before it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import exp, sqrt
from typing import Any

import numpy as np

from gradflow.analysis.increments import window
from gradflow.analysis.predictions import inputs_of
from gradflow.arrays import Array
from gradflow.config import Config
from gradflow.config.biases import Zeros
from gradflow.formats import ADDED
from gradflow.meanfield import MeanField, Targets, balance, half_stable, mean_field, unpredicted
from gradflow.meanfield.expectations import tabulated
from gradflow.meanfield.plain import PlainField
from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer
from gradflow.nn.model import Model
from gradflow.units import LN10, rounded

DEEPEST = 1000  # layers that theory is asked for, so that no advice takes longer than two seconds
WIDEST_SPREAD = 0.5  # of the edge of stable, by which the whole ratio strays from one network to the next
SURE = 0.5  # of the edge of stable, up to which a ratio is expected to stay within it
STEEPEST_END = 0.095  # |ln c| of the last transition, beyond which a ratio of 1 only balances two wrongs
SETTLED_SPREAD = 0.4  # up to which the first order holds even where q does not settle (gelu, silu)
SETTLING = 1.1  # how far beyond its half-stable sigma_b an activation's q surely settles
SPREADS = 2  # standard errors that a depth keeps between what is expected and the edge of stable
LEAST_ROOM = 0.05  # of the edge, that it keeps at least: what theory expects has an error of its own


@dataclass(frozen=True)
class Outlook:
    """What theory expects of a network, its finite width included, as sums over its transitions."""

    network: MeanField

    @cached_property
    def steps(self) -> Array:
        """E ln(||delta_l|| / ||delta_{l+1}||) for l = 1..L-1 (L - 1,)."""
        steps: Array = self.network.log_chi / 2 + np.nan_to_num(self.network.shifts)
        return steps

    @property
    def ratio(self) -> float:
        """log10 of ||delta_1|| / ||delta_L||."""
        return float(self.steps.sum()) / LN10

    @cached_property
    def spread(self) -> float:
        """Standard deviation of that log10 between networks, for one sample; 0 where it is not known."""
        return sqrt(np.nan_to_num(self.network.ratio_variance(1))) / (2 * LN10)

    @property
    def profile_range(self) -> float:
        """Decades between the largest and the smallest gradient norm of any two layers."""
        logs = np.append(np.cumsum(self.steps), 0.0) / LN10
        return float(logs.max() - logs.min())

    def first(self, depth: int) -> Outlook:
        """The outlook of the first `depth` layers alone."""
        return Outlook(self.network.until(depth))

    @property
    def slope(self) -> float:
        """The slope factor that the layers' mean comes to."""
        return exp(float(self.network.log_factors["slopes"].mean()))

    def c(self) -> float | None:
        """c over the fitted layers; None of a single layer, which has no step."""
        if not len(self.steps):
            return None
        return exp(float(self.steps[window(len(self.steps) + 1)[0] - 1 :].mean()))


@dataclass(frozen=True)
class Theorist:
    """Theory for a config and for changes of it, on data of which run.json's `data` tells."""

    config: Config
    data: Mapping[str, Any]
    other: Model | None = None  # than the config's network
    _outlooks: dict[Any, Outlook] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """The layers that are looked at."""
        return min(self.config.model.depth, DEEPEST)

    def with_width(self, width: int) -> Theorist:
        """The theorist of the same config with layers of another width."""
        model = self.config.model.model_copy(update={"width": width})
        return Theorist(self.config.model_copy(update={"model": model}), self.data)

    def unbiased(self) -> Theorist:
        """The theorist of the same config whose biases start at 0, unless its init draws them."""
        model = self.config.model.model_copy(update={"bias": Zeros()})
        return Theorist(self.config.model_copy(update={"model": model}), self.data)

    @cached_property
    def model(self) -> Model:
        """The network that is looked at."""
        return self.other or self.config.network(inputs_of(self.data))

    @property
    def targets(self) -> Targets | None:
        """What outputs are compared with."""
        return inputs_of(self.data).targets

    @property
    def predictable(self) -> bool:
        """Whether theory has a law of it from which no network runs away."""
        return unpredicted(self.model) is None and self.model.activation.bounded_slope

    def changed(self, init: Initializer | None = None, activation: Activation | None = None) -> Model:
        """The network with this init or activation instead of its own."""
        model = self.model
        return replace(model, init=init or model.init, activation=activation or model.activation)

    def expect(self, init: Initializer | None = None, activation: Activation | None = None) -> Outlook:
        """The outlook with this init or activation instead of the config's."""
        model = self.changed(init, activation)
        if model not in self._outlooks:
            self._outlooks[model] = self._expect(model)
        return self._outlooks[model]

    def _expect(self, model: Model) -> Outlook:
        network = mean_field(model, self.data["q_0"], self.targets).until(self.depth)
        return Outlook(replace(network, moments=tabulated(model.activation, network.moments.mean)))

    def is_steady(self, init: Initializer | None = None) -> bool:
        """Whether single networks come near the ratio that is expected."""
        return self.holds(init) and self.expect(init).spread <= WIDEST_SPREAD * self.edge

    def is_flat(self, init: Initializer, activation: Activation | None = None) -> bool:
        """Whether single layers are stable too: no two norms a stable range apart, and none that go on so."""
        outlook = self.expect(init, activation)
        return outlook.profile_range < self.edge and abs(float(outlook.steps[-1])) < STEEPEST_END

    @property
    def is_surely_stable(self) -> bool:
        """Whether the network is expected to be stable, and single ones too."""
        outlook = self.expect()
        return abs(outlook.ratio) < SURE * self.edge and outlook.spread <= WIDEST_SPREAD * self.edge

    @property
    def edge(self) -> float:
        """The decades of the ratio up to which a network is called stable."""
        return self.config.analysis.stable_decades

    def holds(self, init: Initializer | None = None, activation: Activation | None = None) -> bool:
        """Whether the outlook can be relied on: few fluctuations, or a q that settles in spite of them.

        Below an activation's half-stable sigma_b q does not settle. At moderate width and depth the ratio is
        then decades below the one that the first order in 1 / width gives, more than its spread shows.
        """
        return self.settles(init, activation) or self.expect(init, activation).spread <= SETTLED_SPREAD

    def settles(self, init: Initializer | None = None, activation: Activation | None = None) -> bool:
        """Whether q surely settles: with a skip or a norm, or from the biases alone."""
        model = self.changed(init, activation)
        if not isinstance(self.expect(init, activation).network, PlainField):
            return True
        half = half_stable(model.activation)
        bias_variance = model.init.bias_variance(model.sizes[-1]) or 0.0
        return half is None or sqrt(bias_variance) >= SETTLING * half.sigma_b

    def room(self, depth: int) -> float:
        """The decades that the first `depth` layers may take for a run of the config's seeds to be stable."""
        spread = self.expect().first(depth).spread
        return self.edge - float(np.fmax(SPREADS * spread / sqrt(self.config.seeds), LEAST_ROOM * self.edge))

    def balanced(self, scheme: Initializer, activation: Activation | None = None) -> Initializer | None:
        """A scheme at the scale where the whole ratio is expected to be 1, and to be so of every layer."""
        found = balance(
            self.changed(scheme, activation), self.data["q_0"],
            first=1, depth=self.depth, targets=self.targets,
        )  # fmt: skip
        init = None if found is None else scaled(found, 1.0)
        return init if init is not None and self.is_flat(init, activation) else None


def scaled(init: Initializer, factor: float) -> Initializer:
    """`init` with its weights `factor` times as large, the scale rounded to six digits."""
    assert init.scale_key is not None
    return init.rescaled(rounded(getattr(init, init.scale_key) * factor))


def plain(init: Initializer) -> dict[str, Any]:
    """An init as the config writes it."""
    return {"name": init.name, **_written(init)}


def settings(init: Initializer) -> str:
    """An init in words."""
    values = (
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in _written(init).items()
    )
    return f"{init.name} with {', '.join(values)}"


def _written(init: Initializer) -> dict[str, Any]:
    """Its keys but those added since, while they say no more than their default."""
    values = {each: getattr(init, each.name) for each in fields(init)}
    return {each.name: v for each, v in values.items() if each.metadata != ADDED or v != each.default}
