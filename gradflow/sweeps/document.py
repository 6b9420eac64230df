"""The documents of a sweep, which `--json` prints and pages are made from: its plan, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gradflow.analysis.commands import sweep_command
from gradflow.analysis.depth_law import Law, laws_across
from gradflow.analysis.differences import flat
from gradflow.analysis.summary import strict
from gradflow.sweeps.outcome import Ended
from gradflow.sweeps.points import Point, Sweep

COSTS = ("parameters", "memory", "steps", "disk")


def plan_document(sweep: Sweep, points: Sequence[Point]) -> dict[str, Any]:
    """What points would cost, each and together; parameters are of one network, memory and disk in bytes."""
    costs = [{name: getattr(point.cost, name) for name in COSTS} for point in points]
    total = {name: sum(cost[name] for cost in costs) for name in ("steps", "disk")}
    total["memory"] = max(cost["memory"] for cost in costs)
    rows = [{"id": point.id, **point.values, **cost} for point, cost in zip(points, costs, strict=True)]
    plain: dict[str, Any] = strict({"id": sweep.id, "axes": sweep.axes, "points": rows, "total": total})
    return plain


def result_document(sweep: Sweep, folder: Path, ended: Iterable[Ended]) -> dict[str, Any]:
    """What came out of points, in their order, and the depth laws that they obey."""
    ended = sorted(ended, key=lambda event: event.point.number)
    once = {key: (value,) for key, value in sweep.beside.items()}
    document = {
        "id": sweep.id,
        "path": str(folder),
        "command": sweep_command(ended[0].path, strict({**sweep.axes, **once})),
        "axes": sweep.axes,
        "points": [event.document() for event in ended],
        "depth_law": _laws(ended),
    }
    plain: dict[str, Any] = strict(document)
    return plain


def _laws(ended: Sequence[Ended]) -> dict[str, Any]:
    """The depth laws; where there is one law alone, delta's and theory's stand at the top.

    `c` and its ends there are dL/dW_1's, as they were from the first version on.
    """
    groups = laws_across((flat(event.point.config.plain()), event.first_layer) for event in ended)
    if len(groups) == 1:
        group = groups[0]
        top = {name: group[name] for name in ("delta", "c_expected", "batch_size", "reason")}
        return {**top, **group["weight_grad"], "groups": groups}
    reason = "the sweep has no depth axis"
    if groups:
        reason = f"there are {len(groups)} laws, one for each combination of the other axes: see groups"
    nothing = {"delta": asdict(Law()), "c_expected": None, "batch_size": None, "reason": reason}
    return {**nothing, **asdict(Law()), "groups": groups}
