"""gradflow fit: c, verdict and report of norms that were recorded elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradflow.analysis.outside import Norms, law_across
from gradflow.cli.output import emit_either
from gradflow.errors import InputError, Problem
from gradflow.outside.save import runs_of
from gradflow.report.depth_pages import depth_document, depth_page
from gradflow.report.pages import report_of, run_page
from gradflow.store import Run
from gradflow.telling.lines import note

WRITERS = {  # what writes a file of this suffix
    **dict.fromkeys(("html", "md"), "report"),
    **dict.fromkeys(("svg", "pdf", "png"), "plot"),
    **dict.fromkeys(("csv", "json", "parquet"), "export"),
}


def networks_of(
    files: list[Path], kind: str | None, order: str | None, only: str | None, name: str | None, folder: Path
) -> tuple[Mapping[int, Norms], Mapping[int, Run]]:
    """`runs_of` with the report that a saved one has."""
    return runs_of(files, kind, order, only, name, folder, report_of)


def show(
    networks: Mapping[int, Norms], runs: Mapping[int, Run], saved: bool, json: bool, quiet: bool
) -> None:
    """What was found, and where it was saved."""
    if len(runs) > 1:
        show_depths(networks, runs, json)
    else:
        (norms,), (run,) = networks.values(), runs.values()
        show_one(norms, run, saved, json)
    for run in runs.values() if saved else ():
        note(f"saved as {run.id}: compare it with gradflow compare", quiet)


def show_one(norms: Norms, run: Run, saved: bool, json: bool) -> None:
    """The report or the document of networks of one depth."""

    def document() -> dict[str, Any]:
        whole = run.summary.document()
        flow, told = whole["flow"], {name: whole[name] for name in ("symptoms", "advice")}
        found = {"layer_names": list(norms.layers), "order": norms.order}
        return {**flow["initial"], "final": flow["final"], **found, **told}

    emit_either(json, document, lambda: run_page(run.summary, run.recording, saved=saved))


def show_depths(networks: Mapping[int, Norms], runs: Mapping[int, Run], json: bool) -> None:
    """The report or the document of networks of several depths."""
    summaries = {depth: run.summary for depth, run in runs.items()}
    law = law_across(networks, {depth: summary.flow.initial for depth, summary in summaries.items()})
    orders = [norms.order for norms in networks.values()]
    emit_either(json, lambda: depth_document(summaries, law), lambda: depth_page(summaries, law, orders))


def refuse_file(name: str | None) -> None:
    """InputError for the name of a file, which -o means everywhere else."""
    stem, _, suffix = (name or "").rpartition(".")
    command = WRITERS.get(suffix.lower())
    if name and command:
        then = shlex.join(["gradflow", command, stem or "NAME", "-o", name])
        message = f"names the run, not a file: give {stem or 'a name'}, and then type {then}"
        raise InputError(Problem(message, "--output", name[:40]))
