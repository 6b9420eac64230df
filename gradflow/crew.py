"""Networks of a run that take their steps when they are told to: stacks of them, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradflow.arrays import Array
from gradflow.critical_rates import rates_of
from gradflow.data import Data
from gradflow.data.batches import Batches
from gradflow.evaluation import Curves, Evaluator
from gradflow.nn.low_precision import Casts, Watch
from gradflow.nn.memory import Memory
from gradflow.nn.network import Network
from gradflow.plan import Plan, stack_size, stacks
from gradflow.recording import Recorder, Recording

RowBlock = tuple[Recording, list[Curves]]  # rows of the record, and the evaluations among them


class _Group:
    """Networks that take their steps together: their batches, engine, recorder and evaluator.

    `wide` is the memory that they are evaluated in.
    """

    def __init__(
        self, plan: Plan, samples: int, seeds: range, memory: Memory, wide: Memory, evaluator: Evaluator
    ) -> None:
        self.memory, self.evaluator = memory, evaluator
        self.network = Network(memory, plan.optimizer, plan.clip_norm, plan.share)
        memory.model.draw(self.network.parameters, seeds)
        self.batches = [Batches(seed, samples, memory.shape.batch) for seed in seeds]
        self.recorder = Recorder(memory, plan.optimizer, plan.rows)
        self.watch = Watch(memory) if plan.precision else None  # of row 0
        frozen = memory.model.mixes  # a sample is evaluated by itself
        alike = wide is memory and not frozen
        self.forward = self.network.forward if alike else self.network.through(wide, frozen)

    def run(self, rows: range, last: int, evaluate: Callable[[int], bool], x: Array, y: Array) -> RowBlock:
        network, memory, evaluated = self.network, self.memory, []
        for r, t in enumerate(rows):
            memory.tally.correlates = self.evaluator.is_correlated(t) or t == last
            if evaluate(t):
                evaluated.append(self.measure(t))
            self.take_batch(t, x, y)
            network.forward(record=True)
            met = self.watch.meet if self.watch and t == 0 else None
            network.backward(record=True, update=t < last, met=met)
            self.recorder.row(r, network.log_share, network.rule.lr)
        return self.recorder.flush(len(rows)), evaluated

    def take_batch(self, t: int, x: Array, y: Array) -> None:
        """Put the minibatches of step t of all samples into the memory."""
        for seed, batches in enumerate(self.batches):
            indices = batches.indices(t)
            np.take(x, indices, axis=0, out=self.memory.x[seed], mode="clip")
            np.take(y, indices, axis=1, out=self.memory.arrays["y"][seed], mode="clip")

    def measure(self, t: int) -> Curves:
        """After t updates; before the first, statistics of batches are those of the training samples."""
        if t or not self.memory.model.mixes:
            return self.evaluator.measure(self.forward)
        self.network.settle_statistics(self.evaluator.batches_of_training(self.memory.shape.batch))
        found = self.evaluator.measure(self.forward)
        self.network.forget_statistics()
        return found


class Crew:
    """The networks of a plan or, of its `stacks`, of those from number `first` up to `stop`.

    Arrays of what they do have the networks as their last axis.
    """

    in_workers = False

    def __init__(self, plan: Plan, data: Data, first: int = 0, stop: int | None = None) -> None:
        self.plan, self._numbers = plan, range(len(stacks(plan)))[first:stop]
        dtype, self._evaluator = np.dtype(plan.dtype), evaluator_of(plan, data)
        with np.errstate(over="ignore"):  # what a float32 does not hold is inf there: a blow-up at step 0
            self._x = np.concatenate([data.x, np.ones((data.samples, 1))], axis=1).astype(dtype)
            self._y = np.ascontiguousarray(data.y.T, dtype)
            self._groups = list(self._networks([stacks(plan)[n] for n in self._numbers], data.samples))

    def _networks(self, groups: list[range], samples: int) -> Iterator[_Group]:
        """The groups; those of one size share their memory, and that for evaluations."""
        sizes, evaluator, batch = (
            {len(seeds) for seeds in groups},
            self._evaluator,
            self.plan.model.shape.batch,
        )
        own = wide = {size: self._memory(size, batch) for size in sizes}
        if evaluator.batch != batch:
            wide = {size: self._memory(size, evaluator.batch) for size in sizes}
        for seeds in groups:
            size = len(seeds)
            yield _Group(self.plan, samples, seeds, own[size], wide[size], evaluator)

    def _memory(self, seeds: int, batch: int) -> Memory:
        plan, model = self.plan, self.plan.model.sized(seeds=seeds, batch=batch)
        return Memory(model, np.dtype(plan.dtype), plan.clip_norm is not None)

    @property
    def rows(self) -> int:
        """The most rows that it runs at a time."""
        return self.plan.rows

    def run(self, first: int, rows: int, last: int, evaluated: bool) -> RowBlock:
        """Rows first..first + rows - 1 of the record, and the evaluations that are due in between.

        An update follows every row but `last`. The first one is not evaluated if it was `evaluated` before.
        """

        def due(t: int) -> bool:
            return self._evaluator.is_due(t) and not (evaluated and t == first)

        with np.errstate(all="ignore"):  # what is not finite is looked for in the record
            own = range(first, first + rows)
            runs = [group.run(own, last, due, self._x, self._y) for group in self._groups]
        curves = [joined(list(found)) for found in zip(*(found for _, found in runs), strict=True)]
        return joined([recording for recording, _ in runs]), curves

    def evaluate(self, t: int) -> Curves:
        """The evaluation after t updates."""
        with np.errstate(all="ignore"):
            return joined([group.measure(t) for group in self._groups])

    def critical_rates(self, t: int) -> Array:
        """The critical learning rate of each network after t updates, on the batch of row t."""
        with np.errstate(all="ignore"):
            return rates_of(self._standing(t), self.plan.optimizer, self.plan.clip_norm)

    def casts(self) -> list[Casts]:
        """What low precision would make of each network, once row 0 is there, of a plan that asks for it."""
        return [casts for group in self._groups if group.watch for casts in group.watch.casts()]

    def _standing(self, t: int) -> Iterator[Network]:
        for group in self._groups:
            group.take_batch(t, self._x, self._y)
            yield group.network

    def state(self) -> dict[str, Array]:
        """All that the networks hand from a step to the next; random streams are counter-based."""
        return {name: flat.copy() for name, flat in self._flat()}

    def views(self) -> dict[str, Array]:
        """`state`, good until the networks go on."""
        return dict(self._flat())

    def state_at_end(self) -> dict[str, Array]:
        """`state` before a row without an update, which changes statistics alone: the rest are views."""
        trained = 1 + self.plan.optimizer.slots  # flat arrays of each stack
        return {n: flat if int(n.rpartition(".")[2]) < trained else flat.copy() for n, flat in self._flat()}

    def _flat(self) -> Iterator[tuple[str, Array]]:
        for number, group in zip(self._numbers, self._groups, strict=True):
            for place, flat in enumerate(group.network.flat):
                yield f"network.{number}.{place}", flat

    def restore(self, state: dict[str, Array], updates: int) -> None:
        """Take what the networks of the same plan handed on after so many updates."""
        for group in self._groups:
            group.network.updates = updates
        for name, flat in self._flat():
            flat[...] = state[name]


def evaluator_of(plan: Plan, data: Data) -> Evaluator:
    """What is evaluated of the networks of a plan, and when."""
    shape, size = plan.model.sized(seeds=stack_size(plan.model)).shape, np.dtype(plan.dtype).itemsize
    return Evaluator(data, plan.model.loss, plan.steps, plan.evaluate, shape, size)


def joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    """The arrays of several groups of networks, side by side."""
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
