"""Charts of theory beside many runs: measured against predicted c, the depth laws, and singular values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from math import log10, nan
from statistics import fmean
from typing import Any

import altair as alt
import numpy as np

from gradflow.analysis.depth_law import DEPTH, first_layer
from gradflow.analysis.differences import flat
from gradflow.analysis.jacobian import Jacobian
from gradflow.analysis.pivot import VALUES, MapValue
from gradflow.analysis.summary import Summary
from gradflow.arrays import Array
from gradflow.errors import NothingToDraw
from gradflow.report.charts import axes, looks
from gradflow.report.charts.lines import apart
from gradflow.report.charts.maps import edges, grid
from gradflow.report.charts.plot import Datum, Drawn, Plot, known, rows_of, table, tips, titled
from gradflow.report.charts.study import Summaries
from gradflow.report.labels import settings
from gradflow.report.numbers import count, factor, number, percent
from gradflow.report.several import axes_of, depth_laws, shared_keys
from gradflow.store import Run
from gradflow.units import LN10, is_number

BEST = {"training.optimizer.lr", "seed"}  # keys of which the best counts
MIDDLE = 0.5  # of the way from guessing the largest class to being always right
TRAINED = "trained"
Spot = tuple[float, float]
RATIO = "log10 ||delta_1|| / ||dLoss/dout||"


def theory(summaries: Summaries) -> Drawn:
    """Measured c with its interval against the c that theory expects at this depth and width."""
    rows: list[Datum] = [
        {"expected": expected, "value": flow.c, "low": flow.c_low, "high": flow.c_high,
         "verdict": flow.verdict, "run": s.id, "text": factor(flow.c, flow.c_low, flow.c_high)}
        for s in summaries
        for flow, expected in [(s.flow.initial, s.theory.expected_c)]
        if expected is not None and flow.c is not None
    ]  # fmt: skip
    if not rows:
        raise NothingToDraw("theory needs runs that it has a c for")
    found, limits = [row[name] for row in rows for name in ("expected", "value")], known(rows, "low", "high")
    ends = [min(found) * 0.97, max(found) * 1.03]
    identity = alt.Chart(table(rows_of({}, expected=ends, value=ends)))
    identity = identity.mark_line(color=looks.NEUTRAL, strokeDash=looks.DASH)
    met = {name: tone for name, tone in looks.VERDICTS.items() if any(row["verdict"] == name for row in rows)}
    tones = alt.Scale(domain=[*met], range=[*met.values()])
    colour = alt.Color("verdict:N", scale=tones, legend=alt.Legend(title=None, orient="top"))
    scale = axes.in_logs(found, limits) or axes.cut(found, found, limits)
    over = axes.x("expected", "c expected at this depth and width", **axes.in_logs(found))
    plot = Plot(rows, over, "c measured", scale=scale, colour=colour)
    told = tips("run", text="measured c", expected=("expected c", looks.NUMBER), verdict="verdict")
    marks = [identity.encode(x="expected:Q", y="value:Q"), *plot.bars(1), plot.dots(60, told)]
    note = looks.BETWEEN.join(["bars: 95%", "dashed: they agree", *plot.notes])
    return titled("Measured against predicted c", note, *marks)


def trainable(summaries: Summaries) -> Drawn:
    """Accuracy, or R2, over two numbers, solid around what trained, dashed around what was predicted to."""
    of_values = any(one.training.r2_test_final is not None for one in summaries)
    shown = VALUES["r2_test_final" if of_values else "accuracy_final"]
    keys = sorted((key for key in axes_of(summaries) if key not in BEST), key=lambda key: key == DEPTH)
    places = _places(summaries, shown, *keys) if len(keys) == 2 else {}
    if not places:
        raise NothingToDraw(
            "trainable needs trained runs that differ in two numbers, such as depth and sigma_w"
        )
    rows = [{"x": x, "y": y, **_outcome(here, shown)} for (x, y), here in places.items()]
    trained = {(row["x"], row["y"]): row["what"] == TRAINED for row in rows}
    predicted = {place: here[0].trainable.verdict == "trainable" for place, here in places.items()}
    x, y = (key.rpartition(".")[2] for key in keys)
    told = tips(x=x, y=y, text=shown.short, what="what", score="score")
    scale = alt.Scale(scheme="viridis", domain=[0, 1], clamp=True)  # R2 may be below 0
    colour = alt.Color("value:Q", scale=scale, title=shown.short)
    lines = [*_boundary(trained, "white", looks.SOLID, 4), *_boundary(predicted, "black", looks.DASH, 2)]
    right = sum(trained[place] == predicted[place] for place in places)
    note = f"white: what trained; dashed: what was predicted to, right in {right} of {len(places)}"
    cells = grid(rows, "value", colour, x, y, told)
    return titled(shown.title, note, cells, *lines)


def _places(summaries: Summaries, shown: MapValue, across: str, up: str) -> dict[Spot, list[Summary]]:
    """The runs at each pair of numbers that two keys have, where anything was trained and predicted."""
    places: dict[Spot, list[Summary]] = {}
    for summary in summaries:
        config = flat(summary.config)
        x, y = config.get(across), config.get(up)
        known = summary.trainable.score is not None and summary.training.steps
        known = known and (shown.read(summary) is not None or summary.status == "diverged")
        if known and is_number(x) and is_number(y):
            places.setdefault((x, y), []).append(summary)
    return places


def _outcome(here: Summaries, shown: MapValue) -> Datum:
    """The best that came out at a place, 0 where all blew up, and whether that is to have trained."""
    best = max((value for one in here if (value := shown.read(one)) is not None), default=0.0)
    guess = here[0].training.majority or 0.0
    what = TRAINED if best > guess + MIDDLE * (1 - guess) else "not trained"
    text = percent(best) if shown.share else number(best)
    return {"value": best, "text": text, "what": what, "score": here[0].trainable.score}


def _boundary(inside: Mapping[Spot, bool], colour: str, dash: list[int], width: float) -> list[Drawn]:
    """The edges between neighbouring cells of which one is inside, if there are any."""
    xs, ys = edges({x for x, _ in inside}), edges({y for _, y in inside})
    beside = [((a, y), (b, y)) for (a, b), y in product(pairwise(xs), ys)]
    above = [((x, a), (x, b)) for x, (a, b) in product(xs, pairwise(ys))]
    rows = [
        {"x": xs[b][0], "x2": xs[a][1], "y": ys[d][0], "y2": ys[c][1]}
        for (a, c), (b, d) in beside + above
        if inside.get((a, c), False) != inside.get((b, d), False)
    ]
    base = alt.Chart(table(rows)).encode(x="x:Q", x2="x2", y="y:Q", y2="y2")
    return [base.mark_rule(color=colour, strokeDash=dash, strokeWidth=width)] if rows else []


def depth_law(runs: Sequence[Run]) -> Drawn:
    """log10 ||delta_1|| / ||dLoss/dout|| over depth, with the line of each law c^L across networks."""
    laws = [law for law in depth_laws(runs) if law["delta"]["c"] is not None]
    obeying = [[run for run in runs if _obeys(run, law)] for law in laws]
    keys = shared_keys(laws[0]) if laws else []
    configs = [flat(some[0].summary.config) for some in obeying]
    names = settings(configs, keys)
    told = [f"{name and name + ': '}c = {_c_of(law['delta'])}" for name, law in zip(names, laws, strict=True)]
    lines, columns = apart(configs, keys, told)
    found = zip(laws, obeying, columns, strict=True)
    rows = [row | own for law, some, own in found for row in _law_rows(law, some)]
    if len({row["depth"] for row in rows}) < 2:
        raise NothingToDraw("depth-law needs runs of several depths")
    plot = Plot(rows, axes.x("depth", "depth (hidden layers)"), RATIO, lines)
    value, grad = (RATIO, looks.LOG10), "c of dL/dW_1"
    dots = plot.dots(60, tips("run", differs="law", depth="depth", value=value, grad=grad))
    return titled("First layer's gradient by depth", "lines: c^L, ± 95%", plot.line(name="fit"), dots)


def _obeys(run: Run, law: Mapping[str, Any]) -> bool:
    """Whether a law was fitted to this run: they share all keys but the depth."""
    config = flat(run.summary.config)
    return all(config.get(key) == law[key] for key in shared_keys(law))


def _c_of(one: Mapping[str, Any]) -> str:
    return factor(one["c"], one["c_low"], one["c_high"])


def _law_rows(law: Mapping[str, Any], runs: Sequence[Run]) -> list[Datum]:
    """The ratios that a law was fitted to by depth, and the line of slope log10 c through their mean."""
    size = "" if law["batch_size"] is None else f" (batch {count(law['batch_size'])})"
    fitted: dict[int, tuple[str, Array]] = {}
    for run in runs:
        if run.recording:
            layer = first_layer(run.summary, run.recording)
            fitted.setdefault(layer.depth, (run.id, layer.log_delta / LN10))
    logs = np.array([ratios for _, ratios in fitted.values()])
    ratios = logs[:, np.isfinite(logs).all(axis=0)].mean(axis=1).tolist()  # the seeds that live at all depths
    slope = log10(law["delta"]["c"]) if law["delta"]["c"] else nan
    fit = [fmean(ratios) + (depth - fmean(fitted)) * slope for depth in fitted]
    ids = [id for id, _ in fitted.values()]
    told = {"grad": _c_of(law["weight_grad"]) + size}
    return rows_of(told, depth=[*fitted], value=ratios, run=ids, fit=fit)


def histogram(name: str, found: Jacobian) -> Drawn:
    """Shares of the singular values of dz_L / dz_1 by their size over the root mean square."""
    rows = rows_of({}, low=found.edges[:-1], high=found.edges[1:], share=found.share)
    across = alt.X("low:Q", title="singular value / root mean square", bin=alt.BinParams(binned=True))
    bars = alt.Chart(table(rows)).mark_bar().encode(across, alt.Y("share:Q", title="share"), x2="high")
    variance = None if found.variance is None else found.variance.mean
    return titled(f"{name}: dz_L / dz_1", f"Var(s^2) / mean^2 = {number(variance)}", bars)
