"""The first network, as drawn or after a step: the chain rule on one sample, and the gradient check.

delta_l = phi'(z_l) W_{l+1} delta_{l+1}, so that ||delta_1|| is ||delta_out|| times the factors of all layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, log

import numpy as np

from gradflow.arrays import Array
from gradflow.crew import Crew
from gradflow.data import Data
from gradflow.data.batches import Batches
from gradflow.nn.gradcheck import Check, check
from gradflow.nn.jacobian import Spectrum, spectrum
from gradflow.nn.losses import Loss
from gradflow.nn.low_precision import Casts, measure_casts
from gradflow.nn.memory import Memory
from gradflow.nn.network import Network
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.dense import bias, weights
from gradflow.nn.parts.factors import factor_arrays, two_of
from gradflow.nn.tally import Tally
from gradflow.plan import Plan
from gradflow.recording import Recorder
from gradflow.units import LN10

CHECKED = 8  # samples: more make the check slower, not stricter


@dataclass(frozen=True)
class Link:
    """One layer of the chain: what it multiplies the gradient's norm by, and what has become of it."""

    layer: int
    weight_factor: float | None  # ||W_{l+1} delta_{l+1}|| / ||delta_{l+1}||
    slope_factor: float | None  # ||delta_l|| / ||W_{l+1} delta_{l+1}||, in a plain chain
    factors: dict[str, float]  # of each kind of part, by name: these two, and those of norms and skips
    local_factor: float  # ||delta_l|| / ||delta_{l+1}||: their product, unless a branch passes nothing
    log10_product: float  # of the local factors from the last layer down to this one
    log10_delta: float  # of ||delta_l||


@dataclass(frozen=True)
class Neuron:
    """One layer of a network of single neurons, in the textbook's scalars; a read-out's slope is 1."""

    layer: int
    w: float
    b: float
    z: float  # w a_{l-1} + b
    a: float
    slope: float  # phi'(z)
    delta: float  # dLoss/dz
    dw: float  # delta a_{l-1}
    db: float


@dataclass(frozen=True)
class LastLayer:
    """Where the chain starts: the outputs a, their targets y, and what leads to dLoss/da, last it itself."""

    loss: str
    a: tuple[float, ...]
    y: tuple[float, ...]
    steps: dict[str, tuple[float, ...]]  # by name, in the order in which they are worked out


@dataclass(frozen=True)
class Chain:
    """The chain of one sample: `links` from the last hidden layer down to the first.

    `neurons`, from the first layer up to the read-out, where every layer is one neuron, a = phi(w a + b), and
    so are x and y.
    """

    sample: int  # counted from 0 in the training samples
    loss: float
    log10_delta_out: float  # of ||dLoss/d output||
    links: tuple[Link, ...]
    x: float | None = None
    y: float | None = None
    neurons: tuple[Neuron, ...] | None = None
    step: int = 0  # updates before it; the sample is the first of this minibatch
    last_layer: LastLayer | None = None  # None where an output is not finite
    samples: int = 1  # over which norms are root mean squares: the minibatch's where layers mix them


def trace(plan: Plan, data: Data, step: int = 0) -> Chain:
    """The chain of the first sample of minibatch `step` through the network of `plan.seed`.

    It is trained for so many updates first, to the bits of the run.
    """
    with np.errstate(all="ignore"):  # data and weights may be beyond float32, too
        return _chain(plan, data, step)


def _chain(plan: Plan, data: Data, step: int) -> Chain:
    model, batch = plan.model, _batch(plan, data, step)
    sample = int(batch[0])
    rows = batch if model.mixes else [sample]  # samples that one delta is of
    model = model.sized(batch=len(rows))
    memory = Memory(model, np.dtype(plan.dtype))
    network = Network(memory, plan.optimizer)
    model.draw(network.parameters, range(plan.seed, plan.seed + 1))
    for flat, trained in zip(network.flat, _trained(plan, data, step), strict=False):
        flat[...] = trained
    memory.x[0, :, :-1], memory.y[0] = data.x[rows], data.y[rows]
    recorder = Recorder(memory, plan.optimizer, 1)
    outputs = network.forward(record=True).astype(np.float64)
    exponent = network.forward.exponent
    a = (outputs if exponent is None else np.ldexp(outputs, exponent))[0, :, 0]
    network.backward(record=True, update=False)
    recorder.row(0, network.log_share, network.rule.lr)
    row = {name: array[0, ..., 0] for name, array in recorder.flush(1).items()}
    last = _last_layer(model.loss, a, memory.y[0, 0].astype(np.float64))
    loss, log10_out = float(row["loss"]), _log10_out(memory.tally)
    chain = Chain(sample, loss, log10_out, _links(row), step=step, last_layer=last, samples=len(rows))
    scalar = model.shape.features == model.shape.widest == model.shape.outputs == 1
    if not scalar or len(model.parts) > 2:  # a norm or a skip stands between w a + b and phi
        return chain
    x, y = float(memory.x[0, 0, 0]), float(memory.y[0, 0, 0])
    return replace(chain, x=x, y=y, neurons=_neurons(network, x, y))


def _trained(plan: Plan, data: Data, step: int) -> list[Array]:
    """What the network of `plan.seed` hands on after `step` updates; [] before the first."""
    if not step:
        return []
    crew = Crew(replace(plan, seeds=1), data)
    for first in range(0, step, plan.rows):
        crew.run(first, min(plan.rows, step - first), plan.steps, evaluated=True)
    return [*crew.state().values()]


def _last_layer(loss: Loss, a: Array, y: Array) -> LastLayer | None:
    """The steps of the loss's derivative at outputs a (outputs,), in float64."""
    if not np.isfinite(a).all():
        return None
    steps = {name: tuple(values.tolist()) for name, values in loss.steps(a, y).items()}
    return LastLayer(loss.name, tuple(a.tolist()), tuple(y.tolist()), steps)


def check_gradients(plan: Plan, data: Data) -> Check:
    """Backpropagation through the network of `plan.seed`, as drawn, against the complex step."""
    rows = _batch(plan, data, 0)[:CHECKED]
    return check(plan.model, data.x[rows], data.y[rows], plan.seed)


def spectra(plan: Plan, data: Data) -> tuple[Spectrum, ...]:
    """The singular values of dz_L / dz_1 at training sample 0, of each of the plan's networks as drawn."""
    seeds = range(plan.seed, plan.seed + plan.seeds)
    return tuple(spectrum(plan.model, data.x[0], seed) for seed in seeds)


def q_0_of_spectra(data: Data) -> float:
    """The mean square of training sample 0, from which its z start."""
    return float(np.mean(np.square(data.x[0], dtype=np.float64)))


def casts(plan: Plan, data: Data) -> Iterator[Casts]:
    """What low precision makes of each of the plan's networks as drawn, on its minibatch 0."""
    for seed in range(plan.seed, plan.seed + plan.seeds):
        rows = Batches(seed, data.samples, plan.model.shape.batch).indices(0)
        yield measure_casts(plan.model, data.x[rows], data.y[rows], seed, plan.dtype)


def _log10_out(tally: Tally) -> float:
    """log10 of ||delta_out||, from the engine: factors of 0 below it do not tell it."""
    exponent = int(tally.out_exponent.max())
    square = float(np.ldexp(tally.out_norm.astype(np.float64), 2 * (tally.out_exponent - exponent)).mean())
    return (log(square) / 2 + exponent * log(2)) / LN10 if square else -inf


def _links(row: dict[str, Array]) -> tuple[Link, ...]:
    """The record of one row, (layers,) arrays, from the last layer down."""
    delta = row["log_delta_norm"][::-1]
    logs = {label: row[name][::-1] for label, name in factor_arrays(row).items()}
    local = _local(delta, np.sum([*logs.values()], axis=0))
    columns = np.exp(local), np.cumsum(local) / LN10, delta / LN10
    links = []
    for i, (factor, product, log10) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        factors = {label: float(np.exp(log[i])) for label, log in logs.items()}
        links.append(
            Link(
                len(delta) - i,
                **two_of(factors),
                factors=factors,
                local_factor=factor,
                log10_product=product,
                log10_delta=log10,
            )
        )
    return tuple(links)


def _local(delta: Array, together: Array) -> Array:
    """ln of the local factors from the last layer down: of all factors, between norms where some are nan."""
    between = np.append(np.nan, np.diff(delta))
    return np.where(np.isnan(together), between, together)


def _neurons(network: Network, x: float, y: float) -> tuple[Neuron, ...]:
    """Forward then back, one part at a time, in float64."""
    a, delta, layers, neurons = np.array([[x]]), np.empty((1, 1)), [], []
    for p, parts in zip(network.parameters, network.model.layers, strict=True):
        tensor, values = p[0].astype(np.float64), [np.vstack([a, np.ones((1, 1))])]
        for part in parts:
            values.append(part.value(tensor, values[-1]))
        layers.append((tensor, parts, values))
        a = values[-1]
    network.model.loss.delta(a, np.array([[y]]), delta)
    for number in range(len(layers), 0, -1):
        neuron, delta = _neuron(number, *layers[number - 1], delta)
        neurons.append(neuron)
    return tuple(reversed(neurons))


def _neuron(
    layer: int, p: Array, parts: tuple[Part, ...], values: list[Array], delta: Array
) -> tuple[Neuron, Array]:
    """A layer in scalars from the delta behind it, and the delta below it; `values` has its input first."""
    slope = np.ones((1, 1))
    for part, at in reversed(list(zip(parts, values, strict=False))[1:]):
        slope, delta = part.vjp(p, at, slope), part.vjp(p, at, delta)
    below, z = values[:2]
    scalars = weights(p), bias(p), z, values[-1], slope, delta, delta * below[0], delta
    return Neuron(layer, *(v.item() for v in scalars)), parts[0].vjp(p, below, delta)


def _batch(plan: Plan, data: Data, step: int) -> Array:
    return Batches(plan.seed, data.samples, plan.model.shape.batch).indices(step)
