"""What low precision would lose of a config's or a run's networks, as a page or a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradflow.analysis.low_precision import LowPrecision, summarize_casts
from gradflow.cli.output import emit_either
from gradflow.cli.study import networks_of
from gradflow.report.precision_pages import precision_page
from gradflow.trace import casts


def measured(
    study: str, overrides: Sequence[str], runs: Path, tell: Callable[[str], None]
) -> tuple[str, LowPrecision]:
    """The name of a config, or of a run's, and what its networks lose."""
    config, plan, data = networks_of(study, overrides, runs, tell)
    return config.name, summarize_casts(casts(plan, data), plan.model.shape.batch)


def show(name: str, found: LowPrecision, json: bool) -> None:
    """Print what was measured."""
    emit_either(json, found.document, lambda: precision_page(name, found))
