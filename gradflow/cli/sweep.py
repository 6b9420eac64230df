"""gradflow sweep: the points of a config, computed where they are missing, and the table of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from gradflow.cli.options import DIVERGED
from gradflow.cli.tables import emit_table
from gradflow.errors import InputError, Problem, refuse_unused
from gradflow.report.page import Page
from gradflow.report.sweep_pages import plan_page, sweep_page
from gradflow.sweeps.document import plan_document
from gradflow.sweeps.driver import Options, share
from gradflow.sweeps.executors import require_executor
from gradflow.sweeps.points import Sweep, load_sweep
from gradflow.telling.lines import noting


def study_of(config: Path, overrides: Sequence[str], quiet: bool) -> Sweep:
    """The points of a config."""
    return load_sweep(config, overrides, noting(quiet))


def options_of(
    executor: str | None, workers: int | None, dask_address: str | None, shard: str,
    timeout: float | None, force: bool, retry_failed: bool, fail_fast: bool, keep_state: bool = False,
) -> Options:  # fmt: skip
    """How the points are computed. InputError for what excludes another."""
    where = executor or ("dask" if dask_address else "processes")
    require_executor(where, workers)
    refuse_unused(
        f"--executor {where} asks no scheduler", dask_address=None if where == "dask" else dask_address
    )
    refuse_unused("the scheduler has its own", workers=workers if dask_address else None)
    failures = force, retry_failed, fail_fast
    return Options(where, workers, dask_address, shard_of(shard), timeout, *failures, keep_state)


def shard_of(text: str) -> tuple[int, int]:
    """I/N as numbers."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(Problem("should be I/N with I from 1 to N, such as 2/8", "--shard"))
    return int(found[1]), int(found[2])


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
