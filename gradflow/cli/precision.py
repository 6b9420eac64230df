"""What low precision would lose of a config's or a run's networks, as a page or a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradflow.analysis.low_precision import LowPrecision, summarize_casts
from gradflow.cli.output import emit_document, emit_page
from gradflow.cli.study import config_of
from gradflow.config.load import load_data
from gradflow.report.precision_pages import precision_page
from gradflow.trace import casts


def measured(
    study: str, overrides: Sequence[str], runs: Path, tell: Callable[[str], None]
) -> tuple[str, LowPrecision]:
    """The name of a config, or of a run's, and what its networks lose."""
    config = config_of(study, overrides, runs, tell)
    data = load_data(config.data)
    plan = config.plan(data)
    return config.name, summarize_casts(casts(plan, data), plan.model.shape.batch)


def show(name: str, found: LowPrecision, json: bool) -> None:
    """Print what was measured."""
    if json:
        emit_document(found.document())
    else:
        emit_page(precision_page(name, found))
