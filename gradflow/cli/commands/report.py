"""gradflow report: runs or sweeps as one file to open, send or paste."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Brief, Quiet, Replace, RunsDir, Step, Trace, Where
from gradflow.errors import refuse_unused
from gradflow.runs_folder import RUNS

References = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Paths, ids or their starts, @1, globs; of runs or sweeps.",
        autocompletion=offers.runs,
    ),
]  # fmt: skip
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")]


def report(
    references: References, output: Output, where: Where = None, brief: Brief = False,
    trace: Trace = False, step: Step = None, force: Replace = False, runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Write the report of runs or sweeps, as HTML or markdown.

    FILE.html is one page with charts that opens offline, FILE.md is text; with --brief it has what
    `gradflow show --brief` says of each run, with --trace what `show --trace` says of one, after --step
    updates. A file that is there already is replaced if gradflow wrote it and it was not changed since.

    \b
    Examples:
      gradflow report @1 -o report.html
      gradflow report quickstart -o report.md
      gradflow report 'try-*' -o verdicts.md --brief
      gradflow report two-layers -o chain.html --trace --step 10
    """
    from gradflow.cli.report import reported, traced, write

    refuse_unused("--trace follows one run", brief=brief and trace, where=where if trace else None)
    refuse_unused("only --trace is of a step", step=None if trace else step)
    if trace:
        write(output, traced(references, runs_dir, step, output), force, quiet)
        return
    write(output, reported(references, runs_dir, where, output, brief, quiet), force, quiet)
