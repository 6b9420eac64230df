"""gradflow fit: c, verdict and report of norms that were recorded elsewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from gradflow.analysis.outside import Norms
from gradflow.cli.options import RUNS, Json, Quiet, RunsDir
from gradflow.cli.output import emit_document, emit_page, note
from gradflow.errors import InputError, Problem
from gradflow.outside import read_norms, run_of, save_norms
from gradflow.report.pages import report_text, run_page
from gradflow.store import Run

NormsFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV or NPZ with step, layer, norm or log_norm; maybe seed, kind.",
    ),
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
    file: NormsFile, kind: Kind = None, order: OrderOption = None, output: Name = None,
    runs_dir: RunsDir = RUNS, json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Fit c to gradient norms that were recorded elsewhere.

    In PyTorch, in JAX, in anything that writes a CSV or an NPZ file: a row for each layer (columns step,
    layer, norm), or a column for each (norm_fc1, norm_fc2, ...).

    Layers are ordered from the input on by the numbers in their names (fc10 after fc9), else as the file
    has them; the report says how. What is no layer, such as a total, is refused by name.

    \b
    Examples:
      gradflow new torch-recorder -o recorder.py
      gradflow fit norms.csv --kind delta
      gradflow fit norms.csv -o resnet && gradflow compare 'resnet-*'
    """
    refuse_file(output)
    norms = read_norms(file, kind, order)
    run = fitted(norms, file, output, runs_dir)
    if json:
        flow = run.summary.document()["flow"]
        found = {"layer_names": list(norms.layers), "order": norms.order}
        emit_document({**flow["initial"], "final": flow["final"], **found})
    else:
        emit_page(run_page(run.summary, run.recording, saved=output is not None))
    if output:
        note(f"saved as {run.id}: compare it with gradflow compare", quiet)


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
