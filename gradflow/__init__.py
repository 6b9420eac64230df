"""gradflow: runs gradient-flow studies of deep networks and reports the per-layer factor c and c^L."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.version import __version__

if TYPE_CHECKING:
    from os import PathLike

    from gradflow.store import Run

__all__ = ["__version__", "load"]


def load(reference: str | PathLike[str], runs: str | PathLike[str] = "runs") -> Run:
    """The saved run that a path, an id, a unique prefix or @1 (the latest) names.

    `run.summary` is what the reports say, `run.config` what was run, and `run["log_delta_norm"]` an array of
    the recording, (steps, layers, networks). InputError if nothing or several are named, RunError if it is
    damaged.
    """
    from gradflow.store import load_one

    return load_one(reference, runs)
