"""gradflow compare: saved runs side by side, as a table or a map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradflow.analysis.compare import Comparison, Row
from gradflow.analysis.expression import parse_condition
from gradflow.analysis.pivot import PREDICTED, pivot
from gradflow.cli.tables import emit_table
from gradflow.errors import InputError, refuse_unused
from gradflow.telling.lines import note

if TYPE_CHECKING:
    from gradflow.report.page import Page

FULFILLED = 3
STANDING = ("ratio", "relation")  # how a row stands to the others: of no use where --where chooses these


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


def fulfilled(found: Comparison, condition: str | None) -> tuple[list[Row], int]:
    """The rows that fulfil a condition, and how many lack what it needs. InputError if it is none."""
    if condition is None:
        return [], 0
    configs, rows = [row.config for row in found.rows], _standing(found)
    holds = [*map(parse_condition(condition, [*found.names(), *STANDING], configs=configs), rows)]
    return [row for row, held in zip(rows, holds, strict=True) if held], holds.count(None)


def _standing(found: Comparison) -> list[Row]:
    """The rows, each with how its final loss stands to the baseline's or the best one's."""
    pairs = zip(found.rows, found.standings, strict=True)
    return [
        replace(row, values={**row.values, **{name: getattr(stands, name) for name in STANDING}})
        for row, stands in pairs
    ]


def note_fulfilled(
    condition: str | None, found: Comparison, failing: list[Row], undecided: int, quiet: bool
) -> None:
    """How many rows lack what a condition needs, and how many fulfil it."""
    if undecided:
        note(f"{undecided} of {len(found.rows)} runs lack a value that {condition} needs", quiet)
    if failing:
        first = f"the first is {failing[0]['id']}"
        note(f"{len(failing)} of {len(found.rows)} runs fulfil {condition}, {first}", quiet)


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
