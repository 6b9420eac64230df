"""Which folder holds the runs where none is named."""

from __future__ import annotations

import os
import stat
from os import PathLike
from pathlib import Path

from gradflow.errors import InputError, refused

RUNS = Path("runs")
VARIABLE = "GRADFLOW_RUNS_DIR"  # in the environment: another than RUNS
ANOTHER = "choose another with --runs-dir, in Python with runs="


def runs_folder(named: str | PathLike[str] | None = None) -> Path:
    """The folder that is named, else that of the environment, else RUNS.

    InputError for an empty name, and for that of a file.
    """
    if named is None:
        return Path(os.environ.get(VARIABLE) or RUNS)
    if not os.fspath(named):
        raise InputError(f"the name of the folder of runs is empty: {ANOTHER}")
    return no_file(Path(named))


def no_file(folder: Path) -> Path:
    """The folder, be it there or not yet. InputError if it is a file, or would lie in one."""
    try:
        is_file = not stat.S_ISDIR(folder.stat().st_mode)
    except NotADirectoryError:
        is_file = True
    except (OSError, ValueError):  # what cannot be looked at is told of where it is read or made
        is_file = False
    if is_file:
        raise refused(f"is no folder of runs: {ANOTHER}", source=str(folder))
    return folder
