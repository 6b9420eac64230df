"""The first network as it is drawn: the chain rule on one sample, link by link, and the gradient check.

delta_l = phi'(z_l) W_{l+1} delta_{l+1}, so that ||delta_1|| is ||delta_out|| times the factors of all layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.data import Data
from gradflow.nn.buffers import Buffers
from gradflow.nn.gradcheck import Check, check
from gradflow.nn.network import Network
from gradflow.recording import Recorder
from gradflow.training import Batches, Plan

Array = NDArray[Any]

LN10 = log(10.0)
CHECKED = 8  # samples: more make the check slower, not stricter


@dataclass(frozen=True)
class Link:
    """One layer of the chain: what it multiplies the gradient's norm by, and what has become of it."""

    layer: int
    weight_factor: float  # ||W_{l+1} delta_{l+1}|| / ||delta_{l+1}||
    slope_factor: float  # ||delta_l|| / ||W_{l+1} delta_{l+1}||
    local_factor: float  # their product
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
class Chain:
    """The chain of one sample: `links` from the last hidden layer down to the first.

    `neurons`, from the first layer up to the read-out, where every layer is one neuron and so are x and y.
    """

    sample: int  # counted from 0 in the training samples
    loss: float
    log10_delta_out: float  # of ||dLoss/d output||
    links: tuple[Link, ...]
    x: float | None = None
    y: float | None = None
    neurons: tuple[Neuron, ...] | None = None


def trace(plan: Plan, data: Data) -> Chain:
    """The chain of the first sample of minibatch 0 through the network of `plan.seed`, before any update."""
    with np.errstate(all="ignore"):  # data and weights may be beyond float32, too
        return _chain(plan, data, int(_first_batch(plan, data)[0]))


def _chain(plan: Plan, data: Data, sample: int) -> Chain:
    shape = replace(plan.shape(data), batch=1)
    buffers = Buffers(shape, plan.activation, np.dtype(plan.dtype))
    network = Network(shape, plan.activation, plan.loss, plan.optimizer, buffers, block=plan.block)
    network.parameters.draw(range(plan.seed, plan.seed + 1), plan.init, plan.bias)
    buffers.x[0, :, :-1], buffers.y[0] = data.x[sample], data.y[sample]
    recorder = Recorder(buffers, plan.optimizer, 1)
    network.forward(record=True)
    network.backward(record=True, update=False)
    recorder.row(0, network.log_share)
    row = {name: array[0, ..., 0] for name, array in recorder.flush(1).items()}
    chain = Chain(sample, float(row["loss"]), _log10_out(buffers), _links(row))
    if not shape.features == shape.width == shape.outputs == 1:
        return chain
    x, y = float(buffers.x[0, 0, 0]), float(buffers.y[0, 0, 0])
    return replace(chain, x=x, y=y, neurons=_neurons(plan, network, x, y))


def check_gradients(plan: Plan, data: Data) -> Check:
    """Backpropagation through the network of `plan.seed`, as drawn, against the complex step."""
    rows = _first_batch(plan, data)[:CHECKED]
    x, y = data.x[rows], data.y[rows]
    return check(
        plan.shape(data), plan.activation, plan.loss, plan.init, plan.bias, x, y, plan.seed, plan.block
    )


def _log10_out(buffers: Buffers) -> float:
    """log10 of ||delta_out||, from the engine: factors of 0 below it do not tell it."""
    square, exponent = buffers.sums.out_norm.item(), buffers.sums.out_exponent.item()
    return (log(square) / 2 + exponent * log(2)) / LN10 if square else -inf


def _links(row: dict[str, Array]) -> tuple[Link, ...]:
    """The record of one row, (layers,) arrays, from the last layer down."""
    weight, slope, delta = (
        row[name][::-1] for name in ("log_weight_factor", "log_slope_factor", "log_delta_norm")
    )
    columns = np.exp(weight), np.exp(slope), np.exp(weight + slope), np.cumsum(weight + slope), delta / LN10
    return tuple(
        Link(len(delta) - i, float(w), float(s), float(local), float(product) / LN10, float(log10))
        for i, (w, s, local, product, log10) in enumerate(zip(*columns, strict=True))
    )


def _neurons(plan: Plan, network: Network, x: float, y: float) -> tuple[Neuron, ...]:
    """Forward then back, one multiplication at a time."""
    inputs, passed = [np.array([x])], []
    for layer, p in enumerate(network.parameters):
        w, b = p[0, :, 0].astype(np.float64)
        z = w * inputs[-1] + b
        hidden = layer < plan.depth
        inputs.append(plan.activation.phi(z) if hidden else z)
        passed.append((w, b, z, plan.activation.derivative(z) if hidden else np.ones(1)))
    upstream, neurons = np.empty((1, 1)), []
    plan.loss.delta(inputs[-1][None], np.array([[y]]), upstream)
    u = upstream[0]
    for layer in range(len(passed), 0, -1):
        w, b, z, slope = passed[layer - 1]
        delta = u * slope
        scalars = (w, b, z, inputs[layer], slope, delta, delta * inputs[layer - 1], delta)
        neurons.append(Neuron(layer, *(float(np.ravel(v)[0]) for v in scalars)))
        u = w * delta
    return tuple(reversed(neurons))


def _first_batch(plan: Plan, data: Data) -> Array:
    return Batches(plan.seed, data.samples, plan.shape(data).batch).indices(0)
