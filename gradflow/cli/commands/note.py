"""gradflow note: say something of a run, in a line and in tags."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Json, Quiet, RunsDir
from gradflow.runs_folder import RUNS

Noted = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A path, an id or the start of one, @1, or a glob for several.",
        autocompletion=offers.runs,
    ),
]  # fmt: skip
Text = Annotated[str | None, typer.Argument(metavar="TEXT", help='The note; "" takes it away.')]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="NAME", help="Add a tag; again for more.")]
Untags = Annotated[list[str] | None, typer.Option("--untag", metavar="NAME", help="Take a tag away.")]


def note(
    reference: Noted, text: Text = None, tag: Tags = None, untag: Untags = None, runs_dir: RunsDir = RUNS,
    json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Say something of a run or sweep, in a line and in tags.

    Without either it prints what was said. ls, compare and show tell it, and --where finds it. It is no
    part of the run: one that is computed again keeps it.

    \b
    Examples:
      gradflow note @1 "the baseline of figure 3" --tag paper
      gradflow note 'try-*' --untag paper
      gradflow ls --where "'paper' in tags"
    """
    from gradflow.cli.note import line, print_notes, said, say
    from gradflow.telling.lines import noting

    if text is None and not tag and not untag:
        print_notes(said(reference, runs_dir), json, line)
    else:
        tell = noting(quiet)
        print_notes(say(reference, runs_dir, text, tag or (), untag or (), tell), json, tell)
