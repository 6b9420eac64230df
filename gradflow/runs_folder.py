"""Which folder holds the runs where none is named."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from gradflow.errors import InputError

RUNS = Path("runs")
VARIABLE = "GRADFLOW_RUNS_DIR"  # in the environment: another than RUNS
ANOTHER = "choose another with --runs-dir, in Python with runs="


def runs_folder(named: str | PathLike[str] | None = None) -> Path:
    """The folder that is named, else that of the environment, else RUNS. InputError for an empty name."""
    if named is not None and not os.fspath(named):
        raise InputError(f"the name of the folder of runs is empty: {ANOTHER}")
    return Path(os.environ.get(VARIABLE) or RUNS if named is None else named)
