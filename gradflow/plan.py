"""What a training run needs but its samples, and what follows from the sizes alone: stacks, blocks, bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.critical_rates import AUTO
from gradflow.evaluation import OF_CLASSES, most_evaluations
from gradflow.nn.model import Model
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parameters import Shape
from gradflow.nn.schedules import ConstantRate, Schedule
from gradflow.recording import per_layer
from gradflow.stopping import NEVER, Stop

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
    stop: Stop = NEVER
    critical_lr: str = AUTO  # when it is measured: `gradflow.critical_rates.WHEN`
    precision: bool = False  # whether row 0 tells what low precision would lose

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

    @property
    def rows(self) -> int:
        """Steps of a block: they depend on the sizes of what is trained as a stack, not on how many."""
        return block_rows(self._stack)

    @property
    def seconds(self) -> float:
        """What its steps take about on one core, at 40 products a nanosecond and 20 us a layer and pass."""
        flops = 6 * self._stack.parameters * self._stack.batch * self._stack.seeds
        return self.steps * len(stacks(self)) * (flops / 4e10 + 2e-5 * self.model.shape.depth)

    @property
    def _stack(self) -> Shape:
        return self.model.sized(seeds=len(stacks(self)[0])).shape

    @property
    def state_bytes(self) -> int:
        """What the networks hand from a step to the next: parameters and the optimizer's arrays of them."""
        arrays = self.seeds * (1 + self.optimizer.slots)
        return arrays * self.model.parameters * np.dtype(self.dtype).itemsize


def stacks(plan: Plan) -> list[range]:
    """The seeds of the networks that are trained side by side, stack by stack."""
    end, size = plan.seed + plan.seeds, stack_size(plan.model)
    return [range(seed, min(seed + size, end)) for seed in range(plan.seed, end, size)]


def stack_size(model: Model) -> int:
    """The most networks that are trained side by side; it does not depend on how many there are."""
    return STACKED_SEEDS if model.shape.widest <= STACKED_WIDTH else 1


def block_rows(shape: Shape, blocks: int = 1) -> int:
    """Steps between two looks at the record: enough to spread its cost, few enough to show progress."""
    flops = 6 * shape.parameters * shape.batch * shape.seeds
    return int(max(1, min(blocks * BLOCK_ROWS, blocks * BLOCK_FLOPS // flops)))


def record_bytes(plan: Plan) -> int:
    """What the record and recording.npz take at most: float64 of every array, row, layer and network."""
    steps, seeds, depth = plan.steps, plan.seeds, plan.model.shape.depth
    rows, evaluations = steps // plan.every + 2, most_evaluations(steps, plan.evaluate)
    curves = evaluations * (seeds * len(OF_CLASSES) + 1)
    return 8 * (rows * (depth * seeds * len(plan.recorded) + 2 * seeds + 1) + curves)
