"""gradflow run: one run, trained now or found finished, and its report."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

from gradflow.cli.options import RUNS, ConfigFile, FailOnDiverged, Force, Json, Overrides, Quiet, RunsDir
from gradflow.cli.output import note, noting
from gradflow.cli.progress import Bar
from gradflow.cli.show import print_run
from gradflow.config import Config, load_config
from gradflow.config.memory import size
from gradflow.errors import InputError, Problem
from gradflow.execution.execute import execute
from gradflow.report.numbers import duration
from gradflow.report.pages import report_text
from gradflow.store import Run

DIVERGED = 3


def run(
    config: ConfigFile, overrides: Overrides = None, runs_dir: RunsDir = RUNS, force: Force = False,
    fail_on_diverged: FailOnDiverged = False, json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Train one config and report how its gradient flows. An identical finished run is shown, not repeated.

    \b
    Examples:
      gradflow run configs/quickstart.yaml
      gradflow run configs/quickstart.yaml depth=50 init=he_normal
    """
    study = load_config(config, overrides or (), noting(quiet))
    refuse_sweep(study, config, overrides or [])
    done = computed(study, runs_dir, force, quiet)
    print_run(done, json)
    if fail_on_diverged and done.status == "diverged":
        raise typer.Exit(DIVERGED)


def refuse_sweep(study: Config, config: Path, overrides: list[str]) -> None:
    """InputError for a config with a sweep section, with the command that takes it."""
    if study.sweep:
        command = shlex.join(["gradflow", "sweep", str(config), *overrides])
        raise InputError(Problem(f"this config is many runs: type {command}", "sweep", str(config)))


def computed(study: Config, runs: Path, force: bool, quiet: bool) -> Run:
    """The run of a config, with what the user may want to know of it on stderr."""
    saved = f"saving about {size(study.record_bytes)} in {runs / study.id}"
    with Bar(saved, study.training.steps, quiet) as bar:
        done = execute(
            study, runs, force=force, progress=bar, going_on=bar.go_on,
            render=lambda run: report_text(run.summary),
        )  # fmt: skip
    note(story(done), quiet)
    return done


def story(done: Run) -> str:
    """When a run was computed and by what, and how to compute it again."""
    times, version = done.info["times"], done.info["versions"]["gradflow"]
    if not done.reused:
        return f"trained in {duration(times['seconds'])}"
    finished = times["finished"][:16].replace("T", " ")
    return f"found it finished, of {finished} UTC by gradflow {version}; --force computes it again"
