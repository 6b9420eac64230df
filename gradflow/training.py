"""Training as a generator: the caller iterates, sees progress, and may stop between two blocks of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.data import Data
from gradflow.nn.activations import Activation
from gradflow.nn.blocks import BLOCKS
from gradflow.nn.chain import Model
from gradflow.nn.initializers import Initializer
from gradflow.nn.losses import Loss
from gradflow.nn.memory import Memory
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parameters import Shape
from gradflow.recording import PER_LAYER, Record, Recorder, Recording, first_bad_row
from gradflow.streams import Purpose, stream

Array = NDArray[Any]

STACKED_WIDTH = 32  # networks up to this width are trained in stacks; wider ones in turn
STACKED_SEEDS = 8  # of so many at most: more gain nothing, and leave the cache
BLOCK_ROWS, BLOCK_FLOPS = 64, 2e9  # a block ends at whichever comes first


@dataclass(frozen=True)
class Plan:
    """Everything a training run needs but the data."""

    depth: int
    width: int
    activation: Activation
    init: Initializer
    bias: float
    readout: bool
    block: str
    loss: Loss
    optimizer: Optimizer
    steps: int
    batch_size: int
    clip_norm: float | None
    dtype: str
    seed: int
    seeds: int
    every: int

    def shape(self, data: Data, seeds: int = 1) -> Shape:
        """The sizes of `seeds` networks side by side on this data."""
        batch = min(self.batch_size, data.samples)
        return Shape(data.features, self.width, self.depth, data.outputs, batch, self.readout, seeds)

    def model(self, data: Data, seeds: int = 1) -> Model:
        """The networks before they are drawn."""
        block = BLOCKS[self.block]()
        return Model(self.shape(data, seeds), self.activation, self.loss, self.init, self.bias, block)


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


class Batches:
    """Minibatch t of a network: samples t B .. (t + 1) B of the endless row of its epochs' permutations."""

    def __init__(self, seed: int, samples: int, batch: int) -> None:
        self.seed, self.samples, self.batch = seed, samples, batch
        self._epochs: dict[int, Array] = {}

    def indices(self, t: int) -> Array:
        """The samples of minibatch t, (B,)."""
        start, stop = t * self.batch, (t + 1) * self.batch
        first, last = start // self.samples, (stop - 1) // self.samples
        self._epochs = {epoch: self._permutation(epoch) for epoch in range(first, last + 1)}
        epochs = list(self._epochs.values())
        row = epochs[0] if len(epochs) == 1 else np.concatenate(epochs)
        return row[start - first * self.samples : stop - first * self.samples]

    def _permutation(self, epoch: int) -> Array:
        if epoch not in self._epochs:
            return stream(self.seed, Purpose.BATCHES, epoch).permutation(self.samples)
        return self._epochs[epoch]


class _Group:
    """Networks that take their steps together: their batches, engine and recorder."""

    def __init__(self, plan: Plan, data: Data, seeds: range, memory: Memory, rows: int) -> None:
        self.plan, self.memory, self.seeds = plan, memory, seeds
        self.network = Network(memory, plan.optimizer, plan.clip_norm)
        memory.model.draw(self.network.parameters, seeds)
        self.batches = [Batches(seed, data.samples, memory.shape.batch) for seed in seeds]
        self.recorder = Recorder(memory, plan.optimizer, rows)

    def run(self, first: int, rows: int, x: Array, y: Array) -> Recording:
        """Rows first..first + rows - 1 of the record; an update follows every row but the run's last."""
        network, memory = self.network, self.memory
        for r in range(rows):
            t = first + r
            for seed, batches in enumerate(self.batches):
                indices = batches.indices(t)
                np.take(x, indices, axis=0, out=memory.x[seed], mode="clip")
                np.take(y, indices, axis=0, out=memory.y[seed], mode="clip")
            network.forward(record=True)
            network.backward(record=True, update=t < self.plan.steps)
            self.recorder.row(r, network.log_share)
        return self.recorder.flush(rows)

    def accuracy(self, x: Array, y: Array) -> list[float]:
        """Share of samples (N, features + 1) classified right, for each network."""
        memory, batch = self.memory, self.memory.shape.batch
        right = np.zeros(len(self.seeds))
        for start in range(0, len(x), batch):
            rows = x[start : start + batch]
            memory.x[:, : len(rows)] = rows
            guesses = self.network.forward(record=False)[:, :, : len(rows)].argmax(axis=1)
            right += (guesses == y[start : start + batch].argmax(axis=1)).sum(axis=1)
        return list(right / len(x))


class Training:
    """Iterate to train: each `Progress` is one block of steps; then `recording` and `outcome` are there.

    `allocate` makes the arrays of the record, which may be larger than the memory, from their shapes.
    """

    def __init__(
        self, plan: Plan, data: Data, allocate: Callable[[tuple[int, ...]], Array] = np.empty
    ) -> None:
        self.plan, self.data = plan, data
        self.outcome = Outcome()
        self._record = Record(plan.steps, plan.depth, plan.seeds, plan.every, allocate)
        self._first = 0  # row of the next block
        dtype = np.dtype(plan.dtype)
        groups = stacks(plan)
        self._rows = block_rows(plan.shape(data, len(groups[0])))
        with np.errstate(over="ignore"):  # what a float32 does not hold is inf there: a blow-up at step 0
            self._x = np.concatenate([data.x, np.ones((data.samples, 1))], axis=1).astype(dtype)
            self._y = data.y.astype(dtype)
            memory = {
                size: Memory(plan.model(data, size), dtype, plan.clip_norm is not None)
                for size in {len(seeds) for seeds in groups}
            }
            self._groups = [_Group(plan, data, seeds, memory[len(seeds)], self._rows) for seeds in groups]

    def __iter__(self) -> Iterator[Progress]:
        rows = self.plan.steps + 1
        for first in range(self._first, rows, self._rows):
            with np.errstate(all="ignore"):  # what is not finite is looked for in the record
                block = self._block(first, min(self._rows, rows - first))
            self._record.add(block)
            self._first = first + len(block["loss"])
            yield self._progress(first, block)
            if self.outcome.diverged_step is not None:
                return
        if self.data.classes and len(self.data.x_test):
            with np.errstate(all="ignore"):
                self.outcome = Outcome(accuracy_final=self._accuracy())

    @property
    def recorded(self) -> Recording:
        """The rows that are kept so far, as views that are good until training goes on."""
        return self._record.arrays

    @property
    def recording(self) -> Recording:
        """The arrays of recording.npz, read-only, when training is over."""
        recording = self.recorded
        if self._first > self.plan.steps:
            recording["update_ratio"][-1] = np.nan  # no update follows the last row
        for array in recording.values():
            array.setflags(write=False)
        return recording

    def state(self) -> dict[str, Array]:
        """Between two blocks, all that `restore` needs to go on with the same bits.

        The views of `recorded` are among it. The random streams are counter-based, so nothing of them is.
        """
        state = {f"recording.{name}": array for name, array in self.recorded.items()}
        for number, group in enumerate(self._groups):
            for place, flat in enumerate(group.network.flat):
                state[f"network.{number}.{place}"] = flat.copy()
        return state

    def restore(self, state: dict[str, Array]) -> None:
        """Stand where the training of the same plan and data stood that gave this state."""
        recorded = (name for name in state if name.startswith("recording."))
        block = {name.removeprefix("recording."): state[name] for name in recorded}
        self._record.add(block)
        self._first = int(block["step"][-1]) + 1
        for number, group in enumerate(self._groups):
            group.network.updates = self._first
            for place, flat in enumerate(group.network.flat):
                flat[...] = state[f"network.{number}.{place}"]

    def _block(self, first: int, rows: int) -> Recording:
        parts = [group.run(first, rows, self._x, self._y) for group in self._groups]
        block = {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
        block["step"] = np.arange(first, first + rows, dtype=np.float64)
        bad = first_bad_row(block)
        if bad is None:
            return block
        self.outcome = Outcome(diverged_step=first + bad, diverged_reason=reason(block, bad))
        return {name: array[: bad + 1] for name, array in block.items()}

    def _progress(self, first: int, block: Recording) -> Progress:
        step = first + len(block["loss"]) - 1
        return Progress(step, self.plan.steps, block["loss"][-1], block["log_delta_norm"][-1])

    def _accuracy(self) -> float:
        x = np.concatenate([self.data.x_test, np.ones((len(self.data.x_test), 1))], axis=1)
        return float(np.mean([a for group in self._groups for a in group.accuracy(x, self.data.y_test)]))


def reason(block: Recording, row: int) -> str:
    """What was not finite in a row, in words: the first on the way from the input to the loss and back."""
    for name, what in (("q", "pre-activations"), ("activation_std", "activations")):
        bad = np.isnan(block[name][row]).any(axis=-1)
        if bad.any():
            return f"the {what} of layer {int(np.argmax(bad)) + 1} are not finite"
    loss = block["loss"][row]
    if not np.isfinite(loss).all():
        return f"the loss is {'nan' if np.isnan(loss).any() else 'inf'}"
    for name, what in (
        ("log_delta_norm", "delta"),
        ("log_weight_grad_norm", "weight gradient"),
        ("log_bias_grad_norm", "bias gradient"),
    ):
        bad = ~(block[name][row] < np.inf).all(axis=-1)
        if bad.any():
            return f"the {what} of layer {len(bad) - int(np.argmax(bad[::-1]))} is not finite"
    return "a norm is not finite"


def stacks(plan: Plan) -> list[range]:
    """The seeds of the networks that are trained side by side, stack by stack."""
    end = plan.seed + plan.seeds
    size = STACKED_SEEDS if plan.width <= STACKED_WIDTH else 1
    return [range(seed, min(seed + size, end)) for seed in range(plan.seed, end, size)]


def block_rows(shape: Shape) -> int:
    """Steps between two looks at the record: enough to spread its cost, few enough to show progress."""
    flops = 6 * shape.parameters * shape.batch * shape.seeds
    return int(max(1, min(BLOCK_ROWS, BLOCK_FLOPS // flops)))


def record_bytes(plan: Plan) -> int:
    """What the record and recording.npz take: float64 of every array, row, layer and network."""
    rows = plan.steps // plan.every + 2
    return 8 * rows * (plan.depth * plan.seeds * len(PER_LAYER) + plan.seeds + 1)
