"""What became of a point, in the few numbers that a table of thousands can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradflow.analysis.depth_law import FirstLayer, first_layer
from gradflow.analysis.outcome import outcome
from gradflow.store import Run
from gradflow.sweeps.points import Point


@dataclass(frozen=True)
class Started:
    """A point is being computed now, from the end of one of as many steps as it goes on from, or from 0."""

    point: Point
    steps: int = 0


@dataclass(frozen=True)
class Waiting:
    """There are points to compute, and a scheduler without a worker."""

    address: str


@dataclass(frozen=True)
class Ended:
    """A point is finished or has failed, and stands in the sweep's folder; `reused`: not computed now.

    Of one that failed where a finished run stood, that is `kept` there.
    """

    point: Point
    path: str
    status: str  # completed | diverged | failed
    reused: bool
    reason: str | None
    results: dict[str, Any]  # see `outcome`
    first_layer: FirstLayer | None
    kept: bool = False

    def document(self) -> dict[str, Any]:
        """The point in `sweep --json`: the value of each axis stands beside what came out."""
        standing = {"id": self.point.id, "path": self.path, "status": self.status}
        ending = {"reason": self.reason, "kept": self.kept}
        return {**standing, **self.point.values, **self.results, **ending}


Event = Started | Waiting | Ended


def ended(point: Point, run: Run) -> Ended:
    """The event of a run that stands."""
    summary, failed = run.summary, run.status == "failed"
    return Ended(
        point=point,
        path=str(run.path),
        status=run.status,
        reused=run.reused,
        reason=run.info["reason"] or summary.training.diverged_reason or summary.flow.initial.reason,
        results=outcome(summary),
        first_layer=None if failed else first_layer(summary, run.recording),
    )
