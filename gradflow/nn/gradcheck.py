"""Backpropagation against the complex step: g . v = Im loss(p + i h v) / h, which cancels for no h."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import hypot, inf, isfinite, sqrt
from time import perf_counter
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.errors import InputError, Problem
from gradflow.nn.activations import Activation
from gradflow.nn.complex_step import LEAST, Directions, Reference, TensorKey, norm, ratio
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer, Scale
from gradflow.streams import Purpose, stream

BOUND, SLOPE_BOUND = 1e-12, 1e-8  # of a gradient's norm; of the steepest slope, by central differences
MIXED_BOUND = 1e-10  # where all samples of a batch share in a rounding error of one: units that hardly vary
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
class _Keep(Optimizer):
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
    network = Network(memory, _Keep(1.0))
    model.draw(network.parameters, range(seed, seed + 1))
    drawn = _drawn(network)
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
        parameters=model.parameters,
        forward_seconds=forward,
        backward_seconds=backward,
        bound=MIXED_BOUND if model.mixes else BOUND,
    )


def slope_error(activation: Activation) -> float:
    """The largest difference of phi' from central differences on [-6, 6], over the steepest slope."""
    z = np.linspace(-6, 6, 2001)
    h = 6e-6  # the cube root of the rounding error balances it with the h^2 of the truncation
    for kink in activation.kinks:  # where there are two slopes
        z = z[np.abs(z - kink) > 2 * h]
    slopes = (activation.phi(z + h) - activation.phi(z - h)) / ((z + h) - (z - h))
    return float(np.abs(activation.derivative(z) - slopes).max() / activation.steepest)


@dataclass(frozen=True)
class _Gradient:
    """Of one tensor, for the mean loss: its rows times 2^exponent, of the rows of each of `kinds`."""

    rows: Array
    kinds: tuple[tuple[str, slice], ...]
    exponents: tuple[int, ...]

    def scaled(self, which: int, unit: int) -> Array:
        """The rows of one kind in units of 2^unit."""
        part: Array = np.ldexp(self.rows[self.kinds[which][1]], self.exponents[which] - unit)
        return part


def _drawn(network: Network) -> list[list[Array]]:
    """Of each layer, the tensors of its parts: a part's own or, where it has none, the layer's."""
    parts, p = network.model.layers, network.parameters
    drawn = [[own[0].copy()] * len(of) for own, of in zip(p, parts, strict=True)]
    for owner, tensors in zip(p.owners, p.own, strict=True):
        for layer, tensor in zip(owner.layers, tensors, strict=True):
            drawn[layer][owner.part] = tensor[0].copy()
    return drawn


def _gradients(network: Network) -> dict[TensorKey, _Gradient]:
    """As an update gets them, or, where those have left float64, with their exponents."""
    found = {}
    for run in network.all_runs:
        exponents = run.exponent.reshape(-1, *run.p.shape[:2])[:, :, 0] * network.memory.scaled
        for i, layer in enumerate(range(run.layers.start, run.layers.stop)):
            total, used = (state[i, 0] for state in run.state)
            held = all(_holds(used[rows]) for _, rows in run.kinds)
            own = [int(e) for e in np.broadcast_to(exponents[:, i], len(run.kinds))]
            found[layer, run.place] = _Gradient(
                used if held else total / network.shape.batch,
                run.kinds,
                (0,) * len(own) if held else tuple(own),
            )
    return dict(sorted(found.items()))


def _holds(gradient: Array) -> bool:
    """Whether it has its digits in float64."""
    return HELD < float(np.abs(gradient).max()) < inf


def _check_tensors(
    reference: Reference, gradients: dict[TensorKey, _Gradient], seed: int
) -> Iterator[TensorCheck]:
    """Each tensor on its own; in networks too large for that, runs of layers share their directions."""
    total = sum(g.rows.size for g in gradients.values())
    tensors = sum(len(g.kinds) for g in gradients.values())
    passes = max(8, int(FLOPS / (4 * total * reference.y.shape[1] + CALL * tensors // 2)))
    together = -(-tensors // passes)
    count = min(PASSES, max(1, passes // tensors))
    for part in sorted({part for _, part in gradients}):
        keys = [key for key in gradients if key[1] == part]
        for run in (keys[first : first + together] for first in range(0, len(keys), together)):
            for which, (kind, rows) in enumerate(gradients[run[0]].kinds):
                unit = max(gradients[key].exponents[which] for key in run)
                g = {key: gradients[key].scaled(which, unit) for key in run}
                directions = _entries(g) if total <= ENTRIES else _random(g, count, seed)
                error = _relative_error(
                    reference, g, rows, unit, directions, 1 if total <= ENTRIES else count
                )
                for layer, _ in run:
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
        padded = {(layer, part): np.zeros_like(reference.tensors[layer][part]) for layer, part in g}
        for key, v in direction.items():
            padded[key][rows] = v
        along = sum(float(np.vdot(g[key], v)) for key, v in direction.items())
        derivative, limit = reference.derivative(padded, unit)
        errors.append(derivative - along)
        size = reference.size(padded, unit) if reference.model.mixes else 0.0  # a bias before a batch norm
        limits.append(max(limit, size) if isfinite(size) else limit)
    error, limit, own = hypot(*errors), hypot(*limits), hypot(*(norm(part) for part in g.values()))
    lost = own > 0 and not limit and np.ldexp(own, unit) < LEAST  # behind slopes that no float64 holds
    if lost or not isfinite(error) or not isfinite(limit):
        message = "the gradients leave float64, so that there is nothing to compare with: check fewer layers"
        raise InputError(Problem(message, "model.depth"))
    return ratio(error / sqrt(count), max(own, CANCELLED * limit / sqrt(count), SMALLEST))


def _entries(g: Directions) -> Iterator[Directions]:
    """One direction an entry: the summed squares are those of the whole difference."""
    for key, part in g.items():
        for place in np.ndindex(part.shape):
            v = np.zeros_like(part)
            v[place] = 1
            yield {key: v}


def _random(g: Directions, count: int, seed: int) -> Iterator[Directions]:
    """Gaussian directions v: E (d . v)^2 = |d|^2 for any difference d."""
    rng = stream(seed, Purpose.DIRECTIONS, min(g)[0])
    for _ in range(count):
        yield {key: rng.standard_normal(part.shape) for key, part in g.items()}


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
