"""The complex step: dLoss/dh = Im loss(p + i h v) / h along the engine's own activations, at any depth.

The reference is a forward pass of the parts in complex numbers. Chaos would amplify the rounding errors in
which it differs from the engine's, so each layer's real part is compared with that, then set to it.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.elementwise import least, most
from gradflow.nn.network import Network
from gradflow.nn.parts.dense import bias

Array = NDArray[Any]
Directions = dict[int, Array]  # layer -> (fan_in + 1, fan_out), its last row the bias's

STEP = 1e-20  # h: its square is nothing to any float64
NEAR = 1e-100, 1e6  # so large may what is multiplied by h become, and so small


class Reference:
    """The mean loss as a function of complex parameters, along the real activations of the engine.

    `path` holds the input, each layer's output and the network's, (features, B), times 2^exponent each, as
    the engine carries them for homogeneous parts: value(x 2^-e) 2^e is value(x) then. A layer's first part,
    which holds its tensor, is linear in that and in what enters; the step goes through the others.
    """

    def __init__(self, network: Network, parameters: list[Array], y: Array) -> None:
        self.parameters, self.y = parameters, y
        self.loss, self.layers = network.model.loss, network.model.layers
        self.path, self.exponents = _path(network)
        rows = [1.0, *(float(a[0, -1, 0]) for a in network.memory.a)]  # of ones, as the engine carries them
        self.z = [
            parts[0].value(p, _with_row(a, one))
            for p, parts, a, one in zip(parameters, self.layers, self.path, rows, strict=False)
        ]
        self.passes = 0
        self.outputs = np.ldexp(self.path[-1], self.exponents[-1])
        delta = np.empty_like(self.outputs)
        self.loss.delta(self.outputs, y, delta)
        self.delta_norm = norm(delta) / y.shape[1]

    def derivative(self, directions: Directions, unit: int) -> tuple[float, float]:
        """dLoss/dh at h = 0 of parameters p + h v, and ||dLoss/dout|| ||dout/dh||, which bounds it.

        Both in units of 2^unit, since at a depth at which the network still has a gradient float64 may not.
        The derivative is linear in what enters a layer, so a power of two of its own keeps it near 1: it
        would be 0 behind a thousand layers that halve it, and h no longer small behind a hundred that double.
        """
        self.passes += 1
        first = min(directions)
        tangent, exponent = np.zeros_like(self.path[first]), 0
        for layer in range(first, len(self.parameters)):
            tangent = self.layers[layer][0].value(self.parameters[layer], _with_row(tangent, 0))
            if layer in directions:
                tangent, exponent = _sum((tangent, exponent), self._moved(layer, directions[layer]))
            tangent, exponent = _near_one(self._output(layer, tangent).imag / STEP, exponent)
        loss = self.loss.value(self.outputs + 1j * STEP * tangent, self.y).mean().imag / STEP
        found = np.ldexp([loss, self.delta_norm * norm(tangent)], exponent - unit)
        return float(found[0]), float(found[1])

    def forward_error(self, loss: float) -> float:
        """The largest relative difference from the engine: of a layer's output, of the loss."""
        expected = float(self.loss.value(self.outputs, self.y).mean())
        errors = [ratio(abs(loss - expected), max(abs(expected), 1.0))]
        for layer, (above, (low, high)) in enumerate(
            zip(self.path[1:], pairwise(self.exponents), strict=True)
        ):
            found = np.ldexp(self._output(layer, 0.0).real, low - high)
            errors.append(ratio(norm(found - above), norm(above)))
        return max(errors)

    def _moved(self, layer: int, direction: Array) -> tuple[Array, int]:
        """What the first part's value gains by h as its tensor moves along a direction, and its exponent."""
        a, exponent = self.path[layer], self.exponents[layer]
        moves_bias = bias(direction).any()
        a, exponent = (np.ldexp(a, exponent), 0) if moves_bias else _near_one(a, exponent)
        return self.layers[layer][0].value(direction, _with_row(a, 1)), exponent

    def _output(self, layer: int, tangent: Array | float) -> Array:
        """A layer's output for z + i h tangent behind its first part, in its input's power of two."""
        v = self.z[layer] + 1j * STEP * tangent
        for part in self.layers[layer][1:]:
            v = part.value(self.parameters[layer], v)
        return v


def _path(network: Network) -> tuple[list[Array], list[int]]:
    """The engine's input, outputs of layers and of the network as it holds them, and their exponents."""
    memory = network.memory
    path = [memory.x[0, :, :-1].T.copy(), *(a[0, :-1].copy() for a in memory.a)]
    exponents = [0, *(int(e) for e in memory.exponent[1:, 0])]
    if network.shape.readout:
        path.append(memory.out[0].copy())
        exponents.append(exponents[-1])
    return path, exponents


def _with_row(v: Array, one: float) -> Array:
    """What enters a dense part: v with the row that its bias meets."""
    return np.vstack([v, np.full((1, v.shape[1]), one)])


def _near_one(v: Array, exponent: int) -> tuple[Array, int]:
    """v 2^exponent with the largest entry of v near 1, where it has strayed from there."""
    largest = max(most(v), -least(v))
    if NEAR[0] < largest < NEAR[1] or not 0 < largest < inf:
        return v, exponent
    k = int(np.frexp(largest)[1])
    return np.ldexp(v, -k), exponent + k


def _sum(*terms: tuple[Array, int]) -> tuple[Array, int]:
    """The sum of v 2^exponent, with the exponent of the largest that is not 0."""
    top = max((exponent for v, exponent in terms if v.any()), default=0)
    return np.add.reduce([np.ldexp(v, exponent - top) for v, exponent in terms]), top


def norm(v: Array) -> float:
    largest = float(np.abs(v).max())  # squares alone may leave float64
    return largest * float(np.linalg.norm(v / largest)) if 0 < largest < inf else largest


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else float(part > 0)
