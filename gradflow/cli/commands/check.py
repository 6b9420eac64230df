"""gradflow check: backpropagation against the complex step."""

from __future__ import annotations

import typer

from gradflow.cli.options import ConfigFile, Json, Overrides, Quiet


def check(config: ConfigFile, overrides: Overrides = None, json: Json = False, quiet: Quiet = False) -> None:
    """Check backpropagation against the complex step, in float64. Exit code 1 if it is wrong.

    \b
    Examples:
      gradflow check configs/quickstart.yaml
    """
    from gradflow.cli.check import passed

    if not passed(config, overrides or (), json, quiet):
        raise typer.Exit(1)
