"""From a Result, or a run that stands elsewhere, to a run directory: wholly there or not there at all."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from gradflow import yaml_file
from gradflow.errors import InputError, Problem, RunError
from gradflow.store.archive import STATE_FORMAT, seal, write_state
from gradflow.store.arrays import describe, write_arrays
from gradflow.store.heads import head_of
from gradflow.store.info import Info, StateInfo, load_info
from gradflow.store.names import CONFIG, FORMAT, RECORDING, REPORT, RUN, STATE, SUMMARY
from gradflow.store.partial import Claim, claim, other_capitals
from gradflow.store.reading import damaged, read_bytes
from gradflow.store.run import Run, open_run
from gradflow.store.seal import sealed, stamp_of
from gradflow.store.summaries import build_summary, load_summary, summary_at
from gradflow.store.writing import disk_errors, json_bytes, sync, write_bytes, write_file, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gradflow.config import Config
    from gradflow.store.result import Result

    Render = Callable[[Run], str]


def save(
    folder: Path, config: Config, result: Result, render: Render | None = None, *, force: bool = False
) -> Run:
    """Make the run directory of a result in a runs folder or a sweep's; `render` gives its report.md.

    A finished run that stands there already is kept and given back, unless `force`. RunError if the disk
    refuses, or another process works on the same id.
    """
    with claim(folder, config.id) as claimed:
        return (None if force else finished_at(claimed, config)) or publish(claimed, config, result, render)


def copy(folder: Path, config: Config, source: Run, render: Render | None = None) -> Run:
    """Make the run directory of a config in a folder from a finished run of its digest, `source`.

    The recording becomes a hard link. A finished run that stands there already is kept and given back, unless
    it is damaged. RunError if what stands there is another run.
    """
    with claim(folder, config.id) as claimed:
        return whole_at(claimed, config) or publish_copy(claimed, config, source, render)


def whole_at(claimed: Claim, config: Config) -> Run | None:
    """`finished_at`, None too if it is damaged. RunError if what stands there is another run."""
    try:
        return finished_at(claimed, config)
    except RunError:
        if _is_another(claimed, config):
            raise
        return None


def _is_another(claimed: Claim, config: Config) -> bool:
    with suppress(RunError):
        run = open_run(claimed.target)
        return (run.id, run.info["digest"]) != (config.id, config.digest)
    return False


def finished_at(claimed: Claim, config: Config) -> Run | None:
    """The finished run that stands at a config's own place; None if there is none, or a failed one.

    None too if its analysis is not the config's. Its summary.json is sealed if it was not. RunError if it is
    damaged, or is another run.
    """
    if not os.path.lexists(claimed.target):
        return None
    run = open_run(claimed.target)
    if run.id != config.id and run.id.casefold() == config.id.casefold():
        raise other_capitals(claimed, run.id)
    if run.info["digest"] != config.digest:
        raise another(run, config.id)
    if run.status == "failed":
        return None
    found = Run(
        run.path, run.info, reused=True, config=run.config, recording=run.recording, summary=run.summary
    )
    if found.config.analysis != config.analysis:
        return None
    if not run.is_sealed:
        _seal(claimed, run)
    return found


def is_whole(run: Run) -> bool:
    """Whether a run is finished, and its arrays are as they were written."""
    with suppress(RunError):
        return bool(run.recording)  # {} of a failed one
    return False


def another(run: Run, id: str) -> RunError:
    """The error of a run that stands in the place of the one of this id, ready to raise."""
    if run.id == id:
        return damaged(run.path, "is another run, whose digest begins alike", "give this one another name")
    return damaged(run.path, f"holds {run.id}", "move that away, or give this one another name")


def _seal(claimed: Claim, run: Run) -> None:
    """Write anew a summary.json that is missing, damaged or older than seals, where that can be done."""
    path = run.path / SUMMARY
    with suppress(RunError), claim(claimed.folder, claimed.id) as own, disk_errors(path):
        info = read_bytes(run.path / RUN)
        if stamp_of(info) == run.stamp and not path.is_symlink():
            written = own.stage() / SUMMARY
            write_bytes(written, sealed(run.summary.document(), info, head_of(run.summary)))
            os.replace(written, path)
            sync(run.path)


def publish(claimed: Claim, config: Config, result: Result, render: Render | None) -> Run:
    """Write a result under a claim and show it."""
    run = run_of(claimed.target, config, result)

    def fill(folder: Path) -> None:
        if result.recording:
            write_file(folder / RECORDING, lambda file: write_arrays(file, result.recording))
        if result.state is not None:
            write_file(folder / STATE, partial(write_state, state=result.state.arrays))

    write_run(claimed, run, config_text(config), fill, render)
    return run


def run_of(target: Path, config: Config, result: Result) -> Run:
    """The run of a result as it will stand at `target`, or would; nothing is written."""
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
    if result.evaluation is not None:
        info["evaluation"] = result.evaluation
    if result.delta is not None:
        info["delta"] = result.delta
    if result.measured is not None:
        info["measured"] = result.measured
    if result.state is not None:
        step, arrays = result.state
        info["state"] = StateInfo(format=STATE_FORMAT, step=step, stem=config.stem, sha256=seal(arrays))
    for array in result.recording.values():
        array.setflags(write=False)
    summary = result.summary or build_summary(target, config, result.recording, info)
    summary = summary_at(target, summary)
    return Run(target, info, config=config, recording=result.recording, summary=summary)


def publish_copy(claimed: Claim, config: Config, source: Run, render: Render | None) -> Run:
    """Show a finished run under the name and the analysis of a config that has its digest."""
    info = source.info.copy()
    info["id"] = config.id
    kept = [name for name in (RECORDING, STATE) if os.path.lexists(source.path / name)]
    if STATE not in kept:
        info.pop("state", None)
    summary = build_summary(claimed.target, config, source.recording, info)
    run = Run(claimed.target, info, reused=True, config=config, recording=source.recording, summary=summary)

    def fill(folder: Path) -> None:
        for name in kept:
            _link(source.path / name, folder / name)

    write_run(claimed, run, config_text(config), fill, render)
    return run


def config_text(config: Config) -> str:
    """The content of config.yaml. InputError if it would be too large to be read again."""
    text = yaml_file.dump(config.plain())
    if len(text.encode()) > yaml_file.LARGEST:
        raise InputError(Problem("holds too much: put the data into a csv or npz file", "data"))
    return text


def write_run(
    claimed: Claim, run: Run, config: str, fill: Callable[[Path], None], render: Render | None
) -> None:
    """Write a run, its config.yaml and what `fill` puts beside that, under a claim, and show it."""
    report = render(run) if render else None
    with disk_errors(run.path):
        folder = claimed.stage()
        write_text(folder / CONFIG, config)
        fill(folder)
        if report is not None:
            write_text(folder / REPORT, report)
        _write_documents(folder, run)
        claimed.publish()


def _write_documents(folder: Path, run: Run) -> None:
    """summary.json, sealed with run.json, which comes last. RunError if they could not be read again."""
    info = json_bytes(run.info)
    write_bytes(folder / SUMMARY, sealed(run.summary.document(), info, head_of(run.summary)))
    write_bytes(folder / RUN, info)
    if not _is_readable(folder):
        message = "could not be read again and is not saved: give its config to the makers of gradflow"
        raise RunError(message, run.path)


def _is_readable(folder: Path) -> bool:
    try:
        return load_summary(folder, load_info(folder)) is not None
    except RunError:
        return False


def _link(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, path)
    sync(path)
