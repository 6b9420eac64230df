"""Networks side by side: their sizes, and their parameters in one flat buffer.

Layer l of S networks is one array (S, fan_in + 1, fan_out), of which `parts.dense` says what its rows are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.initializers import Initializer
from gradflow.nn.parts.dense import bias as bias_of
from gradflow.nn.parts.dense import cells, tensor_shape, weights
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
        """Weights and biases of one network; of any depth at once, like `runs`."""
        return sum((run.stop - run.start) * cells(*self.fan(run.start)) for run in self.runs)

    def fan(self, layer: int) -> tuple[int, int]:
        """(fan_in, fan_out) of a layer's matrix."""
        return self.width if layer else self.features, self.width if layer < self.depth else self.outputs

    @property
    def fans(self) -> list[tuple[int, int]]:
        """Of every matrix, the read-out last."""
        return [self.fan(layer) for layer in range(self.depth + self.readout)]

    @property
    def runs(self) -> list[range]:
        """The layers that follow each other with tensors of one shape.

        The first, whose input is the data, and the read-out, which the record leaves out, stand alone.
        """
        hidden = [range(1, self.depth)] if self.depth > 1 else []
        return [range(1), *hidden, *[range(self.depth, self.depth + 1)] * self.readout]


class Parameters:
    """`runs` are views of one flat buffer: of each of the shape's (k, S, fan_in + 1, fan_out)."""

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape = shape
        self.flat = aligned((shape.seeds * shape.parameters,), dtype)
        self.flat.fill(0)
        self.runs: list[Array] = []
        stop = 0
        for layers in shape.runs:
            size = (len(layers), shape.seeds, *tensor_shape(*shape.fan(layers.start)))
            start, stop = stop, stop + prod(size)
            self.runs.append(self.flat[start:stop].reshape(size))

    def __iter__(self) -> Iterator[Array]:
        """Each layer's (S, fan_in + 1, fan_out), from the input to the read-out."""
        return chain.from_iterable(self.runs)

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
