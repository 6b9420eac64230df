"""gradflow show: the report of a saved run, or all of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gradflow.cli.options import RUNS, Json, Reference, RunsDir
from gradflow.cli.output import emit_document, emit_page

if TYPE_CHECKING:
    from gradflow.store import Run

Layers = Annotated[bool, typer.Option("--layers", help="Norms and factors of every layer.")]


def show(
    reference: Reference,
    layers: Layers = False,
    runs_dir: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """Show the report of a saved run again.

    \b
    Examples:
      gradflow show @1
      gradflow show quickstart --layers
    """
    from gradflow.report.pages import layers_page
    from gradflow.store import load_one

    run = load_one(reference, runs_dir)
    if layers and not json:
        emit_page(layers_page(run.summary))
    else:
        print_run(run, json)


def print_run(run: Run, json: bool) -> None:
    """The report of a run, or its document."""
    from gradflow.report.pages import run_page

    if json:
        emit_document(run.summary.document())
    else:
        emit_page(run_page(run.summary, run.recording))
