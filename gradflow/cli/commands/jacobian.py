"""gradflow jacobian: the singular values of dz_L / dz_1 at initialization."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import Json, Overrides, Quiet, Replace, RunsDir, Study
from gradflow.errors import refuse_unused
from gradflow.runs_folder import RUNS

Picture = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="A histogram: .svg, .pdf or .png.")
]


def jacobian(
    study: Study, overrides: Overrides = None, output: Picture = None, json: Json = False,
    force: Replace = False, runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Measure the singular values of dz_L / dz_1 beside theory's.

    All networks of the config are drawn, not trained; seeds=10 makes the interval narrower. Nothing is saved.

    \b
    Examples:
      gradflow jacobian configs/orthogonal.yaml seeds=10
      gradflow jacobian @1 -o spectrum.svg
    """
    from gradflow.cli.jacobian import draw, measured, show
    from gradflow.cli.plot import require_picture
    from gradflow.telling.lines import noting

    if output is None:
        refuse_unused("without -o nothing is written", force=force)
    else:
        require_picture(output)
    name, found = measured(study, overrides or (), runs_dir, noting(quiet))
    if output is not None:
        draw(name, found, output, force, quiet)
    show(name, found, json)
