"""gradflow show: the report of a saved run, or all of its layers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from gradflow.analysis.summary import strict
from gradflow.cli.options import RUNS, Json, Reference, RunsDir
from gradflow.cli.output import emit_document, emit_page
from gradflow.cli.tables import refuse_unused
from gradflow.config.load import load_data
from gradflow.report.gradient_pages import trace_page
from gradflow.report.pages import layers_page, run_page
from gradflow.store import Run, load_one
from gradflow.trace import trace

Layers = Annotated[bool, typer.Option("--layers", help="Norms and factors of every layer.")]

Trace = Annotated[
    bool, typer.Option("--trace", help="The chain of local factors of one sample, layer by layer.")
]


def show(
    reference: Reference,
    layers: Layers = False,
    trace: Trace = False,
    runs_dir: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """Show the report of a saved run again.

    \b
    Examples:
      gradflow show @1
      gradflow show quickstart --layers
      gradflow show two-layers --trace
    """
    refuse_unused("--trace shows one chain", layers=layers and trace)
    refuse_unused("--json has the profile of the layers", layers=layers and json)
    run = load_one(reference, runs_dir)
    _ = run.recording  # a damaged run is told of, whatever is asked for
    if trace:
        print_chain(run, json)
    elif layers and not json:
        emit_page(layers_page(run.summary))
    else:
        print_run(run, json)


def print_run(run: Run, json: bool) -> None:
    """The report of a run, or its document."""
    if json:
        emit_document(run.summary.document())
    else:
        emit_page(run_page(run.summary, run.recording))


def print_chain(run: Run, json: bool) -> None:
    """The chain of local factors of network 0, rebuilt as it was drawn, on one sample."""
    data = load_data(run.config.data)
    chain = trace(run.config.plan(data), data)
    if json:
        emit_document(strict(asdict(chain)))
    else:
        emit_page(trace_page(run.id, chain))
