"""gradflow ls: runs and sweeps, a line each, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import Json, Quiet, RunsDir, Sort, Where
from gradflow.cli.tables import Csv, Md
from gradflow.runs_folder import RUNS

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="A folder of runs, or a sweep's; --runs-dir if not given."),
]
Top = Annotated[int | None, typer.Option(metavar="N", help="The first N.")]


def ls(
    folder: Folder = None, runs_dir: RunsDir = RUNS, where: Where = None, sort: Sort = None, top: Top = None,
    json: Json = False, csv: Csv = False, md: Md = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """List runs and sweeps, newest first.

    Above them stand those that are running or were interrupted. --where and --sort know the names of
    `gradflow compare --json`, but for ratio and relation; a sweep is there with the points that fulfil
    a condition.

    \b
    Examples:
      gradflow ls
      gradflow ls --where "activation == 'tanh'" --sort loss_final --top 10
      gradflow ls runs/sweep-depth-init-relu-0123abcd --csv
    """
    from gradflow.cli.ls import lines_of, print_lines, refuse_other

    place = folder or runs_dir
    refuse_other(place)
    print_lines(place, *lines_of(place, quiet, where, sort, top), json, csv, md)
