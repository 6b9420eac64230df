"""gradflow fit: c, verdict and report of norms that were recorded elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Json, Quiet, RunsDir
from gradflow.runs_folder import RUNS

NormsFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="Logs of norms by layer; several are networks of several depths."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="delta|weight", help="What the norms are of, if the file does not say.",
        autocompletion=offers.words("delta", "weight"),
    ),
]  # fmt: skip
OrderOption = Annotated[
    str | None,
    typer.Option(
        "--order", metavar="file|backward",
        help="The file has the layers from the input on, or from the output on.",
        autocompletion=offers.words("file", "backward"),
    ),
]  # fmt: skip
Pattern = Annotated[
    str | None,
    typer.Option("--only", metavar="PATTERN", help="The layers, columns or tags that count: 'grad_norm/*'."),
]
Name = Annotated[
    str | None, typer.Option("--output", "-o", metavar="NAME", help="Save them as a run of this name.")
]


def fit(
    files: NormsFiles, kind: Kind = None, order: OrderOption = None, only: Pattern = None,
    output: Name = None, runs_dir: RunsDir = RUNS, json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Fit c to gradient norms that were recorded elsewhere.

    \b
    FILE has the columns step, layer, norm (or log_norm), or a column for each
    layer. It may be
      CSV by commas, semicolons, tabs: step,layer,norm or norm_fc1,norm_fc2,
        or step,tag,value with the tag grad_norm/fc1
      JSON lines: {"step": 0, "layer": "fc1", "norm": 0.1}
        or {"step": 0, "grad_norm/fc1": 0.1, "grad_norm/fc2": 0.2}
      a TensorBoard event file or folder: tags grad_norm/fc1, grad_norm/fc2
      Lightning's metrics.csv: grad_2.0_norm/fc1.weight, as grad_norm() logs
      a panel's CSV of wandb or trackio, and wandb's history in JSON lines:
        RUN - gradients/fc1.weight
      NPY of (steps, layers); NPZ of norm, layer and step, or an array a layer
    and any of these gzipped. trainer_state.json of transformers holds one norm
    of the whole network, which has no depth and gives no c.

    Layers are ordered from the input on by the numbers in their names, else as
    the file has them; the report says how. What is no layer, as a total, is
    refused; --only 'fc*' passes it over, and takes columns of any name.

    Norms of dLoss/dW, as most logs have, give no c inside one network: give
    those of several depths, a file each or told apart by a column depth.

    \b
    Examples:
      gradflow fit norms.csv --kind delta
      gradflow fit norms.csv -o resnet && gradflow compare 'resnet-*'
      gradflow fit deep10.jsonl deep20.jsonl deep50.jsonl --kind weight
      gradflow fit log.csv --only 'layer*' --kind delta
    """
    from gradflow.cli.fit import networks_of, refuse_file, show

    refuse_file(output)
    networks, runs = networks_of(files, kind, order, only, output, runs_dir)
    show(networks, runs, output is not None, json, quiet)
