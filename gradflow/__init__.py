"""gradflow: runs gradient-flow studies of deep networks and reports the per-layer factor c and c^L.

`run`, `sweep`, `theory`, `fit`, `compare` and `load` are the commands as functions; nothing else is loaded
until one of them is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradflow.version import __version__

if TYPE_CHECKING:
    from gradflow.api import compare, fit, load, run, sweep, theory

__all__ = ["__version__", "compare", "fit", "load", "run", "sweep", "theory"]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'gradflow' has no attribute {name!r}")
    from gradflow import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
