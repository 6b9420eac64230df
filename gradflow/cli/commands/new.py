"""gradflow new: list the starter configs, or write one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Quiet, Replace

Template = Annotated[
    str | None,
    typer.Argument(metavar="TEMPLATE", help="The name of a starter config.", autocompletion=offers.starters),
]


OutFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to a new file.")
]


def new(
    template: Template = None, output: OutFile = None, force: Replace = False, quiet: Quiet = False
) -> None:
    """List the starter configs, or write one: to stdout, or a file.

    \b
    Examples:
      gradflow new
      gradflow new quickstart -o quickstart.yaml
    """
    from gradflow.cli.new import print_starter, print_starters, write_starter

    if template is None:
        print_starters()
    elif output is None:
        print_starter(template)
    else:
        write_starter(template, output, force, quiet)
