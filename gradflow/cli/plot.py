"""gradflow plot: one figure of runs or sweeps, for a paper or a README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.cli.tables import refuse_unused
from gradflow.errors import InputError, Problem, did_you_mean
from gradflow.report.several import in_order
from gradflow.store import Run

if TYPE_CHECKING:
    from gradflow.report.charts import Drawn

SUFFIXES = (".svg", ".pdf", ".png")


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
