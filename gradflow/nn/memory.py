"""Every array that a training step touches, allocated once, from what the parts of a model keep.

Per layer and contiguous, so that a layer is one matrix and a chunk of layers is one array. Layers
that follow each other with one width are a group; of each group, with n layers in a chunk:

    A  (L, S, W + 1, B)   outputs of layers; the last row is 1, or 2^-e where a layer carries the exponent e
    V  (L | n, S, W, B)   the value behind each part but the last: all layers' if the way back reads it
    D  (L | n, S, W, B)   the delta behind each part, over slopes: all layers' if a part settles these on the
                          way forward; that which enters a layer stands where a V of a chunk has served;
                          behind a join, where chunks are single layers, those of two take turns
    R  (L, S, ...)        what else a part keeps for its way back
    G  (n | L, S, W+1, W) gradients of one chunk, a run of layers each; of all layers, as the parameters lie,
                          when clipped together or of one chunk

Scratch of one chunk is shared by the groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.model import Model
from gradflow.nn.parameters import Shape, boundary, runs_of, together
from gradflow.nn.parts.dense import tensor_shape
from gradflow.nn.parts.norms import MOMENTUM
from gradflow.nn.scaled import RANGES, power_of_two
from gradflow.nn.tally import Tally

Layout = dict[str, tuple[tuple[int, ...], Any]]  # the shape and dtype of every array

GRADIENTS = "gradients"  # of all layers, where they are there at once
CHUNK_BYTES = 3 << 18  # what a chunk of layers may take of a second-level cache and a bit of the third
UNTOUCHED = {"exponents"}  # zeros, whose pages take no memory while nothing is scaled
RING_ROWS, RING_BYTES = 32, 1 << 17  # of the record: more gains nothing, and leaves the cache
CHUNK_LAYERS = 16  # a norm may change by 10^15 within a chunk before float32 squares give out


def chunk_layers(layers: range, shape: Shape, dtype: Any) -> int:
    """How many layers of a group are worked on at once: as many of one network as stay in a core's cache.

    It does not depend on the seeds: where norms leave the range, a chunk is the unit that is done again.
    """
    width = shape.units(layers.start)
    layer = width * (2 * shape.batch + width) * np.dtype(dtype).itemsize
    return int(max(1, min(layers.stop - layers.start, CHUNK_LAYERS, CHUNK_BYTES // layer)))


def ring_rows(model: Model, dtype: Any) -> int:
    """How many rows of the record have their norms kept before logarithms are taken of them at once."""
    row = model.boundaries * model.shape.seeds * model.shape.batch * np.dtype(dtype).itemsize
    return int(max(1, min(RING_ROWS, RING_BYTES // row)))


@dataclass(frozen=True)
class Places:
    """Where the values and deltas of a layer's parts stand: part j's in array `values[j]` and `deltas[j]`.

    An array is named after the first part whose it is; those in `kept` are of all layers, of that in `turns`
    neighbouring chunks have one each.
    """

    values: tuple[str, ...]
    deltas: tuple[str, ...]
    kept: frozenset[str]
    turns: frozenset[str]

    @classmethod
    def of(cls, model: Model, dtype: Any) -> Places:
        """The fewest arrays: parts share one where they may, and what enters a layer has another's.

        Where a chunk is one layer, to copy what goes past it would cost as much as to keep it.
        """
        parts, shape = model.parts, model.shape
        single = model.fork is not None and chunk_layers(shape.groups[0], shape, dtype) == 1
        last, values, deltas = len(parts) - 1, ["value.0"], [f"delta.{len(parts) - 1}"]
        for j in range(1, last):
            values.append(values[-1] if parts[j].in_place else f"value.{j}")
        values.append("a")
        for j in range(last, 0, -1):
            deltas.insert(0, deltas[0] if parts[j].passes else f"delta.{j - 1}")
        kept = {values[j] for j in range(last) if parts[j].keeps or parts[j + 1].reads}
        kept |= {values[j] for j in range(last) if parts[j].forks and single}
        spare = next((name for name in values if name not in {*kept, "a"}), None)
        deltas = [spare if spare and name == f"delta.{last}" else name for name in deltas]
        kept |= {deltas[j - 1] for j in range(1, last + 1) if parts[j].early}
        turns = {deltas[model.join]} if single and model.join is not None else set[str]()
        return cls(tuple(values), tuple(deltas), frozenset(kept), frozenset(turns))

    @property
    def arrays(self) -> list[str]:
        """Of each group, beside its outputs."""
        return [name for name in dict.fromkeys([*self.values, *self.deltas]) if name != "a"]


def layout(model: Model, dtype: Any, keep_gradients: bool = False) -> Layout:
    """The arrays of a pass over a model, and of the record's look at it; scratch is flat."""
    shape = model.shape
    s, b, widest = shape.seeds, shape.batch, shape.widest
    shapes: dict[str, tuple[int, ...]] = {
        "x": (s, b, shape.features + 1),
        "y": (s, shape.outputs, b),
        "zeros": (s * widest * b if model.activation.compares else s,),
        **_beside(model, dtype),
        "out": (s, shape.outputs, b),
        "delta_out": (s, shape.outputs, b),
        "ones": (max(widest * b, shape.outputs),),
        "norms": (model.boundaries, s, 1, b),
        "ring": (ring_rows(model, dtype), model.boundaries, s, 1, b),
    }
    sizes = []
    for number, layers in enumerate(shape.groups):
        sizes.append(chunk_layers(layers, shape, dtype))
        shapes |= _of_group(model, number, layers, dtype)
    cells = (
        s * b * max((n * shape.units(g.start) for n, g in zip(sizes, shape.groups, strict=True)), default=0)
    )
    places = Places.of(model, dtype)
    shapes |= dict.fromkeys(["kept", *(name for name in places.arrays if name not in places.kept)], (cells,))
    shapes |= dict.fromkeys(places.turns - places.kept, (2 * cells,))
    if keep_gradients or sizes == [shape.depth]:
        shapes[GRADIENTS] = (s * shape.parameters,)
    else:
        for number, run in enumerate(shape.runs):
            n = next((n for n, g in zip(sizes, shape.groups, strict=True) if run.start in g), 1)
            size = tensor_shape(*shape.fan(run.start))
            shapes[gradient(number)] = min(run.stop - run.start, n), s, *size
    return {
        **{name: (size, dtype) for name, size in shapes.items()},
        "exponents": ((model.boundaries, s, 1, b), np.int64),
        "marks": ((cells,), np.bool_),
    }


def _of_group(model: Model, number: int, layers: range, dtype: Any) -> dict[str, tuple[int, ...]]:
    """The arrays of a group that are not scratch."""
    shape, count = model.shape, layers.stop - layers.start
    w, places = shape.units(layers.start), Places.of(model, dtype)
    kept = {f"{name}/{number}": (count, shape.seeds, w, shape.batch) for name in sorted(places.kept)}
    rests = {
        f"rest.{j}/{number}": (count, shape.seeds, *size)
        for j, part in enumerate(model.kinds(layers.start))
        if (size := part.rest(w, shape.batch))
    }
    return {f"a/{number}": (count, shape.seeds, w + 1, shape.batch), **kept, **rests}


def _beside(model: Model, dtype: Any) -> dict[str, tuple[int, ...]]:
    """What skips need, the stream that enters each chunk and the delta beside it, and scratch for norms."""
    shape, places, found = model.shape, Places.of(model, dtype), dict[str, tuple[int, ...]]()
    layer = shape.seeds, shape.widest, shape.batch
    if model.fork is not None and places.values[model.fork] not in places.kept:
        found["streams"] = (-(-shape.depth // chunk_layers(shape.groups[0], shape, dtype)), *layer)
    if model.join is not None and not places.turns:
        found["skip"] = layer
    if any(part.rest(1, 1) for part in model.parts):
        found["spare"] = (prod(layer),)
    return found


def gradient(run: int) -> str:
    """The name of the gradients of a run of layers."""
    return f"gradient.{run}"


def layout_bytes(arrays: Layout) -> int:
    """What they take, with what it costs that they start where they do."""
    size = sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in arrays.values())
    return size + boundary(size)


class Group:
    """The arrays of layers of one width; `chunk` of them are worked on at once."""

    def __init__(self, number: int, layers: range, memory: Memory) -> None:
        self.layers, self.width, self.places = layers, memory.shape.units(layers.start), memory.places
        self.chunk = chunk_layers(layers, memory.shape, memory.dtype)
        shape, arrays = memory.shape, memory.arrays
        layer = shape.seeds, self.width, shape.batch
        size = self.chunk, *layer
        self.fork, self.join = memory.model.fork or 0, memory.model.join or 0
        self.copies = {name: arrays[name] for name in ("streams", "skip") if name in arrays}
        self.a = arrays[f"a/{number}"]
        self.arrays = {
            name: arrays[f"{name}/{number}"]
            if name in self.places.kept
            else _scratch(arrays[name], size, 1 + (name in self.places.turns))
            for name in self.places.arrays
        }
        scratch, zeros = (
            (arrays[name][: prod(size)].reshape(size) for name in ("kept", "marks")),
            arrays["zeros"],
        )
        self.kept, self.marks = scratch
        compares = memory.model.activation.compares
        self.zeros = zeros[: prod(layer)].reshape(layer) if compares else zeros.reshape(-1, 1, 1)
        self.spare = arrays["spare"][: prod(layer)].reshape(layer) if "spare" in arrays else None
        self.rests = [arrays.get(f"rest.{j}/{number}") for j in range(len(self.places.values))]

    def of(self, name: str, layers: slice) -> Array:
        """An array's part for a chunk of layers, which are counted from the group's first."""
        if name == "a":
            return self.a[layers, :, : self.width]
        if name in self.places.kept:
            return self.arrays[name][layers]
        turn = layers.start // self.chunk % 2 if name in self.places.turns else 0
        return self.arrays[name][turn * self.chunk :][: layers.stop - layers.start]

    def stream(self, layer: int) -> Array:
        """Where the stream stands that goes past this layer's branch, (S, n, B)."""
        return self._beside("streams", self.places.values[self.fork], layer - 1, layer // self.chunk)

    def skip(self, layer: int) -> Array:
        """Where the delta behind this layer's join stands, (S, n, B), while layers below are at work."""
        return self._beside("skip", self.places.deltas[self.join], layer, ...)

    def _beside(self, name: str, own: str, layer: int, place: Any) -> Array:
        """In an array for copies if there is one, else where a layer has it."""
        found: Array = (
            self.copies[name][place] if name in self.copies else self.of(own, slice(layer, layer + 1))[0]
        )
        return found


def _scratch(flat: Array, size: tuple[int, ...], times: int) -> Array:
    """The start of a flat array as so many chunks of layers."""
    count, *layer = size
    return flat[: times * prod(size)].reshape(times * count, *layer)


class Memory:
    """The working memory of one pass; networks that are trained in turn share it."""

    def __init__(self, model: Model, dtype: Any, keep_gradients: bool = False) -> None:
        self.model, self.shape, self.dtype = model, model.shape, np.dtype(dtype)
        self.range, self.places = RANGES[self.dtype], Places.of(model, dtype)
        arrays = layout(model, self.dtype, keep_gradients)
        self.arrays = {name: np.zeros(*arrays.pop(name)) for name in UNTOUCHED}
        self.arrays |= dict(zip(arrays, together(list(arrays.values())), strict=True))
        self.gradients = self.arrays.get(GRADIENTS)
        if self.gradients is not None:
            views = runs_of(self.gradients, self.shape)
            self.arrays |= {gradient(number): view for number, view in enumerate(views)}
        self.groups = [Group(number, layers, self) for number, layers in enumerate(self.shape.groups)]
        self.a = [a for group in self.groups for a in group.a]  # of each layer (S, W + 1, B)
        self.x, self.y = self.arrays["x"], self.arrays["y"].swapaxes(1, 2)  # of each sample a row
        self.out, self.delta_out, self.ones = (self.arrays[name] for name in ("out", "delta_out", "ones"))
        self.x[:, :, -1] = 1
        self._set_rows()
        self.ones.fill(1)
        self.outputs = self.out if self.shape.readout else self.a[-1][:, :-1]
        self.loss = model.loss.bind(self.outputs, self.arrays["y"], self.delta_out)
        self.arrays["zeros"].fill(0)
        self.tally = Tally(self.shape, self.arrays["norms"], self.arrays["exponents"])
        # of the deltas that each layer's gradient is of; then of that which enters a chunk
        self.delta_exponent = self.tally.exponents[:: len(model.parts)]
        self.entry_exponent = np.zeros_like(self.delta_exponent[0])
        self.skip_exponent = np.zeros_like(self.entry_exponent)  # of that which goes past its last branch
        self.exponent = np.zeros(self.delta_exponent.shape[:2], np.int64)  # of each layer's input
        self.momentum = np.array(MOMENTUM)  # of statistics that parts keep from pass to pass
        self.forward_scaled = False
        self.largest = float(np.finfo(self.dtype).max) / 4  # row of ones: its bias is 0, but 0 * inf is nan

    @property
    def scaled(self) -> bool:
        """Whether anything that gradients are made of carries an exponent."""
        return self.tally.scaled or self.forward_scaled

    def unscale(self) -> None:
        """Forget the exponents of the last pass."""
        scaled = self.scaled
        self.tally.forget(scaled)
        if scaled:
            self._set_rows()
            for exponents in (self.exponent, self.entry_exponent, self.skip_exponent):
                exponents.fill(0)
            self.forward_scaled = False

    def carry(self, layers: slice, seed: int, exponent: int) -> None:
        """The output of `layers` is a 2^-exponent, and so is its row of ones, which the bias meets."""
        self.exponent[1:][layers, seed] = exponent
        self.forward_scaled = True
        one = min(float(power_of_two(-exponent, np.float64)), self.largest)
        for a in self.a[layers]:
            a[seed, -1] = one

    def _set_rows(self) -> None:
        for group in self.groups:
            group.a[:, :, -1] = 1
