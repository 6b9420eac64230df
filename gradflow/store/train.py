"""From a Config to what its training gives, in memory; a worker does this, and another process saves it."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import threads
from gradflow.interrupts import held_back, is_waiting, raise_waiting
from gradflow.store.info import DataInfo, EvaluationInfo, OutcomeInfo, Status, Times, Versions, now
from gradflow.store.spool import forget
from gradflow.training import Training
from gradflow.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradflow.analysis.summary import Summary
    from gradflow.config import Config
    from gradflow.data import Data
    from gradflow.recording import Recording
    from gradflow.store.checkpoint import Checkpoint
    from gradflow.training import Progress


@dataclass(frozen=True)
class Result:
    """All that a run directory keeps of a run, but its config. Can be pickled.

    A failed one has a `reason`, no recording, and maybe no data. A worker makes the `summary` too, which may
    take longer than the training; without one it is made when the run is saved.
    """

    recording: Recording
    outcome: OutcomeInfo
    data: DataInfo | None
    times: Times
    versions: Versions
    reason: str | None = None
    summary: Summary | None = None
    evaluation: EvaluationInfo | None = None

    @property
    def status(self) -> Status:
        """completed, diverged or failed."""
        if self.reason is not None:
            return "failed"
        return "completed" if self.outcome["diverged_step"] is None else "diverged"


def train(
    config: Config,
    data: Data | None = None,
    *,
    progress: Callable[[Progress], object] | None = None,
    checkpoint: Checkpoint | None = None,
    allocate: Callable[[tuple[int, ...]], NDArray[Any]] = np.empty,
    going_on: Callable[[int], object] | None = None,
) -> Result:
    """Train on `data`, or on what the config names, from the checkpoint on if there is one.

    `progress` is called after each block of steps, and `going_on` before the first with the number of steps
    that the checkpoint holds; `allocate` makes the arrays of the recording. A signal is raised between two
    blocks, once the checkpoint is written.
    """
    started, clock = now(), perf_counter()
    data = config.data.load(Path()) if data is None else data
    training = Training(config.plan(data), data, allocate)
    if checkpoint and (before := checkpoint.resume(training)):
        started, clock = before.started, clock - before.seconds
        if going_on:
            going_on(before.steps)
    with held_back():
        for done in training:
            if checkpoint:
                checkpoint.keep(training, started, perf_counter() - clock, now=is_waiting())
            raise_waiting()
            if progress:
                progress(done)
            forget(training.recorded.values())
    times = Times(started=started, finished=now(), seconds=perf_counter() - clock)
    ended = training.outcome
    outcome = OutcomeInfo(
        accuracy_final=ended.accuracy_final,
        diverged_step=ended.diverged_step,
        diverged_reason=ended.diverged_reason,
    )
    evaluation = EvaluationInfo(**asdict(training.evaluated))  # type: ignore[typeddict-item]
    facts = _facts(config, data)
    return Result(training.recording, outcome, facts, times, versions(), evaluation=evaluation)


def failed(reason: str) -> Result:
    """The result of a run that gave none."""
    outcome = OutcomeInfo(accuracy_final=None, diverged_step=None, diverged_reason=None)
    times = Times(started=now(), finished=now(), seconds=0.0)
    return Result({}, outcome, None, times, versions(), reason)


def versions() -> Versions:
    """What computes in this process."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    set_to = (os.environ.get(name, "") for name in threads.VARIABLES)
    number = next(filter(re.compile("[0-9]{1,6}").fullmatch, set_to), None)  # more would be a slip
    return Versions(
        gradflow=__version__,
        numpy=np.__version__,
        blas=f"{blas['name']} {blas.get('version', '')}".strip(),
        threads=int(number) if number else os.cpu_count() or 1,
    )


def _facts(config: Config, data: Data) -> DataInfo:
    return DataInfo(
        samples=data.samples,
        samples_test=len(data.x_test),
        features=data.features,
        outputs=data.outputs,
        q_0=data.q_0,
        q_y=data.q_y,
        chance=data.chance,
        task="classification" if data.classes else "regression",
        standardize=getattr(config.data, "standardize", None),
        sha256=data.sha256,
    )
