"""gradflow plot: one figure of runs or sweeps, for a paper or a README."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli.commands.report import Output, References
from gradflow.cli.options import RUNS, Quiet, Replace, RunsDir, Where

Figure = Annotated[
    str | None, typer.Option("--figure", help="flow (default), heatmap, factors, phase, depth-law, theory; "
                            "also course (c over training), loss, accuracy (or R2), clipping (what it left), "
                            "squares (q by layer), correlation (of samples, by layer), units, map, trainable "
                            "(what trained, what was to).")
]  # fmt: skip


Across = Annotated[str | None, typer.Option("--x", metavar="KEY", help="Draw --value over this key.")]


Up = Annotated[str | None, typer.Option("--y", metavar="KEY", help="With --x: a map over two keys.")]


Value = Annotated[
    str | None,
    typer.Option(
        "--value",
        help="With --x: c (the default), log10_ratio, c_final, loss_final, loss_test_final, "
        "accuracy_final or trainable_score.",
    ),
]


Width = Annotated[float, typer.Option("--width", min=1, max=40, metavar="INCHES", help="Of the figure.")]


def plot(
    references: References, output: Output, figure: Figure = None, x: Across = None, y: Up = None,
    value: Value = None, where: Where = None, width: Width = 5.0, force: Replace = False,
    runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Draw a figure to .svg, .pdf or .png.

    Several runs are overlaid, labelled by their names or else by what differs. A file that is there
    already is replaced if gradflow wrote it and it was not changed since.

    \b
    Examples:
      gradflow plot @1 -o flow.svg
      gradflow plot @1 @2 -o factors.pdf --figure factors --width 3.3
      gradflow plot depth-init -o map.svg --x depth --y init --value log10_ratio
    """
    from gradflow.cli.plot import drawn, require_picture
    from gradflow.cli.report import named_runs, write

    require_picture(output)
    runs = named_runs(references, runs_dir, where)
    write(output, drawn(runs, output, figure, x, y, value, width), force, quiet)
