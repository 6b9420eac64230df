"""Networks side by side: their sizes, and their parameters in one flat buffer.

Layer l of S networks is one array (S, fan_in + 1, fan_out), of which `parts.dense` says what its rows are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.initializers import Initializer
from gradflow.nn.parts.dense import bias as bias_of
from gradflow.nn.parts.dense import cells, weights
from gradflow.streams import Purpose, stream

Array = NDArray[Any]


@dataclass(frozen=True)
class Shape:
    """The sizes of S networks trained side by side."""

    features: int
    width: int
    depth: int
    outputs: int
    batch: int
    readout: bool = True
    seeds: int = 1

    @property
    def parameters(self) -> int:
        """Weights and biases of one network."""
        ends = self.fans[:1] + self.fans[self.depth :]
        hidden = (self.depth - 1) * cells(self.width, self.width)
        return hidden + sum(cells(*fans) for fans in ends)

    @property
    def fans(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of every matrix, the read-out last."""
        hidden = [(self.features, self.width)] + [(self.width, self.width)] * (self.depth - 1)
        return hidden + [(self.width, self.outputs)] * self.readout


class Parameters:
    """Views of one flat buffer: first (S, n_0 + 1, W), hidden (L - 1, S, W + 1, W), readout (S, W + 1, n)."""

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape = shape
        self.flat = aligned((shape.seeds * shape.parameters,), dtype)
        self.flat.fill(0)
        s, n0, w = shape.seeds, shape.features, shape.width
        edge = s * (n0 + 1) * w
        inner = edge + (shape.depth - 1) * s * (w + 1) * w
        self.first = self.flat[:edge].reshape(s, n0 + 1, w)
        self.hidden = self.flat[edge:inner].reshape(shape.depth - 1, s, w + 1, w)
        self.readout = self.flat[inner:].reshape(s, w + 1, shape.outputs) if shape.readout else None

    def __iter__(self) -> Iterator[Array]:
        """Each layer's (S, fan_in + 1, fan_out), from the input to the read-out."""
        yield self.first
        yield from self.hidden
        if self.readout is not None:
            yield self.readout

    def draw(self, seeds: range, init: Initializer, bias: float) -> None:
        """Fill with the initial networks of these seeds: drawn in float64, then rounded to the dtype."""
        for network, seed in enumerate(seeds):
            for layer, (p, fans) in enumerate(zip(self, self.shape.fans, strict=True)):
                weights(p)[network] = init.draw(stream(seed, Purpose.WEIGHTS, layer), *fans, layer)
                drawn = init.draw_bias(stream(seed, Purpose.BIASES, layer), *fans)
                bias_of(p)[network] = bias if drawn is None else drawn


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """An uninitialized array that starts on a 64-byte boundary, a cache line and a vector register."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    array: Array = raw[start : start + size].view(dtype).reshape(shape)
    return array
