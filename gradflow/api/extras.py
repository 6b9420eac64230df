"""What a notebook has beside: pandas and xarray, asked for when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gradflow.errors import MissingExtra


def extra(module: str, purpose: str) -> Any:
    """A module of the extra `notebook`. MissingExtra if it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingExtra("notebook", purpose) from None
