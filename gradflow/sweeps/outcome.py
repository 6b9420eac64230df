"""What became of a point, in the few numbers that a table of thousands can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradflow.analysis.depth_law import FirstLayer, first_layer

if TYPE_CHECKING:
    from gradflow.store import Run
    from gradflow.sweeps.points import Point

FLOW = (
    "c", "c_low", "c_high", "log10_ratio", "log10_growth", "verdict", "borderline", "networks",
    "dead_networks", "log10_ratio_sd",
)  # fmt: skip


@dataclass(frozen=True)
class Started:
    """A point is being computed now."""

    point: Point


@dataclass(frozen=True)
class Waiting:
    """There are points to compute, and a scheduler without a worker."""

    address: str


@dataclass(frozen=True)
class Ended:
    """A point is finished or has failed, and stands in the sweep's folder; `reused`: not computed now."""

    point: Point
    path: str
    status: str  # completed | diverged | failed
    reused: bool
    reason: str | None
    flow: dict[str, Any]  # `FLOW`, at initialization
    trainable: str
    trainable_score: float | None
    loss_initial: float | None
    loss_final: float | None
    evaluations: int
    first_layer: FirstLayer | None
    spread_theory: float | None = None  # log10_ratio_sd that theory expects, of one sample

    def document(self) -> dict[str, Any]:
        """The point in `sweep --json`: the value of each axis stands beside what came out."""
        standing = {"id": self.point.id, "path": self.path, "status": self.status}
        trains = {"trainable": self.trainable, "trainable_score": self.trainable_score}
        losses = {"loss_initial": self.loss_initial, "loss_final": self.loss_final}
        found = {"reason": self.reason, "evaluations": self.evaluations}
        spread = {"log10_ratio_sd_theory": self.spread_theory}
        return {**standing, **self.point.values, **self.flow, **spread, **trains, **losses, **found}


Event = Started | Waiting | Ended


def ended(point: Point, run: Run) -> Ended:
    """The event of a run that stands."""
    summary, failed = run.summary, run.status == "failed"
    initial = summary.flow.initial
    return Ended(
        point=point,
        path=str(run.path),
        status=run.status,
        reused=run.reused,
        reason=run.info["reason"] or summary.training.diverged_reason or initial.reason,
        flow={name: getattr(initial, name) for name in FLOW},
        trainable=summary.trainable.verdict,
        trainable_score=summary.trainable.score,
        loss_initial=summary.training.loss_initial,
        loss_final=summary.training.loss_final,
        evaluations=summary.training.evaluations,
        first_layer=None if failed else first_layer(summary, run.recording),
        spread_theory=summary.theory.log10_ratio_sd,
    )
