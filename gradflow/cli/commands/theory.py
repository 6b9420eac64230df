"""gradflow theory: the prediction alone, for one network or for many."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Json
from gradflow.cli.tables import Csv, refuse_several

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="CONFIG|KEY=VALUE", help="A config, and keys with one value or more.",
        autocompletion=offers.overrides,
    ),
]  # fmt: skip


def theory(words: Words, json: Json = False, csv: Csv = False) -> None:
    """Predict c, xi and the critical sigma_w by mean-field theory.

    Nothing is trained. Without a CONFIG: activation, sigma_w, sigma_b, depth (50), width (256), q0 (1).
    Lists make a table.

    \b
    Examples:
      gradflow theory configs/quickstart.yaml
      gradflow theory activation=tanh sigma_w=1.5 sigma_b=0.05 depth=100
      gradflow theory activation=tanh 'sigma_w=linspace(0.5,3,26)' sigma_b=0,0.1,0.3
    """
    from gradflow.cli.theory import emit_point, emit_table, points

    refuse_several(json, csv, md=False)
    axes, configs, inputs = points(words)
    if axes:
        emit_table(axes, configs, inputs, json, csv)
    else:
        emit_point(configs[0], inputs[0], json, csv)
