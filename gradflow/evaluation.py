"""Evaluation: loss, and accuracy or R2, over fixed samples, every so many steps of a training.

The loss of a minibatch moves with the choice of its samples too; this one moves with the parameters alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor, log10, nan
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import Array
from gradflow.nn.losses import Loss
from gradflow.nn.network import Forward
from gradflow.nn.parameters import Shape
from gradflow.streams import Purpose, stream

if TYPE_CHECKING:  # the engine's step needs no reader of files
    from gradflow.data import Data

Curves = dict[str, NDArray[np.float64]]  # eval_step (evals,), the others (evals, seeds)

STEP = "eval_step"
PARTS = ("train", "test")
OF_CLASSES = ("loss_train", "loss_test", "accuracy_train", "accuracy_test")
OF_VALUES = ("loss_train", "loss_test", "r2_train", "r2_test")
EVALUATED = tuple(dict.fromkeys(OF_CLASSES + OF_VALUES))
MOST = 1024  # samples of a part
SHARE = 0.1  # of the training's products that evaluations may take, the first and the last apart
FORWARD = 1 / 3  # of a step's products are those of its pass forward
SOONEST = 20  # steps from one evaluation to the next, or the calls count that are no products
ROOM = 4 << 20  # bytes that evaluations may have of their own


@dataclass(frozen=True, eq=False)
class Split:
    """The training or the held-out samples, x (N, features) and y (N, outputs); `rows` are evaluated."""

    name: str  # of PARTS
    x: Array
    y: Array

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Those that are evaluated: all or, of more than MOST, as many drawn by their number alone."""
        if len(self.x) <= MOST:
            return np.arange(len(self.x))
        return np.sort(stream(0, Purpose.EVALUATION).permutation(len(self.x))[:MOST])

    @cached_property
    def spread(self) -> float:
        """The loss of the best constant guess by mean squared error: mean (y - mean y)^2; R2 is 0 there."""
        y = self.y[self.rows]
        return float(np.mean((y - y.mean(axis=0)) ** 2))


Piece = tuple[Split, NDArray[np.int64], slice]  # of its rows, in this place of a pass


@dataclass(frozen=True)
class Evaluated:
    """What was evaluated: every so many steps, `samples_*` of `of_*` samples of each part.

    Of classes, `majority_*` is the share of the largest one in them, the most that one guess for all gets;
    `chance` the cross entropy over the training ones of guessing by the shares of all training samples.
    """

    every: int
    samples_train: int
    samples_test: int
    of_train: int
    of_test: int
    majority_train: float | None = None
    majority_test: float | None = None
    chance: float | None = None


class Evaluator:
    """What is evaluated of a training, when, and in passes of how many samples.

    Each part is evaluated whole or, where it is larger, on MOST samples that are drawn by their number alone:
    the same for all networks. `every` is a number of steps or None: what keeps to SHARE by the sizes alone,
    so that a longer training is evaluated at the same steps. `shape` has the networks that train as a stack.
    """

    def __init__(
        self, data: Data, loss: Loss, steps: int, every: int | None, shape: Shape, size: int
    ) -> None:
        self.data, self.loss, self.steps = data, loss, steps
        whole = Split(PARTS[0], data.x, data.y), Split(PARTS[1], data.x_test, data.y_test)
        self.parts = [part for part in whole if len(part.x)]
        self.names = [name for name in (OF_CLASSES if data.classes else OF_VALUES) if self._has(name)]
        self.samples = sum(len(part.rows) for part in self.parts)
        self.labels = np.concatenate([part.y[part.rows].argmax(axis=1) for part in self.parts])
        self.batch = pass_size(shape, size, self.samples)
        self.passes = [_pieces(self.parts, start, self.batch) for start in range(0, self.samples, self.batch)]
        self.every = self._auto(shape.batch) if every is None else every

    def is_due(self, step: int) -> bool:
        """Whether the parameters after `step` updates are evaluated: each `every` steps, and the last."""
        return step % self.every == 0 or step == self.steps

    def next_due(self, step: int) -> int:
        """The first step after `step` that is evaluated or, after the last one, any later."""
        following = self.every * (step // self.every + 1)
        return min(following, self.steps) if step < self.steps else following

    def is_correlated(self, step: int) -> bool:
        """Whether the row of a step tells how alike samples are: if evaluated, but at most each SOONEST."""
        apart = self.every * ceil(SOONEST / self.every)
        return step % apart == 0 or step == self.steps

    def measure(self, forward: Forward) -> Curves:
        """Each of `names`, (S,), of the networks as they are. Overwrites the memory of `forward`."""
        losses, hits = self._samples(forward)
        found, start = {}, 0
        for part in self.parts:
            own = slice(start, start := start + len(part.rows))
            loss = found[f"loss_{part.name}"] = losses[:, own].mean(axis=1)
            if self.data.classes:
                found[f"accuracy_{part.name}"] = hits[:, own].mean(axis=1)
            else:  # whose loss is the mean squared error
                found[f"r2_{part.name}"] = 1 - loss / (part.spread or nan)
        return found

    def batches_of_training(self, size: int) -> Iterator[Array]:
        """The evaluated training samples in batches x (size, features), all of them full."""
        part = self.parts[0]
        rows = np.resize(part.rows, max(size, len(part.rows)))
        for start in range(0, len(rows) - size + 1, size):
            yield part.x[rows[start : start + size]]

    def facts(self) -> Evaluated:
        """What there is to be told beside the curves."""
        of_train, of_test = len(self.data.x), len(self.data.x_test)
        facts = Evaluated(self.every, min(of_train, MOST), min(of_test, MOST), of_train, of_test)
        if not self.data.classes:
            return facts
        shares = self.data.y.mean(axis=0)
        seen = {part.name: part.y[part.rows].mean(axis=0) for part in self.parts}
        chance = float(-(seen["train"][shares > 0] @ np.log(shares[shares > 0])))
        majority = {name: float(mean.max()) for name, mean in seen.items()}
        return replace(
            facts, chance=chance, majority_train=majority["train"], majority_test=majority.get("test")
        )

    def _has(self, name: str) -> bool:
        return any(name.endswith(part.name) for part in self.parts)

    def _auto(self, batch: int) -> int:
        """The least of 20, 50, 100, 200, 500, .. that keeps to SHARE."""
        passed = self.batch * len(self.passes)
        least = max(SOONEST, FORWARD / SHARE * passed / batch)
        scale = int(10 ** floor(log10(least)))
        return next(first * scale for first in (1, 2, 5, 10) if first * scale >= least)

    def _samples(self, forward: Forward) -> tuple[Array, Array]:
        """The loss of each evaluated sample, part after part, and whether its class is guessed, (S, n)."""
        memory, start = forward.memory, 0
        losses, hits = np.empty((2, memory.shape.seeds, self.samples))
        for pieces in self.passes:
            own = slice(start, start := min(start + self.batch, self.samples))
            for part, rows, to in pieces:
                memory.x[:, to, :-1], memory.y[:, to] = part.x[rows], part.y[rows]
            outputs, kept = forward(record=False), slice(own.stop - own.start)
            found, _ = forward.loss()
            losses[:, own] = found[:, kept]
            if self.data.classes:
                guessed = outputs.argmax(axis=1)[:, kept] == self.labels[own]
                hits[:, own] = guessed & ~np.isnan(losses[:, own])  # argmax takes nan for the largest
        return losses, hits


def _pieces(parts: Sequence[Split], start: int, batch: int) -> list[Piece]:
    """What a pass is of: the evaluated samples from `start` on; the last of all fills what is left of it."""
    places, first = np.minimum(np.arange(start, start + batch), sum(len(part.rows) for part in parts) - 1), 0
    pieces = []
    for part in parts:
        own = places[(places >= 0) & (places < len(part.rows))]
        pieces.append((part, part.rows[own], slice(first, first := first + len(own))))
        places = places - len(part.rows)
    return [piece for piece in pieces if len(piece[1])]


def pass_size(shape: Shape, size: int, samples: int) -> int:
    """Samples of one pass: a training batch or, where that is few, as many as fit into ROOM.

    Of numbers of `size` bytes; a pass of few samples takes hardly longer than that of one.
    """
    layers = 2 * sum((g.stop - g.start) * (shape.units(g.start) + 1) for g in shape.groups)
    held = shape.seeds * size * (layers + shape.features) + 8 * shape.features
    most = max(1, min(ROOM // held, samples))
    even = ceil(samples / ceil(samples / most))  # so that the last pass is nearly full
    return even if even >= 2 * shape.batch else shape.batch


class CurveRecord:
    """The evaluations of a run as arrays that are allocated once; `allocate` is as `Record` has it."""

    def __init__(
        self, evaluator: Evaluator, seeds: int, allocate: Callable[[tuple[int, ...]], Array]
    ) -> None:
        rows = most_evaluations(evaluator.steps, evaluator.every)
        self._arrays = {
            STEP: allocate((rows,)),
            **{name: allocate((rows, seeds)) for name in evaluator.names},
        }
        self._rows = 0

    def add(self, block: Curves) -> None:
        """Keep the evaluations that follow."""
        start, self._rows = self._rows, self._rows + len(block[STEP])
        for name, array in self._arrays.items():
            array[start : self._rows] = block[name]

    @property
    def arrays(self) -> Curves:
        """What is kept so far, as views."""
        return {name: array[: self._rows] for name, array in self._arrays.items()}


def most_evaluations(steps: int, every: int | None) -> int:
    """How many evaluations a training has at most."""
    return steps // (every or SOONEST) + 2
