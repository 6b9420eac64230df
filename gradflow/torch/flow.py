"""A recording in progress: hooks on the steps that are recorded, their rows, and what they tell of c."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from operator import index
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import Optimizer

from gradflow.analysis.summary import Flow as FlowSummary
from gradflow.api.one_run import OneRun
from gradflow.errors import InputError, RunError
from gradflow.outside.recorded import norms_of, plain
from gradflow.outside.save import run_of
from gradflow.store.run import Run
from gradflow.torch.axis import DepthAxis
from gradflow.torch.calls import BatchPart, kind_of
from gradflow.torch.clipping import is_scale
from gradflow.torch.expected import ExpectedLaw
from gradflow.torch.notes import StepNotes
from gradflow.torch.optimizers import on_steps, unscaled_of
from gradflow.torch.passes import complete, measured, unlike
from gradflow.torch.saving import Saved, run_name
from gradflow.torch.surroundings import eager
from gradflow.torch.table import entries
from gradflow.torch.taps import Chosen, Search, Taps
from gradflow.torch.together import Together
from gradflow.torch.weights import LATER, LOOKS, WeightsLook


@dataclass(frozen=True)
class WatchSettings:
    """What `watch` was asked for."""

    axis: Chosen
    every: int
    samples: BatchPart
    what: frozenset[str]
    reduce: str
    quiet: bool
    seed: int


class WatchedFlow:
    """A recording in progress, and what it has found: `c`, `report()`, `table()`."""

    def __init__(self, model: nn.Module, settings: WatchSettings, scaler: Any, saved: Saved | None) -> None:
        self.model, self.settings, self.scaler, self.saved = model, settings, scaler, saved
        self.axis: DepthAxis | None = None
        self.rows: list[dict[str, Any]] = []
        self.steps = 0
        self._number: int | None = None  # of the last step
        self._last = 0  # step that was recorded, or where the numbers have begun anew since
        self.run: OneRun | None = None  # where it was saved, once it is closed
        self._taps: Search | Taps | None = None
        self._look: WeightsLook | None = None  # until the optimizer has made its step
        self._eager: Any = None
        self._steps: Any = None  # hook on optimizers, on a step that is recorded and until the next
        self._trains = True  # whether the weights have moved on after the last recorded step
        self._expected = ExpectedLaw()
        self._silent: str | None = None  # the read-out, if it starts at zero
        self._open = False
        self._notes = StepNotes(settings.quiet)
        self._together = Together(model, settings.reduce)

    def __enter__(self) -> WatchedFlow:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.close()

    def start(self, number: int | None = None) -> WatchedFlow:
        """Begin, as `with` does, at step `number` if it is known. InputError for one that is not whole."""
        if self.run is not None:
            raise InputError("this is saved: call watch() again, or enter it once around all epochs")
        self._open = True
        if self.saved is not None and self._together.writes:
            self.steps = self.saved.recover(kind_of(self.model))
        self.steps = self._together.of_the_first(self.steps) if number is None else _whole(number)
        self._arm()
        return self

    def close(self) -> None:
        """Take all hooks away, and publish what was saved, also where the last update cannot be had."""
        if not self._open:
            return
        self._open = False
        try:
            self._finish_update(due=self._trains)
        finally:
            self._disarm()
            self._notes.close()
            if self.saved is not None and self._together.writes:
                run = self.saved.publish(self._notes.say)
                self.run = OneRun.of(run) if run else None

    def step(self, number: int | None = None, loss: Any = None) -> None:
        """Say that the backward passes of a step are done: before clipping and the optimizer's step.

        `number` is the step's, if not the count of calls; one that comes again replaces what was recorded
        from there on. RunError if a step is to be recorded and no gradient came; it names the module and
        the cause. InputError for a number that is not whole, or before the recording has begun.
        """
        if not self._open and self._number is None:
            words = "this recording has not begun: enter it, with watch(...) as flow, or call flow.start()"
            raise InputError(f"{words} before the first forward pass")
        number = self.steps if number is None else _whole(number)
        self._finish_update()
        if self._taps is None:
            self._leave_optimizers()
        stride = 1 if self._number is None else max(1, number - self._number)  # to the next, too
        self._number = number
        self._last = number if self._taps is not None else min(self._last, number)
        if self._taps is not None and not self._together.looks:
            self._join()
        elif self._taps is not None:
            self._record(number, loss)
        self.steps = number + 1
        if (number + stride) // self.settings.every > self._last // self.settings.every:
            self._arm()

    @property
    def records(self) -> bool:
        """Whether the step that is under way is recorded."""
        return self._taps is not None and self._together.looks

    @property
    def c(self) -> float | None:
        """The per-layer factor at the last step that was recorded; None if there is none."""
        return self.flow.c

    @property
    def flow(self) -> FlowSummary:
        """Verdict, c, its interval and law at the last step that was recorded."""
        return self._run.summary.flow.final

    def report(self) -> str:
        """What `gradflow show` says of a run, as text."""
        from gradflow.report.pages import run_page
        from gradflow.report.terminal import Look, render

        run = self.run or self._run
        return render(run_page(run.summary, run.recording, saved=self.run is not None), Look())

    def table(self) -> list[dict[str, Any]]:
        """A row for each point of each recorded step, for pandas.DataFrame; norms are natural logs."""
        names = self.axis.names if self.axis else ()
        return [entry for row in self.rows for entry in entries(row, names)]

    @property
    def _run(self) -> Run:
        if not self.rows:
            raise RunError("nothing is recorded yet: call step() after backward()")
        kept = plain(self.rows)
        name = self.saved.name if self.saved else run_name(kind_of(self.model))
        return run_of(norms_of(self.head(), [kept]), name, Path(self.head()["source"]))

    def head(self) -> dict[str, Any]:
        """What a record says at its top."""
        assert self.axis is not None
        return {
            "format": 1,
            "layers": list(self.axis.names),
            "axis": self.axis.axis,
            "block": self.axis.block,
            "watched": kind_of(self.model),
            "told": self.axis.told,
            **self._expected.head(),
            "silent": self._silent,
            "seed": int(self.settings.seed),
            "source": f"{kind_of(self.model)}, by gradflow.torch.watch",
        }

    def _arm(self) -> None:
        if not self._open or not self._together.takes_part or self._taps is not None:
            return
        if self.axis is None:
            self._taps = Search(self.model, self.settings.axis, self.settings.samples, self.scaler)
        else:
            self._taps = Taps(self.model, self.axis, self.settings.samples, self.scaler)
        self._taps.start()
        self._eager = eager()
        self._listen_to_optimizers()

    def _disarm(self) -> None:
        self._leave_optimizers()
        if self._taps is not None:
            self._taps.stop()
            for each in self._taps.passes:
                each.close()
            self._taps = None
        if self._eager is not None:
            self._eager()
            self._eager = None

    def _listen_to_optimizers(self) -> None:
        if self._steps is None and not self.settings.what.isdisjoint(LATER):
            self._steps = on_steps(self._taken)

    def _leave_optimizers(self) -> None:
        if self._steps is not None:
            self._steps.remove()
            self._steps = None

    def _taken(self, optimizer: Optimizer, anew: bool) -> None:
        if self._look is not None:
            self._look.taken(optimizer, anew)

    def _record(self, step: int, loss: Any) -> None:
        taps = self._taps
        assert taps is not None
        self._disarm()
        strange = taps.strange or unlike(taps.passes, first=self.axis is None)
        agreed = self._together.agree(taps.problem is None and strange is None)
        if taps.problem is not None:
            raise taps.problem
        if not agreed:
            self._notes.leave_out(step, strange or "another process leaves it out")
            return
        passes = complete(taps.passes, step)
        if self.axis is None:
            assert isinstance(taps, Search)
            self.axis, self._expected = taps.axis, taps.expected
            self._notes.say(f"axis: {passes[0].axis.told}")
            self._silent = taps.silent()
        row = {"step": step, **measured(passes), "loss": _number(loss)}
        self._together.reduce_logs(row)
        self._weights(row)
        self._say_of_going_back(step)
        self.rows.append(row)
        if self.saved is not None and self._together.writes:
            if self.saved.stream is None:
                self.saved.begin(self.head(), self._notes.say)
            self.saved.add(row)

    def _say_of_going_back(self, step: int) -> None:
        if self.rows and step <= self.rows[-1]["step"]:
            words = f"step {step} comes again: it replaces what was recorded from there on"
            self._notes.once("again", f"{words}; count on over epochs, or give no number")

    def _join(self) -> None:
        """Of a process that only helps to add the norms of what is sharded: the same sums, in order."""
        taps = self._taps
        self._disarm()
        if isinstance(taps, Search):
            self.axis = taps.axis
        if self._together.agree(self.axis is not None):
            self._weights({"loss_scale": 1.0})

    def _weights(self, row: dict[str, Any]) -> None:
        """dW by group now, and a look at the weights whose update the optimizer makes next."""
        assert self.axis is not None
        if self.settings.what.isdisjoint(LOOKS):
            return
        look = WeightsLook(self.model, self.axis, self.settings.what, self._together.sharded)
        row |= look.gradients(row["loss_scale"], unscaled_of(self.scaler, self.model))
        self._look = look
        self._listen_to_optimizers()

    def _finish_update(self, due: bool = False) -> None:
        """Add what the optimizer's step has done to the last row, unless it is still `due`."""
        if self._look is None:
            return
        found = self._look.update(due)
        self._trains, self._look = self._look.stepped, None
        if not self._together.looks or not found:
            return
        if self.scaler is None and is_scale(found.get("clip_share", nan)):
            found["clip_share"] = nan
            told = "the gradients hold the scale of a GradScaler: pass it, watch(..., scaler=scaler)"
            self._notes.once("scale", told)
        self.rows[-1] |= found
        if self.saved is not None and self._together.writes:
            self.saved.add({"step": self.rows[-1]["step"], **found})


def _whole(number: Any) -> int:
    """Of any type of whole numbers, such as NumPy's, as JSON takes it."""
    try:
        return index(number)
    except TypeError:
        raise InputError(f"step: number={number!r}: give a whole number") from None


def _number(loss: Any) -> float:
    value = float(loss.detach() if isinstance(loss, torch.Tensor) else loss) if loss is not None else nan
    return value if isfinite(value) else nan
