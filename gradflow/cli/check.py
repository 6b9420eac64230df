"""gradflow check: backpropagation against the complex step."""

from __future__ import annotations

import typer

from gradflow.cli.options import ConfigFile, Json, Overrides
from gradflow.cli.output import emit_document, emit_page, noting
from gradflow.config import load_config
from gradflow.config.load import load_data
from gradflow.report.gradient_pages import check_page
from gradflow.trace import check_gradients


def check(config: ConfigFile, overrides: Overrides = None, json: Json = False) -> None:
    """Check backpropagation against the complex step, in float64. Exit code 1 if it is wrong.

    \b
    Examples:
      gradflow check configs/quickstart.yaml
    """
    study = load_config(config, overrides or (), noting(quiet=False))
    data = load_data(study.data)
    found = check_gradients(study.plan(data), data)
    if json:
        emit_document(found.document())
    else:
        emit_page(check_page(study.name, found))
    if not found.passed:
        raise typer.Exit(1)
