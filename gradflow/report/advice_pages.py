"""What to change: the advice of a run; and the page of `gradflow advise`, what came of it and the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradflow.analysis.commands import overrides_of
from gradflow.analysis.summary import Advice
from gradflow.report.numbers import NONE, count, counted, number, percent
from gradflow.report.page import Block, Cell, Column, Command, Facts, Heading, Page, Sentence, Table, Toned
from gradflow.report.trainable import trainable_cell


def advised(found: Sequence[Advice]) -> list[Block]:
    """What to change and why, and the commands that do it or, where there is no config, the keys to set."""
    blocks: list[Block] = []
    for advice in found:
        blocks.append(Sentence(advice_sentence(advice)))
        keys = " ".join(overrides_of(advice.set)) if advice.command is None else None
        blocks += [Command(text) for text in (advice.command or keys, advice.torch) if text]
    return [Heading("What to change"), *blocks] if blocks else []


def advice_sentence(advice: Advice) -> str:
    """What to change, and the c that is then expected."""
    said = f"{advice.lever}: {advice.message}"
    if advice.predicted_c is None:
        return said
    who = "theory then expects" if advice.source == "theory" else "the measured factors then give"
    return f"{said}; {who} c = {number(advice.predicted_c)}"


def advice_page(document: dict[str, Any]) -> Page:
    """The candidates of the document, then, where they were tried, the best of them."""
    rows, steps = document["candidates"], document["steps"]
    blocks: list[Block] = []
    if steps is not None:
        words = f"One network of each, trained for {count(steps)} steps side by side; nothing is saved"
        blocks.append(Sentence(words + _guess(document["chance"])))
    blocks += [_table(rows, steps is not None), *_changes(rows)]
    if steps is None:
        blocks.append(
            Sentence(
                "trains: whether theory expects it at the best of several learning rates. --try tells.",
                "note",
            )
        )
        return Page(f"{document['name']}: what to change", tuple(blocks))
    return Page(f"{document['name']}: what to change", (*blocks, *_best(document)))


def _guess(chance: float | None) -> str:
    return "." if chance is None else f". Guessing loses {number(chance)}."


def _table(rows: list[Mapping[str, Any]], tried: bool) -> Table:
    """A row each; columns of which nothing is known are left out."""
    columns: dict[Column, list[Cell]] = {
        Column(""): [count(i) for i in range(len(rows))],
        Column("change", False): [_change(row, rows[0]) for row in rows],
        Column("theory's c"): [number(row["predicted_c"]) for row in rows],
        Column("trains"): [trainable_cell(row["trainable"], row["trainable_score"]) for row in rows],
    }
    if tried:
        columns |= {
            Column("c"): [number(row.get("c")) for row in rows],
            Column("loss"): [_loss(row) for row in rows],
            Column("held out"): [_if_ended(row, "loss_test_final", number) for row in rows],
            Column("accuracy"): [_if_ended(row, "accuracy_final", percent) for row in rows],
            Column("R2"): [_if_ended(row, _r2(rows), number) for row in rows],
        }
    kept = {column: cells for column, cells in columns.items() if {*cells} != {NONE}}
    return Table(tuple(kept), tuple(zip(*kept.values(), strict=True)))


def _change(row: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The lever, and the layers where it leaves fewer than were asked for."""
    lever = str(row["lever"])
    alike = row.get("depth") == given.get("depth")
    return lever if alike else f"{lever}, {counted(row['depth'], 'layer')}"


def _r2(rows: list[Mapping[str, Any]]) -> str:
    """Of held-out samples, if there are any."""
    held_out = any(row.get("r2_test_final") is not None for row in rows)
    return "r2_test_final" if held_out else "r2_train_final"


def _loss(row: Mapping[str, Any]) -> Cell:
    return number(row["loss_final"]) if row["status"] == "completed" else Toned(row["status"], "overflow")


def _if_ended(row: Mapping[str, Any], name: str, shown: Callable[[float | None], str]) -> str:
    return shown(row.get(name)) if row["status"] == "completed" else NONE


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
    rows, least = document["candidates"], document.get("least", best)
    words = "; it trains as it is" if not rows[best]["set"] else ""
    if least != best:
        kept = counted(rows[best]["depth"], "layer")
        words = f" of those that keep {kept}, and hardly worse than number {least}"
    return [Sentence(f"Number {best} did best{words}:"), Command(document["command"])]
