"""gradflow sweep: the points of a config, computed where they are missing, and the table of all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import ConfigFile, FailOnDiverged, Force, Json, Quiet, RunsDir, Workers
from gradflow.cli.tables import Csv, Md, refuse_several
from gradflow.runs_folder import RUNS

Axes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=V1,V2",
        help="Keys to change, and those with several values to cross: depth=10,20 or depth=range(10,60,10) "
        "(without its end), lr=linspace(0.1,0.5,5) (ends included), lr=logspace(-3,-1,3) (exponents of ten).",
        autocompletion=offers.overrides,
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--executor", help="processes (the default), serial or dask.",
        autocompletion=offers.words("processes", "serial", "dask"),
    ),
]  # fmt: skip
DaskAddress = Annotated[
    str | None, typer.Option("--dask-address", metavar="URL", help="A scheduler, such as tls://host:8786.")
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
KeepState = Annotated[
    bool, typer.Option("--keep-state", help="Keep what the same sweep of more steps goes on from.")
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first point that fails.")]


def sweep(
    config: ConfigFile, overrides: Axes = None, runs_dir: RunsDir = RUNS, workers: Workers = None,
    executor: Where = None, dask_address: DaskAddress = None, shard: Shard = "1/1", dry_run: DryRun = False,
    timeout: Timeout = None, retry_failed: RetryFailed = False, fail_fast: FailFast = False,
    keep_state: KeepState = False,
    fail_on_diverged: FailOnDiverged = False, force: Force = False, json: Json = False, csv: Csv = False,
    md: Md = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Run a config for every combination of the values of its axes. What is finished is not computed again.

    \b
    Examples:
      gradflow sweep configs/sweep-depth-init-relu.yaml
      gradflow sweep configs/quickstart.yaml depth=10,20,50 init=xavier_normal,orthogonal --dry-run
      gradflow sweep configs/quickstart.yaml lr=0.01,0.1 steps=100,200,400 --keep-state
    """
    from gradflow.cli.sweep import end, options_of, print_plan, print_result, study_of
    from gradflow.telling.sweep import computed

    refuse_several(json, csv, md)
    failures = force, retry_failed, fail_fast
    options = options_of(executor, workers, dask_address, shard, timeout, *failures, keep_state)
    study = study_of(config, overrides or (), quiet)
    if dry_run:
        print_plan(study, options, json, csv, md)
    else:
        document = computed(study, runs_dir, options, quiet)
        print_result(document, json, csv, md)
        end(document, fail_on_diverged)
