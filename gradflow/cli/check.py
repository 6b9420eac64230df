"""The check of backpropagation against the complex step, as a page or a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradflow.cli.output import emit_either
from gradflow.cli.run import study_of
from gradflow.config.load import load_data
from gradflow.report.gradient_pages import check_page
from gradflow.telling.lines import noting
from gradflow.trace import check_gradients


def passed(config: Path, overrides: Sequence[str], json: bool, quiet: bool) -> bool:
    """Whether the gradients of a config are right, once what was found is printed."""
    study = study_of(config, overrides, noting(quiet))
    data = load_data(study.data)
    found = check_gradients(study.plan(data), data)
    emit_either(json, found.document, lambda: check_page(study.name, found))
    return found.passed
