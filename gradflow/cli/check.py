"""gradflow check: backpropagation against the complex step."""

from __future__ import annotations

from gradflow.cli.options import ConfigFile, Json, Overrides


def check(config: ConfigFile, overrides: Overrides = None, json: Json = False) -> None:
    """Compare backpropagation with the complex step for every parameter tensor, in float64.

    \b
    Examples:
      gradflow check configs/quickstart.yaml
    """
    raise NotImplementedError
