"""What is said of a run that failed: why, and what tries it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradflow.report.numbers import counted
from gradflow.report.page import Block, Sentence
from gradflow.store.names import is_point, maker_of

if TYPE_CHECKING:
    from gradflow.analysis.summary import Summary

OF_A_SWEEP = "failed: the same command with --retry-failed tries again"
KEPT = "failed, and the finished runs of before are kept: the same command with --force tries again"


def failure(summary: Summary) -> list[Block]:
    """That a run failed, why, and what tries it again; [] of others."""
    if summary.status != "failed":
        return []
    reason, remedy = summary.flow.initial.reason, retry(summary.path)
    return [Sentence(f"failed: {reason}", "warning"), Sentence(f"{remedy[0].upper()}{remedy[1:]}.")]


def retry(path: str) -> str:
    """What tries a run again that failed and stands at a path: a sweep keeps it among its points."""
    place = Path(path)
    option = " with --retry-failed" if is_point(place) else ""
    return f"{maker_of(place)}{option} to try it again"


def failures(points: Sequence[Mapping[str, Any]]) -> list[Block]:
    """How many points of a sweep failed and what tries them again; of runs of no one sweep, how many did."""
    if any("run" in point for point in points):
        return [Sentence(f"{counted(len(points), 'run')} failed", "warning")]
    remedies = Counter(KEPT if point.get("kept") else OF_A_SWEEP for point in points)
    return [Sentence(f"{counted(n, 'point')} {words}", "warning") for words, n in remedies.items()]


def reason_of(point: Mapping[str, Any]) -> str:
    """Why it failed and, of a run that its page shares no command with, what tries it again."""
    return f"{point['reason']}; {retry(point['path'])}" if "run" in point else str(point["reason"])
