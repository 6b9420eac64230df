"""Saved runs and sweeps, opened without the libraries that compute."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.api.one_run import OneRun
from gradflow.api.underflow import to_zero
from gradflow.runs_folder import runs_folder
from gradflow.store import load_one, resolve
from gradflow.store.names import is_sweep

if TYPE_CHECKING:
    from gradflow.api.swept import Swept

RunName = str | PathLike[str]


@to_zero
def load(reference: RunName, runs: RunName | None = None) -> OneRun | Swept:
    """The saved run or sweep that a path, an id, a unique prefix or @1 (the latest) names.

    It is looked for in the folder `runs`: GRADFLOW_RUNS_DIR, else runs/, if not given.
    `run.summary` is what the reports say, `run.config` what was run, and `run["log_delta_norm"]` an array of
    the recording, (steps, layers, networks). InputError if nothing or several are named, RunError if it is
    damaged.
    """
    folder = runs_folder(runs)
    found = resolve(os.fspath(reference), folder)
    if len(found) == 1 and is_sweep(found[0]):
        return swept_in(found[0])
    return OneRun.of(load_one(reference, folder))


def swept_in(folder: Path) -> Swept:
    """The finished runs of a sweep, in the order of its axes; what is no point of it comes last."""
    from gradflow.api.swept import Swept
    from gradflow.report.several import in_order
    from gradflow.store.named import named_runs
    from gradflow.store.sweeps import planned

    places = {id: place for place, id in enumerate(planned(folder))}
    runs = in_order(named_runs([str(folder)], folder.parent))
    ordered = sorted(runs, key=lambda run: places.get(run.id, len(places)))
    return Swept(folder, [*map(OneRun.of, ordered)])
