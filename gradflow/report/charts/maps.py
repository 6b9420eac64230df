"""Charts of many runs: a value over one key or two, and the phase map with its critical line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log10
from typing import Any

import altair as alt

from gradflow.analysis.differences import flat, full_name
from gradflow.analysis.pivot import VALUES, MapValue
from gradflow.analysis.summary import Number, Summary
from gradflow.errors import InputError, NothingToDraw
from gradflow.report.charts import axes, looks
from gradflow.report.charts.lines import apart
from gradflow.report.charts.plot import Datum, Drawn, Plot, cell, known, level, table, tips, titled
from gradflow.report.charts.study import Summaries
from gradflow.report.labels import named_apart
from gradflow.report.numbers import factor, number, percent, side_by_side
from gradflow.report.several import axes_of

NAME = "name"
SIGMA_W, SIGMA_B = "model.init.sigma_w", "model.init.sigma_b"
WRITTEN = 120  # cells of a map up to which their values are written into them


def colours(shown: MapValue, among: Summaries) -> tuple[alt.Color, Any]:
    """Blue, white, red around what neither shrinks nor grows; viridis for a loss or an accuracy.

    Their ends are those `among` the runs of all figures that are seen together. With them the ink of what
    is written on them: white on the dark ends, black elsewhere.
    """
    shades = known([{"value": _shade(shown, shown.read(summary))} for summary in among])
    if shown.quiet is not None:
        reach = max(shown.quiet, *map(abs, shades), 0.0)
        scale, dark = looks.diverging(0.0, reach), f"abs(datum.shade) > {0.6 * reach:.6g}"
    else:
        low, high = min(shades, default=0.0), max(shades, default=0.0)
        in_logs = shown.logs and 0 < looks.SWING * low < high
        kind: Any = "log" if in_logs else "linear"
        ends = [low, high] if shades else alt.Undefined
        scale = alt.Scale(scheme="viridis", domain=ends, type=kind)
        middle = (low * high) ** 0.5 if in_logs else (low + high) / 2
        dark = f"datum.shade < {middle:.6g}"  # viridis begins dark
    ink = alt.when(dark).then(alt.value("white")).otherwise(alt.value("black"))
    return looks.shaded("shade", shown.short, scale), ink


def _shade(shown: MapValue, value: Number) -> Number:
    """The number that a colour is by."""
    if value is None or not shown.factor:
        return value
    return log10(value) if value else -10.0


def _texts(shown: MapValue, summary: Summary) -> tuple[str, str]:
    """A value as every report writes it, and without its interval."""
    value = shown.read(summary)
    short = percent(value) if shown.share else number(value)
    return factor(value, *shown.interval(summary)) if shown.factor else short, short


def _over_one(summaries: Summaries, key: str, shown: MapValue) -> Drawn:
    """A value over one key, as points; runs that differ in other keys are lines of their own."""
    configs = [flat(summary.config) for summary in summaries]
    others = [other for other in axes_of(summaries) if other != key] if key != NAME else []
    lines, told = apart(configs, others)
    rows: list[Datum] = [
        {"x": x, "value": shown.read(s), "low": low, "high": high, "run": s.id,
         "text": _texts(shown, s)[0], **columns}
        for s, x, columns in zip(summaries, _on_axis(configs, key), told, strict=True)
        for low, high in [shown.interval(s)]
    ]  # fmt: skip
    if not known(rows):
        raise NothingToDraw(f"no run has a finite {shown.name}")
    numeric = axes.are_numbers([row["x"] for row in rows])
    names = axes.across(list(dict.fromkeys(cell(row["x"]) for row in rows)))
    axis = (
        axes.x("x", key, axes.are_whole(row["x"] for row in rows))
        if numeric
        else alt.X("x:N", title=key, sort=None, axis=names)
    )
    scale = axes.of_factors(known(rows), known(rows, "low", "high")) if shown.factor else {}
    plot = Plot(rows, axis, shown.title, lines, scale)
    dots = plot.dots(50, tips("run", "differs", x=key, text=shown.name))
    ones = [level(1)] if shown.factor else []
    line = [plot.line(width=1)] if numeric else []
    note = looks.BETWEEN.join(plot.notes)
    return titled(f"{shown.title}, by {key}", note, *ones, *plot.bars(), *line, dots)


def _over_two(summaries: Summaries, across: str, up: str, shown: MapValue, among: Summaries) -> Drawn:
    """A value over two keys as a map of cells; numbers are written into few cells."""
    rows = _cells(summaries, across, up, shown)
    columns, lines = (_order([row[name] for row in rows]) for name in ("x", "y"))
    base = alt.Chart(table(rows)).encode(
        x=alt.X("x:N", title=across, sort=columns, axis=axes.across(columns)),
        y=alt.Y("y:N", title=up, sort=lines[::-1], axis=axes.up(lines)),
    )
    told = tips("run", x=across, y=up, text=shown.name, verdict="verdict")
    colour, ink = colours(shown, among)
    cells = looks.cells(base, "shade", colour, tooltip=told)
    size = looks.fitting(len(columns), max(len(row["text_short"]) for row in rows))
    words = base.mark_text(fontSize=size).encode(text="text_short:N", color=ink)
    written = len(rows) <= WRITTEN and (len(lines) <= axes.CROWDED or not axes.are_numbers(lines))
    return titled(shown.title, "", *([cells, words] if written else [cells]))


def phase(summaries: Summaries, among: Summaries, shown: MapValue = VALUES["c"]) -> Drawn:
    """A value over (sigma_w, sigma_b), with theory's critical line. InputError if runs differ in more."""
    differ = {SIGMA_W, SIGMA_B} <= {*axes_of(summaries)}
    rows = _cells(summaries, SIGMA_W, SIGMA_B, shown) if differ else []
    if not rows or not axes.are_numbers([row[name] for row in rows for name in ("x", "y")]):
        raise NothingToDraw(f"phase needs runs that differ in {SIGMA_W} and {SIGMA_B}")
    told = tips("run", x="sigma_w", y="sigma_b", text=shown.name, verdict="verdict")
    cells = grid(rows, "shade", colours(shown, among)[0], "sigma_w", "sigma_b", told)
    critical = _critical(summaries, rows)
    return titled(shown.title, "dashed: theory's critical line" if critical else "", cells, *critical)


def grid(rows: Sequence[Datum], field: str, colour: alt.Color, across: str, up: str, told: Any) -> Drawn:
    """Cells around the numbers `x` and `y` of rows, half-way to their neighbours, which is added to rows."""
    whole = [axes.are_whole(row[name] for row in rows) for name in ("x", "y")]
    for name in ("x", "y"):
        ends = edges({row[name] for row in rows})
        for row in rows:
            row[f"{name}_low"], row[f"{name}_high"] = ends[row[name]]
    return looks.cells(
        alt.Chart(table(rows)), field, colour, x=axes.x("x_low", across, whole[0]), x2="x_high",
        y=axes.y("y_low", up, whole[1], nice=False), y2="y_high", tooltip=told,
    )  # fmt: skip


def _critical(summaries: Summaries, rows: list[Datum]) -> list[alt.Chart]:
    """The critical sigma_w of each sigma_b, inside the map."""
    low, high = min(row["x_low"] for row in rows), max(row["x_high"] for row in rows)
    known = {flat(s.config)[SIGMA_B]: s.theory.critical_sigma_w for s in summaries}
    line = [{"x": w, "y": b} for b, w in sorted(known.items()) if w is not None and low <= w <= high]
    mark = alt.Chart(table(line)).mark_line(color="black", strokeDash=looks.DASH, strokeWidth=2)
    told = tips(x=("critical sigma_w", looks.NUMBER), y=("sigma_b", looks.NUMBER))
    return [mark.encode(x="x:Q", y="y:Q", order="y:Q", tooltip=told)] if len(line) > 1 else []


def _cells(summaries: Summaries, across: str, up: str, shown: MapValue) -> list[Datum]:
    """A row a run: its place, its value and how that is written. InputError if two runs share a place."""
    configs = [flat(s.config) for s in summaries]
    places = zip(_on_axis(configs, across), _on_axis(configs, up), strict=True)
    rows: list[Datum] = [
        {"x": x, "y": y, "run": s.id, "verdict": s.flow.initial.verdict, "text": text, "text_short": short,
         "shade": _shade(shown, shown.read(s))}
        for s, (x, y) in zip(summaries, places, strict=True)
        for text, short in [_texts(shown, s)]
    ]  # fmt: skip
    shared = Counter((row["x"], row["y"]) for row in rows)
    (x, y), most = max(shared.items(), key=lambda item: item[1])
    if most > 1:
        others = [key for key in axes_of(summaries) if key not in (across, up)]
        why = ": name fewer runs, for they differ in nothing"
        if others:
            one = flat(summaries[0].config).get(others[0])
            remedy = f"--facet {others[0]}, or --where with a value of each, as {others[0]} == {one!r}"
            why = f", for {', '.join(others)} differ too: give {remedy}"
        raise InputError(f"{most} runs share {across} {x}, {up} {y}{why}")
    return rows


def _on_axis(configs: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """The value of a key in each config, a list as the text that tells it from the others."""
    values = [config.get(key) for config in configs]
    texts = side_by_side(values)
    return [text if isinstance(value, list) else value for text, value in zip(texts, values, strict=True)]


def _order(values: list[Any]) -> list[Any]:
    """Numbers by size, names as they came; written as in the rows, where the axis looks them up."""
    kept = list(dict.fromkeys(map(cell, values)))
    return sorted(kept) if axes.are_numbers(kept) else kept


def edges(values: set[float]) -> dict[float, tuple[float, float]]:
    """The ends of the cell of each value, in order: half-way to its neighbours."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return {ordered[0]: (ordered[0] - 0.5, ordered[0] + 0.5)}
    middles = [(a + b) / 2 for a, b in pairwise(ordered)]
    ends = [2 * ordered[0] - middles[0], *middles, 2 * ordered[-1] - middles[-1]]
    return dict(zip(ordered, pairwise(ends), strict=True))


def overview(
    summaries: Summaries, among: Summaries, shown: MapValue = VALUES["c"],
    across: str | None = None, up: str | None = None,
) -> Drawn:  # fmt: skip
    """A value over the keys that are named or, if none is, that differ: a map over two, points over one.

    Runs that each have another name stand over that, unless keys are named.
    """
    keys = [key for summary in summaries for key in flat(summary.config)]
    named = [full_name(key, keys) for key in (across, up) if key]
    if not named and named_apart(summaries):
        return _over_one(summaries, NAME, shown)
    found = axes_of(summaries)
    keys = named or found
    others = [key for key in found if key not in keys]
    if not up and len(keys) == 1 and len(others) == 1:
        keys = [*keys, *others]
    if len(keys) == 2:
        return _over_two(summaries, keys[0], keys[1], shown, among)
    if not keys:
        raise NothingToDraw("map needs runs that differ")
    return _over_one(summaries, keys[0], shown)
