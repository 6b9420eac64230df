"""Several runs, or a sweep, as the document that a sweep's page is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradflow.analysis.compare import comparable
from gradflow.analysis.differences import flat
from gradflow.analysis.outcome import outcome
from gradflow.analysis.summary import Summary
from gradflow.report.labels import keys_apart, names
from gradflow.store import Run
from gradflow.store.notes import Notes, all_notes, own_notes

LAW = (  # what a law says
    "depths", "delta", "weight_grad", "c_inside", "c_theory", "reason", "c_expected", "batch_size",
)  # fmt: skip


def axes_of(summaries: Sequence[Summary]) -> list[str]:
    """The keys that differ, the depth first."""
    return sorted(keys_apart(summaries), key=lambda key: key != "model.depth")


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Runs by what differs: numbers by size, before names."""
    axes = axes_of([run.summary for run in runs])
    return sorted(runs, key=lambda run: [comparable(flat(run.summary.config).get(axis)) for axis in axes])


def several(name: str, path: str, runs: Sequence[Run], named: bool = False) -> dict[str, Any]:
    """The document of runs: axes with their values, a point a run, and the depth laws.

    The runs of no one sweep are `named`: a point says which run it is, and what is said of its sweep.
    """
    summaries = [run.summary for run in runs]
    axes = axes_of(summaries)
    values = [_values(flat(summary.config), axes) for summary in summaries]
    points = [
        _point(run, own, all_notes if named else own_notes) for run, own in zip(runs, values, strict=True)
    ]
    if named:
        points = [{**point, "run": own} for point, own in zip(points, names(summaries), strict=True)]
    columns = {axis: list(dict.fromkeys(map(str, (own[axis] for own in values)))) for axis in axes}
    laws = {"groups": depth_laws(runs)}
    return {"id": name, "path": path, "axes": columns, "points": points, "depth_law": laws}


def _values(config: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
    """The value of each axis; no text where a run has no such key."""
    return {axis: config.get(axis, "") for axis in axes}


def _point(
    run: Run, values: Mapping[str, Any], noted: Callable[[Run], tuple[Notes, str | None]]
) -> dict[str, Any]:
    told, _ = noted(run)
    standing = {
        "id": run.id, "path": str(run.path), "status": run.status, "note": told.text, "tags": told.tags,
        "recorded": "recorded" in run.info,
    }  # fmt: skip
    return {**standing, **values, **outcome(run.summary), "reason": run.summary.flow.initial.reason}


def depth_laws(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """c^L across the runs that differ in depth alone, one law for each combination of the other keys."""
    from gradflow.analysis.depth_law import first_layer, laws_across

    return laws_across(
        (flat(run.summary.config), first_layer(run.summary, run.recording) if run.recording else None)
        for run in runs
    )


def shared_keys(law: Mapping[str, Any]) -> list[str]:
    """The keys whose values the runs of a law share: all in which any runs differ, but the depth."""
    return [key for key in law if key not in LAW]
