"""gradflow advise: what a config may be changed to so that it trains, tried side by side if asked."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli.options import ConfigFile, Json, Overrides, Quiet, Workers

Try = Annotated[bool, typer.Option("--try", help="Train each candidate for a while, and tell the best one.")]
Steps = Annotated[
    int | None, typer.Option("--steps", min=1, help="Of each training under --try; 300 if not given.")
]


def advise(
    config: ConfigFile, overrides: Overrides = None, try_: Try = False, steps: Steps = None,
    workers: Workers = None, json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """List what to change so that a config trains, or --try it. Candidates are what advice finds at
    initialization and skips that carry a gradient over any depth; with --try, learning rates for the best.

    Each is tried as one network, side by side with the others. The table has what it lost and the share of
    held-out samples that it got right; then comes the command of the best. Nothing is saved.

    \b
    Examples:
      gradflow advise configs/sigmoid-vanishing.yaml
      gradflow advise configs/sigmoid-vanishing.yaml --try
      gradflow advise configs/quickstart.yaml depth=100 --try --steps 500
    """
    from gradflow.cli.advise import listed, show, tried

    if try_:
        document = tried(config, overrides or [], steps, workers, quiet)
    else:
        document = listed(config, overrides or [], steps, workers, quiet)
    show(document, json)
