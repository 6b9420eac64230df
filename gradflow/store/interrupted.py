"""What there is of a run that was cut short: its checkpoint in `.partial`, read and never changed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from gradflow.errors import InputError, RunError
from gradflow.formats import RECORDED
from gradflow.store.info import Info, OutcomeInfo, Times
from gradflow.store.names import FORMAT, LARGEST
from gradflow.store.partial import Claim
from gradflow.store.reading import damaged, open_file
from gradflow.store.run import Run, open_run
from gradflow.store.summaries import build_summary
from gradflow.store.typed import UNREADABLE, document_of

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.arrays import Readings
    from gradflow.config import Config

REMEDY = "run its config again, or remove it with `gradflow rm`"


def opened(path: Path) -> Run:
    """The run at a path or, where none stands, what there is of one that was interrupted."""
    try:
        return open_run(path)  # almost always there: one looks for no checkpoint of thousands
    except RunError:
        left = Claim(path.parent, path.name).checkpoint
        if os.path.lexists(path) or not os.path.lexists(left):
            raise
    return _run_of(path, left)


def reached(path: Path) -> tuple[int, int] | None:
    """The steps that an interrupted run has made, and those that it was to make; None if unknown."""
    try:
        with open_file(Claim(path.parent, path.name).checkpoint) as file, ZipFile(file) as archive:
            if archive.getinfo("about.npy").file_size > LARGEST:
                return None
            about = json.loads(archive.read("about.npy").partition(b"\n")[2])  # behind the array's header
            steps, planned = about["steps"], about["config"]["training"]["steps"]
    except Exception:  # zipfile raises a dozen unrelated classes
        return None
    return (steps, planned) if type(steps) is type(planned) is int else None


def _run_of(path: Path, left: Path) -> Run:
    from gradflow.config import config_from_plain
    from gradflow.store.archive import read_sealed

    about, state = read_sealed(left)
    recording = {
        name.removeprefix(RECORDED): array for name, array in state.items() if name.startswith(RECORDED)
    }
    try:
        config, info = config_from_plain(about["config"]), _info(path, left, about, recording)
    except (InputError, KeyError, TypeError, *UNREADABLE):
        raise damaged(left, "cannot be shown", REMEDY) from None
    if (config.digest, config.id) != (info["digest"], path.name):
        raise damaged(left, "is of another run", REMEDY)
    for array in recording.values():
        array.setflags(write=False)
    return _summarized(path, config, info, recording)


def _summarized(path: Path, config: Config, info: Info, recording: dict[str, Any]) -> Run:
    summary = build_summary(path, config, recording, info)
    return Run(path, info, config=config, recording=recording, summary=summary)


def _info(path: Path, left: Path, about: dict[str, Any], recording: Readings) -> Info:
    """The run.json that it might have had then."""
    last = datetime.fromtimestamp(left.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
    told = {name: value for name, value in about["info"].items() if value is not None}
    document = {
        "format": FORMAT,
        "id": path.name,
        "digest": about["origin"]["digest"],
        "status": "interrupted",
        "reason": None,
        "times": Times(started=about["started"], finished=last, seconds=about["seconds"]),
        "versions": about["origin"]["versions"],
        "arrays": {},
        "outcome": OutcomeInfo(accuracy_final=_accuracy(recording), diverged_step=None, diverged_reason=None),
        **told,
    }
    return document_of(document, Info)


def _accuracy(recording: Readings) -> float | None:
    """On held-out samples at the last evaluation; None where there are no classes, or no such samples."""
    accuracy = recording.get("accuracy_test")
    return None if accuracy is None else float(accuracy[-1].mean())
