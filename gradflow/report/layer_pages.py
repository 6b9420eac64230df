"""The layers of a flow as a table: their norms and factors, and what a watched training has beside them."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, sqrt
from typing import TYPE_CHECKING

from gradflow.analysis.differences import RECORDED, layer_names
from gradflow.analysis.steps import row_at
from gradflow.analysis.summary import Flow, Summary
from gradflow.report.numbers import cosine, count, number, power
from gradflow.report.page import Column, Numbers, Table

if TYPE_CHECKING:
    from gradflow.arrays import Readings

NORMS = (("delta", "log10_delta"), ("dL/dW", "log10_weight_grad"), ("dL/db", "log10_bias_grad"))
WATCHED = {"branch": "branch_ratio", "rms": "q", "update": "update_ratio"}  # column -> array


def layer_table(summary: Summary, flow: Flow, recording: Readings | None = None) -> Table:
    """Every layer of the flow's profile; of norms recorded elsewhere, with names, what there is.

    The columns of a watched training need the recording.
    """
    p = flow.profile
    names = layer_names(summary.config)
    columns: dict[str, Iterable[str]] = {
        "layer": map(count, p.layers),
        **({"name": [names[layer - 1] for layer in p.layers]} if names else {}),
        **{label: map(power, values) for label, values in _norms(summary, flow).items()},
        **{label: map(number, values) for label, values in p.factors.items() if is_known(values)},
        **({"cosine": map(cosine, p.correlation)} if is_known(p.correlation) else {}),
        **({"by theory": map(cosine, p.correlation_expected)} if is_known(p.correlation_expected) else {}),
        **{label: map(number, values) for label, values in _watched(summary, flow, recording).items()},
    }
    titles = tuple(Column(title, title != "name") for title in columns)
    return Table(titles, tuple(zip(*columns.values(), strict=True)))


def _norms(summary: Summary, flow: Flow) -> dict[str, Numbers]:
    """Those of a run, or those that somebody recorded."""
    found = {label: getattr(flow.profile, name) for label, name in NORMS}
    if summary.config["data"]["name"] != RECORDED:
        return found
    return {label: values for label, values in found.items() if is_known(values)}


def _watched(summary: Summary, flow: Flow, recording: Readings | None) -> dict[str, Numbers]:
    """What each point of a watched model does, means over networks, where it is known."""
    if recording is None or "watched" not in summary.config["data"]:
        return {}
    row = row_at(recording["step"], str(flow.step))
    found = {}
    for title, name in WATCHED.items():
        if name in recording:
            means = recording[name][row].mean(axis=1).tolist()
            found[title] = plain([means[layer - 1] for layer in flow.profile.layers])
    if "rms" in found:
        found["rms"] = tuple(None if square is None else sqrt(square) for square in found["rms"])
    return {title: values for title, values in found.items() if is_known(values)}


def is_known(values: Numbers) -> bool:
    """Whether any of them is."""
    return any(value is not None for value in values)


def plain(values: Iterable[float]) -> Numbers:
    """None where a number is not finite."""
    return tuple(value if isfinite(value) else None for value in values)
