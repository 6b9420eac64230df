"""What to change, as a list of levers: each gives the keys to set and the c that theory then predicts.

A lever is pulled only where it helps: the change is tried on theory first, the finite width included.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import exp, inf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.flow import LN10, window
from gradflow.analysis.summary import Advice, Flow, Symptom
from gradflow.nn.activations import ACTIVATIONS, Activation
from gradflow.nn.initializers import Gaussian, Initializer, Orthogonal
from gradflow.theory import MeanField, balance, half_stable
from gradflow.theory.expectations import Moments, tabulated
from gradflow.theory.fluctuations import ratio_variance
from gradflow.theory.prediction import ROUNDING, SMALLEST_WIDTH

if TYPE_CHECKING:
    from gradflow.config import Config

Array = NDArray[Any]

UNSTABLE = ("vanishing", "exploding", "dead", "overflow")
OVERSHOOT = ("loss-spiking", "loss-swinging", "non-finite")
SLOWER = 10  # by how much a learning rate that overshoots is divided
WIDEST_SPREAD = 1.0  # decades of the whole ratio, from one network to the next
SETTLED_SPREAD = 0.4  # up to which the first order holds even where q does not settle (gelu, silu)
SETTLING = 1.1  # how far beyond its half-stable sigma_b an activation's q surely settles
STEADYING = (0.25, 0.5, 0.75, 1.0)  # sigma_b that are tried where without one networks stray
SPREADS = 2  # standard errors that a depth keeps between what is expected and the edge of stable
LEAST_ROOM = 0.05  # of the edge, that it keeps at least: what theory expects has an error of its own
COMMON = ("relu", "leaky_relu", "tanh", "elu", "selu", "gelu", "silu")  # what people would change to
COLLAPSED = 0.5  # a slope factor below which the activation itself is in the way
DIGITS = 6


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
        """Standard deviation of that log10 from one network to the next, for one sample."""
        return sqrt(ratio_variance(self.network, 1)) / (2 * LN10)

    def first(self, depth: int) -> Outlook:
        """The outlook of the first `depth` layers alone."""
        gain, bias = (rows[: depth + 1] for rows in (self.network.log_gain, self.network.log_bias))
        return Outlook(
            replace(self.network, widths=self.network.widths[:depth], log_gain=gain, log_bias=bias)
        )

    @property
    def slope(self) -> float:
        """The slope factor that the layers' mean comes to."""
        return exp(float(np.log(self.network.slope_square[:-1]).mean()) / 2)

    def c(self, depth: int | None = None) -> float:
        """c over the fitted layers of the first `depth` layers, all if None."""
        steps = self.steps[: None if depth is None else depth - 1]
        return exp(float(steps[window(len(steps) + 1)[0] - 1 :].mean()))


@dataclass(frozen=True)
class Theorist:
    """Theory for a config and for changes of it, on data of which run.json's `data` tells."""

    config: Config
    data: Mapping[str, Any]

    def expect(self, init: Initializer | None = None, activation: Activation | None = None) -> Outlook:
        """The outlook with this init or activation instead of the config's."""
        model = self.config.model
        sizes = (self.data["features"], *[model.width] * model.depth)
        activation, init = activation or model.activation, init or model.init
        network = MeanField.of(activation, init, sizes, self.data["q_0"], model.bias.value)
        return Outlook(replace(network, moments=tabulated(activation, network.moments.mean)))

    def is_steady(self, init: Initializer | None = None) -> bool:
        """Whether single networks come near the ratio that is expected."""
        return self.holds(init) and self.expect(init).spread <= WIDEST_SPREAD

    def holds(self, init: Initializer | None = None, activation: Activation | None = None) -> bool:
        """Whether the outlook can be relied on: few fluctuations, or a q that settles in spite of them.

        Below an activation's half-stable sigma_b q does not settle. At moderate width and depth the ratio is
        then decades below the one that the first order in 1 / width gives, more than its spread shows.
        """
        if self.expect(init, activation).spread <= SETTLED_SPREAD:
            return True
        model = self.config.model
        half = half_stable(activation or model.activation)
        bias_variance = (init or model.init).bias_variance(model.width) or 0.0
        return half is None or sqrt(bias_variance) >= SETTLING * half.sigma_b

    def room(self, depth: int) -> float:
        """The decades that the first `depth` layers may take for a run of the config's seeds to be stable."""
        edge, spread = self.config.analysis.stable_decades, self.expect().first(depth).spread
        return edge - float(np.fmax(SPREADS * spread / sqrt(self.config.seeds), LEAST_ROOM * edge))

    def balanced(self, init: Initializer, activation: Activation | None = None) -> Initializer | None:
        """`init` at the scale where the whole ratio is expected to be 1, rounded to six digits."""
        model = self.config.model
        found = balance(
            activation or model.activation, init, depth=model.depth, width=model.width,
            features=self.data["features"], q_0=self.data["q_0"], bias=model.bias.value, first=1,
        )  # fmt: skip
        return None if found is None else _scaled(found, 1.0)


def advise(
    config: Config, data: Mapping[str, Any], flow: Flow, symptoms: Iterable[Symptom]
) -> tuple[Advice, ...]:
    """The advice for a run whose flow at initialization is `flow`, the most useful lever first."""
    pulled: list[Advice] = []
    model = config.model
    predictable = model.init.law and model.width >= SMALLEST_WIDTH
    if flow.verdict in UNSTABLE and predictable and Moments(model.activation, model.bias.value).in_reach:
        theorist = Theorist(config, data)
        with np.errstate(divide="ignore", invalid="ignore"):  # an activation that passes nothing: ln 0
            pulled = [
                advice for lever in (_initialization, _activation, _depth) for advice in lever(theorist)
            ]
    return (*pulled, *_optimizer(config, symptoms))


def _initialization(theorist: Theorist) -> Iterator[Advice]:
    """The scale of the weights at which the whole ratio is expected to be 1."""
    init = _steady_init(theorist)
    if init is None:
        return
    outlook = theorist.expect(init)
    words = f"draw the weights so that the first layer's gradient equals the last's: {_settings(init)}"
    if not theorist.is_steady(init):
        words += f"; single networks still differ by 10^{outlook.spread:.1f}: make the layers wider"
    yield Advice("initialization", {"model.init": plain(init)}, outlook.c(), None, torch_line(init), words)


def _steady_init(theorist: Theorist) -> Initializer | None:
    """The config's scheme, balanced; orthogonal weights or biases where single networks would stray."""
    own = theorist.config.model.init
    schemes = (own if _scale_key(own) else Gaussian(), Orthogonal(), *map(_with_bias, STEADYING))
    closest: tuple[tuple[bool, float], Initializer | None] = ((True, inf), None)
    for scheme in schemes:
        init = theorist.balanced(scheme)
        if init is None:
            continue
        if theorist.is_steady(init):
            return init
        straying = (not theorist.holds(init), theorist.expect(init).spread)
        closest = min(closest, (straying, init), key=lambda pair: pair[0])
    return closest[1]


def _with_bias(sigma_b: float) -> Initializer:
    return Gaussian(sigma_b=sigma_b)


def _activation(theorist: Theorist) -> Iterator[Advice]:
    """The activation whose slopes fit the weights as they are."""
    outlooks = {name: theorist.expect(activation=ACTIVATIONS[name]()) for name in COMMON}
    edge = theorist.config.analysis.stable_decades / 2
    fitting = [name for name in COMMON if abs(outlooks[name].ratio) < edge]
    fitting = [name for name in fitting if theorist.holds(activation=ACTIVATIONS[name]())]
    if fitting:
        best = min(fitting, key=lambda name: abs(outlooks[name].ratio))
        words = f"with these weights the slopes of {best} pass {outlooks[best].slope:.3g} a layer"
        yield Advice("activation", {"model.activation": best}, outlooks[best].c(), None, None, words)
    elif theorist.expect().slope < COLLAPSED:
        yield from _other_activation(theorist)


def _other_activation(theorist: Theorist) -> Iterator[Advice]:
    """tanh with weights of its own, where the slopes have all but gone and none fits the weights."""
    tanh, own = ACTIVATIONS["tanh"](), theorist.config.model.init
    init = theorist.balanced(own if _scale_key(own) else Gaussian(), tanh)
    if init is None or theorist.config.model.activation == tanh:
        return
    outlook = theorist.expect(init, tanh)
    words = f"the slopes of tanh pass {outlook.slope:.3g} a layer with {_settings(init)}"
    settings = {"model.activation": "tanh", "model.init": plain(init)}
    yield Advice("activation", settings, outlook.c(), None, torch_line(init), words)


def _depth(theorist: Theorist) -> Iterator[Advice]:
    """The largest depth that theory expects to be surely stable, with everything else as it is."""
    outlook, edge = theorist.expect(), theorist.config.analysis.stable_decades
    reach = np.maximum.accumulate(np.abs(np.cumsum(outlook.steps))) / LN10  # of 2, 3, .. layers
    within = range(2, 2 + int((reach < edge).sum()))
    depth = 1 + bisect_left(within, True, key=lambda depth: bool(reach[depth - 2] >= theorist.room(depth)))
    if not 2 <= depth < theorist.config.model.depth:
        return
    words = f"{depth} layers keep the ratio of the first to the last within the stable range"
    log_chi = float(outlook.network.asymptote.log_chi[0])
    if -6 < log_chi < -ROUNDING:
        words += f"; signals reach about 6 xi = {-6 / log_chi:.0f} layers deep"
    yield Advice("depth", {"model.depth": depth}, outlook.c(depth), None, None, words)


def _optimizer(config: Config, symptoms: Iterable[Symptom]) -> Iterator[Advice]:
    if any(symptom.name in OVERSHOOT and symptom.step > 0 for symptom in symptoms):
        lr = rounded(config.training.optimizer.lr / SLOWER)
        words = f"the steps overshoot: a learning rate of {lr:g} takes them {SLOWER} times shorter"
        yield Advice("optimizer", {"training.optimizer.lr": lr}, None, None, None, words)


def _scaled(init: Initializer, factor: float) -> Initializer:
    """`init` with its weights `factor` times as large, the scale rounded to six digits."""
    key = _scale_key(init)
    assert key is not None
    changes: dict[str, Any] = {key: rounded(getattr(init, key) * factor)}
    return replace(init, **changes)


def _scale_key(init: Initializer) -> str | None:
    return next((field.name for field in fields(init) if field.name in ("gain", "sigma_w")), None)


def rounded(value: float) -> float:
    """A float of at most six significant digits, short to type."""
    return float(f"{value:.{DIGITS}g}")


def plain(init: Initializer) -> dict[str, Any]:
    """An init as the config writes it."""
    return {"name": init.name, **{field.name: getattr(init, field.name) for field in fields(init)}}


def _settings(init: Initializer) -> str:
    values = (f"{field.name} {getattr(init, field.name):.4g}" for field in fields(init))
    return f"{init.name} with {', '.join(values)}"


def torch_line(init: Initializer) -> str:
    """The line that draws a weight `w` and a bias `b` of torch.nn.Linear the same way."""
    if isinstance(init, Gaussian):
        bias = f"; nn.init.normal_(b, std={init.sigma_b:.4g})" if init.sigma_b else ""
        return f"nn.init.normal_(w, std={init.sigma_w:.4g} / w.shape[1] ** 0.5){bias}"
    gain = f"{getattr(init, 'gain', 1.0):.4g}"
    if init.name.startswith(("xavier", "orthogonal")):
        return f"nn.init.{init.name}_(w, gain={gain})"
    if init.law == "uniform":
        return f"nn.init.uniform_(w, -{gain} * (3 / w.shape[1]) ** 0.5, {gain} * (3 / w.shape[1]) ** 0.5)"
    return f"nn.init.normal_(w, std={gain} / w.shape[1] ** 0.5)"
