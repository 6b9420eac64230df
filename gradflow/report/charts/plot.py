"""What every chart is made of: rows of data, tooltips, and the marks that show lines with their spread.

A chart is one Vega-Lite description, which knows no size and no font: HTML, SVG, PNG and PDF add theirs.
Every value is plain JSON; one that is not finite is null, and so a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any, TypeAlias

import altair as alt

from gradflow.report.charts.axes import AxisScale, y
from gradflow.report.charts.lines import Lines
from gradflow.report.charts.looks import DASH, NEUTRAL
from gradflow.report.numbers import inert

Drawn: TypeAlias = "alt.Chart | alt.LayerChart"
Datum: TypeAlias = "dict[str, Any]"

ROWS = "rows"  # in `usermeta`: the names above each other
DIGITS = 6  # significant digits of the data in a chart


def table(rows: Iterable[Datum]) -> alt.InlineData:
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


def known(rows: Iterable[Datum], *names: str) -> list[float]:
    """The finite numbers in some columns, `value` if none is named."""
    cells = [row[name] for row in rows for name in names or ("value",)]
    return [float(value) for value in cells if value is not None and isfinite(value)]


def tip(name: str, title: str | None = None, form: str | None = None) -> alt.Tooltip:
    """A line of a tooltip; numbers have a d3 format."""
    told = alt.Tooltip(f"{name}:{'Q' if form else 'N'}", title=title or name)
    return told.format(form) if form else told


@dataclass(frozen=True)
class Plot:
    """Rows of `line`, `value` and maybe `part`, `low` and `high` on a pair of axes, a colour a line."""

    rows: Sequence[Datum]
    over: alt.X
    title: str  # of the values
    lines: Lines = field(default_factory=Lines)
    scale: AxisScale = field(default_factory=dict)
    colour: alt.Color | None = None  # where it is not that of the lines
    whole: bool = False  # a line along the rim is drawn in its whole width

    @cached_property
    def base(self) -> alt.Chart:
        """The rows on their axes, without a mark."""
        axes = [self.over, self.up("value"), self.colour or self.lines.colour()]
        base: alt.Chart = alt.Chart(self.table(self.rows)).encode(*axes, **self.lines.apart())
        return base

    def table(self, rows: Sequence[Datum]) -> alt.InlineData:
        """Rows with what their lines are coloured by."""
        return table(self.lines.rows(rows))

    @property
    def cut(self) -> bool:
        """Whether something lies beyond the axis."""
        return "domain" in self.scale

    @property
    def clip(self) -> dict[str, Any]:
        """Whether lines end at the axes; else a page that zooms ends them there."""
        return {"clip": self.cut} if self.whole else {}

    @property
    def notes(self) -> list[str]:
        """What must be said of the axes."""
        return ["the axis is cut: more lies beyond"] if self.cut else []

    def up(self, name: str) -> alt.Y:
        """The vertical axis, for a column of the rows."""
        return y(name, self.title, **self.scale)

    def band(self) -> list[Drawn]:
        """An area from `low` to `high`, where any row has them and there is room."""
        if self.lines.crowded or not known(self.rows, "low"):
            return []
        area = self.base.mark_area(opacity=0.2, **self.clip).encode(y=self.up("low"), y2="high")
        return [area.encode(detail="part:N") if "part" in self.rows[0] else area]

    def bars(self, opacity: float = 0.6) -> Drawn:
        """A bar from `low` to `high` for each row."""
        bars: Drawn = self.base.mark_rule(opacity=opacity).encode(y=self.up("low"), y2="high")
        return bars

    def line(self, name: str = "value", width: float = 2) -> Drawn:
        """A line through the rows of each name, dashed by their parts if there are several."""
        mark = self.base.mark_line(strokeWidth=width, **self.clip)
        line: Drawn = mark.encode(y=self.up(name), **self.lines.strokes())
        return line

    def dots(self, size: int, tips: Sequence[alt.Tooltip], where: str = "") -> Drawn:
        """A dot a row, with its tooltip; `where` says of which rows.

        An unseen rim makes small ones easy to point at.
        """
        base = self.base.transform_filter(where) if where else self.base
        rim: dict[str, Any] = {"stroke": "transparent", "strokeWidth": 10}
        mark = base.mark_point(filled=True, size=size, opacity=1, clip=self.cut, **rim)
        dots: Drawn = mark.encode(tooltip=list(tips), **self.lines.shapes())
        return dots

    def dashed(self, rows: Sequence[Datum], tips: Sequence[alt.Tooltip]) -> list[Drawn]:
        """Theory's lines, if it has any: on the axes and in the colours of the measured ones."""
        mark = self.base.properties(data=self.table(rows)).mark_line(strokeDash=DASH)
        return [mark.encode(tooltip=list(tips))] if rows else []


def rows_of(chart: Drawn) -> int:
    """How many names stand above each other beside a map, which needs room for them; 0 of others."""
    meta = chart._kwds.get("usermeta")
    return int(meta[ROWS]) if isinstance(meta, dict) else 0


def level(value: float) -> Drawn:
    """A thin line across the chart at a value that divides it, such as c = 1."""
    rule: Drawn = alt.Chart(table([{}])).mark_rule(color=NEUTRAL, opacity=0.6).encode(alt.YDatum(value))
    return rule


def titled(title: str, note: str, *charts: Drawn) -> Drawn:
    """Charts over each other, the first at the bottom, under a title and what must be said of their data."""
    chart = alt.LayerChart(layer=list(charts)) if len(charts) > 1 else charts[0]
    return chart.properties(
        title=alt.TitleParams(inert(title), subtitle=inert(note)) if note else inert(title)
    )
