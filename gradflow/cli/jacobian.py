"""The singular values of a config's or a run's networks, as a page, a document or a histogram."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradflow.analysis.jacobian import Jacobian, summarize_spectra
from gradflow.cli.output import emit_either
from gradflow.cli.report import write
from gradflow.cli.study import networks_of
from gradflow.report.jacobian_pages import jacobian_page
from gradflow.trace import q_0_of_spectra, spectra

INCHES = 5.0  # of the histogram, as of `plot`


def measured(
    study: str, overrides: Sequence[str], runs: Path, tell: Callable[[str], None]
) -> tuple[str, Jacobian]:
    """The name of a config, or of a run's, and what its networks have."""
    config, plan, data = networks_of(study, overrides, runs, tell)
    return config.name, summarize_spectra(plan.model, q_0_of_spectra(data), spectra(plan, data))


def draw(name: str, found: Jacobian, output: Path, force: bool, quiet: bool) -> None:
    """Write the histogram."""
    from gradflow.report.charts.laws import histogram  # of an extra, without which there is --help
    from gradflow.report.charts.picture import picture

    write(output, picture(histogram(name, found), output.suffix, INCHES), force, quiet)


def show(name: str, found: Jacobian, json: bool) -> None:
    """Print what was measured."""
    emit_either(json, found.document, lambda: jacobian_page(name, found))
