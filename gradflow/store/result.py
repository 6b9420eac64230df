"""What training gives a run directory, in memory; a worker makes it, and another process saves it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from gradflow import threads
from gradflow.arrays import Array
from gradflow.store.info import (
    DataInfo,
    EvaluationInfo,
    MeasuredInfo,
    OutcomeInfo,
    Status,
    Times,
    Versions,
    now,
)
from gradflow.version import __version__

if TYPE_CHECKING:
    from gradflow.analysis.summary import Summary
    from gradflow.recording import Recording


class State(NamedTuple):
    """What the networks hand on after `step` updates, the last ones that were made."""

    step: int
    arrays: dict[str, Array]


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
    delta: Literal["batch"] | None = None
    measured: MeasuredInfo | None = None
    state: State | None = None

    @property
    def status(self) -> Status:
        """completed, diverged or failed."""
        if self.reason is not None:
            return "failed"
        return "completed" if self.outcome["diverged_step"] is None else "diverged"


def failed(reason: str) -> Result:
    """The result of a run that gave none."""
    outcome = OutcomeInfo(accuracy_final=None, diverged_step=None, diverged_reason=None)
    times = Times(started=now(), finished=now(), seconds=0.0)
    return Result({}, outcome, None, times, versions(), reason)


def versions(*, in_workers: bool = False) -> Versions:
    """What computes in this process or, `in_workers`, in those that it starts, which have one BLAS thread."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    set_to = (os.environ.get(name, "") for name in threads.VARIABLES)
    number = next(filter(re.compile("[0-9]{1,6}").fullmatch, set_to), None)  # more would be a slip
    here = int(number) if number else os.cpu_count() or 1
    return Versions(
        gradflow=__version__,
        numpy=np.__version__,
        blas=f"{blas['name']} {blas.get('version', '')}".strip(),
        threads=1 if in_workers else here,
    )
