"""From a Result to a run directory, wholly there or not there at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from gradflow import yaml_file
from gradflow.errors import InputError, Problem
from gradflow.store.arrays import describe, write_arrays
from gradflow.store.info import Info
from gradflow.store.names import CONFIG, FORMAT, RECORDING, REPORT, RUN, SUMMARY
from gradflow.store.partial import Claim, claim
from gradflow.store.reading import damaged
from gradflow.store.run import Run, open_run
from gradflow.store.summaries import build_summary
from gradflow.store.writing import disk_errors, sync, write_file, write_json, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gradflow.config import Config
    from gradflow.store.train import Result

    Render = Callable[[Run], str]


def save(
    folder: Path, config: Config, result: Result, render: Render | None = None, *, force: bool = False
) -> Run:
    """Make the run directory of a result in a runs folder or a sweep's.

    A finished run that stands there already is kept and given back, unless `force`. RunError if the disk
    refuses or another process works on the same id.
    """
    with claim(folder, config.id) as claimed:
        standing = None if force else finished_at(claimed.target, config)
        return standing or publish(claimed, config, result, render)


def copy(folder: Path, config: Config, source: Run, render: Render | None = None) -> Run:
    """Make the run directory of a finished run that has the config's digest: its recording as a hard link."""
    with claim(folder, config.id) as claimed:
        return publish_copy(claimed, config, source, render)


def finished_at(target: Path, config: Config) -> Run | None:
    """The finished run of a config at its own place; None if none or a failed one stands there.

    RunError if it is damaged, or is another run.
    """
    if not os.path.lexists(target):
        return None
    run = open_run(target)
    if run.info["digest"] != config.digest:
        raise damaged(target, "is another run, whose digest begins alike", "give this one another name")
    if run.status == "failed":
        return None
    assert run.recording  # reading it verifies it
    return Run(target, run.info, reused=True, config=run.config, recording=run.recording)


def publish(claimed: Claim, config: Config, result: Result, render: Render | None) -> Run:
    """Write a result under a claim and show it."""
    info = Info(
        format=FORMAT,
        id=config.id,
        digest=config.digest,
        status=result.status,
        reason=result.reason,
        times=result.times,
        versions=result.versions,
        arrays=describe(result.recording),
        outcome=result.outcome,
        data=result.data,
    )
    run = Run(claimed.target, info, config=config, recording=result.recording)

    def write_recording(path: Path) -> None:
        if result.recording:
            write_file(path, lambda file: write_arrays(file, result.recording))

    return _publish(claimed, run, write_recording, render)


def publish_copy(claimed: Claim, config: Config, source: Run, render: Render | None) -> Run:
    """Show a finished run under the name and the analysis of a config that has its digest."""
    info = Info(**{**source.info, "id": config.id})
    run = Run(claimed.target, info, reused=True, config=config, recording=source.recording)
    return _publish(claimed, run, lambda path: _link(source.path / RECORDING, path), render)


def config_text(config: Config) -> str:
    """The content of config.yaml. InputError if it would be too large to be read again."""
    text = yaml_file.dump(config.plain())
    if len(text.encode()) > yaml_file.LARGEST:
        raise InputError(Problem("holds too much data: put it into a csv or npz file", "data"))
    return text


def _publish(claimed: Claim, run: Run, write_recording: Callable[[Path], None], render: Render | None) -> Run:
    run = Run(
        run.path,
        run.info,
        reused=run.reused,
        config=run.config,
        recording=run.recording,
        summary=build_summary(run.path, run.config, run.recording, run.info),
    )
    report = render(run) if render else None
    with disk_errors(run.path):
        folder = claimed.stage()
        write_text(folder / CONFIG, config_text(run.config))
        write_recording(folder / RECORDING)
        write_json(folder / SUMMARY, run.summary.document())
        if report is not None:
            write_text(folder / REPORT, report)
        write_json(folder / RUN, run.info)
        claimed.publish()
    return run


def _link(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, path)
    sync(path)
