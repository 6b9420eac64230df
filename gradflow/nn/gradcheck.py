"""Backpropagation against the complex step: g . v = Im loss(p + i h v) / h, with no cancellation whatever h.

The reference is a forward pass written straight down in complex numbers. Chaos would amplify the rounding
errors in which it differs from the engine's, so each layer's real part is compared with that, then set to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import hypot, inf, isfinite, sqrt
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError, Problem
from gradflow.nn.activations import Activation
from gradflow.nn.buffers import Buffers
from gradflow.nn.initializers import Initializer
from gradflow.nn.losses import Loss
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer, Scale
from gradflow.nn.parameters import Shape
from gradflow.streams import Purpose, stream

Array = NDArray[Any]
Directions = dict[int, Array]  # layer -> (fan_in + 1, fan_out), its last row the bias's

BOUND, SLOPE_BOUND = 1e-12, 1e-8  # of a gradient's norm; of the steepest slope, by central differences
STEP = 1e-20  # h: its square is nothing to any float64
ENTRIES = 500  # networks of up to so many parameters are checked entry by entry
FLOPS = 1e10  # of all reference passes, which decides how many there are
CALL = 30_000  # flops that a layer's calls take the time of
CANCELLED = 1e-3
PASSES = 2  # directions per tensor at most


@dataclass(frozen=True)
class TensorCheck:
    """One W or b: |backpropagation - reference| over its gradient's norm. Layers from 1 to the read-out."""

    layer: int
    parameter: str
    relative_error: float


@dataclass(frozen=True)
class Check:
    """What a gradient check found, and what one backward sweep saved against a forward pass a parameter."""

    forward_error: float  # activations and loss, relative
    slope_error: float | None  # phi' against central differences, where phi's complex branch contains phi'
    layers: tuple[TensorCheck, ...]
    reference_passes: int
    parameters: int
    forward_seconds: float
    backward_seconds: float
    bound: float = BOUND
    slope_bound: float = SLOPE_BOUND

    @property
    def max_relative_error(self) -> float:
        """The largest error of all tensors."""
        return max(tensor.relative_error for tensor in self.layers)

    @property
    def passed(self) -> bool:
        """Whether every error is within its bound."""
        within = self.slope_error is None or self.slope_error <= self.slope_bound
        return within and self.max_relative_error <= self.bound and self.forward_error <= self.bound

    @property
    def saving(self) -> float:
        """How many times longer a forward pass for every parameter would take than the backward sweep."""
        return self.parameters * self.forward_seconds / self.backward_seconds

    def document(self) -> dict[str, Any]:
        """The JSON document of `gradflow check`."""
        found = {"passed": self.passed, "max_relative_error": self.max_relative_error, "saving": self.saving}
        return {**found, **asdict(self)}


@dataclass(frozen=True)
class _Gradient(Optimizer):
    """Plain descent that keeps the gradient, as an update gets it, in its state."""

    name = "gradient"

    @property
    def slots(self) -> int:
        return 1

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        np.multiply(g, scale, out=g)
        np.copyto(state[0], g)


class _Reference:
    """The mean loss as a function of complex parameters, along the real activations of the engine.

    `path` holds the input, each layer's activations and the outputs, (features, B).
    """

    def __init__(self, network: Network, parameters: list[Array], activation: Activation, y: Array) -> None:
        self.parameters, self.activation, self.y = parameters, activation, y
        self.loss, self.hidden = network.loss, network.shape.depth
        self.path = _path(network)
        self.passes = 0
        delta = np.empty_like(self.path[-1])
        self.loss.delta(self.path[-1], y, delta)
        self.delta_norm = _norm(delta) / y.shape[1]

    def derivative(self, directions: Directions) -> tuple[float, float]:
        """dLoss/dh at h = 0 of parameters p + h v, and ||dLoss/dout|| ||dout/dh||, which bounds it."""
        self.passes += 1
        first = min(directions)
        a = self.path[first].astype(np.complex128)
        for layer in range(first, len(self.parameters)):
            a = self._layer(layer, a, directions.get(layer))
            a.real = self.path[layer + 1]
        limit = self.delta_norm * _norm(a.imag) / STEP
        return float(self.loss.value(a, self.y).mean().imag / STEP), limit

    def forward_error(self, loss: float) -> float:
        """The largest relative difference from the engine: of a layer's output, of the loss."""
        expected = float(self.loss.value(self.path[-1], self.y).mean())
        errors = [_ratio(abs(loss - expected), max(abs(expected), 1.0))]
        for layer, (below, above) in enumerate(pairwise(self.path)):
            a = self._layer(layer, below.astype(np.complex128), None).real
            errors.append(_ratio(_norm(a - above), _norm(above)))
        return max(errors)

    def _layer(self, layer: int, a: Array, direction: Array | None) -> Array:
        p = self.parameters[layer]
        # a real matrix times complex numbers is a real product with twice the columns
        z = (p[:-1].T @ a.view(np.float64)).view(np.complex128) + p[-1][:, None]
        if direction is not None:
            z += 1j * STEP * (direction[:-1].T @ a.real + direction[-1][:, None])
        return z if layer == self.hidden else self.activation.phi(_beside_kinks(z, self.activation.kinks))


def check(
    shape: Shape,
    activation: Activation,
    loss: Loss,
    init: Initializer,
    bias: float,
    x: Array,
    y: Array,
    seed: int = 0,
    block: str = "plain",
) -> Check:
    """Check the gradient of the initial network of `seed` on one batch, x (B, features) and y (B, outputs).

    Always in float64. InputError where a gradient or the loss leaves float64: nothing to compare with.
    """
    shape = replace(shape, batch=len(x), seeds=1)
    buffers = Buffers(shape, activation, np.float64)
    network = Network(shape, activation, loss, _Gradient(1.0), buffers, block=block)
    network.parameters.draw(range(seed, seed + 1), init, bias)
    drawn = [p[0].copy() for p in network.parameters]
    buffers.x[0, :, :-1], buffers.y[0] = x, y
    with np.errstate(all="ignore"):
        network.forward(record=True)
        reference = _Reference(network, drawn, activation, y.T.astype(np.float64))
        network.backward(record=True)
        gradients = [g[0].copy() for g in network.state[0]]
        forward_error = reference.forward_error(float(buffers.sums.loss[0]))
        tensors = tuple(_check_tensors(reference, gradients, seed))
        forward, backward = _seconds(network)
    return Check(
        forward_error=forward_error,
        slope_error=slope_error(activation) if activation.borrowed_step else None,
        layers=tensors,
        reference_passes=reference.passes,
        parameters=shape.parameters,
        forward_seconds=forward,
        backward_seconds=backward,
    )


def slope_error(activation: Activation) -> float:
    """The largest difference of phi' from central differences on [-6, 6], over the steepest slope."""
    z = np.linspace(-6, 6, 2001)
    h = 6e-6  # the cube root of the rounding error balances it with the h^2 of the truncation
    slopes = (activation.phi(z + h) - activation.phi(z - h)) / ((z + h) - (z - h))
    return float(np.abs(activation.derivative(z) - slopes).max() / activation.steepest)


def _path(network: Network) -> list[Array]:
    """The engine's input, activations and outputs, without their exponents."""
    buffers = network.buffers
    exponents = buffers.exponent[1:, 0]
    path = [buffers.x[0, :, :-1].T.copy()]
    path += [np.ldexp(a[0, :-1], e) for a, e in zip(buffers.a, exponents, strict=True)]
    if network.readout is not None:
        path.append(np.ldexp(buffers.out[0], exponents[-1]))
    return path


def _check_tensors(reference: _Reference, gradients: list[Array], seed: int) -> Iterator[TensorCheck]:
    """Each tensor on its own; in networks too large for that, runs of layers share their directions."""
    total = sum(p.size for p in reference.parameters)
    passes = max(8, int(FLOPS / (4 * total * reference.y.shape[1] + CALL * len(gradients))))
    together = -(-2 * len(gradients) // passes)
    count = min(PASSES, max(1, passes // (2 * len(gradients))))
    for first in range(0, len(gradients), together):
        run = range(first, min(first + together, len(gradients)))
        for kind, rows in (("W", slice(None, -1)), ("b", slice(-1, None))):
            g = {layer: gradients[layer][rows] for layer in run}
            directions = _entries(g) if total <= ENTRIES else _random(g, count, seed)
            error = _relative_error(reference, g, rows, directions, 1 if total <= ENTRIES else count)
            for layer in run:
                yield TensorCheck(layer + 1, kind, error)


def _relative_error(
    reference: _Reference, g: Directions, rows: slice, directions: Iterator[Directions], count: int
) -> float:
    """The norm of the reference's gradient less `g`, over that of `g`.

    Where all of `g` cancels, as it does by symmetry, over a thousandth of what it would be if nothing did.
    """
    errors, limits = [], []
    for direction in directions:
        padded = {layer: np.zeros_like(reference.parameters[layer]) for layer in g}
        for layer, v in direction.items():
            padded[layer][rows] = v
        along = sum(float(np.vdot(g[layer], v)) for layer, v in direction.items())
        derivative, limit = reference.derivative(padded)
        errors.append(derivative - along)
        limits.append(limit)
    error, limit, own = hypot(*errors), hypot(*limits), hypot(*(_norm(part) for part in g.values()))
    if not isfinite(error) or not isfinite(limit):
        message = "the gradients leave float64, so that there is nothing to compare with: check fewer layers"
        raise InputError(Problem(message, "model.depth"))
    return _ratio(error / sqrt(count), max(own, CANCELLED * limit / sqrt(count)))


def _entries(g: Directions) -> Iterator[Directions]:
    """One direction an entry: the summed squares are those of the whole difference."""
    for layer, part in g.items():
        for place in np.ndindex(part.shape):
            v = np.zeros_like(part)
            v[place] = 1
            yield {layer: v}


def _random(g: Directions, count: int, seed: int) -> Iterator[Directions]:
    """Gaussian directions v: E (d . v)^2 = |d|^2 for any difference d."""
    rng = stream(seed, Purpose.DIRECTIONS, min(g))
    for _ in range(count):
        yield {layer: rng.standard_normal(part.shape) for layer, part in g.items()}


def _beside_kinks(z: Array, kinks: tuple[float, ...]) -> Array:
    """At a kink phi has two slopes; the engine takes that of the side away from 0, and below 0 itself."""
    for kink in kinks:
        z.real[(z.real == kink) & (z.imag != 0)] = np.nextafter(kink, np.inf if kink > 0 else -np.inf)
    return z


def _seconds(network: Network) -> tuple[float, float]:
    """The shortest of three forward passes, and of three backward passes."""
    forward, backward = [], []
    for _ in range(3):
        start = perf_counter()
        network.forward(record=False)
        middle = perf_counter()
        network.backward(record=False, update=False)
        forward.append(middle - start)
        backward.append(perf_counter() - middle)
    return min(forward), min(backward)


def _norm(v: Array) -> float:
    largest = float(np.abs(v).max())  # squares alone may leave float64
    return largest * float(np.linalg.norm(v / largest)) if 0 < largest < inf else largest


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float(part > 0)
