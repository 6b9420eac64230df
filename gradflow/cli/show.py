"""gradflow show: the report of a saved run, or all of its layers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from gradflow.analysis.summary import strict
from gradflow.cli.output import emit_document, emit_page
from gradflow.config.load import load_data
from gradflow.report.gradient_pages import trace_page
from gradflow.report.pages import layers_page, run_page
from gradflow.store import Run, load_one
from gradflow.trace import trace


def loaded(reference: str, runs_dir: Path) -> Run:
    """The named run. A damaged one is told of, whatever is asked for."""
    run = load_one(reference, runs_dir)
    _ = run.recording
    return run


def print_layers(run: Run) -> None:
    """The norms and factors of every layer."""
    emit_page(layers_page(run.summary))


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
