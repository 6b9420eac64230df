"""gradflow plot: one figure of runs or sweeps, for a paper or a README."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.commands.report import Output, References
from gradflow.cli.options import Quiet, Replace, RunsDir, Step, Where
from gradflow.runs_folder import RUNS

FIGURES = (
    "flow", "heatmap", "factors", "course", "loss", "accuracy", "clipping", "squares", "correlation", "units",
    "map", "phase", "trainable", "theory", "depth-law",
)  # fmt: skip
Figure = Annotated[
    str | None, typer.Option("--figure", help="flow (default), heatmap, factors, phase, depth-law, theory; "
                            "also course (c over training), loss, accuracy (or R2), clipping (what it left), "
                            "squares (q by layer), correlation (of samples, by layer), units, map, trainable "
                            "(what trained, what was to).", autocompletion=offers.words(*FIGURES))
]  # fmt: skip
Across = Annotated[
    str | None,
    typer.Option("--x", metavar="KEY", help="Draw --value over this key.", autocompletion=offers.columns),
]
Up = Annotated[
    str | None,
    typer.Option("--y", metavar="KEY", help="With --x: a map over two keys.", autocompletion=offers.columns),
]
Value = Annotated[
    str | None,
    typer.Option(
        "--value",
        help="With --x: c (the default), log10_ratio, c_final, loss_final, loss_test_final, accuracy_final, "
        "trainable_score. Or an array of the record, such as activation_std: over layers, with --x step over "
        "steps, with --x step --y layer as a map.",
        autocompletion=offers.columns,
    ),
]
Facet = Annotated[
    str | None,
    typer.Option(
        "--facet", metavar="KEY", help="A chart for each of its values.", autocompletion=offers.columns
    ),
]
Width = Annotated[float, typer.Option("--width", min=1, max=40, metavar="INCHES", help="Of the figure.")]
Height = Annotated[
    float | None,
    typer.Option("--height", min=1, max=40, metavar="INCHES", help="By its legend if not given."),
]
FontSize = Annotated[
    float | None,
    typer.Option("--font-size", min=4, max=24, metavar="POINTS", help="Of labels; 8 if not given."),
]
Dpi = Annotated[int | None, typer.Option("--dpi", min=50, max=1200, help="Of a .png; 300 if not given.")]
NoTitle = Annotated[bool, typer.Option("--no-title", help="Leave out the title, as above a caption.")]


def plot(
    references: References, output: Output, figure: Figure = None, x: Across = None, y: Up = None,
    value: Value = None, facet: Facet = None, step: Step = None, where: Where = None, width: Width = 5.0,
    height: Height = None, font_size: FontSize = None, dpi: Dpi = None, no_title: NoTitle = False,
    force: Replace = False, runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Draw a figure to .svg, .pdf or .png.

    Several runs are overlaid, labelled by their names or else by what differs. A file that is there
    already is replaced if gradflow wrote it and it was not changed since.

    \b
    Examples:
      gradflow plot @1 -o flow.svg --step last
      gradflow plot @1 @2 -o factors.pdf --figure factors --width 3.3 --height 2.2 --no-title
      gradflow plot sweep-depth-init-relu -o map.svg --x depth --y init --value log10_ratio
      gradflow plot @1 -o std.svg --value activation_std --x step
    """
    from gradflow.cli.plot import Print, drawn, require_picture
    from gradflow.cli.report import write
    from gradflow.report.wanted import Wanted
    from gradflow.store.named import named_runs
    from gradflow.telling.lines import noting

    require_picture(output)
    runs = named_runs(references, runs_dir, where, noting(quiet))
    wanted = Wanted(figure, x, y, value, facet, step)
    sheet = Print(width, height, font_size, dpi, not no_title)
    write(output, drawn(runs, output, wanted, sheet), force, quiet)
