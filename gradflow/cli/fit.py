"""gradflow fit: c, verdict and report of norms that were recorded elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gradflow.analysis.outside import Norms, law_across
from gradflow.cli.options import RUNS, Json, Quiet, RunsDir
from gradflow.cli.output import emit_document, emit_page, note
from gradflow.errors import InputError, Problem
from gradflow.outside import read_networks, run_of, save_norms
from gradflow.report.depth_pages import depth_document, depth_page
from gradflow.report.pages import report_text, run_page
from gradflow.store import Run

NormsFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="Logs of norms by layer; several are networks of several depths."),
]
Kind = Annotated[
    str | None, typer.Option(metavar="delta|weight", help="What the norms are of, if the file does not say.")
]
OrderOption = Annotated[
    str | None,
    typer.Option(
        "--order", metavar="file|backward",
        help="The file has the layers from the input on, or from the output on.",
    ),
]  # fmt: skip
Name = Annotated[
    str | None, typer.Option("--output", "-o", metavar="NAME", help="Save them as a run of this name.")
]


WRITERS = {  # what writes a file of this suffix
    **dict.fromkeys(("html", "md"), "report"),
    **dict.fromkeys(("svg", "pdf", "png"), "plot"),
    **dict.fromkeys(("csv", "json", "parquet"), "export"),
}


def fit(
    files: NormsFiles, kind: Kind = None, order: OrderOption = None, output: Name = None,
    runs_dir: RunsDir = RUNS, json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Fit c to gradient norms that were recorded elsewhere.

    \b
    FILE has the columns step, layer, norm (or log_norm), or a column for each
    layer. It may be
      CSV by commas, semicolons, tabs: step,layer,norm or norm_fc1,norm_fc2
      JSON lines: {"step": 0, "layer": "fc1", "norm": 0.1}
        or {"step": 0, "grad_norm/fc1": 0.1, "grad_norm/fc2": 0.2}
      a TensorBoard event file or folder: tags grad_norm/fc1, grad_norm/fc2
      Lightning's metrics.csv: grad_2.0_norm/fc1.weight, as grad_norm() logs
      a panel's CSV of wandb or trackio, and wandb's history in JSON lines:
        RUN - gradients/fc1.weight
      NPY of (steps, layers); NPZ of norm, layer and step, or an array a layer
    and any of these gzipped.

    Layers are ordered from the input on by the numbers in their names (fc10
    after fc9), else as the file has them; the report says how. What is no
    layer, such as a total, is refused by name.

    Most logs hold norms of dLoss/dW, which give no c inside one network: give
    those of several depths, a file each or told apart by a column depth.

    \b
    Examples:
      gradflow new torch-recorder -o recorder.py
      gradflow fit norms.csv --kind delta
      gradflow fit norms.csv -o resnet && gradflow compare 'resnet-*'
      gradflow fit deep10.jsonl deep20.jsonl deep50.jsonl --kind weight
      gradflow fit runs/exp1 --kind weight
    """
    refuse_file(output)
    networks = read_networks(files, kind, order)
    runs = {depth: fitted(norms, Path(norms.source), output, runs_dir) for depth, norms in networks.items()}
    if len(runs) > 1:
        show_depths(networks, runs, json)
    else:
        (norms,), (run,) = networks.values(), runs.values()
        show_one(norms, run, output is not None, json)
    for run in runs.values() if output else ():
        note(f"saved as {run.id}: compare it with gradflow compare", quiet)


def show_one(norms: Norms, run: Run, saved: bool, json: bool) -> None:
    """The report or the document of networks of one depth."""
    if json:
        flow = run.summary.document()["flow"]
        found = {"layer_names": list(norms.layers), "order": norms.order}
        emit_document({**flow["initial"], "final": flow["final"], **found})
    else:
        emit_page(run_page(run.summary, run.recording, saved=saved))


def show_depths(networks: Mapping[int, Norms], runs: Mapping[int, Run], json: bool) -> None:
    """The report or the document of networks of several depths."""
    summaries = {depth: run.summary for depth, run in runs.items()}
    law = law_across(networks, {depth: summary.flow.initial for depth, summary in summaries.items()})
    if json:
        emit_document(depth_document(summaries, law))
    else:
        emit_page(depth_page(summaries, law, [norms.order for norms in networks.values()]))


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
