"""What to change, as a list of levers: each gives the keys to set and the c that theory then predicts.

A lever is pulled only where it helps: the change is tried on theory first, the finite width included.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil, inf, log2, sqrt
from typing import Any

import numpy as np

from gradflow.analysis.architecture import architecture
from gradflow.analysis.by_measurement import by_measurement
from gradflow.analysis.changes import changed, first_layers, is_sound
from gradflow.analysis.clipping import unclipped
from gradflow.analysis.critical_rate import NOT_MEASURED, CriticalRate
from gradflow.analysis.decay import lower_decay
from gradflow.analysis.promising import trainable_first
from gradflow.analysis.rates import learning_rates, left_to_learn
from gradflow.analysis.scales import can_standardize, far_scales, scale_symptom, starts_far_off
from gradflow.analysis.summary import Advice, Flow, Symptom
from gradflow.analysis.theorist import WIDEST_SPREAD, Theorist, plain, settings
from gradflow.analysis.unhindered import unhindered
from gradflow.arrays import Readings
from gradflow.config import Config
from gradflow.meanfield import SMALLEST_WIDTH
from gradflow.meanfield.critical import critical_sigma_w
from gradflow.meanfield.expectations import Moments
from gradflow.meanfield.plain import PlainField
from gradflow.meanfield.prediction import ROUNDING
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.initializers import Gaussian, Initializer, Orthogonal
from gradflow.units import LN10, rounded

UNSTABLE = ("vanishing", "exploding", "dead", "overflow")
STEADYING = (0.25, 0.5, 0.75, 1.0)  # sigma_b that are tried where without one networks stray
COMMON = ("relu", "leaky_relu", "tanh", "elu", "selu", "gelu", "silu")  # what people would change to
COLLAPSED = 0.5  # a slope factor below which the activation itself is in the way
LAYERS_TRIED = 4000  # over all schemes: as many balances as that allows, so that advice takes two seconds
WIDENED = 16  # times as wide, at most, as a network is advised to be made
SMALLER = 0.5  # of the weights as they are, below which weights are called smaller


def advise(
    config: Config,
    data: Mapping[str, Any],
    flow: Flow,
    symptoms: Iterable[Symptom],
    record: Readings,
    critical: CriticalRate = NOT_MEASURED,
) -> tuple[Advice, ...]:
    """The advice for a run whose flow at initialization is `flow`, the most useful lever first.

    What comes first in the run comes first here: data of another scale, then the network as it is drawn,
    then how fast it is trained, which no one can tell before the rest is well.
    """
    symptoms = tuple(symptoms)
    left = left_to_learn(config, data, record)
    first = tuple(_data(config, data, flow, symptoms, left))
    theorist = Theorist(config, {**data, "q_0": 1.0} if first else data)
    far_off = starts_far_off(config, data, float(record["loss"][0].mean()))
    with np.errstate(divide="ignore", invalid="ignore"):  # an activation that passes nothing: ln 0
        if before := tuple(unhindered(theorist)):
            return (*first, *(_with(first, one) for one in before))
        levers = _levers(theorist, flow, rescaled=bool(first))
        drawn = _drawn(theorist, levers, rescaled=bool(first), far_off=far_off)
    advice = (*first, *(_with(first, one) for one in drawn))
    if first or (drawn and (far_off or flow.verdict == "exploding")):
        return advice
    if lower := lower_decay(config, symptoms, record):
        return (*advice, *lower)
    passes = not levers and not drawn and config.model.readout != "zeros"
    rates = tuple(learning_rates(config, symptoms, record, critical, passes=passes, left=left))
    return (*advice, *unclipped(config, symptoms, record, rates, critical))


def _levers(theorist: Theorist, flow: Flow, *, rescaled: bool) -> tuple[Advice, ...]:
    """What would make an unstable network stable, some of which may not go with the rest of the config."""
    if flow.verdict not in UNSTABLE:
        return ()
    return tuple(_network(theorist, rescaled) if theorist.predictable else _unpredicted(theorist, flow))


def _drawn(
    theorist: Theorist, levers: Iterable[Advice], *, rescaled: bool, far_off: bool
) -> tuple[Advice, ...]:
    """Advice on the network as drawn; on its weights alone where its outputs are `far_off` their targets."""
    config, data = theorist.config, theorist.data
    found = trainable_first(config, data, tuple(one for one in levers if is_sound(config, data, one.set)))
    if not far_off or rescaled:
        return found
    weights = tuple(one for one in found if one.lever == "initialization")
    return weights or found or tuple(_smaller(theorist))


def _data(
    config: Config, data: Mapping[str, Any], flow: Flow, symptoms: tuple[Symptom, ...], left: float | None
) -> Iterator[Advice]:
    """Data brought to scale 1, where theirs is far from it and something goes wrong."""
    troubled = flow.verdict in UNSTABLE or scale_symptom(data, symptoms, left) is not None
    if troubled and can_standardize(config, data) and (scales := far_scales(data)):
        sizes = " and ".join(f"{name} of root mean square {scale:.3g}" for name, scale in scales.items())
        words = f"bring {sizes} to mean 0 and variance 1, for which weights and learning rates are made"
        yield Advice("data", {"data.standardize": True}, None, None, None, words)


def _with(first: tuple[Advice, ...], advice: Advice) -> Advice:
    """Advice together with what was advised first."""
    return replace(advice, set={**first[0].set, **advice.set}) if first else advice


def _network(theorist: Theorist, rescaled: bool) -> Iterator[Advice]:
    """The levers of theory; none where data of scale 1 alone make the network stable."""
    if not (rescaled and abs(theorist.expect().ratio) < theorist.edge):
        for lever in (_width, _initialization, architecture, _activation, _depth):
            yield from lever(theorist)


def _unpredicted(theorist: Theorist, flow: Flow) -> Iterator[Advice]:
    """What the measurement tells, and layers so wide that theory has a law of them."""
    found = tuple(by_measurement(theorist, flow))
    yield from (one for one in found if one.lever == "initialization")
    yield from _wide(theorist)
    yield from _unbiased(theorist)
    yield from (one for one in found if one.lever != "initialization")


def _unbiased(theorist: Theorist) -> Iterator[Advice]:
    """Biases of 0 where theory has no law of the constant that they start at, and what it then takes."""
    without = theorist.unbiased()
    if without.model == theorist.model or not without.predictable:
        return
    changes, words = {"model.bias": "zeros"}, "biases that start alike shift every unit: start them at 0"
    if without.is_surely_stable:
        outlook, torch = without.expect(), "torch.nn.init.zeros_(layer.bias)"
        words += f", and the layers pass 10^{outlook.ratio:.2f} in all"
        yield Advice("initialization", changes, outlook.c(), None, torch, words)
        return
    for one in _network(without, rescaled=False):
        yield replace(one, set={**changes, **one.set}, message=f"{words}, and {one.message}")


def _wide(theorist: Theorist) -> Iterator[Advice]:
    """Layers so wide that theory has a law of them, and the weights that they need."""
    width = max(theorist.config.model.widest, SMALLEST_WIDTH)
    wider, known = theorist.with_width(width), f"layers {width} wide, of which theory has a law"
    if not wider.predictable:
        return
    outlook, changes = wider.expect(), {"model.width": width}
    if wider.is_surely_stable:
        words = f"{known}, pass 10^{outlook.ratio:.2f} in all"
        yield Advice("architecture", changes, outlook.c(), None, None, words)
        return
    for one in _initialization(wider):
        words = one.message if "model.width" in one.set else f"{known}: {one.message}"
        yield replace(one, lever="architecture", set={**changes, **one.set}, message=words)


def _smaller(theorist: Theorist) -> Iterator[Advice]:
    """Weights that keep the gradient at z of variance 1, where the first outputs are beyond all bounds."""
    model = theorist.config.model
    if not isinstance(theorist.expect().network, PlainField):
        return  # whose outputs' size the weights do not make
    with np.errstate(over="ignore"):  # slopes beyond float64: no weights are small enough
        sigma_w = float(critical_sigma_w(Moments(model.activation), 0.0))
    own = sqrt(model.widest * model.init.variance(model.widest, model.widest)) if model.init.law else inf
    if 0 < sigma_w < SMALLER * own:
        init = Gaussian(sigma_w=rounded(sigma_w))
        words = f"the outputs at step 0 are far beyond the targets: draw smaller weights, {settings(init)}"
        yield Advice("initialization", {"model.init": plain(init)}, None, None, init.torch(), words)


def _width(theorist: Theorist) -> Iterator[Advice]:
    """Wider layers, where those of infinite width would be stable; and the scale that makes up for it."""
    outlook, own = theorist.expect(), theorist.config.model.init
    limit = float(outlook.network.log_chi.sum()) / (2 * LN10)
    if abs(outlook.ratio) < theorist.edge or abs(limit) >= theorist.edge / 2:
        return
    wider = _wide_enough(theorist)
    if wider is None:
        return
    width, found = wider.config.model.widest, wider.expect()
    words = f"the width makes it so: layers {width} wide pass 10^{found.ratio:.2f} in all"
    init = theorist.balanced(own) if own.scale_key else None
    if init is not None:
        spread = theorist.expect(init).spread
        words += (
            f"; as wide as they are, {settings(init)} would make up for it on average, c = 1.00, "
            f"while single networks differ by 10^{spread:.1f}"
        )
    yield Advice("architecture", {"model.width": width}, found.c(), None, None, words)


def _wide_enough(theorist: Theorist) -> Theorist | None:
    """The theorist of the narrowest layers, by powers of 2, that are surely stable."""
    width = theorist.config.model.widest
    for power in range(1, ceil(log2(WIDENED)) + 1):
        wider = theorist.with_width(2 ** (ceil(log2(width)) + power))
        if wider.is_surely_stable:
            return wider
    return None


def _initialization(theorist: Theorist) -> Iterator[Advice]:
    """The scale of the weights at which the whole ratio is expected to be 1."""
    init = _steady_init(theorist)
    if init is None:
        return
    changes: dict[str, Any] = {}
    words = ""
    if theorist.expect(init).spread > theorist.edge:
        wider = _wider(theorist, init)
        if wider is None:
            return
        theorist, init = wider
        changes["model.width"] = theorist.config.model.widest
        words = (
            f"make the layers {theorist.config.model.widest} wide, so that single networks are stable, and "
        )
    outlook = theorist.expect(init)
    changes["model.init"] = plain(init)
    words += f"draw the weights so that the first layer's gradient equals the last's: {settings(init)}"
    if not theorist.is_steady(init):
        words += f"; single networks still differ by 10^{outlook.spread:.1f}: make the layers wider"
    words += _depth_looked_at(theorist)
    yield Advice("initialization", changes, outlook.c(), None, init.torch(), words)


def _wider(theorist: Theorist, init: Initializer) -> tuple[Theorist, Initializer] | None:
    """The theorist of layers so wide that single networks come near the ratio, and the init balanced."""
    width = theorist.config.model.widest
    times = (theorist.expect(init).spread / (WIDEST_SPREAD * theorist.edge)) ** 2  # a variance goes as 1 / n
    if times > WIDENED:
        return None
    theorist = theorist.with_width(2 ** ceil(log2(width * times)))
    wider = theorist.balanced(init)
    return None if wider is None or theorist.expect(wider).spread > theorist.edge else (theorist, wider)


def _depth_looked_at(theorist: Theorist) -> str:
    """The word on a network deeper than what is looked at."""
    looked_at = theorist.depth
    return "" if looked_at == theorist.config.model.depth else f" (found for {looked_at:,} layers)"


def _steady_init(theorist: Theorist) -> Initializer | None:
    """The config's scheme, balanced; orthogonal weights or biases where single networks would stray."""
    closest: tuple[tuple[bool, float], Initializer | None] = ((True, inf), None)
    for scheme in _schemes(theorist):
        init = theorist.balanced(scheme)
        if init is None:
            continue
        if theorist.is_steady(init):
            return init
        straying = (not theorist.holds(init), theorist.expect(init).spread)
        closest = min(closest, (straying, init), key=lambda pair: pair[0])
    return closest[1]


def _schemes(theorist: Theorist) -> list[Initializer]:
    """What is tried in turn; at depths beyond the width, only what lets q settle."""
    own = theorist.config.model.init
    schemes: list[Initializer] = [own if own.scale_key else Gaussian(), Orthogonal()]
    schemes += [Gaussian(sigma_b=sigma_b) for sigma_b in STEADYING]
    if theorist.depth >= theorist.config.model.widest:
        schemes = [scheme for scheme in schemes if theorist.settles(scheme)]
    return schemes[: max(1, LAYERS_TRIED // theorist.depth)]


def _activation(theorist: Theorist) -> Iterator[Advice]:
    """The activation whose slopes fit the weights as they are, but for the one that was measured."""
    others = {name: phi for name in COMMON if (phi := ACTIVATIONS[name]()) != theorist.model.activation}
    outlooks = {name: theorist.expect(activation=phi) for name, phi in others.items()}
    near = [name for name in others if abs(outlooks[name].ratio) < theorist.edge / 2]
    fitting = [name for name in near if theorist.holds(activation=others[name])]
    if fitting:
        best = min(fitting, key=lambda name: abs(outlooks[name].ratio))
        words = f"with these weights the slopes of {best} pass {outlooks[best].slope:.3g} a layer"
        yield Advice("activation", {"model.activation": best}, outlooks[best].c(), None, None, words)
    elif theorist.expect().slope < COLLAPSED:
        yield from _other_activation(theorist)


def _other_activation(theorist: Theorist) -> Iterator[Advice]:
    """tanh with weights of its own, where the slopes have all but gone and none fits the weights."""
    tanh, own = ACTIVATIONS["tanh"](), theorist.config.model.init
    init = theorist.balanced(own if own.scale_key else Gaussian(), tanh)
    if init is None or theorist.config.model.activation == tanh:
        return
    outlook = theorist.expect(init, tanh)
    words = f"the slopes of tanh pass {outlook.slope:.3g} a layer with {settings(init)}"
    changes = {"model.activation": "tanh", "model.init": plain(init)}
    yield Advice("activation", changes, outlook.c(), None, init.torch(), words)


def _depth(theorist: Theorist) -> Iterator[Advice]:
    """The largest depth that theory expects to be surely stable, with everything else as it is.

    None where the law holds from some layer on alone, as a batch norm's first layers explode faster, or where
    branches are scaled by the depth, as each would weigh more.
    """
    outlook, edge = theorist.expect(), theorist.edge
    if outlook.network.settling > 1 or outlook.network.by_depth:
        return
    reach = np.maximum.accumulate(np.abs(np.cumsum(outlook.steps))) / LN10  # of 2, 3, .. layers
    within = range(2, 2 + int((reach < edge).sum()))
    depth = 1 + bisect_left(within, True, key=lambda depth: bool(reach[depth - 2] >= theorist.room(depth)))
    if not 2 <= depth < theorist.depth:
        return
    words = f"{depth} layers keep the ratio of the first to the last within the stable range"
    log_chi = float(outlook.network.asymptote.log_chi[0])
    if -6 < log_chi < -ROUNDING:
        words += f"; signals reach about 6 xi = {-6 / log_chi:.0f} layers deep"
    changes = first_layers(theorist.config.model, depth)
    advised = Theorist(changed(theorist.config, changes), theorist.data)
    yield Advice("depth", changes, advised.expect().c(), None, None, words)
