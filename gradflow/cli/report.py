"""gradflow report: runs or sweeps as one file to open, send or paste."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import RUNS, Quiet, Replace, RunsDir
from gradflow.cli.output import note
from gradflow.errors import InputError, RunError
from gradflow.report.files import report_file
from gradflow.store import Run, entry_at, resolve, write_output

References = Annotated[
    list[str],
    typer.Argument(metavar="RUN", help="Paths, ids or their starts, @1, globs; of runs or sweeps."),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")]


def report(
    references: References, output: Output, force: Replace = False, runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Write the report of runs or sweeps, as HTML or markdown.

    FILE.html is one page with charts that opens offline, FILE.md is text. A file that is there already is
    replaced if gradflow wrote it and it was not changed since.

    \b
    Examples:
      gradflow report @1 -o report.html
      gradflow report quickstart -o report.md
    """
    content = report_file(named_runs(references, runs_dir), output)
    write_output(output, content, mark=True, force=force)
    note(f"wrote {output}", quiet)


def named_runs(references: list[str], runs_dir: Path) -> list[Run]:
    """Every run that is named, those inside named sweeps too, each once. RunError if one is damaged."""
    paths = [path for reference in references for path in resolve(reference, runs_dir)]
    entries = [entry for entry in map(entry_at, paths) if entry]
    found: dict[Path, Run] = {}
    for entry in entries:
        for one in (entry,) if entry.points is None else entry.points:
            if one.run is None:
                raise RunError(one.problem or f"{one.path} is damaged")
            found[one.path] = one.run
    if not found:
        begun = f"{entries[0].path} is not begun: no point of it is finished" if entries else ""
        raise InputError(f"{begun or 'there is no finished run in what is named'}: see `gradflow ls`")
    return list(found.values())
