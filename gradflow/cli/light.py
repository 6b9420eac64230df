"""Commands that start at once: typer loads pydantic to convert even a flag, so theirs are converted here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import typer
from typer.core import TyperCommand

COMPLETION = "_GRADFLOW_COMPLETE"  # in the environment where a shell asks what completes a line


class LightCommand(TyperCommand):
    """A command whose parameters are flags, texts, paths, enums, numbers with or without bounds, or lists."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters of typer's own, each with a converter that needs no library."""
        return light(super().get_params(ctx))


def light(params: Any) -> Any:
    """Parameters of typer's with another converter than the one that it would make."""
    for param in params:
        param.get_runtime_param = _Converter
    return params


class _Converter:
    """Stands where typer would put a pydantic adapter, and is asked in the same way."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        kind, bounds = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, list | tuple):
            return [_converted(item, get_args(kind)[0]) for item in value]
        return _bounded(_converted(value, kind), bounds.min, bounds.max)


def _converted(value: Any, kind: Any) -> Any:
    if isinstance(value, kind):
        return value
    if kind is Path and not value:  # Path("") is this folder, which nobody has named
        raise typer.BadParameter("it is empty, perhaps from a variable that is not set")
    try:
        return kind(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no {kind.__name__}") from None


def _bounded(value: Any, low: float | None, high: float | None) -> Any:
    if low is not None and not value >= low:  # nan is refused too
        raise typer.BadParameter(f"{value!r} is not at least {low}")
    if high is not None and not value <= high:
        raise typer.BadParameter(f"{value!r} is not at most {high}")
    return value
