"""gradflow: runs gradient-flow studies of deep networks and reports the per-layer factor c and c^L.

`run`, `sweep`, `theory`, `fit`, `compare` and `load` are the commands as functions; nothing else is loaded
until one of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradflow.version import __version__

if TYPE_CHECKING:
    from gradflow.api.commands import compare, fit, run, sweep, theory
    from gradflow.api.loading import load

__all__ = ["__version__", "compare", "fit", "load", "run", "sweep", "theory"]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'gradflow' has no attribute {name!r}")
    module = "loading" if name == "load" else "commands"  # a saved run needs no library that computes
    return getattr(import_module(f"gradflow.api.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
