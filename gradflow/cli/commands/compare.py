"""gradflow compare: saved runs side by side, as a table or a map."""

from __future__ import annotations

from typing import Annotated

import typer

from gradflow.cli import offers
from gradflow.cli.options import Json, Quiet, RunsDir, Sort, Where
from gradflow.cli.tables import Csv, Md
from gradflow.runs_folder import RUNS
from gradflow.telling.lines import warn

References = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|SWEEP", help="Paths, ids or their starts, @1, globs; all runs if none.",
        autocompletion=offers.runs,
    ),
]  # fmt: skip
Top = Annotated[
    int | None, typer.Option(metavar="N", help="The first N; by the final loss, unless --sort is given.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="A,B", help="These columns: run, any key, any name of --json.",
        autocompletion=offers.several_columns,
    ),
]  # fmt: skip
All = Annotated[bool, typer.Option("--all", help="Every key that differs, and more results, however wide.")]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", help="Losses over this run's instead of the best.", autocompletion=offers.runs
    ),
]
Pivot = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="ROW COL", help="A map over two keys, such as depth init.", autocompletion=offers.columns
    ),
]
Value = Annotated[
    str | None,
    typer.Option(
        help="What the map shows: c (the default), log10_ratio, verdict, trainable, trainable_score, "
        "accuracy_final, loss_final, loss_test_final, c_final; a word that is none gets the whole list.",
        autocompletion=offers.columns,
    ),
]
Theory = Annotated[bool, typer.Option("--theory", help="Theory's value beside each of the map.")]
FailIf = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR",
        help="Exit code 3 if a row fulfils it: 'abs(log10_ratio) > 2', 'dead_networks > 0', "
        "\"'stalled' in symptoms\", \"relation == 'worse'\". A row in which a value is missing does not "
        "fulfil it, unless it asks for that: 'clip_norm == None'.",
    ),
]


def compare(
    references: References = None, runs_dir: RunsDir = RUNS, where: Where = None, sort: Sort = None,
    top: Top = None,
    columns: Columns = None, everything: All = False, baseline: Baseline = None, pivot: Pivot = None,
    value: Value = None, theory: Theory = False, fail_if: FailIf = None, json: Json = False, csv: Csv = False,
    md: Md = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Compare saved runs: what differs, c, the verdict, the loss.

    c and the verdict are those at initialization, the loss is the final one, over training samples.

    \b
    Examples:
      gradflow compare
      gradflow compare 'tanh-*' --sort loss_final --top 10
      gradflow compare sweep-depth-init-relu --pivot depth init --value c --theory
    """
    from gradflow.cli.compare import (
        FULFILLED,
        fulfilled,
        note_fulfilled,
        print_pivot,
        print_rows,
        refuse_unused_of,
    )
    from gradflow.store.named import comparison
    from gradflow.telling.lines import noting

    refuse_unused_of(pivot, sort, top, columns, everything, baseline, value, theory, json, csv)
    order = sort or ("loss_final" if top else None)
    found = comparison(references or ["*"], runs_dir, order, baseline, where, noting(quiet))
    warn(found.damaged, quiet)
    failing, undecided = fulfilled(found, fail_if)
    if pivot:
        print_pivot(found, pivot, value or "c", theory, json, csv, md)
    else:
        print_rows(found, columns, everything, top, json, csv, md)
    note_fulfilled(fail_if, found, failing, undecided, quiet)
    if failing:
        raise typer.Exit(FULFILLED)
