"""The complex step: dLoss/dh = Im loss(p + i h v) / h along the engine's own activations, at any depth.

The reference is a forward pass written straight down in complex numbers. Chaos would amplify the rounding
errors in which it differs from the engine's, so each layer's real part is compared with that, then set to it.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.activations import Activation
from gradflow.nn.elementwise import least, most
from gradflow.nn.network import Network

Array = NDArray[Any]
Directions = dict[int, Array]  # layer -> (fan_in + 1, fan_out), its last row the bias's

STEP = 1e-20  # h: its square is nothing to any float64
NEAR = 1e-100, 1e6  # so large may what is multiplied by h become, and so small


class Reference:
    """The mean loss as a function of complex parameters, along the real activations of the engine.

    `path` holds the input, each layer's activations and the outputs, (features, B), times 2^exponent each,
    as the engine carries them for a homogeneous phi: phi(z 2^-e) 2^e is phi(z) then.
    """

    def __init__(self, network: Network, parameters: list[Array], activation: Activation, y: Array) -> None:
        self.parameters, self.activation, self.y = parameters, activation, y
        self.loss, self.hidden = network.loss, network.shape.depth
        self.path, self.exponents = _path(network)
        self.z = [
            p[:-1].T @ a + np.ldexp(p[-1], -e)[:, None]
            for p, a, e in zip(parameters, self.path, self.exponents, strict=False)
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
            tangent = self.parameters[layer][:-1].T @ tangent
            if layer in directions:
                tangent, exponent = _sum((tangent, exponent), self._moved(layer, directions[layer]))
            tangent, exponent = _near_one(self._phi(layer, tangent).imag / STEP, exponent)
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
            found = np.ldexp(self._phi(layer, 0.0).real, low - high)
            errors.append(ratio(norm(found - above), norm(above)))
        return max(errors)

    def _moved(self, layer: int, direction: Array) -> tuple[Array, int]:
        """dz/dh of a layer whose parameters move along a direction, and its exponent."""
        a, exponent = self.path[layer], self.exponents[layer]
        if direction[-1].any():
            return direction[:-1].T @ np.ldexp(a, exponent) + direction[-1][:, None], 0
        a, exponent = _near_one(a, exponent)
        return direction[:-1].T @ a, exponent

    def _phi(self, layer: int, tangent: Array | float) -> Array:
        """phi(z + i h tangent) of a layer, in its input's power of two; a read-out has no phi."""
        z = self.z[layer] + 1j * STEP * tangent
        return z if layer == self.hidden else self.activation.phi(_beside_kinks(z, self.activation.kinks))


def _path(network: Network) -> tuple[list[Array], list[int]]:
    """The engine's input, activations and outputs as it holds them, and their exponents."""
    buffers = network.buffers
    path = [buffers.x[0, :, :-1].T.copy(), *(a[0, :-1].copy() for a in buffers.a)]
    exponents = [0, *(int(e) for e in buffers.exponent[1:, 0])]
    if network.readout is not None:
        path.append(buffers.out[0].copy())
        exponents.append(exponents[-1])
    return path, exponents


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


def _beside_kinks(z: Array, kinks: tuple[float, ...]) -> Array:
    """At a kink phi has two slopes; the engine takes that of the side away from 0, and below 0 itself."""
    for kink in kinks:
        z.real[(z.real == kink) & (z.imag != 0)] = np.nextafter(kink, np.inf if kink > 0 else -np.inf)
    return z


def norm(v: Array) -> float:
    largest = float(np.abs(v).max())  # squares alone may leave float64
    return largest * float(np.linalg.norm(v / largest)) if 0 < largest < inf else largest


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else float(part > 0)
