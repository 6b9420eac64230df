"""One run, trained now or found finished, and what is said of it on the way."""

from __future__ import annotations

from pathlib import Path

from gradflow.config import Config
from gradflow.config.memory import size
from gradflow.execution.execute import execute
from gradflow.report.numbers import duration
from gradflow.store import Run
from gradflow.telling.lines import note, noting
from gradflow.telling.progress import Bar


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
