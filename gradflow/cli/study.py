"""A CONFIG or a RUN on the command line: the networks that it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradflow.cli.run import study_of
from gradflow.config import Config
from gradflow.config.load import load_data
from gradflow.data import Data
from gradflow.errors import InputError
from gradflow.plan import Plan
from gradflow.store import load_one


def networks_of(
    study: str, overrides: Sequence[str], runs: Path, tell: Callable[[str], None]
) -> tuple[Config, Plan, Data]:
    """The config of a YAML file, or of a run, with changes; the plan of its networks, and their data."""
    config = study_of(_path_of(study, runs), overrides, tell)
    data = load_data(config.data)
    return config, config.plan(data), data


def _path_of(study: str, runs: Path) -> Path:
    path = Path(study)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    run = load_one(study, runs)
    if run.status == "interrupted":
        raise InputError(f"{run.id} was interrupted and has no config here: name the one that was run")
    _ = run.config  # of norms that were recorded elsewhere, and of a damaged run, this says what is wrong
    return run.path / "config.yaml"
