"""The complex step: dLoss/dh = Im loss(p + i h v) / h along the engine's own activations, at any depth.

The reference is a forward pass of the parts in complex numbers. Chaos would amplify the rounding errors in
which it differs from the engine's, so each layer's real part is compared with that, then set to it.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf, sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import least, most
from gradflow.nn.network import Network
from gradflow.nn.parts.dense import bias

TensorKey = tuple[int, int]  # of a tensor: its layer, and the number of the part whose it is
Directions = dict[TensorKey, Array]

LIMIT = 5000  # of an exponent: no float64 has it
STEP = 1e-20  # h: its square is nothing to any float64
LEAST = float(np.finfo(np.float64).tiny) / STEP  # of a derivative: below, what h makes has lost digits
NEAR = 1e-6, 1e6  # so large may what is multiplied by h become, and so small


class Reference:
    """The mean loss as a function of complex parameters, along the real activations of the engine.

    `path` holds the input, each layer's output and the network's, (features, B), times 2^exponent each, as
    the engine carries them for homogeneous parts: value(x 2^-e) 2^e is value(x) then. A layer's first part,
    which holds its tensor, is linear in that and in what enters; the step goes through the others, and along
    the stream. `tensors` are those of each layer's parts, the layer's own where a part has none.
    """

    def __init__(self, network: Network, tensors: list[list[Array]], y: Array) -> None:
        self.tensors, self.y = tensors, y
        self.loss, self.layers = network.model.loss, network.model.layers
        self.path, self.exponents = _path(network)
        rows = [1.0, *(float(a[0, -1, 0]) for a in network.memory.a)]  # of ones, as the engine carries them
        self.z = [
            parts[0].value(p[0], _with_row(a, one))
            for p, parts, a, one in zip(tensors, self.layers, self.path, rows, strict=False)
        ]
        self.streams: list[Array | None] = []  # that each layer joins, in its input's power of two
        stream: Array | None = None
        for layer, (low, high) in enumerate(pairwise(self.exponents)):
            self.streams.append(stream)
            _, above = self._output(layer, 0.0)
            stream = None if above is None else np.ldexp(above.real, low - high)
        self.passes = 0
        self.outputs = np.ldexp(self.path[-1], self.exponents[-1])
        delta = np.empty_like(self.outputs)
        self.loss.delta(self.outputs, y, delta)
        self.delta_norm = norm(delta) / y.shape[1]
        self.model, self.tally = network.model, network.memory.tally

    def size(self, directions: Directions, unit: int) -> float:
        """What the derivative would be if nothing cancelled: ||delta|| at the tensors times what moves.

        In units of 2^unit; the deltas are the engine's, after its backward pass.
        """
        total = 0.0
        for (layer, part), direction in directions.items():
            moved, exponent = (
                self._moved(layer, direction) if part == 0 else self._turned(layer, part, direction)
            )
            boundary = self.model.boundary(layer, part)
            norms, exponents = self.tally.norms[boundary, 0, 0], self.tally.exponents[boundary, 0, 0]
            top = int(exponents.max())
            delta = sqrt(float((norms * np.exp2(2.0 * (exponents - top))).sum())) / self.y.shape[1]
            total += float(np.ldexp(delta * norm(moved), _held(exponent + top - unit)))
        return total

    def derivative(self, directions: Directions, unit: int) -> tuple[float, float]:
        """dLoss/dh at h = 0 of parameters p + h v, and ||dLoss/dout|| ||dout/dh||, which bounds it.

        Both in units of 2^unit, since at a depth at which the network still has a gradient float64 may not.
        The derivative is linear in what enters a layer, so a power of two of its own keeps it near 1: it
        would be 0 behind a thousand layers that halve it, and h no longer small behind a hundred that double.
        """
        self.passes += 1
        first = min(layer for layer, _ in directions)
        tangents, exponent = [np.zeros_like(self.path[first])], 0  # of what enters, and of the stream
        for layer in range(first, len(self.layers)):
            tangents[0] = self.layers[layer][0].value(self.tensors[layer][0], _with_row(tangents[0], 0))
            if (layer, 0) in directions:
                moved, own = self._moved(layer, directions[layer, 0])
                tangents, (moved,), exponent = _common((tangents, exponent), ([moved], own))
                tangents[0] = tangents[0] + moved
            turned = {part: v for (at, part), v in directions.items() if at == layer and part}
            if turned:  # whose value is linear in its tensor, with the input's power of two
                tangents, turns, exponent = _common(
                    (tangents, exponent), (list(turned.values()), self.exponents[layer])
                )
                turned = dict(zip(turned, turns, strict=True))
            out, stream = self._output(layer, tangents[0], tangents[1] if tangents[1:] else None, turned)
            tangents = [v.imag / STEP for v in (out, stream) if v is not None]
            tangents, exponent = _near_one(tangents, exponent)
        loss = self.loss.value(self.outputs + 1j * STEP * tangents[0], self.y).mean().imag / STEP
        size = norm(tangents[0])
        bound = max(self.delta_norm * size, LEAST) if size else 0.0
        found = np.ldexp([loss, bound], _held(exponent - unit))
        return float(found[0]), float(found[1])

    def forward_error(self, loss: float) -> float:
        """The largest relative difference from the engine: of a layer's output, of the loss."""
        expected = float(self.loss.value(self.outputs, self.y).mean())
        errors = [ratio(abs(loss - expected), max(abs(expected), 1.0))]
        for layer, (above, (low, high)) in enumerate(
            zip(self.path[1:], pairwise(self.exponents), strict=True)
        ):
            found = np.ldexp(self._output(layer, 0.0)[0].real, low - high)
            errors.append(ratio(norm(found - above), norm(above)))
        return max(errors)

    def _moved(self, layer: int, direction: Array) -> tuple[Array, int]:
        """What the first part's value gains by h as its tensor moves along a direction, and its exponent."""
        a, exponent = self.path[layer], self.exponents[layer]
        moves_bias = bias(direction).any()
        if moves_bias:
            a, exponent = np.ldexp(a, exponent), 0
        else:
            (a,), exponent = _near_one([a], exponent)
        return self.layers[layer][0].value(direction, _with_row(a, 1)), exponent

    def _turned(self, layer: int, part: int, direction: Array) -> tuple[Array, int]:
        """The same of a part that has a tensor of its own."""
        v, own = self.z[layer], self.layers[layer][part]
        for each, p in list(zip(self.layers[layer], self.tensors[layer], strict=True))[1:part]:
            v = each.value(p, v)
            stream = self.streams[layer]
            v = v + stream if each.joins and stream is not None else v
        return own.value(self.tensors[layer][part] + 1j * STEP * direction, v).imag / STEP, self.exponents[
            layer
        ]

    def _output(
        self,
        layer: int,
        tangent: Array | float,
        beside: Array | None = None,
        turned: dict[int, Array] | None = None,
    ) -> tuple[Array, Array | None]:
        """A layer's output, and stream, for z + i h tangent behind its first part, in units of its input.

        `beside` is the tangent of the stream that enters, `turned` those of parts' own tensors.
        """
        v, above, stream = self.z[layer] + 1j * STEP * tangent, None, self.streams[layer]
        for j, (part, p) in enumerate(zip(self.layers[layer], self.tensors[layer], strict=True)):
            if j:
                v = part.value(p if not turned or j not in turned else p + 1j * STEP * turned[j], v)
            if part.joins and stream is not None:
                v = v + stream + (0 if beside is None else 1j * STEP * beside)
            above = v if part.forks else above
        return v, above


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


def _near_one(tangents: list[Array], exponent: int) -> tuple[list[Array], int]:
    """v 2^exponent of each v with the largest entry of all near 1, where it has strayed from there."""
    largest = max(max(most(v), -least(v)) for v in tangents)
    if NEAR[0] < largest < NEAR[1] or not 0 < largest < inf:
        return tangents, exponent
    k = int(np.frexp(largest)[1])
    return [np.ldexp(v, -k) for v in tangents], exponent + k


def _common(*terms: tuple[list[Array], int]) -> tuple[list[Array], list[Array], int]:
    """Lists of v 2^exponent with one exponent, that of the largest of which any is not 0."""
    top = max((exponent for vs, exponent in terms if any(v.any() for v in vs)), default=0)
    first, second = ([np.ldexp(v, _held(exponent - top)) for v in vs] for vs, exponent in terms)
    return first, second, top


def _held(exponent: int) -> int:
    """An exponent within what ldexp takes: beyond, all is 0 or inf anyway."""
    return max(-LIMIT, min(LIMIT, exponent))


def norm(v: Array) -> float:
    largest = float(np.abs(v).max())  # squares alone may leave float64
    return largest * float(np.linalg.norm(v / largest)) if 0 < largest < inf else largest


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else float(part > 0)
