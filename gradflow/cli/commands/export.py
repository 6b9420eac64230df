"""gradflow export: saved runs as tidy tables for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.commands.report import References
from gradflow.cli.options import RUNS, Quiet, Replace, RunsDir, Step, Where
from gradflow.cli.output import note
from gradflow.cli.tables import refuse_unused

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE|DIR", help="A folder for all tables, or a file for one of them."
    ),
]


To = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT", help="csv, json, parquet or tensorboard; else by the file's name.",
        autocompletion=offers.words("csv", "json", "parquet", "tensorboard"),
    ),
]  # fmt: skip


Rows = Annotated[
    str | None,
    typer.Option(
        help="Rows of the record: first,last (the default), first, last or all.",
        autocompletion=offers.words("first,last", "first", "last", "all"),
    ),
]


Reach = Annotated[
    list[float] | None,
    typer.Option(
        "--reach",
        metavar="LOSS",
        help="Of runs: the steps until the loss over training samples is at most this; may be repeated.",
    ),
]


OneTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        help="The table of a csv or parquet file: layers (the default), runs, steps (loss by step) or "
        "evaluations.",
        autocompletion=offers.words("layers", "runs", "steps", "evaluations"),
    ),
]


def export(
    references: References, output: Output, to: To = None, rows: Rows = None, step: Step = None,
    table: OneTable = None, reach: Reach = None, where: Where = None, force: Replace = False,
    runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Export runs as tidy tables.

    There are four: runs, a line a run with its config; layers, a line for each row, seed and layer; steps,
    a line for each row and seed with its loss; and evaluations, a line for each evaluation and seed; these
    with the keys in which the runs differ. A file that is there already is replaced with --force alone.

    \b
    Examples:
      gradflow export @1 -o norms.csv
      gradflow export 'tanh-*' -o tables --to parquet --rows all
      gradflow export 'tanh-*' -o loss.parquet --table steps
      gradflow export 'tanh-*' -o runs.csv --table runs --reach 0.5 --reach 0.1
      gradflow export @1 -o events --to tensorboard
    """
    from gradflow.cli.export import FORMATS, TABLES, export_runs, known
    from gradflow.cli.report import named_runs

    form = known("--to", to or output.suffix[1:] or "csv", FORMATS)
    which = known("--table", table or "layers", TABLES)
    if form in ("json", "tensorboard") or not output.suffix:
        refuse_unused("only a csv or parquet file holds one table", table=table)
    elif which == "runs":
        refuse_unused("the table of runs has no rows of the record", rows=rows, step=step)
    elif which == "evaluations":
        refuse_unused("evaluations have steps of their own", rows=rows, step=step)
    refuse_unused("--rows and --step both choose rows", step=step if rows else None)
    if form == "tensorboard" or (form != "json" and output.suffix and which != "runs"):
        refuse_unused("it is a column of the table of runs", reach=reach)
    runs = named_runs(references, runs_dir, where)
    export_runs(runs, output, rows or step, form, which, reach or [], force)
    note(f"wrote {output}", quiet)
