"""gradflow export: saved runs as tidy tables for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.commands.report import References
from gradflow.cli.options import Quiet, Replace, RunsDir, Step, Where
from gradflow.errors import refuse_unused
from gradflow.runs_folder import RUNS
from gradflow.telling.lines import note

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE|DIR", help="A folder for all tables, or a file for one of them."
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="csv, json, parquet, tensorboard, mlflow or trackio; else by the file's name.",
        autocompletion=offers.words("csv", "json", "parquet", "tensorboard", "mlflow", "trackio"),
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
Project = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of trackio, or MLflow's experiment; else gradflow.")
]


def export(
    references: References, output: Output = None, to: To = None, rows: Rows = None, step: Step = None,
    table: OneTable = None, reach: Reach = None, project: Project = None, where: Where = None,
    force: Replace = False, runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Export runs as tidy tables, or to MLflow or trackio.

    There are four: runs, a line a run with its config; layers, a line for each row, seed and layer; steps,
    a line for each row and seed with its loss; and evaluations, a line for each evaluation and seed; these
    with the keys in which the runs differ. A file that is there already is replaced with --force alone.

    MLflow and trackio get config, results and curves of each run by their own clients: -o names a folder, or
    MLflow's database FILE.db; without -o the client's own environment says where, such as
    MLFLOW_TRACKING_URI or TRACKIO_SPACE_ID.

    \b
    Examples:
      gradflow export @1 -o norms.csv
      gradflow export 'tanh-*' -o tables --to parquet --rows all
      gradflow export 'tanh-*' -o loss.parquet --table steps
      gradflow export 'tanh-*' -o runs.csv --table runs --reach 0.5 --reach 0.1
      gradflow export @1 -o events --to tensorboard
      gradflow export 'tanh-*' -o mlflow.db --to mlflow
    """
    from gradflow.cli.export import TRACKERS, export_runs, exported, tables_form, tracked

    refuse_unused("--rows and --step both choose rows", step=step if rows else None)
    if to in TRACKERS:
        refuse_unused(f"{to} gets all that is told of a run", table=table, reach=reach)
        runs = exported(references, runs_dir, where, step, quiet)
        note(tracked(runs, to, output, project or "gradflow", rows or step or "all", force), quiet)
        return
    refuse_unused(f"it is a name in {' or '.join(TRACKERS)}", project=project)
    form = tables_form(output, to, table, reach, rows, step)
    runs = exported(references, runs_dir, where, step, quiet)
    export_runs(runs, form, rows or step, reach or [], force, quiet)
