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
from gradflow.report.charts.lines import apart
from gradflow.report.charts.plot import Datum, Drawn, Plot, table, tip, titled
from gradflow.report.labels import label
from gradflow.report.numbers import count, factor
from gradflow.report.several import depth_laws, shared_keys

if TYPE_CHECKING:
    from gradflow.store import Run

RATIO = "log10 ||delta_1|| / ||delta_L||"


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
    """log10 ||delta_1|| / ||delta_L|| over depth, with the line of each law c^L across networks."""
    laws = [law for law in depth_laws(runs) if law["delta"]["c"] is not None]
    obeying = [[run for run in runs if _obeys(run, law)] for law in laws]
    keys = shared_keys(laws[0]) if laws else []
    configs = [flat(some[0].summary.config) for some in obeying]
    told = apart(configs, keys, [_told(law, keys, config) for law, config in zip(laws, configs, strict=True)])
    found = zip(laws, obeying, told.columns, strict=True)
    rows = [{**row, **columns} for law, some, columns in found for row in _law_rows(law, some)]
    if len({row["depth"] for row in rows}) < 2:
        return None
    plot = Plot(rows, axes.x("depth", "depth (hidden layers)"), RATIO, told.lines)
    tips = [tip("run"), tip("differs", "law"), tip("depth"), tip("value", RATIO, looks.LOG10)]
    dots = plot.dots(60, [*tips, tip("grad", "c of dL/dW_1")])
    return titled("First layer's gradient by depth", "lines: c^L, ± 95%", plot.line(name="fit"), dots)


def _obeys(run: Run, law: Mapping[str, Any]) -> bool:
    """Whether a law was fitted to this run: they share all keys but the depth."""
    config = flat(run.summary.config)
    return all(config.get(key, "") == law[key] for key in shared_keys(law))


def _told(law: Mapping[str, Any], keys: Sequence[str], config: Mapping[str, Any]) -> str:
    """init he_normal: c = 0.99 ± 0.02."""
    name = label(config, keys)
    return f"{name + ': ' if name else ''}c = {_c_of(law['delta'])}"


def _c_of(one: Mapping[str, Any]) -> str:
    return factor(one["c"], one["c_low"], one["c_high"])


def _law_rows(law: Mapping[str, Any], runs: Sequence[Run]) -> list[Datum]:
    """The ratios by depth, and the line of slope log10 c through their mean."""
    size = "" if law["batch_size"] is None else f" (batch {count(law['batch_size'])})"
    known = [
        (run.summary.config["model"]["depth"], ratio, run.id)
        for run in runs
        if (ratio := run.summary.flow.initial.log10_ratio) is not None
    ]
    if not known:
        return []
    depth, mean = fmean(one[0] for one in known), fmean(one[1] for one in known)
    slope = log10(law["delta"]["c"]) if law["delta"]["c"] else nan
    return [
        {"grad": _c_of(law["weight_grad"]) + size, "depth": at, "value": value, "run": run,
         "fit": mean + (at - depth) * slope}
        for at, value, run in known
    ]  # fmt: skip
