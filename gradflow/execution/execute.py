"""The second arrow: a Config becomes a run directory, found finished or trained and saved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gradflow.config import Config
from gradflow.config.memory import size
from gradflow.errors import RunError
from gradflow.execution.beginning import Beginning, shorter
from gradflow.execution.checkpoint import SECONDS, Checkpoint
from gradflow.execution.processes import workers_for
from gradflow.execution.train import train
from gradflow.store.carry import require_movable
from gradflow.store.catalog import Index, touch
from gradflow.store.info import Versions
from gradflow.store.partial import Claim, claim
from gradflow.store.result import versions
from gradflow.store.run import Run
from gradflow.store.save import config_text, finished_at, publish, publish_copy
from gradflow.store.spool import is_large, room
from gradflow.store.state import Begun
from gradflow.store.writing import remove
from gradflow.training import Progress


def execute(
    config: Config,
    runs: Path,
    *,
    force: bool = False,
    progress: Callable[[Progress], object] | None = None,
    going_on: Callable[[Beginning], object] | None = None,
    tell: Callable[[str], object] = lambda line: None,
    render: Callable[[Run], str] | None = None,
    interval: float = SECONDS,
    workers: int | None = 1,
) -> Run:
    """The run of a config in the folder `runs`: an identical finished one, else trained now.

    With `force` it is trained anyhow, in the old one's place. `progress`, `going_on` and `workers` are as of
    `train`; `render` gives report.md. An interrupted run goes on, to the same bits, from its last checkpoint,
    kept every `interval` seconds and when a signal comes; one of more steps from the end of a finished one.
    `tell` is warned of damage. RunError if another process computes the run, or what stands there is damaged.
    """
    config_text(config)  # refuses what could not be read again before it is computed
    _recover(Claim(runs, config.id))
    if not force and (finished := _finished(Claim(runs, config.id), config)):
        return finished  # from a folder that can only be read, too
    with claim(runs, config.id) as claimed:
        require_movable(claimed.target)
        if not force and (there := _there(claimed, config, render)):
            return there
        data = config.data.load(Path())
        by = versions(in_workers=workers_for(config.plan(data), workers) > 1)
        result = train(
            config,
            data,
            progress=progress,
            checkpoint=Checkpoint(claimed, config.digest, by, interval),
            beginning=_prepared(claimed, config, by, force, tell),
            allocate=room(claimed.partial, config.record_bytes),
            going_on=going_on,
            workers=workers,
        )
        return publish(claimed, config, result, render)


def _prepared(
    claimed: Claim, config: Config, by: Versions, force: bool, tell: Callable[[str], object]
) -> Beginning | None:
    """The shorter run that it goes on from, if any; with `force`, nothing of before is left."""
    _require_disk(config, claimed.folder)
    if force:
        remove(claimed.checkpoint)
        return None
    return shorter(config, Begun(claimed.folder, by), tell)


def _finished(claimed: Claim, config: Config) -> Run | None:
    """`finished_at`, which makes what it finds the latest."""
    run = finished_at(claimed, config)
    if run:
        touch(run.path)
    return run


def _there(claimed: Claim, config: Config, render: Callable[[Run], str] | None) -> Run | None:
    """The run that needs no training: it stands in its place, or is copied there."""
    finished = _finished(claimed, config)
    if finished:
        return finished
    source = find(config, claimed.folder)
    return publish_copy(claimed, config, source, render) if source else None


def _recover(claimed: Claim) -> None:
    """Bring back what a killed process has left of the run, where that can be done."""
    if os.path.lexists(claimed.old):
        with suppress(RunError), claim(claimed.folder, claimed.id):
            pass


def find(config: Config, runs: Path) -> Run | None:
    """A finished run of the config's digest anywhere in a runs folder, in its sweeps too."""
    return Index(runs).find(config.digest)


def _require_disk(config: Config, runs: Path) -> None:
    """Refuse to start what could not be saved."""
    record, free = config.record_bytes, shutil.disk_usage(runs).free
    needed = record * (1 + is_large(record))  # a large one stands in files when it is saved
    if needed > free:
        message = (
            f"the recording needs {size(needed)} and {size(free)} are free: "
            "free some space, or set recording.every"
        )
        raise RunError(message, runs)
