"""Charts of theory beside many runs: measured against predicted c, and the depth laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10, nan
from statistics import fmean
from typing import TYPE_CHECKING, Any

import altair as alt

from gradflow.analysis.differences import flat
from gradflow.analysis.summary import Summary
from gradflow.report.charts import axes, looks
from gradflow.report.charts.plot import Datum, Drawn, Plot, table, tip, titled
from gradflow.report.labels import label
from gradflow.report.numbers import factor
from gradflow.report.several import depth_laws, shared_keys

if TYPE_CHECKING:
    from gradflow.store import Run

GRADIENT = "log10 ||dL/dW_1||"


def theory(summaries: Sequence[Summary]) -> Drawn | None:
    """Measured c with its interval against the c that theory expects at this depth and width."""
    rows: list[Datum] = [
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
    identity = alt.Chart(table(ends)).mark_line(color=looks.NEUTRAL, strokeDash=looks.DASH)
    identity = identity.encode(x="expected:Q", y="value:Q")
    met = [verdict for verdict in looks.VERDICTS if any(row["verdict"] == verdict for row in rows)]
    scale = alt.Scale(domain=met, range=[looks.VERDICTS[verdict] for verdict in met])
    colour = alt.Color("verdict:N", scale=scale, legend=alt.Legend(title=None, orient="top"))
    plot = Plot(rows, axes.x("expected", "c expected at this depth and width"), "c measured", colour=colour)
    expected = tip("expected", "expected c", looks.NUMBER)
    dots = plot.dots(60, [tip("run"), tip("text", "measured c"), expected, tip("verdict")])
    title, note = "Measured against predicted c", "bars: 95%; dashed: they agree"
    return titled(title, note, identity, plot.bars(1), dots)


def depth_law(runs: Sequence[Run]) -> Drawn | None:
    """log10 ||dL/dW_1|| over depth, with the line of each law c^L across networks."""
    known = [law for law in depth_laws(runs) if law["weight_grad"]["c"] is not None]
    rows = [row for law in known for row in _law_rows(law, [run for run in runs if _obeys(run, law)])]
    if len({row["depth"] for row in rows}) < 2:
        return None
    names = looks.of_runs(dict.fromkeys(row["line"] for row in rows))
    plot = Plot(rows, axes.x("depth", "depth (hidden layers)"), GRADIENT, names)
    dots = plot.dots(60, [tip("run"), tip("line", "law"), tip("depth"), tip("value", GRADIENT, looks.LOG10)])
    title = "First layer's weight gradient by depth"
    return titled(title, "lines: c^L, ± 95%", plot.line(name="fit"), dots)


def _obeys(run: Run, law: Mapping[str, Any]) -> bool:
    """Whether a law was fitted to this run: they share all keys but the depth."""
    config = flat(run.summary.config)
    return all(config.get(key, "") == law[key] for key in shared_keys(law))


def _law_rows(law: Mapping[str, Any], runs: Sequence[Run]) -> list[Datum]:
    """The norms by depth, and the line of slope log10 c through their mean; he_normal: c = 0.99 ± 0.02."""
    grad, name = law["weight_grad"], label(flat(runs[0].summary.config), shared_keys(law))
    words = f"{name + ': ' if name else ''}c = {factor(grad['c'], grad['c_low'], grad['c_high'])}"
    known = [
        (run.summary.config["model"]["depth"], norms[0], run.id)
        for run in runs
        if (norms := run.summary.flow.initial.profile.log10_weight_grad) and norms[0] is not None
    ]
    if not known:
        return []
    depth, norm = fmean(one[0] for one in known), fmean(one[1] for one in known)
    slope = log10(grad["c"]) if grad["c"] else nan
    return [
        {"line": words, "depth": at, "value": value, "run": run, "fit": norm + (at - depth) * slope}
        for at, value, run in known
    ]
