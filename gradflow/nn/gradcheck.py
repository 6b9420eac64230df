"""Backpropagation against the complex step: g . v = Im loss(p + i h v) / h, which cancels for no h."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import hypot, inf, isfinite, sqrt
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError, Problem
from gradflow.nn.activations import Activation
from gradflow.nn.complex_step import Directions, Reference, norm, ratio
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer, Scale
from gradflow.nn.parts.dense import bias, weights
from gradflow.streams import Purpose, stream

Array = NDArray[Any]

BOUND, SLOPE_BOUND = 1e-12, 1e-8  # of a gradient's norm; of the steepest slope, by central differences
ENTRIES = 500  # networks of up to so many parameters are checked entry by entry
FLOPS = 1e10  # of all reference passes, which decides how many there are
CALL = 30_000  # flops that a layer's calls take the time of
CANCELLED, SMALLEST = 1e-3, float(np.finfo(np.float64).tiny)
HELD = 1e-280  # a gradient whose largest entry is above has all digits of those that count
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
    """No descent: keeps the batch's sum before its power of two, and the gradient as an update gets it."""

    name = "gradient"

    @property
    def slots(self) -> int:
        return 2

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        np.copyto(state[0], g)
        np.multiply(g, scale, out=state[1])
        g.fill(0)


def check(model: Model, x: Array, y: Array, seed: int = 0) -> Check:
    """Check the gradient of the initial network of `seed` on one batch, x (B, features) and y (B, outputs).

    Always in float64. InputError where a gradient or the loss leaves float64: nothing to compare with.
    """
    model = replace(model, shape=replace(model.shape, batch=len(x), seeds=1))
    memory = Memory(model, np.float64)
    network = Network(memory, _Gradient(1.0))
    model.draw(network.parameters, range(seed, seed + 1))
    drawn = [p[0].copy() for p in network.parameters]
    memory.x[0, :, :-1], memory.y[0] = x, y
    with np.errstate(all="ignore"):
        network.forward(record=True)
        reference = Reference(network, drawn, y.T.astype(np.float64))
        network.backward(record=True)
        gradients = _gradients(network)
        forward_error = reference.forward_error(float(memory.tally.loss[0]))
        tensors = tuple(_check_tensors(reference, gradients, seed))
        forward, backward = _seconds(network)
    return Check(
        forward_error=forward_error,
        slope_error=slope_error(model.activation) if model.activation.borrowed_step else None,
        layers=tensors,
        reference_passes=reference.passes,
        parameters=model.shape.parameters,
        forward_seconds=forward,
        backward_seconds=backward,
    )


def slope_error(activation: Activation) -> float:
    """The largest difference of phi' from central differences on [-6, 6], over the steepest slope."""
    z = np.linspace(-6, 6, 2001)
    h = 6e-6  # the cube root of the rounding error balances it with the h^2 of the truncation
    slopes = (activation.phi(z + h) - activation.phi(z - h)) / ((z + h) - (z - h))
    return float(np.abs(activation.derivative(z) - slopes).max() / activation.steepest)


@dataclass(frozen=True)
class _Tensors:
    """A layer's gradient of the mean loss: its rows times 2^exponent, `exponents` being W's and b's."""

    rows: Array
    exponents: tuple[int, int]

    def scaled(self, rows: slice, which: int, unit: int) -> Array:
        """The rows of W or b in units of 2^unit."""
        part: Array = np.ldexp(self.rows[rows], self.exponents[which] - unit)
        return part


def _gradients(network: Network) -> list[_Tensors]:
    """As an update gets them, or, where those have left float64, with their exponents."""
    summed, used = network.state
    exponents = np.concatenate([run.exponent[:, :, 0] for run in network.all_runs], axis=1)
    exponents *= network.memory.scaled
    return [
        _Tensors(update[0], (0, 0))
        if _holds(update[0])
        else _Tensors(total[0] / network.shape.batch, (int(weights), int(bias)))
        for total, update, (weights, bias) in zip(summed, used, exponents.T, strict=True)
    ]


def _holds(gradient: Array) -> bool:
    """Whether W's and b's part, each, have their digits in float64."""
    largest = [float(np.abs(part).max()) for part in (weights(gradient), bias(gradient))]
    return all(HELD < each < inf for each in largest)


def _check_tensors(reference: Reference, gradients: list[_Tensors], seed: int) -> Iterator[TensorCheck]:
    """Each tensor on its own; in networks too large for that, runs of layers share their directions."""
    total = sum(p.size for p in reference.parameters)
    passes = max(8, int(FLOPS / (4 * total * reference.y.shape[1] + CALL * len(gradients))))
    together = -(-2 * len(gradients) // passes)
    count = min(PASSES, max(1, passes // (2 * len(gradients))))
    for first in range(0, len(gradients), together):
        run = range(first, min(first + together, len(gradients)))
        for which, (kind, rows) in enumerate((("W", slice(None, -1)), ("b", slice(-1, None)))):
            unit = max(gradients[layer].exponents[which] for layer in run)
            g = {layer: gradients[layer].scaled(rows, which, unit) for layer in run}
            directions = _entries(g) if total <= ENTRIES else _random(g, count, seed)
            error = _relative_error(reference, g, rows, unit, directions, 1 if total <= ENTRIES else count)
            for layer in run:
                yield TensorCheck(layer + 1, kind, error)


def _relative_error(
    reference: Reference,
    g: Directions,
    rows: slice,
    unit: int,
    directions: Iterator[Directions],
    count: int,
) -> float:
    """The norm of the reference's gradient less `g`, which stands in units of 2^unit, over that of `g`.

    Where all of `g` cancels, as it does by symmetry, over a thousandth of what it would be if nothing did;
    and where activations have almost left float64, over the smallest number that has all of its digits.
    """
    errors, limits = [], []
    for direction in directions:
        padded = {layer: np.zeros_like(reference.parameters[layer]) for layer in g}
        for layer, v in direction.items():
            padded[layer][rows] = v
        along = sum(float(np.vdot(g[layer], v)) for layer, v in direction.items())
        derivative, limit = reference.derivative(padded, unit)
        errors.append(derivative - along)
        limits.append(limit)
    error, limit, own = hypot(*errors), hypot(*limits), hypot(*(norm(part) for part in g.values()))
    if not isfinite(error) or not isfinite(limit):
        message = "the gradients leave float64, so that there is nothing to compare with: check fewer layers"
        raise InputError(Problem(message, "model.depth"))
    return ratio(error / sqrt(count), max(own, CANCELLED * limit / sqrt(count), SMALLEST))


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
