"""gradflow show: the report of a saved run, or all of its layers."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli.options import Brief, Json, Quiet, Reference, RunsDir, Step, Trace
from gradflow.errors import refuse_unused
from gradflow.runs_folder import RUNS

Layers = Annotated[bool, typer.Option("--layers", help="Norms and factors of every layer.")]


def show(
    reference: Reference,
    layers: Layers = False,
    trace: Trace = False,
    step: Step = None,
    brief: Brief = False,
    runs_dir: RunsDir = RUNS,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show the report of a saved run again.

    \b
    Examples:
      gradflow show @1
      gradflow show quickstart --layers
      gradflow show quickstart --step last
      gradflow show two-layers --trace --step 10
    """
    from gradflow.cli.show import loaded, print_chain, print_layers, print_run, print_step

    refuse_unused("--trace shows one chain", layers=layers and trace)
    refuse_unused("--brief leaves them out", layers=layers and brief, trace=trace and brief)
    refuse_unused("it shows the run as a whole", brief=brief and (json or step is not None))
    refuse_unused("--json has the profile of the layers", layers=layers and json)
    run = loaded(reference, runs_dir)
    if trace:
        print_chain(run, step, json)
    elif step is not None:
        print_step(run, step, json)
    elif layers and not json:
        print_layers(run)
    else:
        print_run(run, json, brief, quiet)
