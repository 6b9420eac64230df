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
from gradflow.report.charts.looks import BETWEEN, DASH, NEUTRAL
from gradflow.report.numbers import inert

Drawn: TypeAlias = "alt.Chart | alt.LayerChart"
Datum: TypeAlias = "dict[str, Any]"

DIGITS = 6  # significant digits of the data in a chart
DOT = 14  # the size of one among many


def rows_of(common: Datum, **columns: Iterable[Any]) -> list[Datum]:
    """A row for each of the values in some columns, with what all have in common."""
    rows = zip(*columns.values(), strict=True)
    return [common | dict(zip(columns, row, strict=True)) for row in rows]


def table(rows: Iterable[Datum]) -> alt.InlineData:
    """Rows of data, numbers short, texts inert."""
    return alt.InlineData(values=[{key: cell(value) for key, value in row.items()} for row in rows])


def cell(value: Any) -> Any:
    """A value as a chart holds it: six digits, None for what is not finite."""
    if isinstance(value, str):
        return inert(value)
    if isinstance(value, list | tuple):
        return [cell(one) for one in value]
    if value is None or isinstance(value, int):
        return value
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else None


def known(rows: Iterable[Datum], *names: str) -> list[float]:
    """The finite numbers in some columns, `value` if none is named."""
    cells = [row.get(name) for row in rows for name in names or ("value",)]
    return [float(value) for value in cells if value is not None and isfinite(value)]


def tips(*names: str, **titles: str | tuple[str, str]) -> list[alt.Tooltip]:
    """The lines of a tooltip: columns by their names, then by titles, of numbers with a d3 format."""
    told = {**{name: name for name in names}, **titles}
    return [
        alt.Tooltip(f"{name}:N", title=title)
        if isinstance(title, str)
        else alt.Tooltip(f"{name}:Q", title=title[0], format=title[1])
        for name, title in told.items()
    ]


@dataclass(frozen=True)
class Plot:
    """Rows of `line`, `value` and maybe `part`, `low` and `high` on a pair of axes, a colour a line."""

    rows: Sequence[Datum]
    over: alt.X
    title: str  # of the values
    lines: Lines = field(default_factory=Lines)
    scale: AxisScale = field(default_factory=dict)
    colour: alt.Color | None = None  # where it is not that of the lines
    whole: bool = False  # a line along the rim is drawn in its whole width, but where the axis is cut

    @cached_property
    def base(self) -> alt.Chart:
        """The rows on their axes, without a mark."""
        axes = [self.over, self.up("value"), self.colour or self.lines.colour()]
        base: alt.Chart = alt.Chart(table(self.lines.rows(self.rows))).encode(*axes, **self.lines.apart())
        return base

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
        one = len({*known(self.rows, "value", "low", "high")}) == 1
        return y(name, self.title, one=one, **self.scale)

    def band(self) -> list[Drawn]:
        """An area from `low` to `high`, where any row has them and there is room."""
        if self.lines.crowded or not known(self.rows, "low"):
            return []
        area = self.base.mark_area(opacity=0.2, **self.clip).encode(y=self.up("low"), y2="high")
        return [area.encode(detail="part:N") if "part" in self.rows[0] else area]

    def bars(self, opacity: float = 0.6) -> list[Drawn]:
        """A bar from `low` to `high` for each row, where any has them."""
        bars = self.base.mark_rule(opacity=opacity, clip=self.cut).encode(y=self.up("low"), y2="high")
        return [bars] if known(self.rows, "low") else []

    def line(self, name: str = "value", width: float = 2) -> Drawn:
        """A line through the rows of each name, dashed by their parts if there are several."""
        mark = self.base.mark_line(strokeWidth=width, **self.clip)
        line: Drawn = mark.encode(y=self.up(name), **self.lines.strokes())
        return line

    def dots(self, size: int, tooltip: list[alt.Tooltip], where: str = "") -> Drawn:
        """A dot a row, with its tooltip; `where` says of which rows."""
        base = self.base.transform_filter(where) if where else self.base
        rim: dict[str, Any] = {"stroke": "transparent", "strokeWidth": 10}  # small ones are easy to point at
        mark = base.mark_point(filled=True, size=size, opacity=1, clip=self.cut, **rim)
        dots: Drawn = mark.encode(tooltip=tooltip, **self.lines.shapes())
        return dots

    def dashed(self, rows: Sequence[Datum], tooltip: list[alt.Tooltip]) -> list[Drawn]:
        """Theory's lines, if it has any: on the axes and in the colours of the measured ones."""
        base = self.base.properties(data=table(self.lines.rows(rows)))
        return [base.mark_line(strokeDash=DASH).encode(tooltip=tooltip)] if rows else []


def level(value: float) -> Drawn:
    """A thin line across the chart at a value that divides it, such as c = 1."""
    rule: Drawn = alt.Chart(table([{}])).mark_rule(color=NEUTRAL, opacity=0.6).encode(alt.YDatum(value))
    return rule


def titled(title: str, note: str, *charts: Drawn) -> Drawn:
    """Charts over each other, the first at the bottom, under a title and what must be said of their data."""
    chart = alt.LayerChart(layer=list(charts)) if len(charts) > 1 else charts[0]
    return chart.properties(title=heading(title, note))


def heading(title: str, note: str) -> Any:
    """A title with a note below it, if there is any."""
    return alt.TitleParams(inert(title), subtitle=inert(note)) if note else inert(title)


def words_of(charts: Iterable[Drawn]) -> tuple[str, str]:
    """The title of the first of some charts, and the notes of all, each once."""
    titles = [chart.title for chart in charts]
    told = [title.to_dict() if isinstance(title, alt.TitleParams) else {"text": title} for title in titles]
    notes = [note for one in told for note in one.get("subtitle", "").split(BETWEEN)]
    return told[0]["text"], BETWEEN.join(filter(None, dict.fromkeys(notes)))
