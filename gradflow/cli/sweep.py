"""gradflow sweep: the points of a config, computed where they are missing, and the table of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gradflow.cli.options import RUNS, ConfigFile, FailOnDiverged, Force, Json, Quiet, RunsDir
from gradflow.cli.output import note, noting
from gradflow.cli.run import DIVERGED
from gradflow.cli.sweep_progress import SweepProgress
from gradflow.cli.tables import Csv, Md, emit_table, refuse_several, refuse_unused
from gradflow.errors import InputError, Problem, did_you_mean
from gradflow.report.page import Page
from gradflow.report.pages import report_text
from gradflow.report.sweep_pages import plan_page, sweep_page
from gradflow.sweeps.document import plan_document, result_document
from gradflow.sweeps.driver import Options, run_sweep, share
from gradflow.sweeps.executors import EXECUTORS
from gradflow.sweeps.outcome import Ended
from gradflow.sweeps.points import Sweep, load_sweep

Axes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=V1,V2",
        help="Keys to change, and those with several values to cross: depth=10,20 or depth=range(10,60,10) "
        "(without its end), lr=linspace(0.1,0.5,5) (ends included), lr=logspace(-3,-1,3) (exponents of ten).",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; as many as cores if not given.")
]
Where = Annotated[str | None, typer.Option("--executor", help="processes (the default), serial or dask.")]
DaskAddress = Annotated[
    str | None, typer.Option("--dask-address", metavar="URL", help="A scheduler, such as tcp://host:8786.")
]
Shard = Annotated[
    str, typer.Option("--shard", metavar="I/N", help="Every N-th point from the I-th on, for job arrays.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the points and what they will cost, and stop.")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0.001, metavar="SECONDS", help="For each point.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Compute the failed points again.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first point that fails.")]


def sweep(
    config: ConfigFile, overrides: Axes = None, runs_dir: RunsDir = RUNS, workers: Workers = None,
    executor: Where = None, dask_address: DaskAddress = None, shard: Shard = "1/1", dry_run: DryRun = False,
    timeout: Timeout = None, retry_failed: RetryFailed = False, fail_fast: FailFast = False,
    fail_on_diverged: FailOnDiverged = False, force: Force = False, json: Json = False, csv: Csv = False,
    md: Md = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Run a config for every combination of the values of its axes. What is finished is not computed again.

    \b
    Examples:
      gradflow sweep configs/sweep-depth-init-relu.yaml
      gradflow sweep configs/quickstart.yaml depth=10,20,50 init=xavier_normal,orthogonal --dry-run
    """
    refuse_several(json, csv, md)
    where = executor_named(executor or ("dask" if dask_address else "processes"))
    refuse_unused(
        f"--executor {where} asks no scheduler", dask_address=None if where == "dask" else dask_address
    )
    refuse_unused("--executor serial has none", workers=workers if where == "serial" else None)
    refuse_unused("the scheduler has its own", workers=workers if dask_address else None)
    options = Options(where, workers, dask_address, shard_of(shard), timeout, force, retry_failed, fail_fast)
    study = load_sweep(config, overrides or (), noting(quiet))
    if dry_run:
        print_plan(study, options, json, csv, md)
    else:
        document = computed(study, runs_dir, options, quiet)
        print_result(document, json, csv, md)
        end(document, fail_on_diverged)


def executor_named(name: str) -> str:
    """InputError for a name that is no executor."""
    if name not in EXECUTORS:
        message = f"should be one of {', '.join(EXECUTORS)}{did_you_mean(name, EXECUTORS)}"
        raise InputError(Problem(message, "--executor"))
    return name


def shard_of(text: str) -> tuple[int, int]:
    """I/N as numbers."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(Problem("should be I/N with I from 1 to N, such as 2/8", "--shard"))
    return int(found[1]), int(found[2])


def computed(study: Sweep, runs: Path, options: Options, quiet: bool) -> dict[str, Any]:
    """The document of a sweep that is run now."""
    events = run_sweep(study, runs, options, lambda run: report_text(run.summary))
    ended = []
    with closing(events), SweepProgress(len(share(study, options)), list(study.axes), quiet) as progress:
        for event in events:
            progress(event)
            if isinstance(event, Ended):
                ended.append(event)
    note(progress.story(), quiet)
    return result_document(study, runs / study.id, ended)


def print_plan(study: Sweep, options: Options, json: bool, csv: bool, md: bool) -> None:
    """What the points would cost."""
    emit_points(plan_document(study, share(study, options)), plan_page, json, csv, md)


def print_result(document: dict[str, Any], json: bool, csv: bool, md: bool) -> None:
    """The table of a sweep, or its document."""
    emit_points(document, sweep_page, json, csv, md)


def emit_points(
    document: dict[str, Any],
    page: Callable[[dict[str, Any], int | None], Page],
    json: bool,
    csv: bool,
    md: bool,
) -> None:
    """A document, its points as CSV, or its page."""
    rows = document if json else {"rows": document["points"]}
    emit_table(lambda: rows, lambda room: page(document, room), json, csv, md)


def end(document: dict[str, Any], fail_on_diverged: bool) -> None:
    """Exit code 1 if a point failed; 3, if it is asked for, if one diverged."""
    statuses = {point["status"] for point in document["points"]}
    if "failed" in statuses:
        raise typer.Exit(1)
    if fail_on_diverged and "diverged" in statuses:
        raise typer.Exit(DIVERGED)
