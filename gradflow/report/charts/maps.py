"""Charts of many runs: a value over one key or two, and the phase map with its critical line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log10
from operator import attrgetter
from typing import Any

import altair as alt

from gradflow.analysis.differences import flat, full_name
from gradflow.analysis.summary import Number, Summary
from gradflow.errors import InputError
from gradflow.report.charts import axes, looks
from gradflow.report.charts.lines import apart
from gradflow.report.charts.plot import ROWS, Datum, Drawn, Plot, cell, known, level, table, tip, titled
from gradflow.report.labels import named_apart
from gradflow.report.numbers import factor, number, percent
from gradflow.report.several import axes_of

NAME = "name"
SIGMA_W, SIGMA_B = "model.init.sigma_w", "model.init.sigma_b"
WRITTEN = 120  # cells of a map up to which their values are written into them


@dataclass(frozen=True)
class Value:
    """Something of a run that a map can show, written as every report writes it.

    One that is `quiet` near a middle is blue below that and red above, and pale up to so far from it.
    """

    title: str
    read: Callable[[Summary], Number]
    legend: str
    quiet: float | None = None
    colour: Callable[[float], float] = float  # the number as the colour takes it
    form: Callable[[Number], str] = number
    logs: bool = False  # where they cover decades

    def text(self, summary: Summary) -> str:
        """The value as every report writes it."""
        flow = summary.flow.initial
        is_c = self is VALUES["c"]
        return factor(flow.c, flow.c_low, flow.c_high) if is_c else self.form(self.read(summary))

    def scale(self, among: Sequence[Summary]) -> alt.Color:
        """Blue, white, red around what neither shrinks nor grows; viridis for a loss or an accuracy.

        The ends of the colours are those `among` the runs of all figures that are seen together.
        """
        if self.quiet is not None:
            return looks.diverging("shade", self.legend, 0.0, self.reach(among))
        ends = [min(shades), max(shades)] if (shades := self.shades(among)) else alt.Undefined
        scale = alt.Scale(scheme="viridis", domain=ends, type="log" if self.in_logs(among) else "linear")
        return alt.Color("shade:Q", title=self.legend, scale=scale, legend=alt.Legend(gradientLength=140))

    def ink(self, among: Sequence[Summary]) -> Any:
        """White on the dark ends of the colours, black elsewhere."""
        black, white = alt.value("black"), alt.value("white")
        dark = f"abs(datum.shade) > {0.6 * self.reach(among):.6g}"
        if self.quiet is None:
            low, *_, high = sorted(self.shades(among) * 2 or [0.0] * 2)  # viridis begins dark
            middle = (low * high) ** 0.5 if self.in_logs(among) else (low + high) / 2
            dark = f"datum.shade < {middle:.6g}"
        return alt.when(dark).then(white).otherwise(black)

    def in_logs(self, among: Sequence[Summary]) -> bool:
        """Whether the colours are those of logs."""
        shades = self.shades(among)
        return self.logs and bool(shades) and 0 < looks.SWING * min(shades) < max(shades)

    def reach(self, among: Sequence[Summary]) -> float:
        """How far from the middle the colours go."""
        return max(self.quiet or 0.0, *map(abs, self.shades(among)), 0.0)

    def shades(self, among: Sequence[Summary]) -> list[float]:
        """The finite numbers that colours stand for."""
        read = [self.read(summary) for summary in among]
        return [self.colour(value) for value in read if value is not None and isfinite(value)]


def _log(c: float) -> float:
    return log10(c) if c else -10.0


def _learnt(name: str, title: str, samples: str, **more: Any) -> Value:
    return Value(f"{title} on {samples} samples at the end", attrgetter(f"training.{name}"), title, **more)


PALE = 0.02  # log10 of c up to which a map stays pale: 1.05
VALUES = {
    "c": Value("c at initialization", attrgetter("flow.initial.c"), "log10 c", PALE, _log),
    "log10_ratio": Value(
        "log10 ratio of layer 1 to L", attrgetter("flow.initial.log10_ratio"), "log10 ratio", 1.0
    ),
    "c_final": Value("c at the end", attrgetter("flow.final.c"), "log10 c", PALE, _log),
    "loss_final": _learnt("loss_final", "Loss", "training", logs=True),
    "loss_test_final": _learnt("loss_test_final", "Loss", "held-out", logs=True),
    "trainable_score": Value("Score of trainable", attrgetter("trainable.score"), "score"),
    "accuracy_train_final": _learnt("accuracy_train_final", "Accuracy", "training", form=percent),
    "r2_train_final": _learnt("r2_train_final", "R2", "training"),
    "r2_test_final": _learnt("r2_test_final", "R2", "held-out"),
    "log10_growth": Value(
        "log10 growth of |z|", attrgetter("flow.initial.log10_growth"), "log10 growth", 1.0
    ),
    "accuracy_final": _learnt("accuracy_final", "Accuracy", "held-out", form=percent),
}


def over_one(summaries: Sequence[Summary], key: str, value: str = "c") -> Drawn | None:
    """A value over one key, as points; runs that differ in other keys are lines of their own."""
    configs = [flat(summary.config) for summary in summaries]
    others = [other for other in axes_of(summaries) if other != key] if key != NAME else []
    told, shown, is_c = apart(configs, others), VALUES[value], value == "c"
    rows: list[Datum] = [
        {"x": config.get(key), "value": shown.read(s), "low": s.flow.initial.c_low if is_c else None,
         "high": s.flow.initial.c_high if is_c else None, "run": s.id, "text": shown.text(s), **columns}
        for s, config, columns in zip(summaries, configs, told.columns, strict=True)
    ]  # fmt: skip
    if not known(rows):
        return None
    numeric = all(isinstance(row["x"], int | float) for row in rows)
    axis = axes.x("x", key) if numeric else alt.X("x:N", title=key, sort=None, axis=alt.Axis(labelAngle=-30))
    plot = Plot(rows, axis, shown.title, told.lines)
    dots = plot.dots(50, [tip("run"), tip("differs"), tip("x", key), tip("text", value)])
    marks = [*([level(1)] if is_c else []), plot.bars(), *([plot.line(width=1)] if numeric else []), dots]
    return titled(f"{shown.title}, by {key}", "", *marks)


def over_two(
    summaries: Sequence[Summary], across: str, up: str, value: str = "c", among: Sequence[Summary] = ()
) -> Drawn:
    """A value over two keys as a map of cells; numbers are written into few cells."""
    rows, shown, among = _cells(summaries, across, up, value), VALUES[value], among or summaries
    columns, lines = (_order([row[name] for row in rows]) for name in ("x", "y"))
    base = alt.Chart(table(rows)).encode(
        x=alt.X("x:N", title=across, sort=columns, axis=looks.across(columns)),
        y=alt.Y("y:N", title=up, sort=lines[::-1], axis=looks.up(lines)),
    )
    cells = looks.cells(base, "shade", shown.scale(among), tooltip=_tips(across, up, value))
    longest = max(len(row["text_short"]) for row in rows)
    words = base.mark_text(fontSize=looks.fitting(len(columns), longest)).encode(
        text="text_short:N", color=shown.ink(among)
    )
    named = not looks.are_numbers(lines)
    written = len(rows) <= WRITTEN and (named or len(lines) <= looks.CROWDED)
    chart = titled(shown.title, "", *([cells, words] if written else [cells]))
    return chart.properties(usermeta={ROWS: looks.lines_of(lines)}) if named else chart


def phase(summaries: Sequence[Summary], value: str = "c", among: Sequence[Summary] = ()) -> Drawn | None:
    """c over (sigma_w, sigma_b), with theory's critical line between ordered and chaotic.

    InputError if runs differ in more, of which one figure could not show all.
    """
    if not {SIGMA_W, SIGMA_B} <= {*axes_of(summaries)}:
        return None
    rows, shown, among = _cells(summaries, SIGMA_W, SIGMA_B, value), VALUES[value], among or summaries
    if not all(isinstance(row[name], int | float) for row in rows for name in ("x", "y")):
        return None
    for name in ("x", "y"):
        ends = edges({row[name] for row in rows})
        for row in rows:
            row[f"{name}_low"], row[f"{name}_high"] = ends[row[name]]
    cells = looks.cells(
        alt.Chart(table(rows)), "shade", shown.scale(among), x=axes.x("x_low", "sigma_w"), x2="x_high",
        y=axes.y("y_low", "sigma_b", nice=False), y2="y_high", tooltip=_tips("sigma_w", "sigma_b", value),
    )  # fmt: skip
    critical = _critical(summaries, rows)
    return titled(shown.title, "dashed: theory's critical line" if critical else "", cells, *critical)


def _critical(summaries: Sequence[Summary], rows: list[Datum]) -> list[alt.Chart]:
    """The critical sigma_w of each sigma_b, inside the map."""
    low, high = min(row["x_low"] for row in rows), max(row["x_high"] for row in rows)
    known = {flat(s.config)[SIGMA_B]: s.theory.critical_sigma_w for s in summaries}
    line = [{"x": w, "y": b} for b, w in sorted(known.items()) if w is not None and low <= w <= high]
    mark = alt.Chart(table(line)).mark_line(color="black", strokeDash=looks.DASH, strokeWidth=2)
    tips = [tip("x", "critical sigma_w", looks.NUMBER), tip("y", "sigma_b", looks.NUMBER)]
    return [mark.encode(x="x:Q", y="y:Q", order="y:Q", tooltip=tips)] if len(line) > 1 else []


def _cells(summaries: Sequence[Summary], across: str, up: str, value: str) -> list[Datum]:
    """A row a run: its place, its value and how that is written. InputError if two runs share a place."""
    shown = VALUES[value]
    rows: list[Datum] = [
        {"x": config.get(across), "y": config.get(up), "run": s.id, "verdict": s.flow.initial.verdict,
         "text": shown.text(s), "text_short": shown.form(read),
         "shade": None if read is None else shown.colour(read)}
        for s, config, read in [(s, flat(s.config), shown.read(s)) for s in summaries]
    ]  # fmt: skip
    places = Counter((row["x"], row["y"]) for row in rows)
    shared, most = max(places.items(), key=lambda item: item[1])
    if most > 1:
        others = [key for key in axes_of(summaries) if key not in (across, up)]
        where = f"{across} {shared[0]}, {up} {shared[1]}"
        why = "name fewer runs, for they differ in nothing"
        if others:
            one = next(flat(s.config).get(others[0]) for s in summaries)
            remedy = f"--facet {others[0]}, or --where with a value of each, as {others[0]} == {one!r}"
            why = f"for {', '.join(others)} differ too: give {remedy}"
        raise InputError(f"{most} runs share {where}{', ' if others else ': '}{why}")
    return rows


def _tips(across: str, up: str, value: str) -> list[alt.Tooltip]:
    return [tip("run"), tip("x", across), tip("y", up), tip("text", value), tip("verdict")]


def _order(values: list[Any]) -> list[Any]:
    """Numbers by size, names as they came; written as in the rows, where the axis looks them up."""
    kept = list(dict.fromkeys(map(cell, values)))
    return sorted(kept) if all(isinstance(value, int | float) for value in kept) else kept


def edges(values: set[float]) -> dict[float, tuple[float, float]]:
    """The ends of the cell of each value: half-way to its neighbours."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return {ordered[0]: (ordered[0] - 0.5, ordered[0] + 0.5)}
    middles = [(a + b) / 2 for a, b in pairwise(ordered)]
    ends = [2 * ordered[0] - middles[0], *middles, 2 * ordered[-1] - middles[-1]]
    return dict(zip(ordered, pairwise(ends), strict=True))


def overview(
    summaries: Sequence[Summary], across: str | None = None, up: str | None = None, value: str = "c",
    among: Sequence[Summary] = (),
) -> Drawn | None:  # fmt: skip
    """A value over the keys that are named or, if none is, that differ: a map over two, points over one.

    Runs that each have another name stand over that, unless keys are named.
    """
    keys = [key for summary in summaries for key in flat(summary.config)]
    named = [full_name(key, keys) for key in (across, up) if key]
    if not named and named_apart(summaries):
        return over_one(summaries, NAME, value)
    found = axes_of(summaries)
    shown = named or found
    others = [key for key in found if key not in shown]
    if not up and len(shown) == 1 and len(others) == 1:
        shown = [*shown, *others]
    if len(shown) == 2:
        return over_two(summaries, shown[0], shown[1], value, among)
    return over_one(summaries, shown[0], value) if shown else None
