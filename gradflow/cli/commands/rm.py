"""gradflow rm: remove runs, sweeps and what interrupted runs have left."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Json, Quiet, RunsDir
from gradflow.runs_folder import RUNS

References = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="As in `gradflow compare`: paths, ids, @1, or globs.",
        autocompletion=offers.runs,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def rm(
    references: References, yes: Yes = False, runs_dir: RunsDir = RUNS, json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Remove runs, sweeps and what interrupted runs have left.

    What you put into a run's folder stays there. A run that is being computed is never removed.

    \b
    Examples:
      gradflow rm quickstart
      gradflow rm 'try-*' --yes
    """
    from gradflow.cli.rm import confirm, named, print_removed, removed

    entries = named(references, runs_dir)
    if not yes:
        confirm(entries)
    print_removed(removed(entries), json, quiet)
