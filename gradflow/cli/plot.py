"""gradflow plot: one figure of runs or sweeps, for a paper or a README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradflow.cli.options import RUNS, Quiet, Replace, RunsDir
from gradflow.cli.output import note
from gradflow.cli.report import Output, References, named_runs
from gradflow.cli.tables import refuse_unused
from gradflow.errors import InputError, Problem, did_you_mean
from gradflow.report.several import in_order
from gradflow.store import Run, write_output

if TYPE_CHECKING:
    from gradflow.report.charts import Drawn

SUFFIXES = (".svg", ".pdf", ".png")
Figure = Annotated[
    str | None, typer.Option("--figure", help="flow (default), heatmap, factors, phase, depth-law, theory; "
                            "also course (c over training), loss, accuracy (or R2), squares (q by layer), "
                            "correlation (mean cosine of samples by layer), units and map.")
]  # fmt: skip
Across = Annotated[str | None, typer.Option("--x", metavar="KEY", help="Draw --value over this key.")]
Up = Annotated[str | None, typer.Option("--y", metavar="KEY", help="With --x: a map over two keys.")]
Value = Annotated[
    str | None,
    typer.Option(
        "--value",
        help="With --x: c (the default), log10_ratio, c_final, loss_final, loss_test_final or "
        "accuracy_final.",
    ),
]
Width = Annotated[float, typer.Option("--width", min=1, max=40, metavar="INCHES", help="Of the figure.")]


def plot(
    references: References, output: Output, figure: Figure = None, x: Across = None, y: Up = None,
    value: Value = None, width: Width = 5.0, force: Replace = False, runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
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
    require_picture(output)
    runs = named_runs(references, runs_dir)
    write_output(output, drawn(runs, output, figure, x, y, value, width), mark=True, force=force)
    note(f"wrote {output}", quiet)


def require_picture(output: Path) -> None:
    """InputError for a name that is none of a picture."""
    if output.suffix not in SUFFIXES:
        raise InputError(Problem(f"a figure ends in {', '.join(SUFFIXES)}", source=str(output)))


def drawn(
    runs: list[Run],
    output: Path,
    figure: str | None,
    x: str | None,
    y: str | None,
    value: str | None,
    width: float,
) -> bytes:
    """The bytes of the figure."""
    from gradflow.report.charts import picture  # of an extra, without which there is --help

    chart = chart_of(in_order(runs), figure, x, y, value)
    return picture(chart, output.suffix, width)


def chart_of(runs: list[Run], figure: str | None, x: str | None, y: str | None, value: str | None) -> Drawn:
    """The named figure, or a value over keys. InputError for an option of the other."""
    from gradflow.report.charts import FIGURES, draw, over_keys

    if x is not None:
        refuse_unused("--x draws a value over keys", figure=figure)
        return over_keys(runs, x, y, value or "c")
    refuse_unused("give the key over which to draw with --x", y=y, value=value)
    figure = "flow" if figure is None else figure
    if figure not in FIGURES:
        known = ", ".join(FIGURES)
        raise InputError(f"--figure {figure}: choose one of {known}{did_you_mean(figure, FIGURES)}")
    return draw(figure, runs)
