"""gradflow plot: one figure of runs or sweeps, for a paper or a README."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradflow.errors import InputError, Problem, refuse_unused
from gradflow.report.several import in_order
from gradflow.report.wanted import Wanted, chart_of
from gradflow.store import Run

SUFFIXES = (".svg", ".pdf", ".png")


def require_picture(output: Path) -> None:
    """InputError for a name that is none of a picture."""
    if output.suffix not in SUFFIXES:
        small = ", in small letters" if output.suffix.lower() in SUFFIXES else ""
        raise InputError(Problem(f"a figure ends in {', '.join(SUFFIXES)}{small}", source=str(output)))


@dataclass(frozen=True)
class Print:
    """How it is to be printed: inches, points of its labels, dots an inch of a PNG."""

    width: float = 5.0
    height: float | None = None
    points: float | None = None
    dpi: int | None = None
    titled: bool = True


def drawn(runs: list[Run], output: Path, wanted: Wanted, sheet: Print) -> bytes:
    """The bytes of the figure."""
    from gradflow.report.charts.picture import picture  # of an extra, without which there is --help

    chart = chart_of(in_order(runs), wanted)
    if output.suffix != ".png":
        refuse_unused("only a .png has dots", dpi=sheet.dpi)
    return picture(chart, output.suffix, sheet.width, sheet.height, sheet.points, sheet.dpi, sheet.titled)
