"""gradflow plot: one figure of runs or sweeps, for a paper or a README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradflow.cli.options import RUNS, Quiet, RunsDir
from gradflow.cli.output import note
from gradflow.cli.report import Output, References, named_runs
from gradflow.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from gradflow.report.charts import Drawn
    from gradflow.store import Run

SUFFIXES = (".svg", ".pdf", ".png")
Figure = Annotated[
    str, typer.Option("--figure", help="flow, heatmap, factors, phase, depth-law or theory; also course (c "
                      "over training), loss, accuracy (or R2), squares (q by layer), units and map.")
]  # fmt: skip
Across = Annotated[str | None, typer.Option("--x", metavar="KEY", help="Draw --value over this key.")]
Up = Annotated[str | None, typer.Option("--y", metavar="KEY", help="With --x: a map over two keys.")]
Value = Annotated[
    str,
    typer.Option(
        "--value", help="c, log10_ratio, c_final, loss_final, loss_test_final or accuracy_final, for --x."
    ),
]
Width = Annotated[float, typer.Option("--width", min=1, max=40, metavar="INCHES", help="Of the figure.")]


def plot(
    references: References, output: Output, figure: Figure = "flow", x: Across = None, y: Up = None,
    value: Value = "c", width: Width = 5.0, runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Draw a figure to .svg, .pdf or .png.

    Several runs are overlaid, labelled by their names or else by what differs.

    \b
    Examples:
      gradflow plot @1 -o flow.svg
      gradflow plot @1 @2 -o factors.pdf --figure factors --width 3.3
      gradflow plot depth-init -o map.svg --x depth --y init --value log10_ratio
    """
    from gradflow.store import write_output

    require_picture(output)
    runs = named_runs(references, runs_dir)
    write_output(output, drawn(runs, output, figure, x, y, value, width))
    note(f"wrote {output}", quiet)


def require_picture(output: Path) -> None:
    """InputError for a name that is none of a picture."""
    if output.suffix not in SUFFIXES:
        raise InputError(Problem(f"a figure ends in {', '.join(SUFFIXES)}", source=str(output)))


def drawn(
    runs: list[Run], output: Path, figure: str, x: str | None, y: str | None, value: str, width: float
) -> bytes:
    """The bytes of the figure."""
    from gradflow.report.charts import picture
    from gradflow.report.several import in_order

    chart = chart_of(in_order(runs), figure, x, y, value)
    return picture(chart, output.suffix, width)


def chart_of(runs: list[Run], figure: str, x: str | None, y: str | None, value: str) -> Drawn:
    """The named figure, or a value over keys."""
    from gradflow.report.charts import FIGURES, draw, over_keys

    if y and not x:
        raise InputError("--y needs --x: give both keys of the map")
    if x:
        return over_keys(runs, x, y, value)
    if figure not in FIGURES:
        known = ", ".join(FIGURES)
        raise InputError(f"--figure {figure}: choose one of {known}{did_you_mean(figure, FIGURES)}")
    return draw(figure, runs)
