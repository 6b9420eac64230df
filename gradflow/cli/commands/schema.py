"""gradflow schema: the JSON Schema of a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import Quiet, Replace
from gradflow.cli.output import emit
from gradflow.errors import refuse_unused
from gradflow.telling.lines import note

Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to a file.")]


def schema(output: Output = None, force: Replace = False, quiet: Quiet = False) -> None:
    """Write the JSON Schema of a config, for editors.

    With it they complete keys and mark wrong ones. They look for it where a config's first line says.

    \b
    That line:
      # yaml-language-server: $schema=gradflow.schema.json

    \b
    Examples:
      gradflow schema -o gradflow.schema.json
      gradflow new quickstart -o mine.yaml --schema
    """
    from gradflow.cli.schema import schema_text
    from gradflow.store import write_output

    if output is None:
        refuse_unused("without -o nothing is written", force=force)
        emit(schema_text())
    else:
        write_output(output, schema_text(), force=force)
        note(f"wrote {output}", quiet)
