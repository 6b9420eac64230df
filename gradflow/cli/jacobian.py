"""The singular values of dz_L / dz_1 of a config, as a page, a document or a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gradflow.analysis.jacobian import Jacobian, summarize_spectra
from gradflow.cli.output import emit_document, emit_page, note, noting
from gradflow.cli.plot import require_picture
from gradflow.config import load_config
from gradflow.config.load import load_data
from gradflow.report.jacobian_pages import jacobian_page
from gradflow.store import load_one, write_output
from gradflow.trace import spectra


def measured(
    study: str,
    overrides: Sequence[str],
    output: Path | None,
    json: bool,
    force: bool,
    runs: Path,
    quiet: bool,
) -> None:  # fmt: skip
    """Measure, and print or draw what was found."""
    if output is not None:
        require_picture(output)
    config = load_config(_path_of(study, runs), overrides, noting(quiet))
    data = load_data(config.data)
    plan = config.plan(data)
    q_0 = float(np.mean(np.square(data.x[0], dtype=np.float64)))
    found = summarize_spectra(plan.model, q_0, spectra(plan, data))
    if output is not None:
        write_output(output, drawn(config.name, found, output), mark=True, force=force)
        note(f"wrote {output}", quiet)
    if json:
        emit_document(found.document())
    else:
        emit_page(jacobian_page(config.name, found))


def _path_of(study: str, runs: Path) -> Path:
    """The config that is named, or that of the run that is."""
    path = Path(study)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    return load_one(study, runs).path / "config.yaml"


def drawn(name: str, found: Jacobian, output: Path) -> bytes:
    """The bytes of the histogram."""
    from gradflow.report.charts import picture  # of an extra, without which there is --help
    from gradflow.report.charts.spectrum import histogram

    return picture(histogram(name, found), output.suffix, 5.0)
