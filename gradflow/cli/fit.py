"""gradflow fit: c, verdict and report of norms that were recorded elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradflow.analysis.outside import Norms, law_across
from gradflow.cli.output import emit_either, note
from gradflow.errors import InputError, Problem
from gradflow.outside import read_networks, run_of, save_norms
from gradflow.report.depth_pages import depth_document, depth_page
from gradflow.report.pages import report_text, run_page
from gradflow.store import Run

WRITERS = {  # what writes a file of this suffix
    **dict.fromkeys(("html", "md"), "report"),
    **dict.fromkeys(("svg", "pdf", "png"), "plot"),
    **dict.fromkeys(("csv", "json", "parquet"), "export"),
}


def runs_of(
    files: list[Path], kind: str | None, order: str | None, only: str | None, name: str | None, folder: Path
) -> tuple[Mapping[int, Norms], Mapping[int, Run]]:
    """The norms and the run of each depth, saved if they have a name."""
    networks = read_networks(files, kind, order, only)
    return networks, {
        depth: fitted(norms, Path(norms.source), name, folder) for depth, norms in networks.items()
    }


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


def fitted(norms: Norms, file: Path, name: str | None, runs: Path) -> Run:
    """The run of norms, saved if it has a name."""
    if name is not None:
        return save_norms(runs, name, norms, file, lambda run: report_text(run.summary))
    return run_of(norms, re.sub(r"[^A-Za-z0-9]+", "-", file.stem).strip("-")[:50] or "norms", file)
