"""gradflow run: one run, trained now or found finished, and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradflow.config import Config
from gradflow.config.load import read_config
from gradflow.config.overrides import refuse_spaces
from gradflow.sweeps.points import parse_one


def study_of(config: Path, overrides: Sequence[str], tell: Callable[[str], None]) -> Config:
    """The config of one run; `tell` is as of `load_config`.

    InputError for one with a sweep section, with the command that takes it.
    """
    refuse_spaces([str(config), *overrides])
    return parse_one(read_config(config), config.parent, overrides, tell)
