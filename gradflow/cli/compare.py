"""gradflow compare: saved runs side by side, as a table or a map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradflow.analysis.compare import Comparison, Row
from gradflow.analysis.compare import compare as compared
from gradflow.analysis.expression import parse_condition
from gradflow.analysis.pivot import PREDICTED, pivot
from gradflow.cli.options import RUNS, Json, Quiet, RunsDir
from gradflow.cli.output import note
from gradflow.cli.tables import Csv, Md, emit_table, refuse_unused, warn
from gradflow.errors import InputError
from gradflow.store.rows import rows_of

if TYPE_CHECKING:
    from gradflow.report.page import Page

FULFILLED = 3

References = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN|SWEEP", help="Paths, ids or their starts, @1, globs; all runs if none."),
]
Sort = Annotated[
    str | None, typer.Option(metavar="NAME", help="Order by a column or key; -NAME turns it round.")
]
Top = Annotated[
    int | None, typer.Option(metavar="N", help="The first N; by the final loss, unless --sort is given.")
]
Columns = Annotated[
    str | None, typer.Option(metavar="A,B", help="These columns: run, any key, any name of --json.")
]
All = Annotated[bool, typer.Option("--all", help="Every column, however wide.")]
Baseline = Annotated[
    str | None, typer.Option(metavar="RUN", help="Losses over this run's instead of the best.")
]
Pivot = Annotated[
    tuple[str, str] | None, typer.Option(metavar="ROW COL", help="A map over two keys, such as depth init.")
]
Value = Annotated[
    str | None, typer.Option(help="What the map shows: c (the default), log10_ratio, verdict or loss_final.")
]
Theory = Annotated[bool, typer.Option("--theory", help="Theory's value beside each of the map.")]
FailIf = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR",
        help="Exit code 3 if a row fulfils it: 'abs(log10_ratio) > 2', 'dead_networks > 0', "
        "\"'stalled' in symptoms\". A row in which a value is missing does not fulfil it.",
    ),
]


def compare(
    references: References = None, runs_dir: RunsDir = RUNS, sort: Sort = None, top: Top = None,
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
      gradflow compare depth-init-relu --pivot depth init --value c --theory
    """
    refuse_unused_of(pivot, sort, top, columns, everything, baseline, value, theory, json, csv)
    found = comparison(references or ["*"], runs_dir, sort or ("loss_final" if top else None), baseline)
    warn(found.damaged, quiet)
    failing, undecided = fulfilled(found, fail_if)
    if pivot:
        print_pivot(found, pivot, value or "c", theory, json, csv, md)
    else:
        print_rows(found, columns, everything, top, json, csv, md)
    if undecided:
        note(f"{undecided} of {len(found.rows)} runs lack a value that {fail_if} needs", quiet)
    if failing:
        words = f"{len(failing)} of {len(found.rows)} runs fulfil {fail_if}, the first is {failing[0]['id']}"
        note(words, quiet)
        raise typer.Exit(FULFILLED)


def refuse_unused_of(
    pivot: tuple[str, str] | None, sort: str | None, top: int | None, columns: str | None, everything: bool,
    baseline: str | None, value: str | None, theory: bool, json: bool, csv: bool,
) -> None:  # fmt: skip
    """InputError for options of the table that are given to the map, and the other way round."""
    if pivot:
        words = "a map over two keys shows all runs in the order of these"
        refuse_unused(words, sort=sort, top=top, columns=columns, all=everything, baseline=baseline)
        refuse_unused("--csv has the value alone", theory=csv and theory)
    else:
        refuse_unused("they are of a map: give its keys with --pivot", value=value, theory=theory)
        refuse_unused("--json and --csv have every column", columns=columns if json or csv else None)
        refuse_unused("--columns chooses them", all=columns is not None and everything)


def comparison(references: list[str], runs: Path, sort: str | None, baseline: str | None) -> Comparison:
    """The comparison of what is named."""
    rows, damaged = rows_of(references, runs)
    base = None
    if baseline is not None:
        bases, problems = rows_of([baseline], runs)
        if len(bases) != 1:
            raise InputError(f"--baseline {baseline}: {problems[0] if problems else 'name one run'}")
        base = bases[0]
    return compared(rows, damaged, sort, base)


def fulfilled(found: Comparison, condition: str | None) -> tuple[list[Row], int]:
    """The rows that fulfil a condition, and how many lack what it needs. InputError if it is none."""
    if condition is None:
        return [], 0
    holds = [*map(parse_condition(condition, found.names()), found.rows)]
    return [row for row, held in zip(found.rows, holds, strict=True) if held], holds.count(None)


def print_rows(
    found: Comparison, columns: str | None, everything: bool, top: int | None, json: bool, csv: bool, md: bool
) -> None:
    """The table, or its document."""
    if top is not None and top < 1:
        raise InputError("--top takes a number from 1 on")
    wanted = columns.replace(" ", "").split(",") if columns else None

    def page(room: int | None) -> Page:
        from gradflow.report.compare_pages import compare_page  # a document does without

        return compare_page(found, wanted, everything, room, top)

    emit_table(lambda: found.document(top), page, json, csv, md)


def print_pivot(
    found: Comparison, keys: tuple[str, str], value: str, theory: bool, json: bool, csv: bool, md: bool
) -> None:
    """The map, or its document."""
    from gradflow.report.compare_pages import pivot_page

    if theory and value not in PREDICTED:
        raise InputError(f"--theory goes with --value {' or '.join(PREDICTED)}")
    made = pivot(found, *keys, value)
    document = made.document if json else lambda: {"rows": made.lines()}
    emit_table(document, lambda room: pivot_page(made, theory), json, csv, md)
