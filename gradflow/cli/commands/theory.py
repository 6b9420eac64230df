"""gradflow theory: the prediction alone, for one network or for many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Json, Quiet, Replace
from gradflow.cli.tables import Csv, Md, refuse_several
from gradflow.errors import InputError, refuse_unused

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONFIG|KEY=VALUE", help="A config, and keys with one value or more.", show_default=False,
        autocompletion=offers.overrides,
    ),
]  # fmt: skip
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="A page with sliders to explore theory on, offline."),
]


def theory(
    words: Words = None, json: Json = False, csv: Csv = False, md: Md = False, html: Html = None,
    force: Replace = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Predict c, xi and the critical sigma_w by mean-field theory.

    Nothing is trained. Without a CONFIG: activation, sigma_w, sigma_b, depth (50), width (256), q0 (1).
    Lists make a table. --html writes a page on which sliders stop at 20,000 networks.

    \b
    Examples:
      gradflow theory configs/quickstart.yaml
      gradflow theory activation=tanh sigma_w=1.5 sigma_b=0.05 depth=100
      gradflow theory activation=tanh 'sigma_w=linspace(0.5,3,26)' sigma_b=0,0.1,0.3
      gradflow theory --html explore.html
    """
    from gradflow.cli.theory import emit_point, emit_points, points

    if html is not None:
        from gradflow.cli.explore import write_explorer

        refuse_unused("the page has its own sliders", json=json, csv=csv, md=md)
        write_explorer(html, words or [], force, quiet)
        return
    refuse_unused("without --html nothing is written", force=force)
    if not words:
        raise InputError("name a config or keys, such as activation=tanh: see `gradflow theory --help`")
    refuse_several(json, csv, md)
    axes, configs, inputs = points(words, quiet)
    if axes:
        emit_points(axes, configs, inputs, json, csv, md)
    else:
        emit_point(configs[0], inputs[0], json, csv, md)
