"""gradflow run: one run, trained now or found finished, and its report."""

from __future__ import annotations

import typer

from gradflow.cli.options import (
    DIVERGED,
    Brief,
    ConfigFile,
    FailOnDiverged,
    Force,
    Json,
    Overrides,
    Quiet,
    RunsDir,
    Workers,
)
from gradflow.errors import refuse_unused
from gradflow.runs_folder import RUNS


def run(
    config: ConfigFile, overrides: Overrides = None, runs_dir: RunsDir = RUNS, force: Force = False,
    fail_on_diverged: FailOnDiverged = False, brief: Brief = False, json: Json = False, quiet: Quiet = False,
    workers: Workers = None,
) -> None:  # fmt: skip
    """Train one config and report how its gradient flows. An identical finished run is shown, not repeated.

    \b
    Examples:
      gradflow run configs/quickstart.yaml
      gradflow run configs/quickstart.yaml depth=50 init=he_normal
    """
    from gradflow.cli.run import study_of
    from gradflow.telling.lines import noting
    from gradflow.telling.run import computed

    refuse_unused("--json has it all", brief=brief and json)
    done = computed(study_of(config, overrides or (), noting(quiet)), runs_dir, force, quiet, workers)
    from gradflow.cli.show import print_run  # no training waits for the report

    print_run(done, json, brief, quiet)
    if fail_on_diverged and done.status == "diverged":
        raise typer.Exit(DIVERGED)
