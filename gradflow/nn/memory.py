"""Every array that a training step touches, allocated once, from what the parts of a model keep.

Per layer and contiguous, so that a layer is one matrix and a chunk of layers is one stacked array:

    A  (L, S, W + 1, B)   outputs of layers; the last row is 1, or 2^-e where a layer carries the exponent e
    D  (L | n, S, W, B)   deltas at z, over slopes: all layers' if a part settles these on the way forward
    Z  (n, S, W, B)       scratch of one chunk of n layers: z going forward, u = W delta going back; more such
                          arrays stand behind further parts of a layer
    K  (n, S, W, B)       more of it: what a part keeps for its slope going forward, squares going back
    G  (n | L, S, W+1, W) gradients of one chunk, a run of layers each; of all layers when clipped together
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.elementwise import Work
from gradflow.nn.model import Model
from gradflow.nn.parameters import Shape, aligned
from gradflow.nn.parts.dense import tensor_shape
from gradflow.nn.scaled import RANGES, power_of_two
from gradflow.nn.tally import Tally

Array = NDArray[Any]
Layout = dict[str, tuple[tuple[int, ...], Any]]  # the shape and dtype of every array

CHUNK_BYTES = 3 << 18  # what a chunk of layers may take of a second-level cache and a bit of the third
UNTOUCHED = {"exponents", "delta_exponent"}  # zeros, whose pages take no memory while nothing is scaled
CHUNK_LAYERS = 16  # a norm may change by 10^15 within a chunk before float32 squares give out


def chunk_layers(shape: Shape, dtype: Any) -> int:
    """How many layers are worked on at once: as many of one network as stay in a core's cache.

    It does not depend on the seeds: where norms leave the range, a chunk is the unit that is done again.
    """
    layer = shape.width * (2 * shape.batch + shape.width) * np.dtype(dtype).itemsize
    return int(max(1, min(shape.depth, CHUNK_LAYERS, CHUNK_BYTES // layer)))


def layout(model: Model, dtype: Any, keep_gradients: bool = False) -> Layout:
    """The arrays of a pass over a model, and of the record's look at it."""
    shape, n = model.shape, chunk_layers(model.shape, dtype)
    layers, s, w, b = shape.depth, shape.seeds, shape.width, shape.batch
    early = any(part.early for part in model.parts)
    shapes: dict[str, tuple[int, ...]] = {
        "x": (s, b, shape.features + 1),
        "y": (s, b, shape.outputs),
        "a": (layers, s, w + 1, b),
        "d": (layers if early else n, s, w, b),
        **{name: (layers if keeps else n, s, w, b) for name, keeps in _between(model).items()},
        "kept": (n, s, w, b),
        "zeros": (s, w, b) if model.activation.compares else (s, 1, 1),
        "out": (s, shape.outputs, b),
        "delta_out": (s, shape.outputs, b),
        "ones": (max(w * b, shape.outputs),),
        "norms": (model.boundaries, s, 1, b),
        "logs": (model.boundaries, s, 1, b),
    }
    for number, run in enumerate(shape.runs):
        count, size = run.stop - run.start, tensor_shape(*shape.fan(run.start))
        shapes[gradient(number)] = count if keep_gradients else min(count, n), s, *size
    exponents = {"exponents": (model.boundaries, s, 1, b), "delta_exponent": (layers + 1, s, 1, b)}
    return {
        **{name: (size, dtype) for name, size in shapes.items()},
        **{name: (size, np.int64) for name, size in exponents.items()},
        "marks": ((n, s, w, b), np.bool_),
    }


def _between(model: Model) -> dict[str, bool]:
    """Values behind parts but the last, deltas behind all but two; whether all layers keep theirs."""
    inner = {f"value.{j}": part.keeps for j, part in enumerate(model.parts[:-1])}
    return inner | {f"delta.{j}": False for j in range(2, len(model.parts))}


def gradient(run: int) -> str:
    """The name of the gradients of a run of layers."""
    return f"gradient.{run}"


def layout_bytes(arrays: Layout) -> int:
    """What they take."""
    return sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in arrays.values())


class Memory:
    """The working memory of one pass; networks that are trained in turn share it."""

    def __init__(self, model: Model, dtype: Any, keep_gradients: bool = False) -> None:
        self.model, self.shape, self.dtype = model, model.shape, np.dtype(dtype)
        self.range, self.chunk = RANGES[self.dtype], chunk_layers(self.shape, dtype)
        self.keeps_gradients = keep_gradients
        self.arrays = {
            name: np.zeros(shape, kind) if name in UNTOUCHED else aligned(shape, kind)
            for name, (shape, kind) in layout(model, self.dtype, keep_gradients).items()
        }
        self.x, self.y, self.a, self.d = (self.arrays[name] for name in "xyad")
        between, inner = [self.arrays[name] for name in _between(model)], len(model.parts) - 1
        self.values, self.deltas = between[:inner], [between[0], *between[inner:]]  # of a chunk, see above
        self.out, self.delta_out, self.ones = (self.arrays[name] for name in ("out", "delta_out", "ones"))
        self.work = Work(self.arrays["kept"], self.arrays["zeros"])
        self.x[:, :, -1] = self.a[:, :, -1] = 1
        self.ones.fill(1)
        self.work.zeros.fill(0)
        self.delta_exponent = self.arrays["delta_exponent"]  # of the deltas that each layer's gradient is of
        self.entry_exponent = np.zeros_like(self.delta_exponent[0])  # of the delta that enters a chunk
        self.exponent = np.zeros(self.delta_exponent.shape[:2], np.int64)  # of each layer's input
        self.forward_scaled = False
        self.largest = float(np.finfo(self.dtype).max) / 4  # row of ones: its bias is 0, but 0 * inf is nan
        self.tally = Tally(self.shape, self.arrays["norms"], self.arrays["exponents"])

    @property
    def scaled(self) -> bool:
        """Whether anything that gradients are made of carries an exponent."""
        return self.tally.scaled or self.forward_scaled

    def unscale(self) -> None:
        """Forget the exponents of the last pass."""
        scaled = self.scaled
        self.tally.forget(scaled)
        if scaled:
            self.a[:, :, -1] = 1
            for exponents in (self.exponent, self.delta_exponent, self.entry_exponent):
                exponents.fill(0)
            self.forward_scaled = False

    def carry(self, layers: slice, seed: int, exponent: int) -> None:
        """The output of `layers` is a 2^-exponent, and so is its row of ones, which the bias meets."""
        self.exponent[1:][layers, seed] = exponent
        self.forward_scaled = True
        self.a[layers, seed, -1] = min(float(power_of_two(-exponent, np.float64)), self.largest)
