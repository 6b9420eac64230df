"""gradflow ls: runs and sweeps, a line each, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import RUNS, Json, Quiet, RunsDir
from gradflow.cli.tables import Csv, Md

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="A folder of runs, or a sweep's; --runs-dir if not given."),
]


def ls(
    folder: Folder = None, runs_dir: RunsDir = RUNS, json: Json = False, csv: Csv = False, md: Md = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """List runs and sweeps, newest first.

    Above them stand those that are running or were interrupted.

    \b
    Examples:
      gradflow ls
      gradflow ls runs/depth-init-relu-0123abcd --csv
    """
    from gradflow.cli.ls import lines_of, print_lines, refuse_missing

    place = folder or runs_dir
    refuse_missing(place)
    print_lines(place, *lines_of(place, quiet), json, csv, md)
