"""What is said of a run that failed: why, and what tries it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.report.page import Block, Sentence
from gradflow.store.names import is_point

if TYPE_CHECKING:
    from gradflow.analysis.summary import Summary


def failure(summary: Summary) -> list[Block]:
    """That a run failed, why, and what tries it again; [] of others."""
    if summary.status != "failed":
        return []
    reason, remedy = summary.flow.initial.reason, retry(summary.path)
    return [Sentence(f"failed: {reason}", "warning"), Sentence(f"{remedy[0].upper()}{remedy[1:]}.")]


def retry(path: str) -> str:
    """What tries a run again that failed and stands at a path: a sweep keeps it among its points."""
    if is_point(Path(path)):
        return "type the command of its sweep with --retry-failed to try it again"
    return "run its config again to try it again"
