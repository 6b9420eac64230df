"""Charts of many runs: a value over one key or two, and the phase map with its critical line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import TYPE_CHECKING, Any

import altair as alt

from gradflow.analysis.differences import flat, full_name
from gradflow.analysis.summary import Number, Summary
from gradflow.errors import InputError
from gradflow.report.charts.base import (
    DASH,
    PLAIN,
    RUNS,
    Drawn,
    cell,
    colours,
    diverging,
    layered,
    level,
    points,
    shapes,
    strokes,
    table,
    tip,
    titled,
    x,
    y,
)  # fmt: skip
from gradflow.report.labels import label, named_apart
from gradflow.report.numbers import factor, number
from gradflow.report.several import axes_of

if TYPE_CHECKING:
    pass

Row = dict[str, Any]

NAME = "name"
SIGMA_W, SIGMA_B = "model.init.sigma_w", "model.init.sigma_b"
WRITTEN = 120  # cells of a map up to which their values are written into them
QUIET = 0.02  # log10 of c up to which a map stays pale: 1.05


@dataclass(frozen=True)
class Value:
    """Something of a run that a map can show: its number, and that number as the colour takes it."""

    title: str
    read: Callable[[Summary], Number]
    colour: Callable[[float], float] = float
    diverges: bool = False
    quiet: float = QUIET


VALUES = {
    "c": Value("c at initialization", lambda s: s.flow.initial.c, lambda c: log10(c) if c else -10.0, True),
    "log10_ratio": Value(
        "log10 ratio of layer 1 to L", lambda s: s.flow.initial.log10_ratio, float, True, 1.0
    ),
    "c_final": Value("c at the end", lambda s: s.flow.final.c, lambda c: log10(c) if c else -10.0, True),
    "loss_final": Value("loss on training samples at the end", lambda s: s.training.loss_final),
    "loss_test_final": Value("loss on held-out samples at the end", lambda s: s.training.loss_test_final),
    "accuracy_final": Value("accuracy on held-out samples at the end", lambda s: s.training.accuracy_final),
}


def over_one(summaries: Sequence[Summary], key: str, value: str = "c") -> Drawn | None:
    """A value over one key, as points; runs that differ in other keys are lines of their own."""
    others = [other for other in axes_of(summaries) if other != key] if key != NAME else []
    shown = VALUES[value]
    rows: list[Row] = []
    for summary in summaries:
        config, flow = flat(summary.config), summary.flow.initial
        ends = (flow.c_low, flow.c_high) if value == "c" else (None, None)
        row = {"x": config.get(key), "value": shown.read(summary), "low": ends[0], "high": ends[1]}
        rows.append(
            {**row, "line": label(config, others) or "all", "run": summary.id, "text": _text(summary, value)}
        )
    if not any(row["value"] is not None for row in rows):
        return None
    names = {name: RUNS[i % len(RUNS)] for i, name in enumerate(dict.fromkeys(row["line"] for row in rows))}
    numeric = all(isinstance(row["x"], int | float) for row in rows)
    axis = x("x", key) if numeric else alt.X("x:N", title=key, sort=None, axis=alt.Axis(labelAngle=-30))
    base = alt.Chart(table(rows)).encode(x=axis, color=colours(names), y=y("value", shown.title))
    tips = [tip("run"), tip("line", "differs"), tip("x", key), tip("text", value)]
    bars = base.mark_rule(opacity=0.6).encode(y=y("low", shown.title), y2="high")
    dots = points(base.encode(**shapes(names)), 50, tips)
    lines = [base.mark_line(strokeWidth=1).encode(**strokes(names))] if numeric else []
    return titled(
        layered(*([level(1)] if value == "c" else []), bars, *lines, dots), f"{shown.title}, by {key}"
    )


def over_two(summaries: Sequence[Summary], across: str, up: str, value: str = "c") -> Drawn | None:
    """A value over two keys as a map of cells; numbers are written into few cells."""
    rows = _cells(summaries, across, up, value)
    orders = [_order([row[name] for row in rows]) for name in ("x", "y")]
    base = alt.Chart(table(rows)).encode(
        x=alt.X("x:N", title=across, sort=orders[0], axis=alt.Axis(labelAngle=0, grid=False)),
        y=alt.Y("y:N", title=up, sort=orders[1][::-1], axis=alt.Axis(grid=False)),
    )
    cells = base.mark_rect().encode(color=_colour(rows, value), tooltip=_cell_tips(across, up, value))
    if len(rows) > WRITTEN:
        return titled(cells, VALUES[value].title)
    words = base.mark_text(fontSize=10).encode(text="text_short:N", color=_ink(rows, value))
    return titled(layered(cells, words), VALUES[value].title)


def phase(summaries: Sequence[Summary], value: str = "c") -> Drawn | None:
    """c over (sigma_w, sigma_b), with theory's critical line between ordered and chaotic."""
    if not {SIGMA_W, SIGMA_B} <= {*axes_of(summaries)} or len(axes_of(summaries)) > 2:
        return None
    rows = _cells(summaries, SIGMA_W, SIGMA_B, value)
    if not all(isinstance(row[name], int | float) for row in rows for name in ("x", "y")):
        return None
    for name in ("x", "y"):
        edges = _edges({row[name] for row in rows})
        for row in rows:
            row[f"{name}_low"], row[f"{name}_high"] = edges[row[name]]
    cells = alt.Chart(table(rows)).mark_rect().encode(
        x=x("x_low", "sigma_w"), x2="x_high", y=y("y_low", "sigma_b", nice=False), y2="y_high",
        color=_colour(rows, value), tooltip=_cell_tips("sigma_w", "sigma_b", value),
    )  # fmt: skip
    critical = _critical(summaries, rows)
    chart = layered(cells, *critical)
    return titled(chart, VALUES[value].title, "dashed: theory's critical line" if critical else "")


def _critical(summaries: Sequence[Summary], rows: list[Row]) -> list[alt.Chart]:
    """The critical sigma_w of each sigma_b, inside the map."""
    low, high = min(row["x_low"] for row in rows), max(row["x_high"] for row in rows)
    known = {flat(s.config)[SIGMA_B]: s.theory.critical_sigma_w for s in summaries}
    points = [{"x": w, "y": b} for b, w in sorted(known.items()) if w is not None and low <= w <= high]
    if len(points) < 2:
        return []
    mark = alt.Chart(table(points)).mark_line(color="black", strokeDash=DASH, strokeWidth=2)
    return [
        mark.encode(
            x="x:Q",
            y="y:Q",
            order="y:Q",
            tooltip=[tip("x", "critical sigma_w", PLAIN), tip("y", "sigma_b", PLAIN)],
        )
    ]


def _cells(summaries: Sequence[Summary], across: str, up: str, value: str) -> list[Row]:
    """A row a run: its place, its value and how that is written. InputError if two runs share a place."""
    shown, rows = VALUES[value], []
    for summary in summaries:
        config, read = flat(summary.config), shown.read(summary)
        shade = None if read is None else shown.colour(read)
        texts = {"text": _text(summary, value), "text_short": number(read)}
        place = {"x": config.get(across), "y": config.get(up)}
        rows.append(
            place | texts | {"shade": shade, "verdict": summary.flow.initial.verdict, "run": summary.id}
        )
    places = Counter((row["x"], row["y"]) for row in rows)
    shared, most = max(places.items(), key=lambda item: item[1])
    if most > 1:
        others = [key for key in axes_of(summaries) if key not in (across, up)]
        where = f"{across} {shared[0]}, {up} {shared[1]}"
        why = f"for {', '.join(others)} differ too" if others else "for they differ in nothing"
        raise InputError(f"{most} runs share {where}: name fewer runs, {why}")
    return rows


def _order(values: list[Any]) -> list[Any]:
    """Numbers by size, names as they came; written as in the rows, where the axis looks them up."""
    kept = list(dict.fromkeys(map(cell, values)))
    return sorted(kept) if all(isinstance(value, int | float) for value in kept) else kept


def _edges(values: set[float]) -> dict[float, tuple[float, float]]:
    """The ends of the cell of each value: half-way to its neighbours."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return {ordered[0]: (ordered[0] - 0.5, ordered[0] + 0.5)}
    middles = [(a + b) / 2 for a, b in pairwise(ordered)]
    ends = [2 * ordered[0] - middles[0], *middles, 2 * ordered[-1] - middles[-1]]
    return dict(zip(ordered, pairwise(ends), strict=True))


def _cell_tips(across: str, up: str, value: str) -> list[alt.Tooltip]:
    return [tip("run"), tip("x", across), tip("y", up), tip("text", value), tip("verdict")]


def _text(summary: Summary, value: str) -> str:
    """The value as every report writes it."""
    if value == "c":
        return factor(summary.flow.initial.c, summary.flow.initial.c_low, summary.flow.initial.c_high)
    return number(VALUES[value].read(summary))


def _reach(rows: list[Row], value: str) -> float:
    shades: list[float] = [abs(row["shade"]) for row in rows if row["shade"] is not None]
    return max(VALUES[value].quiet, *shades, 0.0)


def _colour(rows: list[Row], value: str) -> alt.Color:
    """Blue, white, red around what neither shrinks nor grows; viridis for a loss or an accuracy."""
    shown = VALUES[value]
    if shown.diverges:
        title = "log10 c" if value.startswith("c") else "log10 ratio"
        return diverging("shade", title, 0.0, _reach(rows, value))
    return alt.Color("shade:Q", title=shown.title, scale=alt.Scale(scheme="viridis"))


def _ink(rows: list[Row], value: str) -> Any:
    """White on the dark ends of the colours, black elsewhere."""
    if not VALUES[value].diverges:
        return alt.value("black")
    return (
        alt.when(f"abs(datum.shade) > {0.6 * _reach(rows, value):.6g}")
        .then(alt.value("white"))
        .otherwise(alt.value("black"))
    )


def overview(
    summaries: Sequence[Summary], across: str | None = None, up: str | None = None, value: str = "c"
) -> Drawn | None:
    """A value over the keys that are named or, if none is, that differ: a map over two, points over one.

    Runs that each have another name stand over that, unless keys are named.
    """
    keys = [key for summary in summaries for key in flat(summary.config)]
    named = [full_name(key, keys) for key in (across, up) if key]
    if not named and named_apart(summaries):
        return over_one(summaries, NAME, value)
    found = axes_of(summaries)
    shown = named or found
    if not shown:
        return None
    others = [key for key in found if key not in shown]
    if not up and len(shown) == 1 and len(others) == 1:
        shown = [*shown, *others]
    if len(shown) != 2:
        return over_one(summaries, shown[0], value)
    return over_two(summaries, shown[0], shown[1], value)
