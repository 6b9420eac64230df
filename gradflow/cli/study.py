"""A CONFIG or a RUN on the command line: the config that it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.config import load_config
from gradflow.errors import InputError
from gradflow.store import load_one

if TYPE_CHECKING:
    from gradflow.config import Config


def config_of(study: str, overrides: Sequence[str], runs: Path, tell: Callable[[str], None]) -> Config:
    """The config of a YAML file, or of a run, with changes."""
    return load_config(_path_of(study, runs), overrides, tell)


def _path_of(study: str, runs: Path) -> Path:
    path = Path(study)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    run = load_one(study, runs)
    if run.status == "interrupted":
        raise InputError(f"{run.id} was interrupted and has no config here: name the one that was run")
    return run.path / "config.yaml"
