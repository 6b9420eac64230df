"""How charts look: their colours, the cells of maps, and the room that names have."""

from __future__ import annotations

from typing import Any

import altair as alt

from gradflow.report.palette import BLUE, RED, SERIES, TONES, WHITE

FIRST, LAST, THEORY = SERIES
NEUTRAL = TONES["undetermined"]
VERDICTS = {tone: TONES[tone] or NEUTRAL for tone in ("vanishing", "stable", "exploding", "dead", "overflow")}
# Okabe & Ito 2008, without yellow, which is lost on white
RUNS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#878787")
SOLID, DASH = [1, 0], [6, 3]
SWING = 30.0  # how many times the smallest of positive numbers the largest is, where logs are shown
LOG10, NUMBER = ".3f", ".4~g"  # d3 formats of tooltips: a base-10 log, any other number
WRITTEN, ACROSS, SMALLEST = 1.5, 0.62, 5.5  # a text in a cell by a LETTER, a letter by its size, in pixels
RIM = 0.7  # pixels of a cell's, of which half reaches over its neighbours
BETWEEN = "; "  # notes
SYMBOL = 24  # pixels of a legend's symbol
LEFT = 64  # pixels of a figure that a legend has not: the vertical axis, and the rims
# parameters, in pixels: the width of a legend, of a chart, of its plot, and of a letter
ROOM, PLACE, PLOT, LETTER = "room", "place", "plot", "letter"


def wrapped(pixels: str, ends: str) -> str:
    """The label in lines of so many pixels, an expression, each up to one of `ends`, a regular one."""
    line = f"'(.{{1,' + max(1, floor(({pixels}) / {LETTER})) + '}})({ends}|$)'"
    return f"split(trim(replace(datum.label, regexp({line}, 'g'), '$1$2\\n')), '\\n')"


def fitting(count: int, letters: int) -> Any:
    """The size of texts of so many letters in one of `count` columns; 0 where nobody could read it."""
    size = f"min({WRITTEN} * {LETTER}, {PLOT} / {count} / {letters} / {ACROSS})"
    return alt.ExprRef(f"{size} < {SMALLEST} ? 0 : {size}")


def room(width: str, letter: float, place: str = "", plot: str = "width") -> list[dict[str, Any]]:
    """The parameters of legends and names in a figure that is `width` wide, of which a chart has `place`.

    The width of the plot would not do for legends: it is known when they have their place.
    """
    exprs = {ROOM: f"{width} - {LEFT}", PLACE: f"{place or width} - {LEFT}", PLOT: plot}
    told: list[dict[str, Any]] = [{"name": name, "expr": expr} for name, expr in exprs.items()]
    return [*told, {"name": LETTER, "value": letter}]


def shaded(field: str, title: str | None, scale: alt.Scale, **legend: Any) -> alt.Color:
    """The colours of numbers, with a bar that tells which."""
    bar = alt.Legend(gradientLength=140, **legend)
    return alt.Color(f"{field}:Q", title=title, scale=scale, legend=bar)


def diverging(centre: float, reach: float) -> alt.Scale:
    """Blue below the centre, white at it, red above; the colours end at `reach` from it."""
    ends = [f"rgb{BLUE}", f"rgb{WHITE}", f"rgb{RED}"]
    return alt.Scale(domain=[centre - reach, centre, centre + reach], range=ends, clamp=True)


def cells(chart: alt.Chart, field: str, colour: alt.Color, **encoding: Any) -> alt.Chart:
    """Rectangles in the colour of a field, with rims of it: else the ground would shine between them."""
    rim = alt.ExprRef(f"scale('color', datum.{field})")
    cells: alt.Chart = chart.mark_rect(stroke=rim, strokeWidth=RIM).encode(color=colour, **encoding)
    return cells
