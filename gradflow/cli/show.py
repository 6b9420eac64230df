"""gradflow show: the report of a saved run, or all of its layers."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from math import isfinite
from pathlib import Path

from gradflow.analysis.steps import row_at
from gradflow.analysis.summarize import flow_in
from gradflow.analysis.summary import strict
from gradflow.cli.output import emit_document, emit_either, emit_page
from gradflow.report.pages import brief_page, layers_page, run_page, step_page, verdicts_again, with_notes
from gradflow.store import Run, load_one
from gradflow.store.notes import Notes, all_notes
from gradflow.telling.lines import warn


def loaded(reference: str, runs_dir: Path) -> Run:
    """The named run. A damaged one is told of, whatever is asked for."""
    run = load_one(reference, runs_dir)
    _ = run.recording
    return run


def print_layers(run: Run) -> None:
    """The norms and factors of every layer. InputError of a run that failed."""
    _ = run["step"]
    emit_page(layers_page(run.summary, run.recording))


def print_run(run: Run, json: bool, brief: bool, quiet: bool) -> None:
    """The report of a run, or its document; at the end of a terminal's screens the verdict once more."""
    if json:
        emit_document(run.summary.document())
    elif brief:
        emit_page(with_notes(brief_page(run.summary), notes_of(run, quiet)))
    else:
        page = with_notes(run_page(run.summary, run.recording), notes_of(run, quiet))
        again = verdicts_again(run.summary) if sys.stdout.isatty() else []
        emit_page(replace(page, blocks=(*page.blocks, *again)))


def notes_of(run: Run, quiet: bool) -> Notes:
    """What the user says of a run; damaged notes are told of."""
    notes, problem = all_notes(run)
    warn([problem] if problem else [], quiet)
    return notes


def print_step(run: Run, step: str, json: bool) -> None:
    """The flow at one step of the record."""
    row = row_at(run["step"], step)
    config = None if "recorded" in run.info else run.config
    flow = flow_in(run.summary, run.recording, row, config, run.info)
    loss = float(run["loss"][row].mean())
    told = loss if isfinite(loss) else None
    emit_either(json, lambda: strict(asdict(flow)), lambda: step_page(run.summary, flow, told, run.recording))


def print_chain(run: Run, step: str | None, json: bool) -> None:
    """The chain of local factors of network 0, rebuilt as it was drawn or at a step, on one sample."""
    from gradflow.report.chains import chain_of  # a report does without
    from gradflow.report.gradient_pages import trace_page

    chain = chain_of(run, step)
    emit_either(json, lambda: strict(asdict(chain)), lambda: trace_page(run.id, chain))
