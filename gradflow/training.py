"""Training as a generator: the caller iterates, sees progress, and may stop between two blocks of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.critical_rates import AUTO, CriticalRates
from gradflow.data import Data
from gradflow.data.batches import Batches
from gradflow.evaluation import (
    OF_CLASSES,
    STEP,
    CurveRecord,
    Curves,
    Evaluated,
    Evaluator,
    most_evaluations,
)  # fmt: skip
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parameters import Shape
from gradflow.nn.schedules import ConstantRate, Schedule
from gradflow.recording import Record, Recorder, Recording, first_bad_row, per_layer, reason

Array = NDArray[Any]

CONSTANT = ConstantRate()
STACKED_WIDTH = 32  # networks up to this width are trained side by side, as a stack
STACKED_SEEDS = 8  # of so many at most: more gain nothing, and leave the cache
BLOCK_ROWS, BLOCK_FLOPS = 64, 2e9  # a block ends at whichever comes first


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How networks are trained, whatever they are and on whatever data."""

    optimizer: Optimizer
    steps: int
    clip_norm: float | None
    dtype: str
    seed: int
    seeds: int
    every: int
    evaluate: int | None = None  # steps; None: by the sizes
    schedule: Schedule = CONSTANT
    critical_lr: str = AUTO  # when it is measured: `gradflow.critical_rates.WHEN`

    def share(self, t: int) -> float:
        """Of the learning rate, in update t."""
        return self.schedule.share(t, self.steps)


@dataclass(frozen=True, kw_only=True)
class Plan(Settings):
    """Everything a training run needs but the samples: `model` is one network on data of its sizes."""

    model: Model

    @property
    def recorded(self) -> tuple[str, ...]:
        """The names of the arrays by layer that are recorded."""
        return per_layer(self.model.factors)


@dataclass(frozen=True)
class Progress:
    """Where training stands: losses (seeds,) and ln of every layer's delta norm (layers, seeds)."""

    step: int
    steps: int
    loss: Array
    log_delta: Array


@dataclass(frozen=True)
class Outcome:
    """How training ended. A blow-up is a result: the first step that is not finite, and what was not."""

    accuracy_final: float | None = None
    diverged_step: int | None = None
    diverged_reason: str | None = None


class _Group:
    """Networks that take their steps together: their batches, engine, recorder and evaluator.

    `wide` is the memory that they are evaluated in.
    """

    def __init__(
        self,
        plan: Plan,
        data: Data,
        seeds: range,
        memory: Memory,
        wide: Memory,
        evaluator: Evaluator,
        rows: int,
    ) -> None:
        self.plan, self.memory = plan, memory
        self.place = slice(seeds.start - plan.seed, seeds.stop - plan.seed)
        self.network = Network(memory, plan.optimizer, plan.clip_norm, plan.share)
        memory.model.draw(self.network.parameters, seeds)
        self.batches = [Batches(seed, data.samples, memory.shape.batch) for seed in seeds]
        self.recorder = Recorder(memory, plan.optimizer, rows)
        self.evaluator = evaluator
        frozen = memory.model.mixes  # a sample is evaluated by itself
        alike = wide is memory and not frozen
        self.forward = self.network.forward if alike else self.network.through(wide, frozen)

    def run(self, first: int, rows: int, x: Array, y: Array) -> tuple[Recording, list[Curves]]:
        """Rows first..first + rows - 1 of the record, and the evaluations that are due in between.

        An update follows every row but the run's last.
        """
        network, memory, evaluated = self.network, self.memory, []
        for r in range(rows):
            t = first + r
            memory.tally.correlates = self.evaluator.is_correlated(t)
            if self.evaluator.is_due(t):
                evaluated.append(self._evaluate(t))
            self.take_batch(t, x, y)
            network.forward(record=True)
            network.backward(record=True, update=t < self.plan.steps)
            self.recorder.row(r, network.log_share, network.rule.lr)
        return self.recorder.flush(rows), evaluated

    def take_batch(self, t: int, x: Array, y: Array) -> None:
        """Put the minibatches of step t of all samples into the memory."""
        for seed, batches in enumerate(self.batches):
            indices = batches.indices(t)
            np.take(x, indices, axis=0, out=self.memory.x[seed], mode="clip")
            np.take(y, indices, axis=0, out=self.memory.y[seed], mode="clip")

    def _evaluate(self, t: int) -> Curves:
        """After t updates; before the first, statistics of batches are those of the training samples."""
        if t or not self.memory.model.mixes:
            return self.evaluator.measure(self.forward)
        self.network.settle_statistics(self.evaluator.batches_of_training(self.memory.shape.batch))
        found = self.evaluator.measure(self.forward)
        self.network.forget_statistics()
        return found


class Training:
    """Iterate to train: each `Progress` is one block of steps; then `recording` and `outcome` are there.

    `allocate` makes the arrays of the record, which may be larger than the memory, from their shapes.
    """

    def __init__(
        self, plan: Plan, data: Data, allocate: Callable[[tuple[int, ...]], Array] = np.empty
    ) -> None:
        self.plan, self.data = plan, data
        self.outcome = Outcome()
        depth = plan.model.shape.depth
        self._record = Record(plan.recorded, plan.steps, depth, plan.seeds, plan.every, allocate)
        self._first = 0  # row of the next block
        dtype, groups = np.dtype(plan.dtype), stacks(plan)
        shape = plan.model.sized(seeds=stack_size(plan.model)).shape
        self._evaluator = Evaluator(data, plan.model.loss, plan.steps, plan.evaluate, shape, dtype.itemsize)
        self._curves = CurveRecord(self._evaluator, plan.seeds, allocate)
        side_by_side = plan.model.sized(seeds=min(plan.seeds, stack_size(plan.model)))
        self.critical = CriticalRates(
            plan.critical_lr, side_by_side, plan.seeds, plan.optimizer, plan.clip_norm, plan.steps
        )
        self._rows = block_rows(plan.model.sized(seeds=len(groups[0])).shape)
        with np.errstate(over="ignore"):  # what a float32 does not hold is inf there: a blow-up at step 0
            self._x = np.concatenate([data.x, np.ones((data.samples, 1))], axis=1).astype(dtype)
            self._y = data.y.astype(dtype)
            self._groups = list(self._networks(groups, shape.batch))

    def _networks(self, groups: list[range], batch: int) -> Iterator[_Group]:
        """The groups; those of one size share their memory, and that for evaluations."""
        sizes, evaluator = {len(seeds) for seeds in groups}, self._evaluator
        own = wide = {size: self._memory(size, batch) for size in sizes}
        if evaluator.batch != batch:
            wide = {size: self._memory(size, evaluator.batch) for size in sizes}
        for seeds in groups:
            size = len(seeds)
            yield _Group(self.plan, self.data, seeds, own[size], wide[size], evaluator, self._rows)

    def _memory(self, seeds: int, batch: int) -> Memory:
        plan, model = self.plan, self.plan.model.sized(seeds=seeds, batch=batch)
        return Memory(model, np.dtype(plan.dtype), plan.clip_norm is not None)

    def __iter__(self) -> Iterator[Progress]:
        rows = self.plan.steps + 1
        for first in range(self._first, rows, self._rows):
            with np.errstate(all="ignore"):  # what is not finite is looked for in the record
                block, curves = self._block(first, min(self._rows, rows - first))
            self._record.add(block)
            self._curves.add(curves)
            self._first = first + len(block["loss"])
            yield self._progress(first, block)
            if self.outcome.diverged_step is not None:
                return
        accuracy = self._curves.arrays.get("accuracy_test")
        if accuracy is not None:
            self.outcome = Outcome(accuracy_final=float(accuracy[-1].mean()))

    @property
    def recorded(self) -> Recording:
        """The rows and evaluations that are kept so far, as views that are good until training goes on."""
        return {**self._record.arrays, **self._curves.arrays}

    @property
    def evaluated(self) -> Evaluated:
        """Which samples are evaluated, and how often."""
        return self._evaluator.facts()

    @property
    def recording(self) -> Recording:
        """The arrays of recording.npz, read-only, when training is over."""
        recording = self.recorded
        if self._first > self.plan.steps:
            for name in ("update_ratio", "clip_share"):
                recording[name][-1] = np.nan  # no update follows the last row
        for array in recording.values():
            array.setflags(write=False)
        return recording

    def state(self) -> dict[str, Array]:
        """Between two blocks, all that `restore` needs to go on with the same bits.

        The views of `recorded` are among it. The random streams are counter-based, so nothing of them is.
        """
        state = {f"recording.{name}": array for name, array in self.recorded.items()}
        state |= self.critical.state()
        for number, group in enumerate(self._groups):
            for place, flat in enumerate(group.network.flat):
                state[f"network.{number}.{place}"] = flat.copy()
        return state

    def restore(self, state: dict[str, Array]) -> None:
        """Stand where the training of the same plan and data stood that gave this state."""
        recorded = (name for name in state if name.startswith("recording."))
        block = {name.removeprefix("recording."): state[name] for name in recorded}
        self._record.add(block)
        self._curves.add(block)
        self.critical.restore(state)
        self._first = int(block["step"][-1]) + 1
        for number, group in enumerate(self._groups):
            group.network.updates = self._first
            for place, flat in enumerate(group.network.flat):
                flat[...] = state[f"network.{number}.{place}"]

    def _standing(self, t: int) -> Iterator[tuple[Network, slice]]:
        """The networks after t updates, each with its place and with the minibatch of step t."""
        for group in self._groups:
            group.take_batch(t, self._x, self._y)
            yield group.network, group.place

    def _block(self, first: int, rows: int) -> tuple[Recording, Curves]:
        if first == 0:
            self.critical.measure(0, self._standing(0))
        runs = [group.run(first, rows, self._x, self._y) for group in self._groups]
        if first + rows > self.plan.steps:  # no update follows the last row
            self.critical.measure(self.plan.steps, self._standing(self.plan.steps))
        block = _joined([recording for recording, _ in runs])
        block["step"] = np.arange(first, first + rows, dtype=np.float64)
        bad = first_bad_row(block)
        if bad is None:
            return block, self._evaluations(block["step"], [found for _, found in runs])
        self.outcome = Outcome(diverged_step=first + bad, diverged_reason=reason(block, bad))
        block = {name: array[: bad + 1] for name, array in block.items()}
        return block, self._evaluations(block["step"], [found for _, found in runs])

    def _evaluations(self, step: Array, found: list[list[Curves]]) -> Curves:
        """The evaluations at the steps of a block, each of all networks, from those of each group."""
        due = [t for t in step if self._evaluator.is_due(int(t))]
        joined = [_joined(list(groups)) for groups in zip(*found, strict=True)][: len(due)]
        shape = len(due), self.plan.seeds
        curves = {
            name: np.array([one[name] for one in joined]).reshape(shape) for name in self._evaluator.names
        }
        return {STEP: np.array(due), **curves}

    def _progress(self, first: int, block: Recording) -> Progress:
        step = first + len(block["loss"]) - 1
        return Progress(step, self.plan.steps, block["loss"][-1], block["log_delta_norm"][-1])


def _joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    """The arrays of several groups of networks, side by side."""
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}


def stacks(plan: Plan) -> list[range]:
    """The seeds of the networks that are trained side by side, stack by stack."""
    end, size = plan.seed + plan.seeds, stack_size(plan.model)
    return [range(seed, min(seed + size, end)) for seed in range(plan.seed, end, size)]


def stack_size(model: Model) -> int:
    """The most networks that are trained side by side; it does not depend on how many there are."""
    return STACKED_SEEDS if model.shape.widest <= STACKED_WIDTH else 1


def block_rows(shape: Shape) -> int:
    """Steps between two looks at the record: enough to spread its cost, few enough to show progress."""
    flops = 6 * shape.parameters * shape.batch * shape.seeds
    return int(max(1, min(BLOCK_ROWS, BLOCK_FLOPS // flops)))


def record_bytes(plan: Plan) -> int:
    """What the record and recording.npz take at most: float64 of every array, row, layer and network."""
    steps, seeds, depth = plan.steps, plan.seeds, plan.model.shape.depth
    rows, evaluations = steps // plan.every + 2, most_evaluations(steps, plan.evaluate)
    curves = evaluations * (seeds * len(OF_CLASSES) + 1)
    return 8 * (rows * (depth * seeds * len(plan.recorded) + 2 * seeds + 1) + curves)
