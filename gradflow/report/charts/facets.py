"""A chart for each value of a key, side by side, with the axes, colours and notes they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from gradflow.analysis.differences import flat, full_name
from gradflow.errors import InputError
from gradflow.report.charts.lines import PARTS, SHAPES, columns
from gradflow.report.charts.looks import RUNS
from gradflow.report.charts.plot import Drawn, heading, words_of
from gradflow.report.numbers import inert, side_by_side
from gradflow.store import Run

MOST = 24  # charts that one figure can take
AXES = ("x", "y")
LOOKS: dict[str, Sequence[Any]] = {"color": RUNS, "strokeDash": PARTS, "shape": SHAPES}  # to choose from
Channel = tuple[Any, dict[str, Any]]  # one of a mark, as altair's object and as Vega-Lite


def faceted(runs: Sequence[Run], key: str, drawn: Callable[[Sequence[Run]], Drawn]) -> alt.ConcatChart:
    """What `drawn` makes of the runs of each value of a key. InputError if these are too many."""
    configs = [flat(run.summary.config) for run in runs]
    name = full_name(key, [name for config in configs for name in config])
    values = side_by_side([config.get(name) for config in configs], missing="none")
    groups: dict[str, list[Run]] = {}
    for run, value in zip(runs, values, strict=True):
        groups.setdefault(value, []).append(run)
    if len(groups) > MOST:
        raise InputError(f"--facet {key}: {len(groups)} charts are too many: at most {MOST}")
    charts = {f"{name.rpartition('.')[2]} {value}": drawn(group) for value, group in groups.items()}
    parts = [chart.properties(title=inert(called)) for called, chart in charts.items()]
    ways = _in_common(parts)  # before they are copied
    together: alt.ConcatChart = alt.concat(*parts).resolve_scale(**ways)
    return together.properties(title=heading(*words_of(charts.values())))


def _in_common(charts: Sequence[Drawn]) -> dict[str, Any]:
    """Whether an axis or a legend is shared, as it is where all charts have the same, if need be by then."""
    for channel in LOOKS:
        _look_alike([_found(chart, channel) for chart in charts], LOOKS[channel])
    found = {channel: [_scales(_found(chart, channel)) for chart in charts] for channel in (*AXES, *LOOKS)}
    return {name: "shared" if len({*scales}) == 1 else "independent" for name, scales in found.items()}


def _found(chart: Drawn, channel: str) -> list[Channel]:
    """What the marks of a chart have in a channel whose scale they describe."""
    encodings = [mark.encoding[channel] for mark in getattr(chart, "layer", [chart])]
    found = [(one, one.to_dict(validate=False)) for one in encodings if one is not alt.Undefined]
    return [(one, spec) for one, spec in found if spec.get("scale")]


def _scales(found: Sequence[Channel]) -> str:
    return repr(sorted({f"{spec['type']} {spec['scale']}" for _, spec in found}))


def _look_alike(found: Sequence[Sequence[Channel]], looks: Sequence[Any]) -> None:
    """Gives each name one look in all charts, if any have one in common and there are looks for all."""
    scales = [spec["scale"] for some in found for _, spec in some[:1] if spec["type"] == "nominal"]
    told = [pair for scale in scales for pair in zip(scale["domain"], scale["range"], strict=True)]
    channels, names = [one for some in found for one, _ in some], dict(told)
    legend = next((one["legend"].copy() for one in channels if one["legend"]), None)
    if len(scales) < len(found) or (legend and len(names) == len(told)):
        return
    if legend and not len(names) == len({repr(look) for _, look in told}) == len({repr(one) for one in told}):
        if len(names) > len(looks):
            return
        names = dict(zip(names, looks, strict=False))
    if legend:
        legend["columns"] = columns(names)
    for one in channels:
        one["scale"] = alt.Scale(domain=[*names], range=[*names.values()])
        one["legend"] = legend
