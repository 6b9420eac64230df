"""Charts over training: the map of the gradient over layers and steps, c with its interval, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import altair as alt
import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.flow import numbers, spread_out
from gradflow.analysis.intervals import mean_of_known
from gradflow.errors import NothingToDraw
from gradflow.evaluation import EVALUATED, STEP
from gradflow.report.charts import axes, looks
from gradflow.report.charts.axes import AxisScale
from gradflow.report.charts.layers import Quantity
from gradflow.report.charts.lines import Lines, are_many, of_runs
from gradflow.report.charts.plot import DOT, Datum, Drawn, Plot, known, level, rows_of, table, tips, titled
from gradflow.report.charts.study import Studies, Study, lines_of
from gradflow.report.heat_cells import heat_cells, living
from gradflow.report.learning import SAMPLES
from gradflow.report.numbers import count

LAYERS, STEPS = 100, 120  # of a heat map, at most
MINIBATCH = "minibatches"
QUALITIES = {"accuracy": "Accuracy", "r2": "R2"}
STEPLESS = "what goes over steps needs two recorded steps with finite numbers"


def heatmap(studies: Studies, quantity: Quantity, called: str) -> Drawn:
    """An array over layers and steps, around its median, at most 100 layers and 120 steps of it."""
    how = quantity.array, quantity.scaled, quantity.logs
    found = heat_cells(studies[0].run.recording, LAYERS, STEPS, *how) if studies else None
    if found is None:
        raise NothingToDraw(STEPLESS)
    places, steps = found.layers, found.steps
    columns = {"step": steps, "end": [*steps[1:], 2 * steps[-1] - steps[-2]]}
    tops = [layer - 0.5 for layer in (*places, places[-1] + 1)]
    rows = rows_of(columns, top=tops[:-1], bottom=tops[1:], layer=places, value=found.values.tolist())
    chart = looks.cells(
        alt.Chart(table(rows)).transform_flatten([*columns, "value"]),
        "value", looks.shaded("value", quantity.title, looks.diverging(found.centre, found.reach)),
        x=axes.x("step", "step"), x2="end", y=axes.y("top", "layer", reverse=True, nice=False), y2="bottom",
        tooltip=tips("layer", "step", value=(quantity.title, quantity.form)),
    )  # fmt: skip
    recorded, depth = studies[0].run["log_delta_norm"].shape[:2]
    shown = f"{count(len(places))} of {count(depth)} layers and {count(len(steps))} of {count(recorded)}"
    left = "" if (len(steps), len(places)) == (recorded, depth) else f"; downsampled, {shown} recorded steps"
    return titled(f"{called} over layers and steps", f"white: the median{left}", chart)


def by_step(studies: Studies, quantity: Quantity, called: str) -> Drawn:
    """An array over steps, mean over networks: a line a layer, at most as many as there are colours."""
    shown = spread_out(studies[0].run[quantity.array].shape[1], len(looks.RUNS))
    lines = [f"layer {layer + 1}" for layer in shown]
    return _array(studies, quantity, called, _means(studies[0], quantity, lines, shown), of_runs(lines))


def without_layers(studies: Studies, quantity: Quantity, called: str) -> Drawn:
    """An array that has no layers over steps, mean over networks: a line a run."""
    having = [study for study in studies if quantity.array in study.run.recording]
    rows = [row for study in having for row in _means(study, quantity, [study.label])]
    return _array(studies, quantity, called, rows, lines_of(studies))


def _means(
    study: Study, quantity: Quantity, lines: Sequence[str], layers: NDArray[np.int64] | None = None
) -> list[Datum]:
    """The means over networks of an array by step, in lines of some of its layers if it has any."""
    record = study.run.recording
    steps = record[STEP if quantity.array in EVALUATED else "step"]
    some = spread_out(len(steps), STEPS)
    with np.errstate(all="ignore"):
        counting = living(record, some, quantity.logs or quantity.factor)
        values = record[quantity.array][some if layers is None else np.ix_(some, layers)]
        kept = np.where(counting[:, 0] if layers is None else counting, values, np.nan)
        means = quantity.shown(mean_of_known(quantity.scaled(kept), -1)).reshape(len(some), -1).T.tolist()
    at = steps[some].astype(int).tolist()
    columns = zip(lines, means, strict=True)
    return [row for line, values in columns for row in rows_of({"line": line}, step=at, value=values)]


def _array(studies: Studies, quantity: Quantity, called: str, rows: list[Datum], lines: Lines) -> Drawn:
    if len(known(rows)) < 2:
        raise NothingToDraw(STEPLESS)
    plot = Plot(rows, axes.x("step", "step"), quantity.title, lines, quantity.axis(rows))
    dots = plot.dots(DOT, tips("line", "step", value=(quantity.title, quantity.form)))
    return titled(f"{called} over training", looks.BETWEEN.join(_mean(studies)), plot.line(), dots)


def _mean(studies: Studies) -> list[str]:
    """What a value is of several networks."""
    several = any(one.run.summary.config["seeds"] > 1 for one in studies)
    return ["mean over networks"] if several else []


def course(studies: Studies) -> Drawn:
    """c over training with its 95% interval; the line at 1 divides shrinking from growing."""
    rows = []
    for study in studies:
        past, line = study.run.summary.history, {"line": study.label}
        rows += rows_of(line, step=past.steps, value=past.c, low=past.c_low, high=past.c_high)
    if len(known(rows)) < 2:
        raise NothingToDraw(STEPLESS)
    values, limits = [c for c in known(rows) if c] or [1.0], known(rows, "low", "high")
    scale = axes.of_factors(values, limits)
    plot = Plot(rows, axes.x("step", "step"), "c", lines_of(studies), scale, whole=True)
    c, low, high = ((title, looks.NUMBER) for title in ("c", "95% from", "95% to"))
    told = tips(**_run(studies), step="step", value=c, low=low, high=high)
    band = plot.band()
    notes = [*(["band: 95% interval"] if band else []), "grey line: c = 1", *plot.notes]
    return titled(
        "c over training", looks.BETWEEN.join(notes), level(1), *band, plot.line(), plot.dots(DOT, told)
    )


def loss(studies: Studies) -> Drawn:
    """The loss over the evaluated samples, of one run over minibatches too; older runs have these alone."""
    rows = _evaluated(studies, "loss")
    for study in studies:
        past = study.run.summary.history
        if len(studies) == 1 or not study.run.summary.evaluation.steps:
            rows += rows_of({"line": study.label, "part": MINIBATCH}, step=past.steps, value=past.loss)
    values = known(rows)
    return _learnt(studies, rows, "Loss", "loss", axes.in_logs(values) if all(values) else {})


def accuracy(studies: Studies) -> Drawn:
    """The accuracy over the evaluated samples, or R2 where there are no classes; of one run, guessing too."""
    levels = []
    if len(studies) == 1:
        found = studies[0].run.summary.evaluation
        largest = found.majority_train if found.majority_test is None else found.majority_test
        levels = [] if largest is None else [("the largest class alone", largest)]
    for name, title in QUALITIES.items():
        if rows := _evaluated(studies, name):
            return _learnt(studies, rows, title, title, {}, *levels)
    raise NothingToDraw("accuracy needs a run that was evaluated")


def clipping(studies: Studies) -> Drawn:
    """The share of each gradient that clipping left of it, mean over networks, where it cut any."""
    rows = []
    for study in studies:
        if "clip_share" in study.run.recording:  # which older runs have not
            steps = study.run.summary.history.steps
            left = study.run["clip_share"][np.searchsorted(study.run["step"], steps)].mean(axis=1)
            rows += rows_of({"line": study.label, "part": MINIBATCH}, step=steps, value=numbers(left))
    values = known(rows)
    if min(values, default=1.0) >= 1:
        raise NothingToDraw("clipping needs a run of which gradients were clipped")
    what, scale = "What clipping left of the gradient", axes.in_logs(values) or {"zero": True}
    return _learnt(studies, rows, what, "share left", scale, ("nothing is clipped", 1.0))


def _evaluated(studies: Studies, name: str) -> list[Datum]:
    """The rows of a quantity over training samples and over held-out ones."""
    return [
        row
        for study in studies
        for found in [study.run.summary.evaluation]
        for part, words in SAMPLES.items()
        if (values := getattr(found, f"{name}_{part}"))
        for row in rows_of({"line": study.label, "part": words}, step=found.steps, value=values)
    ]


def _learnt(
    studies: Studies, rows: list[Datum], what: str, title: str, scale: AxisScale, *levels: tuple[str, float]
) -> Drawn:
    """Lines over steps, dashed by the samples that they are over unless runs are so many; named levels."""
    if len(known(rows)) < 2:
        raise NothingToDraw(STEPLESS)
    many, met = are_many(studies), {row["part"] for row in rows}
    parts = [part for part in (*SAMPLES.values(), MINIBATCH) if part in met]
    if many:  # one line each, over minibatches of the older runs
        parts = [part for part in parts if part in (parts[0], MINIBATCH)]
    lines = replace(lines_of(studies), parts=() if many else tuple(parts))
    shown = [row for row in rows if row["part"] in parts]
    plot = Plot(shown, axes.x("step", "step"), title, lines, scale)
    evaluated = f"datum.part != '{MINIBATCH}'" if parts[0] != MINIBATCH else ""
    notes = [f"over {' or '.join(parts)}"] if len(parts) == 1 or many else []
    notes += [*_mean(studies), *(f"grey line: {name}" for name, _ in levels)]
    told = tips(**_run(studies), part="over", step="step", value=(title, looks.NUMBER))
    marks = [*(level(value) for _, value in levels), plot.line(), plot.dots(DOT, told, evaluated)]
    return titled(f"{what} over training", looks.BETWEEN.join(notes), *marks)


def _run(studies: Studies) -> dict[str, str]:
    """What a tooltip says of the run, where there are several."""
    return {"line": "run"} if len(studies) > 1 else {}
