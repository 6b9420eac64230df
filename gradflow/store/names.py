"""The names inside a runs folder, and how large a file may be that is read whole."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "config.yaml"
RECORDING = "recording.npz"
RUN = "run.json"  # of a run directory; written last
SUMMARY = "summary.json"
REPORT = "report.md"
STATE = "state.npz"  # of a run that can be gone on with
OWN = (CONFIG, RECORDING, SUMMARY, REPORT, STATE, RUN)  # all that gradflow writes into a run's folder
NOTE = "note.json"  # a user's, which gradflow writes for them; of a run or a sweep
SWEEP = "sweep.json"  # of a sweep's directory
PARTIAL = ".partial"  # what is not finished: ID-PID, ID-old, ID-checkpoint, ID-rows and ID.lock
ROWS = "-rows"  # ends the name of a record that grows

FORMAT: Final = 1
LARGEST = 16_000_000  # bytes of a JSON document

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}-[0-9a-f]{8}")
DIGEST = re.compile(r"[0-9a-f]{64}")
OF_CONFIG, OF_SWEEP = "run its config again", "type the command of its sweep"  # what makes a run


def is_id(text: str) -> bool:
    """Whether `text` can be NAME-<8 hex>, the id of a run or a sweep."""
    return ID.fullmatch(text) is not None


def is_sweep(folder: Path) -> bool:
    """Whether a folder is a sweep's: with a sweep.json or, where that was lost, with runs of its own name.

    What holds a run.json is a run.
    """
    if not is_id(folder.name):  # of thousands, one look at the disk is enough to tell
        return has_plan(folder)
    return not holds(folder, RUN) and (holds(folder, SWEEP) or _has_points(folder))


def has_plan(folder: Path) -> bool:
    """Whether a folder is a sweep's by its sweep.json, so that what is in it is no user's."""
    return holds(folder, SWEEP) and not holds(folder, RUN)


def _has_points(folder: Path) -> bool:
    """Whether runs that have the name of a folder stand in it, and no file of a run of its own."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    named = folder.name.rpartition("-")[0]
    points = (name for name in names if is_id(name) and name.rpartition("-")[0] == named)
    return not set(OWN) & set(names) and any(holds(os.path.join(folder, name), RUN) for name in points)


def holds(folder: Path | str, name: str) -> bool:
    """Whether something of this name is in a folder."""
    return os.path.lexists(os.path.join(folder, name))  # a Path would take as long as the system call


def is_point(path: Path) -> bool:
    """Whether what stands, or will stand, at `path` is a point of a sweep: it lies in one's folder."""
    return is_sweep(path.parent)


def maker_of(path: Path) -> str:
    """What to do so that the run at `path` is made, or gone on with: a point of a sweep is its sweep's."""
    return OF_SWEEP if is_point(path) else OF_CONFIG


def mender_of(path: Path) -> str:
    """What to do so that a damaged run is made anew, of which `path` is the folder or a file.

    No sweep looks at the states of its points unless it computes them.
    """
    if not (is_point(path) or is_point(path.parent)):
        return f"{OF_CONFIG} with --force"
    return f"{OF_SWEEP} with --force" if path.name == STATE else OF_SWEEP
