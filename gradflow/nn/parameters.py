"""Networks side by side: their sizes, and their parameters in one flat buffer.

Layer l of S networks is one array (S, fan_in + 1, fan_out), of which `parts.dense` says what its rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from math import prod
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.initializers import Initializer
from gradflow.nn.parts.dense import bias as bias_of
from gradflow.nn.parts.dense import cells, tensor_shape, weights
from gradflow.streams import Purpose, stream

LINE, HUGE_PAGE = 64, 2 << 20  # bytes


@dataclass(frozen=True)
class Shape:
    """The sizes of S networks trained side by side."""

    features: int
    width: int | tuple[int, ...]  # of every hidden layer, or of each
    depth: int
    outputs: int
    batch: int
    readout: bool = True
    seeds: int = 1

    @property
    def parameters(self) -> int:
        """Weights and biases of one network; of any depth at once, like `runs`."""
        return sum((run.stop - run.start) * cells(*self.fan(run.start)) for run in self.runs)

    def units(self, layer: int) -> int:
        """The width of a hidden layer."""
        return self.width if isinstance(self.width, int) else self.width[layer]

    @property
    def widest(self) -> int:
        """The width of the widest."""
        return self.width if isinstance(self.width, int) else max(self.width)

    @property
    def column(self) -> int | Array:
        """The width of all hidden layers, or of each in a column, for arrays of (layers, S)."""
        return self.width if isinstance(self.width, int) else np.array(self.width)[:, None]

    def fan(self, layer: int) -> tuple[int, int]:
        """(fan_in, fan_out) of a layer's matrix."""
        fan_in = self.units(layer - 1) if layer else self.features
        return fan_in, self.units(layer) if layer < self.depth else self.outputs

    @property
    def fans(self) -> list[tuple[int, int]]:
        """Of every matrix, the read-out last."""
        return [self.fan(layer) for layer in range(self.depth + self.readout)]

    @property
    def groups(self) -> list[range]:
        """The hidden layers that follow each other with one width."""
        return _alike(range(self.depth), None if isinstance(self.width, int) else self.units)

    @property
    def runs(self) -> list[range]:
        """The layers that follow each other with tensors of one shape.

        The first, whose input is the data, and the read-out, which the record leaves out, stand alone.
        """
        hidden = _alike(range(1, self.depth), None if isinstance(self.width, int) else self.fan)
        return [range(1), *hidden, *[range(self.depth, self.depth + 1)] * self.readout]


def _alike(layers: range, key: Callable[[int], Any] | None) -> list[range]:
    """The runs of layers of one key; all at once where there is none."""
    if key is None:
        return [layers] if layers else []
    runs = [list(run) for _, run in groupby(layers, key)]
    return [range(run[0], run[-1] + 1) for run in runs]


@dataclass(frozen=True)
class Own:
    """The tensors that a part of a layer has of its own: which part, in which layers, (rows, columns)."""

    part: int
    layers: range
    size: tuple[int, int]
    start: tuple[float, ...]  # the value of each row at initialization

    @property
    def cells(self) -> int:
        """The numbers in all of them."""
        return (self.layers.stop - self.layers.start) * prod(self.size)


class Parameters:
    """`runs` are views of one flat buffer: of each of the shape's (k, S, fan_in + 1, fan_out).

    Together they are `matrices`; behind them stand those of `own`, (k, S, rows, columns) of each.
    """

    def __init__(self, shape: Shape, dtype: Any, own: Sequence[Own] = ()) -> None:
        self.shape, self.owners = shape, own
        self.flat = aligned((shape.seeds * (shape.parameters + sum(each.cells for each in own)),), dtype)
        self.flat.fill(0)
        self.matrices = self.flat[: shape.seeds * shape.parameters]
        self.runs = runs_of(self.flat, shape)
        sizes = [(len(each.layers), shape.seeds, *each.size) for each in own]
        self.own = _carved(self.flat[self.matrices.size :], sizes)

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
        for owner, tensors in zip(self.owners, self.own, strict=True):
            tensors[...] = np.array(owner.start)[:, None]

    def own_of(self, part: int, layers: range) -> Array | None:
        """The own tensors (k, S, rows, columns) of a part of these layers, whose first may have none."""
        for owner, tensors in zip(self.owners, self.own, strict=True):
            lo, hi = max(owner.layers.start, layers.start), min(owner.layers.stop, layers.stop)
            if owner.part == part and lo < hi:
                return tensors[lo - owner.layers.start : hi - owner.layers.start]
        return None


def runs_of(flat: Array, shape: Shape) -> list[Array]:
    """Of each run of layers its tensors, (k, S, fan_in + 1, fan_out), one after the other in a flat array."""
    return _carved(
        flat, [(len(run), shape.seeds, *tensor_shape(*shape.fan(run.start))) for run in shape.runs]
    )


def _carved(flat: Array, sizes: Sequence[tuple[int, ...]]) -> list[Array]:
    edges = accumulate(map(prod, sizes), initial=0)
    return [flat[start : start + prod(size)].reshape(size) for start, size in zip(edges, sizes, strict=False)]


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """An uninitialized array that starts on a 64-byte boundary, a cache line and a vector register."""
    (array,) = together([(shape, dtype)], large=4 * HUGE_PAGE)  # of many, none is to be half empty
    return array


def boundary(size: int, large: int = HUGE_PAGE // 2) -> int:
    """On multiples of how many bytes a piece of memory of `size` starts; it takes as many more for that."""
    return HUGE_PAGE if size >= large else LINE


def together(layouts: Sequence[tuple[tuple[int, ...], Any]], large: int = HUGE_PAGE // 2) -> list[Array]:
    """Uninitialized arrays of these shapes and dtypes, in one piece of memory, each as `aligned` makes it.

    One of `large` bytes starts on the boundary of a huge page, for which NumPy asks from 4 MB on: what walks
    through arrays that have left the cache takes a twentieth less time then. Only what is touched takes
    memory, though by whole pages.
    """
    sizes = [prod(shape) * np.dtype(dtype).itemsize for shape, dtype in layouts]
    edges = list(accumulate((-(-size // LINE) * LINE for size in sizes), initial=0))
    page = boundary(edges[-1], large)
    raw = np.empty(max(edges[-1], page) + page, np.uint8)
    first = -raw.ctypes.data % page
    return [
        raw[first + edge : first + edge + size].view(dtype).reshape(shape)
        for edge, size, (shape, dtype) in zip(edges, sizes, layouts, strict=False)
    ]
