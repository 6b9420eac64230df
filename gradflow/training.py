"""Training as a generator: the caller iterates, sees progress, and may stop between two blocks of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gradflow.arrays import Array
from gradflow.crew import Crew, evaluator_of
from gradflow.critical_rates import CriticalRates
from gradflow.data import Data
from gradflow.evaluation import STEP, CurveRecord, Curves, Evaluated
from gradflow.formats import RECORDED
from gradflow.nn.low_precision import Casts
from gradflow.plan import Plan, stack_size
from gradflow.record import Record
from gradflow.recording import Recording, first_bad_row, reason

if TYPE_CHECKING:
    from gradflow.side_by_side import Crews


SMALL = 64_000_000  # bytes of a state up to which it is kept at the end


@dataclass(frozen=True)
class Progress:
    """Where training stands: losses (seeds,) and ln of every layer's delta norm (layers, seeds)."""

    step: int
    steps: int
    loss: Array
    log_delta: Array


@dataclass(frozen=True)
class Outcome:
    """How training ended. A blow-up is a result: the first step that is not finite, and what was not.

    So is the step at which `stop` ended it, and why.
    """

    accuracy_final: float | None = None
    diverged_step: int | None = None
    diverged_reason: str | None = None
    stopped_step: int | None = None
    stopped_reason: str | None = None

    @property
    def cuts(self) -> bool:
        """Whether there is no going on."""
        return self.diverged_step is not None or self.stopped_step is not None


class Training:
    """Iterate to train: each `Progress` is one block of steps; then `recording` and `outcome` are there.

    `allocate` makes the arrays of the record, which may be larger than the memory, from their shapes. `crew`
    are the networks, in this process unless others have them.
    """

    def __init__(
        self,
        plan: Plan,
        data: Data,
        allocate: Callable[[tuple[int, ...]], Array] = np.empty,
        crew: Crew | Crews | None = None,
    ) -> None:
        self.plan, self.data = plan, data
        self.outcome = Outcome()
        self.ended: dict[str, Array] | None = None  # the state before the last row, if it is small
        depth = plan.model.shape.depth
        self._record = Record(plan.recorded, plan.steps, depth, plan.seeds, plan.every, allocate)
        self._first, self.last = 0, plan.steps  # row of the next block, and of the whole training
        self._evaluator = evaluator_of(plan, data)
        self._curves = CurveRecord(self._evaluator, plan.seeds, allocate)
        side_by_side = plan.model.sized(seeds=min(plan.seeds, stack_size(plan.model)))
        self.critical = CriticalRates(
            plan.critical_lr, side_by_side, plan.seeds, plan.optimizer, plan.clip_norm, plan.steps
        )
        self._crew = crew or Crew(plan, data)
        self.casts: list[Casts] = []  # of all networks, if the plan asks for them and row 0 was trained here

    def __iter__(self) -> Iterator[Progress]:
        self.critical.measure(0, self._crew.critical_rates)
        while self._first <= self.last and self.outcome.diverged_step is None:
            first = self._first
            judged = self._judged(first)
            if first == self.last:
                self.ended = self._small_state()
            block, curves = self._block(first, self._rows(first), judged)
            if self.plan.precision and not first:
                self.casts = self._crew.casts()
            self._record.add(block)
            self._curves.add(curves)
            self._first = first + len(block["loss"])
            if self._first > self.last:
                self.critical.measure(self.last, self._crew.critical_rates)
            yield self._progress(first, block)
        accuracy = self._curves.arrays.get("accuracy_test")
        if accuracy is not None and self.outcome.diverged_step is None:
            self.outcome = replace(self.outcome, accuracy_final=float(accuracy[-1].mean()))

    def _judged(self, first: int) -> list[Curves]:
        """The evaluation at a row, if the training may end there: it does if `stop` asks for it."""
        if not (self.plan.stop.asks and self._evaluator.is_due(first)):
            return []
        found = self._crew.evaluate(first)
        before = self._curves.arrays
        curves = {name: np.concatenate([before[name], found[name][None]]) for name in found}
        why = self.plan.stop.reason(curves)
        if why and first < self.last:
            self.last = first
            self.critical.end_at(first)
            self.outcome = Outcome(stopped_step=first, stopped_reason=why)
        return [found]

    def _rows(self, first: int) -> int:
        """Of the block that begins here: the last row, before which the state is kept, is one of its own."""
        if first == self.last:
            return 1
        end = min(first + self._crew.rows, self.last)
        return (min(end, self._evaluator.next_due(first)) if self.plan.stop.asks else end) - first

    def _small_state(self) -> dict[str, Array] | None:
        small = self.plan.state_bytes < SMALL
        return self.critical.state() | self._crew.state_at_end() if small else None

    @property
    def steps_done(self) -> int:
        """Rows that are recorded, each with the update that follows it."""
        return self._first

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
        if self._first > self.last:
            for name in ("update_ratio", "clip_share"):
                recording[name][-1] = np.nan  # no update follows the last row
        for array in recording.values():
            array.setflags(write=False)
        return recording

    def state(self) -> dict[str, Array]:
        """Between two blocks, all that `restore` needs to go on with the same bits.

        The views of `recorded` are among it. The random streams are counter-based, so nothing of them is.
        """
        return self._recorded_state() | self._crew.state()

    def views(self) -> dict[str, Array]:
        """`state`, good until training goes on: a checkpoint of large networks copies none of them."""
        return self._recorded_state() | self._crew.views()

    def _recorded_state(self) -> dict[str, Array]:
        recorded = {f"{RECORDED}{name}": array for name, array in self.recorded.items()}
        return recorded | self.critical.state()

    def restore(self, state: dict[str, Array], first: int) -> None:
        """Stand before row `first`, where a training gave this state, be it one of fewer steps.

        It must have the same plan otherwise, and the same data.
        """
        block = {name.removeprefix(RECORDED): state[name] for name in state if name.startswith(RECORDED)}
        self._record.add(block)
        self._curves.add(block)
        self.critical.restore(state)
        self.critical.measure(0, self._crew.critical_rates)  # which one of fewer steps may have gone without
        self._first = first
        self._crew.restore(state, first)

    def _block(self, first: int, rows: int, judged: list[Curves]) -> tuple[Recording, Curves]:
        block, found = self._crew.run(first, rows, self.last, evaluated=bool(judged))
        block["step"] = np.arange(first, first + rows, dtype=np.float64)
        bad = first_bad_row(block)
        if bad is not None:
            self.outcome = Outcome(diverged_step=first + bad, diverged_reason=reason(block, bad))
            block = {name: array[: bad + 1] for name, array in block.items()}
        return block, self._evaluations(block["step"], judged + found)

    def _evaluations(self, step: Array, found: list[Curves]) -> Curves:
        """The evaluations at the steps of a block."""
        due = [t for t in step if self._evaluator.is_due(int(t))]
        shape = len(due), self.plan.seeds
        curves = {
            name: np.array([one[name] for one in found[: len(due)]]).reshape(shape)
            for name in self._evaluator.names
        }
        return {STEP: np.array(due), **curves}

    def _progress(self, first: int, block: Recording) -> Progress:
        step = first + len(block["loss"]) - 1
        return Progress(step, self.plan.steps, block["loss"][-1], block["log_delta_norm"][-1])
