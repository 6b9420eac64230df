"""gradflow new: list the starter configs, or write one; list every key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Quiet, Replace
from gradflow.cli.tables import Csv, Md
from gradflow.errors import refuse_unused

Template = Annotated[
    str | None,
    typer.Argument(metavar="TEMPLATE", help="The name of a starter config.", autocompletion=offers.starters),
]
OutFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to a new file.")
]
Keys = Annotated[
    bool, typer.Option("--keys", help="List every key of a config: what it takes, its default, what it is.")
]
Schema = Annotated[
    bool, typer.Option("--schema", help="Write gradflow.schema.json beside the file, for editors.")
]
Json = Annotated[bool, typer.Option("--json", help="The keys as one JSON document.")]


def new(
    template: Template = None, output: OutFile = None, keys: Keys = False, schema: Schema = False,
    json: Json = False, csv: Csv = False, md: Md = False, force: Replace = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """List the starter configs, or write one: to stdout, or a file. List every key with --keys.

    With --schema the config's first line names the JSON Schema that is written beside it, so that an editor
    which knows that line completes and checks keys; so it does where the schema is there already.

    \b
    Examples:
      gradflow new
      gradflow new quickstart -o quickstart.yaml
      gradflow new quickstart -o quickstart.yaml --schema
      gradflow new --keys
    """
    from gradflow.cli.new import print_keys, print_starter, print_starters, write_starter

    if keys:
        unused = "--keys lists keys alone"
        refuse_unused(unused, template, output=output, schema=schema, force=force)
        print_keys(json, csv, md)
        return
    refuse_unused("it is a form of --keys", json=json, csv=csv, md=md)
    if template is None:
        refuse_unused("name a starter config", output=output, schema=schema, force=force)
        print_starters()
    elif output is None:
        refuse_unused("name a file with -o", schema=schema, force=force)
        print_starter(template)
    else:
        write_starter(template, output, schema, force, quiet)
