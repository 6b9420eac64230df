"""Charts over training: the map of the gradient over layers and steps, c with its interval, and the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import altair as alt
import numpy as np

from gradflow.analysis.flow import numbers
from gradflow.analysis.intervals import mean_of_known
from gradflow.report.charts import axes, layers, looks
from gradflow.report.charts.lines import Lines, are_many, of_runs
from gradflow.report.charts.plot import Datum, Drawn, Plot, known, level, table, tip, titled
from gradflow.report.charts.study import Study, lines_of
from gradflow.report.heat_cells import heat_cells, spread_out
from gradflow.report.learning import SAMPLES
from gradflow.report.numbers import count

LAYERS, STEPS = 100, 120  # of a heat map, at most
NORM = "log10 ||delta||"
MINIBATCH = "minibatches"
QUALITIES = {"accuracy": "Accuracy", "r2": "R2"}
DOT = 14


def heatmap(studies: Sequence[Study]) -> Drawn | None:
    """log10 ||delta|| over layers and steps."""
    return cells_of(studies[0], "log_delta_norm", NORM, "Gradient norm over layers and steps")


def cells_of(study: Study, name: str, what: str, title: str) -> Drawn | None:
    """An array over layers and steps, around its median, at most 100 layers and 120 steps of it."""
    found = heat_cells(study.recording, LAYERS, STEPS, name)
    if found is None:
        return None
    places, steps, values = found.layers, found.steps, found.values.tolist()
    columns = {"step": steps, "end": [*steps[1:], 2 * steps[-1] - steps[-2]]}
    rows = [
        {"top": layer - 0.5, "bottom": below - 0.5, "layer": layer, **columns, "value": row}
        for layer, below, row in zip(places, [*places[1:], places[-1] + 1], values, strict=True)
    ]
    chart = looks.cells(
        alt.Chart(table(rows)).transform_flatten(["step", "end", "value"]),
        "value", looks.diverging("value", what, found.centre, found.reach),
        x=axes.x("step", "step"), x2="end", y=axes.y("top", "layer", reverse=True, nice=False), y2="bottom",
        tooltip=[tip("layer"), tip("step"), tip("value", what, looks.LOG10)],
    )  # fmt: skip
    return titled(title, _kept(study, len(places), len(steps)), chart)


def by_step(study: Study, quantity: layers.Quantity) -> Drawn | None:
    """An array over steps, mean over networks: a line a layer, at most as many as there are colours."""
    shown = [int(one) for one in spread_out(study.recording[quantity.array].shape[1], len(looks.RUNS))]
    rows = spread_out(len(study.recording["step"]), STEPS)
    with np.errstate(all="ignore"):
        values = quantity.scaled(study.recording[quantity.array][rows][:, shown])
        drawn = quantity.shown(mean_of_known(values, 2))
    steps = study.recording["step"][rows].astype(int).tolist()
    data: list[Datum] = [
        {"line": f"layer {layer + 1}", "step": step, "value": value}
        for layer, column in zip(shown, drawn.T.tolist(), strict=True)
        for step, value in zip(steps, column, strict=True)
    ]
    if len(known(data)) < 2:
        return None
    lines = of_runs(f"layer {layer + 1}" for layer in shown)
    plot = Plot(data, axes.x("step", "step"), quantity.title, lines, quantity.axis(data))
    dots = plot.dots(DOT, [tip("line"), tip("step"), tip("value", quantity.title, quantity.form)])
    mean = "mean over networks" if study.summary.config["seeds"] > 1 else ""
    return titled(f"{quantity.called} over training", mean, plot.line(), dots)


def _kept(study: Study, layers: int, rows: int) -> str:
    """What the map leaves out, and where its middle is."""
    recorded, depth = study.recording["log_delta_norm"].shape[:2]
    if (rows, layers) == (recorded, depth):
        return "white: the median"
    left = f"{count(layers)} of {count(depth)} layers and {count(rows)} of {count(recorded)} recorded steps"
    return f"white: the median; downsampled, {left}"


def course(studies: Sequence[Study]) -> Drawn | None:
    """c over training with its 95% interval; the line at 1 divides shrinking from growing."""
    rows = [
        {"line": study.label, "step": step, "value": c, "low": low, "high": high}
        for study, past in [(study, study.summary.history) for study in studies]
        for step, c, low, high in zip(past.steps, past.c, past.c_low, past.c_high, strict=True)
    ]
    if len(known(rows)) < 2:
        return None
    plot = _plot(studies, rows, "c", _course_scale(rows), whole=True)
    ends = tip("low", "95% from", looks.NUMBER), tip("high", "95% to", looks.NUMBER)
    dots = plot.dots(DOT, _tips(studies, tip("step"), tip("value", "c", looks.NUMBER), *ends))
    band = plot.band()
    notes = [*(["band: 95% interval"] if band else []), "grey line: c = 1", *plot.notes]
    return titled("c over training", "; ".join(notes), level(1), *band, plot.line(), dots)


def _course_scale(rows: list[Datum]) -> axes.AxisScale:
    """Logarithmic where c covers decades; cut where its interval would make it flat."""
    values, ends = [c for c in known(rows) if c] or [1.0], known(rows, "low", "high")
    return axes.in_logs(values, ends, looks.SWING) or axes.cut([1.0, *values], values, ends)


def loss(studies: Sequence[Study]) -> Drawn | None:
    """The loss over the evaluated samples, of one run over its minibatches too; older runs have these alone.

    On a logarithmic axis if it covers decades.
    """
    rows = _evaluated(studies, "loss")
    for study in studies:
        if len(studies) == 1 or not study.summary.evaluation.steps:
            rows += _rows(study, MINIBATCH, study.summary.history.steps, study.summary.history.loss)
    values = known(rows)
    return _learnt(
        studies, rows, "Loss", "loss", axes.in_logs(values, (), looks.SWING) if all(values) else {}
    )


def accuracy(studies: Sequence[Study]) -> Drawn | None:
    """The accuracy over the evaluated samples, or R2 where there are no classes; of one run, guessing too."""
    found = studies[0].summary.evaluation
    largest = found.majority_train if found.majority_test is None else found.majority_test
    guessed = {"the largest class alone": largest} if len(studies) == 1 and largest is not None else {}
    for name, title in QUALITIES.items():
        if rows := _evaluated(studies, name):
            return _learnt(studies, rows, title, title, {}, guessed)
    return None


def clipping(studies: Sequence[Study]) -> Drawn | None:
    """The share of each gradient that clipping left of it, where it cut any."""
    rows = [row for study in studies for row in _clipped(study)]
    values = known(rows)
    if min(values, default=1.0) >= 1:
        return None
    scale, levels = axes.in_logs(values, (), looks.SWING) or {"zero": True}, {"nothing is clipped": 1.0}
    return _learnt(studies, rows, "What clipping left of the gradient", "share left", scale, levels)


def _clipped(study: Study) -> list[Datum]:
    """The share that was left at the steps of the history, mean over networks; nothing of older runs."""
    if "clip_share" not in study.recording:
        return []
    steps = study.summary.history.steps
    left = study.recording["clip_share"][np.searchsorted(study.recording["step"], steps)].mean(axis=1)
    return _rows(study, MINIBATCH, steps, numbers(left))


def _evaluated(studies: Sequence[Study], name: str) -> list[Datum]:
    """The rows of a quantity over training samples and over held-out ones."""
    return [
        row
        for study, found in [(study, study.summary.evaluation) for study in studies]
        for part, words in SAMPLES.items()
        if (values := getattr(found, f"{name}_{part}"))
        for row in _rows(study, words, found.steps, values)
    ]


def _rows(study: Study, part: str, steps: Sequence[int], values: Sequence[Any]) -> list[Datum]:
    return [
        {"line": study.label, "part": part, "step": step, "value": value}
        for step, value in zip(steps, values, strict=True)
    ]


def _learnt(
    studies: Sequence[Study], rows: list[Datum], what: str, title: str, scale: axes.AxisScale,
    levels: Mapping[str, float] = MappingProxyType({}),
) -> Drawn | None:  # fmt: skip
    """Lines over steps, dashed by the samples that they are over unless runs are so many; named levels."""
    if len(known(rows)) < 2:
        return None
    parts, many = _parts(studies, rows), are_many(studies)
    plot = _plot(studies, [row for row in rows if row["part"] in parts], title, scale, () if many else parts)
    evaluated = f"datum.part != '{MINIBATCH}'" if parts[0] != MINIBATCH else ""
    tips = _tips(studies, tip("part", "over"), tip("step"), tip("value", title, looks.NUMBER))
    notes = [f"over {' or '.join(parts)}"] if len(parts) == 1 or many else []
    notes += ["mean over networks"] if any(study.summary.config["seeds"] > 1 for study in studies) else []
    notes += [f"grey line: {name}" for name in levels]
    drawn = [plot.line(), plot.dots(DOT, tips, evaluated)]
    return titled(f"{what} over training", "; ".join(notes), *map(level, levels.values()), *drawn)


def _parts(studies: Sequence[Study], rows: list[Datum]) -> list[str]:
    """The samples that lines are over; of many runs one line each, over minibatches of the older ones."""
    parts = [part for part in (*SAMPLES.values(), MINIBATCH) if any(row["part"] == part for row in rows)]
    return [part for part in parts if part in (parts[0], MINIBATCH)] if are_many(studies) else parts


def _plot(
    studies: Sequence[Study], rows: list[Datum], title: str, scale: axes.AxisScale,
    parts: Sequence[str] = (), whole: bool = False,
) -> Plot:  # fmt: skip
    """A line a run over steps."""
    lines = lines_of(studies) if len(studies) > 1 else Lines({studies[0].label: looks.FIRST})
    lines = replace(lines, parts=tuple(parts))
    return Plot(rows, axes.x("step", "step"), title, lines, scale, whole=whole)


def _tips(studies: Sequence[Study], *tips: alt.Tooltip) -> list[alt.Tooltip]:
    return [*([tip("line", "run")] if len(studies) > 1 else []), *tips]
