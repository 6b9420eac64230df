"""From a Config to what its training gives, in memory; a worker does this, and another process saves it."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gradflow.arrays import Array
from gradflow.crew import Crew
from gradflow.execution.measured import measured_of
from gradflow.execution.processes import workers_for
from gradflow.interrupts import held_back, is_waiting, raise_waiting
from gradflow.store.info import DataInfo, EvaluationInfo, OutcomeInfo, StoppedInfo, Times, Versions, now
from gradflow.store.result import Result, State, versions
from gradflow.store.spool import forget
from gradflow.store.typed import document_of
from gradflow.training import Training

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradflow.config import Config
    from gradflow.data import Data
    from gradflow.execution.beginning import Beginning
    from gradflow.execution.checkpoint import Checkpoint
    from gradflow.side_by_side import Crews
    from gradflow.training import Progress


def train(
    config: Config,
    data: Data | None = None,
    *,
    progress: Callable[[Progress], object] | None = None,
    checkpoint: Checkpoint | None = None,
    beginning: Beginning | None = None,
    allocate: Callable[[tuple[int, ...]], Array] = np.empty,
    going_on: Callable[[Beginning], object] | None = None,
    workers: int | None = 1,
) -> Result:
    """Train on `data`, or on what the config names, from the checkpoint on if there is one, else `beginning`.

    With several `workers` as many processes have the networks, with None as many as pay; should one die, all
    go on from the checkpoint, once, and then with None in this process. RunError if one dies again.

    `progress` is called after each block of steps, and `going_on` before the first with what went before;
    `allocate` makes the arrays of the recording. A signal is raised between two blocks, once the checkpoint
    is written.
    """
    data = config.data.load(Path()) if data is None else data
    plan = config.plan(data)

    def trained(crew: Crew | Crews) -> Result:
        training = Training(plan, data, allocate, crew)
        by = versions(in_workers=crew.in_workers)
        return _trained(config, data, training, by, progress, checkpoint, beginning, going_on)

    processes = workers_for(plan, workers)
    if processes == 1:
        return trained(Crew(plan, data))
    from gradflow.execution.several import in_processes  # which loads what starts them

    return in_processes(trained, plan, data, processes, alone=workers is None)


def _trained(
    config: Config,
    data: Data,
    training: Training,
    by: Versions,
    progress: Callable[[Progress], object] | None,
    checkpoint: Checkpoint | None,
    beginning: Beginning | None,
    going_on: Callable[[Beginning], object] | None,
) -> Result:
    started, clock = now(), perf_counter()
    if before := (checkpoint and checkpoint.load()) or beginning:
        before.resume(training)
        started, clock = before.started, clock - before.seconds
        if going_on:
            going_on(before)
    told = partial(_told, config, training, data)
    with held_back():
        for done in training:
            if checkpoint:
                checkpoint.keep(training, started, perf_counter() - clock, told, now=is_waiting())
            raise_waiting()
            if progress:
                progress(done)
            forget(training.recorded.values())
    times = Times(started=started, finished=now(), seconds=perf_counter() - clock)
    return Result(
        training.recording, _outcome(training), _facts(config, data), times, by,
        evaluation=document_of(asdict(training.evaluated), EvaluationInfo),
        delta=_delta(config), measured=measured_of(config, training, data), state=_state(config, training),
    )  # fmt: skip


def _told(config: Config, training: Training, data: Data) -> dict[str, Any]:
    """What a checkpoint tells of the run, so that it can be looked at."""
    found = {
        "data": _facts(config, data),
        "evaluation": asdict(training.evaluated),
        "delta": _delta(config),
        "measured": {"critical_lr": training.critical.document()},
    }
    return {"id": config.id, "config": config.plain(), "info": found}


def _delta(config: Config) -> Literal["batch"] | None:
    return "batch" if config.model.norm.mixes else None


def _state(config: Config, training: Training) -> State | None:
    """What a run of more steps would go on from, where there can be one."""
    if training.ended is None or training.outcome.diverged_step is not None or config.training.schedule.spans:
        return None
    return State(training.last, training.ended)


def _outcome(training: Training) -> OutcomeInfo:
    ended = training.outcome
    outcome = OutcomeInfo(
        accuracy_final=ended.accuracy_final,
        diverged_step=ended.diverged_step,
        diverged_reason=ended.diverged_reason,
    )
    if ended.stopped_step is not None and ended.stopped_reason is not None:
        outcome["stopped"] = StoppedInfo(step=ended.stopped_step, reason=ended.stopped_reason)
    return outcome


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
