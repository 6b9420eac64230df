"""How charts tell series apart: colours, shapes of dots, dashes of lines, and the legends that name them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt

from gradflow.report.numbers import inert
from gradflow.report.palette import BLUE, RED, SERIES, TONES, WHITE

FIRST, LAST, THEORY = SERIES
NEUTRAL = TONES["undetermined"]
VERDICTS = {tone: TONES[tone] or NEUTRAL for tone in ("vanishing", "stable", "exploding", "dead", "overflow")}
# Okabe & Ito 2008, without yellow, which is lost on white
RUNS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#878787")
SOLID, DASH, DOTS, MIXED = [1, 0], [6, 3], [2, 2], [8, 2, 2, 2]
PARTS = (SOLID, DASH, DOTS, MIXED)
# where there are more names than colours, one for each round of these; theory's lines are DASH
SHAPES = ("circle", "square", "triangle-up", "diamond")
STROKES = (SOLID, DOTS, MIXED, [8, 2, 2, 2, 2, 2])
MOST = len(RUNS) * len(SHAPES)  # series that can be told apart
LOG10, NUMBER = ".3f", ".4~g"  # d3 formats of tooltips: a base-10 log, any other number
CROWDED = 10  # names of an axis from which some may be left out
WRITTEN, ACROSS, SMALLEST = 1.5, 0.62, 5.5  # a text in a cell by a LETTER, a letter by its size, in pixels
RIM = 0.7  # pixels of a cell's, of which half reaches over its neighbours
SYMBOL, GAP = 24, 8  # pixels of a legend: for a symbol, between columns
LEFT = 64  # pixels of a figure that a legend has not: the vertical axis, and the rims
ROOM, LETTER = "room", "letter"  # parameters that say how wide a legend and a letter in it are
LABEL = f"max(60, {ROOM} - {SYMBOL})"
LINE = f"'(.{{1,' + floor({LABEL} / {LETTER}) + '}})(, |: |$)'"
WRAPPED = f"split(trim(replace(datum.label, regexp({LINE}, 'g'), '$1$2\\n')), '\\n')"
LEGEND: dict[str, Any] = {"title": None, "orient": "top", "labelLimit": {"expr": LABEL}, "symbolOpacity": 1}


def of_runs(names: Collection[str]) -> dict[str, str]:
    """A colour for each name, in rounds where there are more."""
    return dict(zip(names, _in_rounds(names, RUNS, 1), strict=True))


def are_many(names: Collection[Any]) -> bool:
    """Whether colours alone do not tell them apart."""
    return len(names) > len(RUNS)


def colours(names: Mapping[str, str]) -> alt.Color:
    """The colour of each name of the field `line`, with a legend where there are several."""
    symbol: dict[str, Any] = {"symbolStrokeWidth": 0} if are_many(names) else {"symbolType": "circle"}
    return alt.Color("line:N", scale=_scale(names, list(names.values())), legend=_legend(names, **symbol))


def shapes(names: Collection[str]) -> dict[str, Any]:
    """The shape of each name's dots, where there are more names than colours."""
    scale = _scale(names, _in_rounds(names, SHAPES))
    return {"shape": alt.Shape("line:N", scale=scale, legend=_legend(names))} if are_many(names) else {}


def strokes(names: Collection[str], parts: Sequence[str] = ()) -> dict[str, Any]:
    """Dashes: of each name of the field `part`; else of each line, where there are more than colours."""
    if len(parts) > 1:
        symbol = LEGEND | {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}
        legend = alt.Legend(columns=_columns(parts), **symbol)
        return {
            "strokeDash": alt.StrokeDash("part:N", scale=_scale(parts, PARTS[: len(parts)]), legend=legend)
        }
    scale = _scale(names, _in_rounds(names, STROKES))
    return {"strokeDash": alt.StrokeDash("line:N", scale=scale, legend=None)} if are_many(names) else {}


def diverging(field: str, title: str, centre: float, reach: float) -> alt.Color:
    """Blue below the centre, white at it, red above; the colours end at `reach` from it."""
    ends = [f"rgb{BLUE}", f"rgb{WHITE}", f"rgb{RED}"]
    scale = alt.Scale(domain=[centre - reach, centre, centre + reach], range=ends, clamp=True)
    return alt.Color(f"{field}:Q", title=title, scale=scale, legend=alt.Legend(gradientLength=140))


def cells(chart: alt.Chart, field: str, colour: alt.Color, **encoding: Any) -> alt.Chart:
    """Rectangles in the colour of a field, with rims of it: else the ground would shine between them."""
    rim = alt.ExprRef(f"scale('color', datum.{field})")
    cells: alt.Chart = chart.mark_rect(stroke=rim, strokeWidth=RIM).encode(color=colour, **encoding)
    return cells


def room(width: str, letter: float) -> list[dict[str, Any]]:
    """The parameters of legends in a figure that is `width` wide, an expression; all in pixels.

    The width of the plot would not do: it is known when the legend has its place.
    """
    return [{"name": ROOM, "expr": f"{width} - {LEFT}"}, {"name": LETTER, "value": letter}]


def named(count: int) -> alt.Axis:
    """A horizontal axis of so many names: none is left out, and one that is too long is broken at a _."""
    place = f"{ROOM} / {count} / {LETTER}"
    broken = "split(replace(datum.label, regexp('_', 'g'), '_\\n'), '\\n')"
    words = f"length(datum.label) > {place} ? {broken} : datum.label"
    overlap = count > CROWDED
    return alt.Axis(labelAngle=0, grid=False, labelOverlap=overlap, labelExpr=words)


def fitting(count: int, letters: int) -> Any:
    """The size of texts of so many letters in one of `count` columns; 0 where nobody could read it."""
    size = f"min({WRITTEN} * {LETTER}, {ROOM} / {count} / {letters} / {ACROSS})"
    return alt.ExprRef(f"{size} < {SMALLEST} ? 0 : {size}")


def _in_rounds(names: Collection[str], looks: Sequence[Any], long: int = len(RUNS)) -> list[Any]:
    """A look for each name: the next one after each `long` of them."""
    return [looks[i // long % len(looks)] for i in range(len(names))]


def _scale(names: Collection[str], looks: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=[inert(name) for name in names], range=list(looks))


def _legend(names: Collection[str], **symbol: Any) -> alt.Legend | None:
    """The names in as many columns as there is room for; no legend of one name."""
    symbol |= LEGEND | {"labelExpr": WRAPPED, "symbolSize": 80, "symbolLimit": MOST}
    return alt.Legend(columns=_columns(names), **symbol) if len(names) > 1 else None


def _columns(names: Collection[str]) -> dict[str, str]:
    """How many names stand beside each other in a legend."""
    wide = f"({LETTER} * {max(map(len, names))} + {SYMBOL + GAP})"
    return {"expr": f"max(1, floor({ROOM} / {wide}))"}
