"""Charts of theory beside many runs: measured against predicted c, and the depth laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from statistics import fmean
from typing import TYPE_CHECKING, Any

import altair as alt

from gradflow.analysis.differences import flat
from gradflow.analysis.summary import Number, Summary
from gradflow.report.charts.base import (
    DASH,
    LOG10,
    NEUTRAL,
    PLAIN,
    RUNS,
    VERDICTS,
    Drawn,
    colours,
    layered,
    points,
    shapes,
    strokes,
    table,
    tip,
    titled,
    x,
    y,
)  # fmt: skip
from gradflow.report.labels import label
from gradflow.report.numbers import factor
from gradflow.report.several import depth_laws, shared_keys

if TYPE_CHECKING:
    from gradflow.store import Run

Row = dict[str, Any]


def theory(summaries: Sequence[Summary]) -> Drawn | None:
    """Measured c with its interval against the c that theory expects at this depth and width."""
    rows: list[Row] = [
        {"expected": expected, "value": flow.c, "low": flow.c_low, "high": flow.c_high,
         "verdict": flow.verdict, "run": s.id, "text": factor(flow.c, flow.c_low, flow.c_high)}
        for s in summaries
        for flow, expected in [(s.flow.initial, s.theory.c_finite_width or s.theory.c)]
        if expected is not None and flow.c is not None
    ]  # fmt: skip
    if not rows:
        return None
    found = [row[name] for row in rows for name in ("expected", "value")]
    ends = [{"expected": end, "value": end} for end in (min(found) * 0.97, max(found) * 1.03)]
    identity = (
        alt.Chart(table(ends)).mark_line(color=NEUTRAL, strokeDash=DASH).encode(x="expected:Q", y="value:Q")
    )
    met = [verdict for verdict in VERDICTS if any(row["verdict"] == verdict for row in rows)]
    scale = alt.Scale(domain=met, range=[VERDICTS[verdict] for verdict in met])
    legend = alt.Legend(title=None, orient="top")
    base = alt.Chart(table(rows)).encode(
        x=x("expected", "c expected at this depth and width"),
        color=alt.Color("verdict:N", scale=scale, legend=legend),
    )
    tips = [tip("run"), tip("text", "measured c"), tip("expected", "expected c", PLAIN), tip("verdict")]
    bars = base.mark_rule().encode(y=y("low", "c measured"), y2="high")
    dots = points(base.encode(y=y("value", "c measured")), 60, tips)
    return titled(
        layered(identity, bars, dots), "Measured against predicted c", "bars: 95%; dashed: they agree"
    )


def depth_law(runs: Sequence[Run]) -> Drawn | None:
    """log10 ||dL/dW_1|| over depth, with the line of each law c^L across networks."""
    names: dict[str, str] = {}
    rows: list[Row] = []
    known = [law for law in depth_laws(runs) if law["weight_grad"]["c"] is not None]
    for i, law in enumerate(known):
        found = [run for run in runs if _obeys(run, law)]
        line = _law_name(law, found)
        names[line] = RUNS[i % len(RUNS)]
        rows += _law_rows(line, law["weight_grad"]["c"], found)
    if len({row["depth"] for row in rows}) < 2:
        return None
    title = "log10 ||dL/dW_1||"
    base = alt.Chart(table(rows)).encode(x=x("depth", "depth (hidden layers)"), color=colours(names))
    tips = [tip("run"), tip("line", "law"), tip("depth"), tip("value", title, LOG10)]
    dots = points(base.encode(y=y("value", title), **shapes(names)), 60, tips)
    lines = base.mark_line().encode(y=y("fit", title), **strokes(names))
    return titled(layered(lines, dots), "First layer's weight gradient by depth", "lines: c^L, ± 95%")


def _obeys(run: Run, law: Mapping[str, Any]) -> bool:
    """Whether a law was fitted to this run: they share all keys but the depth."""
    config = flat(run.summary.config)
    return all(config.get(key, "") == law[key] for key in shared_keys(law))


def _law_name(law: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """he_normal: c = 0.99 ± 0.02."""
    grad = law["weight_grad"]
    name = label(flat(runs[0].summary.config), shared_keys(law))
    return f"{name + ': ' if name else ''}c = {factor(grad['c'], grad['c_low'], grad['c_high'])}"


def _law_rows(line: str, c: Number, runs: Sequence[Run]) -> list[Row]:
    """The norm of each depth, and the line of slope log10 c through their mean."""
    known: list[tuple[int, float, str]] = [
        (run.summary.config["model"]["depth"], norms[0], run.id)
        for run in runs
        if (norms := run.summary.flow.initial.profile.log10_weight_grad) and norms[0] is not None
    ]
    if not known:
        return []
    depth, norm = fmean(one[0] for one in known), fmean(one[1] for one in known)
    return [
        {"line": line, "depth": at, "value": value, "run": name,
         "fit": norm + (at - depth) * log10(c) if c else None}
        for at, value, name in known
    ]  # fmt: skip
