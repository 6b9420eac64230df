"""The page of `gradflow advise`: what may be changed, what came of it, and the command of the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradflow.analysis.commands import overrides_of
from gradflow.report.numbers import NONE, count, number, percent
from gradflow.report.page import Block, Cell, Column, Command, Facts, Heading, Page, Sentence, Table, Toned


def advice_page(document: dict[str, Any]) -> Page:
    """The candidates of the document, then, where they were tried, the best of them."""
    rows, steps = document["candidates"], document["steps"]
    blocks: list[Block] = []
    if steps is not None:
        words = f"One network of each, trained for {count(steps)} steps side by side; nothing is saved"
        blocks.append(Sentence(words + _guess(document["chance"])))
    blocks += [_table(rows, steps is not None), *_changes(rows)]
    if steps is None:
        blocks.append(Sentence("Whether they train, and at which learning rate, --try tells.", "note"))
        return Page(f"{document['name']}: what to change", tuple(blocks))
    return Page(f"{document['name']}: what to change", (*blocks, *_best(document)))


def _guess(chance: float | None) -> str:
    return "." if chance is None else f". Guessing loses {number(chance)}."


def _table(rows: list[Mapping[str, Any]], tried: bool) -> Table:
    columns = [Column(""), Column("change", False), Column("c by theory")]
    if not tried:
        cells = [(*_head(i, row), number(row["predicted_c"])) for i, row in enumerate(rows)]
        return Table(tuple(columns), tuple(cells))
    columns += [Column("c"), Column("loss"), Column("held-out loss"), Column(_measure(rows))]
    return Table(tuple(columns), tuple(_tried(i, row, _measure(rows)) for i, row in enumerate(rows)))


def _measure(rows: list[Mapping[str, Any]]) -> str:
    return "R2" if any(row.get("r2_test_final") is not None for row in rows) else "accuracy"


def _head(number_: int, row: Mapping[str, Any]) -> tuple[str, str]:
    return count(number_), row["lever"]


def _tried(place: int, row: Mapping[str, Any], measure: str) -> tuple[Cell, ...]:
    head = (*_head(place, row), number(row["predicted_c"]), number(row.get("c")))
    if row["status"] != "completed":
        return (*head, Toned(row["status"], "overflow"), NONE, NONE)
    last = percent(row["accuracy_final"]) if measure == "accuracy" else number(row["r2_test_final"])
    return (*head, number(row["loss_final"]), number(row["loss_test_final"]), last)


def _changes(rows: list[Mapping[str, Any]]) -> list[Block]:
    """What each sets, and why."""
    told = [(count(i), _told(row)) for i, row in enumerate(rows) if row["set"]]
    return [Heading("The changes"), Facts(tuple(told))] if told else []


def _told(row: Mapping[str, Any]) -> str:
    words = " ".join(overrides_of(row["set"]))
    return f"{words}: {row['message']}" if row["message"] else words


def _best(document: dict[str, Any]) -> list[Block]:
    best, steps = document["best"], count(document["steps"])
    if not document["trains"]:
        words = f"None of them has learnt in {steps} steps; number {best} lost least. Try more --steps."
        return [Sentence(words, "warning"), Command(document["command"])]
    given = "; it trains as it is" if not document["candidates"][best]["set"] else ""
    return [Sentence(f"Number {best} did best{given}:"), Command(document["command"])]
