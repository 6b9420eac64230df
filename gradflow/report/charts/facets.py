"""One figure several times: a chart for each value of a key, with axes and colours in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import altair as alt

from gradflow.analysis.differences import flat, full_name
from gradflow.errors import InputError
from gradflow.report.numbers import inert, scalar

if TYPE_CHECKING:
    from gradflow.report.charts.plot import Drawn
    from gradflow.store import Run

MOST = 24  # charts that one figure can take


def faceted(runs: Sequence[Run], key: str, draw: Callable[[Sequence[Run]], Drawn]) -> alt.ConcatChart:
    """What `draw` makes of the runs of each value of a key. InputError for a key that no run has."""
    keys = [name for run in runs for name in flat(run.summary.config)]
    name = full_name(key, keys)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        value = flat(run.summary.config).get(name)
        groups.setdefault("none" if value is None else scalar(value), []).append(run)
    if len(groups) > MOST:
        raise InputError(f"--facet {key}: {len(groups)} charts are too many: at most {MOST}")
    short = name.rpartition(".")[2]
    charts = {value: draw(group) for value, group in groups.items()}
    title = next(iter(charts.values())).title
    parts = [chart.properties(title=inert(f"{short} {value}")) for value, chart in charts.items()]
    together = alt.concat(*parts).properties(title=title)
    shared: alt.ConcatChart = together.resolve_scale(x="shared", y="shared", color="shared")
    return shared
