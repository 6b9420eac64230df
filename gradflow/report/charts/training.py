"""Charts over training: the map of the gradient over layers and steps, c with its interval, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from gradflow.report.charts.base import (
    BEYOND,
    LOG10,
    PLAIN,
    REACH,
    RUNS,
    Drawn,
    colours,
    cut,
    dashes,
    diverging,
    layered,
    level,
    log_cut,
    points,
    shapes,
    strokes,
    table,
    tip,
    titled,
    x,
    y,
)  # fmt: skip
from gradflow.report.charts.layers import names_of
from gradflow.report.charts.study import Study
from gradflow.report.learning import SAMPLES
from gradflow.report.numbers import count
from gradflow.units import LN10

Array = NDArray[Any]

LAYERS, STEPS = 100, 120  # of a heat map, at most
MINIBATCH = "minibatches"
QUALITIES = {"accuracy": "Accuracy", "r2": "R2"}
QUIET = 0.25  # decades around the median that always count as level
SWING = 30.0  # how many times its smallest value a loss reaches before its axis is logarithmic


def heatmap(studies: Sequence[Study]) -> Drawn | None:
    """log10 ||delta|| over layers and steps, around its median, at most 100 layers and 120 steps of it."""
    cells, layers, steps = _cells(studies[0])
    finite = cells[np.isfinite(cells)]
    if not finite.size or len(steps) < 2:
        return None
    centre = float(np.median(finite))
    reach = max(QUIET, float(np.quantile(np.abs(finite - centre), 0.98)))
    below = [*layers[1:].tolist(), int(layers[-1]) + 1]
    columns = {"step": steps.tolist(), "end": [*steps[1:].tolist(), 2 * int(steps[-1]) - int(steps[-2])]}
    rows = [
        {"top": layer - 0.5, "bottom": under - 0.5, "layer": layer, **columns, "value": row}
        for layer, under, row in zip(layers.tolist(), below, cells.tolist(), strict=True)
    ]
    chart = alt.Chart(table(rows)).transform_flatten(["step", "end", "value"]).mark_rect()
    chart = chart.encode(
        x=x("step", "step"), x2="end", y=y("top", "layer", reverse=True, nice=False), y2="bottom",
        color=diverging("value", "log10 ||delta||", centre, reach),
        tooltip=[tip("layer"), tip("step"), tip("value", "log10 ||delta||", LOG10)],
    )  # fmt: skip
    return titled(chart, "Gradient norm over layers and steps", _kept(studies[0], len(layers), len(steps)))


def _cells(study: Study) -> tuple[Array, Array, Array]:
    """log10 ||delta|| (layers, steps), mean over networks, and the layers and steps that are kept."""
    log_delta, step = study.recording["log_delta_norm"], study.recording["step"].astype(int)
    rows, layers = (
        np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(int))
        for size, most in zip(log_delta.shape, (STEPS, LAYERS), strict=False)
    )
    with np.errstate(all="ignore"):
        cells = log_delta[np.ix_(rows, layers)].mean(axis=2).T / LN10
    return cells, layers + 1, step[rows]


def _kept(study: Study, layers: int, rows: int) -> str:
    """What the map leaves out, and where its middle is."""
    all_rows, depth = study.recording["log_delta_norm"].shape[:2]
    if (rows, layers) == (all_rows, depth):
        return "white: the median"
    return (
        f"white: the median; downsampled, {count(layers)} of {count(depth)} layers "
        f"and {count(rows)} of {count(all_rows)} recorded steps"
    )


def course(studies: Sequence[Study]) -> Drawn | None:
    """c over training with its 95% interval; the line at 1 divides shrinking from growing."""
    rows = [
        {"line": study.label, "step": step, "value": c, "low": low, "high": high}
        for study in studies
        for step, c, low, high in zip(*_history(study, "steps", "c", "c_low", "c_high"), strict=True)
    ]
    if sum(row["value"] is not None for row in rows) < 2:
        return None
    scale = _course_scale(rows)
    base, clip = _over_steps(studies, rows, "c", **scale), "domain" in scale
    band = base.mark_area(opacity=0.2, clip=clip).encode(y=y("low", "c", **scale), y2="high")
    names = _names(studies)
    line = base.mark_line(strokeWidth=2, clip=clip).encode(**strokes(names))
    tips = [
        tip("step"),
        tip("value", "c", PLAIN),
        tip("low", "95% from", PLAIN),
        tip("high", "95% to", PLAIN),
    ]
    tips = [tip("line", "run"), *tips] if len(studies) > 1 else tips
    dots = points(base.encode(**shapes(names)), 14, tips, clip)
    notes = ["band: 95% interval", "grey line: c = 1", *([BEYOND] if clip else [])]
    return titled(layered(level(1), band, line, dots), "c over training", "; ".join(notes))


def _course_scale(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Logarithmic where c covers decades; cut where its interval would make it flat."""
    known = [row["value"] for row in rows if row["value"]] or [1.0]
    ends = [row[name] for row in rows for name in ("low", "high") if row[name] is not None]
    if max(known) > SWING * min(known):
        return {"type": "log"} | log_cut(known, ends, REACH)
    return cut([1.0, *known], known, ends, REACH)


def loss(studies: Sequence[Study]) -> Drawn | None:
    """The loss over the evaluated samples, of one run over its minibatches too; older runs have these alone.

    On a logarithmic axis if it covers decades.
    """
    rows = _of_all(studies, "loss")
    for study in studies:
        if len(studies) == 1 or not study.summary.evaluation.steps:
            rows += _rows(study, MINIBATCH, *_history(study, "steps", "loss"))
    known = [row["value"] for row in rows if row["value"] is not None]
    log = bool(known) and min(known) > 0 and max(known) > SWING * min(known)
    chart = _over_training(studies, rows, "loss", **({"type": "log"} if log else {}))
    return chart and titled(chart, "Loss over training", _over_what(studies, rows))


def accuracy(studies: Sequence[Study]) -> Drawn | None:
    """The accuracy over the evaluated samples, or R2 where there are no classes; of one run, guessing too."""
    drawn = [(title, rows) for name, title in QUALITIES.items() if (rows := _of_all(studies, name))]
    if not drawn:
        return None
    title, rows = drawn[0]
    chart = _over_training(studies, rows, title)
    if chart is None:
        return None
    evaluation, note = studies[0].summary.evaluation, _over_what(studies, rows)
    largest = evaluation.majority_train if evaluation.majority_test is None else evaluation.majority_test
    if len(studies) == 1 and largest is not None:
        chart, note = layered(level(largest), chart), f"{note}; grey line: the largest class alone"
    return titled(chart, f"{title} over training", note.removeprefix("; "))


def _of_all(studies: Sequence[Study], name: str) -> list[dict[str, Any]]:
    return [row for study in studies for row in _curves(study, name)]


def _curves(study: Study, name: str) -> list[dict[str, Any]]:
    """The rows of a quantity over training samples and over held-out ones."""
    found = study.summary.evaluation
    curves = {words: getattr(found, f"{name}_{part}") for part, words in SAMPLES.items()}
    return [
        row for words, values in curves.items() if values for row in _rows(study, words, found.steps, values)
    ]


def _rows(study: Study, part: str, steps: Sequence[int], values: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"line": study.label, "part": part, "step": step, "value": value}
        for step, value in zip(steps, values, strict=True)
    ]


def _over_training(
    studies: Sequence[Study], rows: list[dict[str, Any]], title: str, **scale: Any
) -> Drawn | None:
    """Lines over steps: a colour a run, dashed by the samples that they are over, unless runs are so many."""
    if sum(row["value"] is not None for row in rows) < 2:
        return None
    names, parts = _names(studies), _parts(studies, rows)
    base = _over_steps(studies, [row for row in rows if row["part"] in parts], title, **scale)
    tips = [tip("part", "over"), tip("step"), tip("value", title, PLAIN)]
    tips = [tip("line", "run"), *tips] if len(studies) > 1 else tips
    dashed = len(parts) > 1 and not _are_many(studies)
    line = base.mark_line(strokeWidth=2).encode(
        **({"strokeDash": dashes(parts)} if dashed else strokes(names))
    )
    dotted = base.transform_filter(f"datum.part != '{MINIBATCH}'") if parts[0] != MINIBATCH else base
    return layered(line, points(dotted.encode(**shapes(names)), 14, tips))


def _are_many(studies: Sequence[Study]) -> bool:
    """Whether dashes are needed to tell runs apart."""
    return len(studies) > len(RUNS)


def _parts(studies: Sequence[Study], rows: list[dict[str, Any]]) -> list[str]:
    """The samples that lines are over; of many runs one line each, over minibatches of the older ones."""
    parts = [part for part in (*SAMPLES.values(), MINIBATCH) if any(row["part"] == part for row in rows)]
    return [part for part in parts if part in (parts[0], MINIBATCH)] if _are_many(studies) else parts


def _over_what(studies: Sequence[Study], rows: list[dict[str, Any]]) -> str:
    """What the dashes do not say."""
    parts = _parts(studies, rows)
    notes = [f"over {' or '.join(parts)}"] if len(parts) == 1 or _are_many(studies) else []
    several = max(study.summary.config["seeds"] for study in studies) > 1
    return "; ".join([*notes, *(["mean over networks"] if several else [])])


def _history(study: Study, *columns: str) -> list[tuple[Any, ...]]:
    return [getattr(study.summary.history, column) for column in columns]


def _over_steps(studies: Sequence[Study], rows: list[dict[str, Any]], title: str, **scale: Any) -> alt.Chart:
    axes = x("step", "step"), y("value", title, **scale)
    return alt.Chart(table(rows)).encode(*axes, color=colours(_names(studies)))


def _names(studies: Sequence[Study]) -> dict[str, str]:
    """The lines of these charts and their colours: one a run, also of a single one."""
    names = names_of(studies)
    return names if len(studies) > 1 else {studies[0].label: next(iter(names.values()))}
