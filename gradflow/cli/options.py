"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.offers import columns, overrides, runs, studies
from gradflow.runs_folder import VARIABLE, no_file

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file: see `gradflow new`.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Keys to change, such as depth=50 or model.init=he_normal.",
        autocompletion=overrides,
    ),
]
Reference = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A path, an id or the start of one, or @1 for the latest run.",
        autocompletion=runs,
    ),
]
Study = Annotated[
    str,
    typer.Argument(metavar="CONFIG|RUN", help="A YAML file, or a run as in `show`.", autocompletion=studies),
]


def recovered(ctx: typer.Context, folder: Path) -> Path:
    """The folder of runs, after what killed trainings recorded there is runs. InputError of a file."""
    if ctx.resilient_parsing:  # completion changes nothing
        return folder
    no_file(folder)
    from gradflow.store.stream import left

    if left(folder):
        from gradflow.outside.recorded import recover

        recover(folder)
    return folder


RunsDir = Annotated[
    Path,
    typer.Option("--runs-dir", envvar=VARIABLE, help="The folder of the runs.", callback=recovered),
]
Where = Annotated[
    str | None,
    typer.Option(metavar="EXPR", help="Only runs that fulfil it, as in --fail-if: 'depth > 20 and c < 0.9'."),
]
Sort = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Order by a column or key, smallest first; -NAME largest first.",
        autocompletion=columns,
    ),
]  # fmt: skip
Step = Annotated[
    str | None, typer.Option("--step", metavar="N|last", help="At this step, which must have been recorded.")
]
Trace = Annotated[
    bool, typer.Option("--trace", help="The chain of local factors of one sample, layer by layer.")
]
Brief = Annotated[bool, typer.Option("--brief", help="The verdict, c^L and the advice alone.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of the report.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; as many as cores if not given.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")]
Force = Annotated[
    bool, typer.Option("--force", help="Compute it again, and replace an identical finished run.")
]
Replace = Annotated[
    bool, typer.Option("--force", help="Replace a file that is there already, whoever wrote it.")
]
FailOnDiverged = Annotated[bool, typer.Option("--fail-on-diverged", help="Exit code 3 if training diverged.")]

DIVERGED = 3  # the exit code, where it is asked for
