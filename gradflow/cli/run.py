"""gradflow run: one run, trained now or found finished, and its report."""

from __future__ import annotations

from pathlib import Path

from gradflow.cli.output import note, noting
from gradflow.cli.progress import Bar
from gradflow.config import Config
from gradflow.config.load import read_config
from gradflow.config.memory import size
from gradflow.config.overrides import refuse_spaces
from gradflow.execution.execute import execute
from gradflow.report.numbers import duration
from gradflow.store import Run
from gradflow.sweeps.points import parse_one


def study_of(config: Path, overrides: list[str], quiet: bool) -> Config:
    """The config of one run. InputError for one with a sweep section, with the command that takes it."""
    refuse_spaces([str(config), *overrides])
    return parse_one(read_config(config), config.parent, overrides, noting(quiet))


def computed(study: Config, runs: Path, force: bool, quiet: bool, workers: int | None = 1) -> Run:
    """The run of a config, with what the user may want to know of it on stderr."""
    saved = f"saving about {size(study.record_bytes)} in {runs / study.id}"
    with Bar(saved, study.training.steps, quiet) as bar:
        done = execute(
            study, runs, force=force, progress=bar, going_on=bar.go_on, tell=noting(quiet),
            render=_report, workers=workers,
        )  # fmt: skip
    note(story(done), quiet)
    return done


def _report(run: Run) -> str:
    from gradflow.report.pages import report_of  # no training waits for it

    return report_of(run)


def story(done: Run) -> str:
    """When a run was computed and by what, and how to compute it again."""
    times, version = done.info["times"], done.info["versions"]["gradflow"]
    if not done.reused:
        return f"trained in {duration(times['seconds'])}"
    finished = times["finished"][:16].replace("T", " ")
    return f"found it finished, of {finished} UTC by gradflow {version}; --force computes it again"
