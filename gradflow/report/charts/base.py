"""What every chart is made of: its colours, axes, tooltips and rows of data.

A chart is one Vega-Lite description, which knows no size and no font: HTML, SVG, PNG and PDF add theirs.
Every value is plain JSON; one that is not finite is null, and so a gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite, log10
from typing import Any, TypeAlias

from gradflow.errors import MissingExtra
from gradflow.report.numbers import inert
from gradflow.report.palette import BLUE, RED, SERIES, TONES, WHITE

try:
    import altair as alt
except ModuleNotFoundError:
    raise MissingExtra("plot", "drawing charts") from None

Drawn: TypeAlias = "alt.Chart | alt.LayerChart"
Cut: TypeAlias = "dict[str, Any]"  # the settings of a scale
REACH = 40.0  # decades beyond the first step that an axis shows
BEYOND = "the axis is cut: more lies beyond"

FIRST, LAST, THEORY = SERIES
NEUTRAL = TONES["undetermined"]
VERDICTS = {tone: TONES[tone] or NEUTRAL for tone in ("vanishing", "stable", "exploding", "dead", "overflow")}
# Okabe & Ito 2008, without yellow, which is lost on white
RUNS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#878787")
DASH, DOTS = [6, 3], [2, 2]
DASHES = [[1, 0], DASH, DOTS]
SHAPES = ("circle", "square", "triangle-up", "diamond")  # of the dots: one for each round of the colours
STROKES = ([1, 0], DOTS, [8, 2, 2, 2], [8, 2, 2, 2, 2, 2])  # of the lines, likewise; theory's is DASH
MOST = len(RUNS) * len(SHAPES)  # series that can be told apart
SYMBOL, GAP = 24, 8  # pixels of a legend: for a symbol, between columns
LEFT = 64  # pixels of a figure that a legend has not: the vertical axis, and the rims
ROOM, LETTER = "room", "letter"  # parameters that say how wide a legend and a letter in it are
LABEL = f"max(60, {ROOM} - {SYMBOL})"
LINE = f"'(.{{1,' + floor({LABEL} / {LETTER}) + '}})(, |: |$)'"
WRAPPED = f"split(trim(replace(datum.label, regexp({LINE}, 'g'), '$1$2\\n')), '\\n')"
LEGEND: dict[str, Any] = {"title": None, "orient": "top", "labelLimit": {"expr": LABEL}, "symbolOpacity": 1}
DIGITS = 6  # significant digits of the data in a chart
WHOLE = ("layer", "step")  # axes whose ticks are whole numbers
LOG10, PLAIN = ".3f", ".4~g"  # d3 formats of tooltips: a base-10 log, any other number


def table(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Rows of data, numbers short, texts inert."""
    return alt.InlineData(values=[{key: cell(value) for key, value in row.items()} for row in rows])


def cell(value: Any) -> Any:
    """A value as a chart holds it: six digits, None for what is not finite."""
    if isinstance(value, str):
        return inert(value)
    if isinstance(value, list | tuple):
        return [cell(one) for one in value]
    if value is None or isinstance(value, bool | int):
        return value
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else None


def x(field: str, title: str, **scale: Any) -> alt.X:
    """A horizontal axis of numbers, as wide as the data."""
    axis = alt.Axis(tickMinStep=1) if title in WHOLE else alt.Axis()
    plain = alt.Scale(nice=False, zero=False, **scale)
    return alt.X(field, type="quantitative", title=title, scale=plain, axis=axis)


def y(field: str, title: str, **scale: Any) -> alt.Y:
    """A vertical axis of numbers that need not hold 0."""
    log = scale.get("type") == "log"
    plain = alt.Scale(**({} if log else {"zero": False}) | scale)
    axis = alt.Axis(format=".3~g") if log else alt.Axis()
    return alt.Y(field, type="quantitative", title=title, scale=plain, axis=axis)


def cut(core: Sequence[float], curves: Sequence[float], ends: Sequence[float], reach: float) -> Cut:
    """Where an axis should end so that its `core` can be read; nothing where all fits.

    `curves` count as far as `reach` beyond the core, the `ends` of intervals as far beyond as these span.
    """
    low, high = min(core), max(core)
    inner = max(low - reach, min(curves)), min(high + reach, max(curves))
    span = max(inner[1] - inner[0], 1.0)
    outer = max(inner[0] - span, min(ends, default=low)), min(inner[1] + span, max(ends, default=high))
    limits = min(inner[0], outer[0]), max(inner[1], outer[1])
    drawn = [*curves, *ends]
    whole = limits[0] <= min(drawn) and max(drawn) <= limits[1]
    return {} if whole else {"domain": list(limits), "nice": False}


def log_cut(curves: Sequence[float], ends: Sequence[float], reach: float) -> Cut:
    """`cut` for a logarithmic axis of positive values, `reach` in decades."""
    logs = [log10(value) for value in curves]
    limits = cut(logs, logs, [log10(end) for end in ends if end > 0], reach)
    return {**limits, "domain": [10**end for end in limits["domain"]]} if limits else {}


def tip(field: str, title: str | None = None, form: str | None = None) -> alt.Tooltip:
    """A line of a tooltip; numbers have a d3 format."""
    if form is None:
        return alt.Tooltip(field, type="nominal", title=title or field)
    return alt.Tooltip(field, type="quantitative", title=title or field, format=form)


def colours(names: Mapping[str, str]) -> alt.Color:
    """The colour of each name of the field `line`, with a legend where there are several."""
    scale = _by_line(names, list(names.values()))
    symbol = {"symbolStrokeWidth": 0} if _many(names) else {"symbolType": "circle"}
    return alt.Color("line", type="nominal", scale=scale, legend=_legend(names, **symbol))


def shapes(names: Collection[str]) -> dict[str, Any]:
    """The shape of each name's dots, where there are more names than colours."""
    if not _many(names):
        return {}
    scale = _by_line(names, _rounds(names, SHAPES))
    return {"shape": alt.Shape("line", type="nominal", scale=scale, legend=_legend(names))}


def strokes(names: Collection[str]) -> dict[str, Any]:
    """The dashes of each name's line, where there are more names than colours."""
    if not _many(names):
        return {}
    scale = _by_line(names, _rounds(names, STROKES))
    return {"strokeDash": alt.StrokeDash("line", type="nominal", scale=scale, legend=None)}


def _many(names: Collection[str]) -> bool:
    return len(names) > len(RUNS)


def _rounds(names: Collection[str], looks: Sequence[Any]) -> list[Any]:
    """One look for each round of the colours."""
    return [looks[i // len(RUNS) % len(looks)] for i in range(len(names))]


def _by_line(names: Collection[str], looks: list[Any]) -> alt.Scale:
    return alt.Scale(domain=[inert(name) for name in names], range=looks)


def _legend(names: Collection[str], **symbol: Any) -> alt.Legend | None:
    """The names in as many columns as there is room for; no legend of one name."""
    if len(names) < 2:
        return None
    return alt.Legend(
        columns=_columns(names), labelExpr=WRAPPED, symbolSize=80, symbolLimit=MOST, **symbol, **LEGEND
    )


def _columns(names: Collection[str]) -> dict[str, str]:
    """How many names stand beside each other in a legend."""
    wide = f"({LETTER} * {max(map(len, names))} + {SYMBOL + GAP})"
    return {"expr": f"max(1, floor({ROOM} / {wide}))"}


def room(width: str, letter: float) -> list[dict[str, Any]]:
    """The parameters of legends in a figure that is `width` wide, an expression; all in pixels.

    The width of the plot would not do: it is known when the legend has its place.
    """
    return [{"name": ROOM, "expr": f"{width} - {LEFT}"}, {"name": LETTER, "value": letter}]


def dashes(names: Sequence[str]) -> alt.StrokeDash:
    """Solid, dashed or dotted for each name of the field `part`."""
    stroke: dict[str, Any] = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}
    legend = alt.Legend(columns=_columns(names), **stroke, **LEGEND)
    scale = alt.Scale(domain=list(names), range=DASHES[: len(names)])
    return alt.StrokeDash("part", type="nominal", scale=scale, legend=legend)


def points(base: alt.Chart, size: int, tips: Sequence[alt.Tooltip], clip: bool = False) -> alt.Chart:
    """Dots that tell their values; an unseen rim makes small ones easy to point at."""
    marks = base.mark_point(
        filled=True, size=size, opacity=1, clip=clip, stroke="transparent", strokeWidth=10
    )
    told: alt.Chart = marks.encode(tooltip=list(tips))
    return told


def diverging(field: str, title: str, centre: float, reach: float) -> alt.Color:
    """Blue below the centre, white at it, red above; the colours end at `reach` from it."""
    ends = [f"rgb{BLUE}", f"rgb{WHITE}", f"rgb{RED}"]
    scale = alt.Scale(domain=[centre - reach, centre, centre + reach], range=ends, clamp=True)
    return alt.Color(
        field, type="quantitative", title=title, scale=scale, legend=alt.Legend(gradientLength=140)
    )


def level(value: float) -> alt.Chart:
    """A thin line across the chart at a value that divides it, such as c = 1."""
    rule = alt.Chart(table([{}])).mark_rule(color=NEUTRAL, opacity=0.6)
    placed: alt.Chart = rule.encode(alt.YDatum(value))
    return placed


def layered(*charts: Drawn) -> alt.LayerChart:
    """Charts over each other on the same axes, the first at the bottom."""
    return alt.LayerChart(layer=list(charts))


def titled(chart: Drawn, title: str, subtitle: str = "") -> Drawn:
    """The chart under a title, with what it must say about its data below that."""
    words = alt.TitleParams(inert(title), subtitle=inert(subtitle)) if subtitle else inert(title)
    return chart.properties(title=words)
