"""Figures of before beside those of now: what `--json` wrote is read again, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.machine import told

Document = dict[str, Any]


def load(path: Path) -> Document:
    """What `--json` wrote. SystemExit if it did not."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: is not what --json wrote: {error}") from None
    if not isinstance(document, dict) or "machine" not in document:
        raise SystemExit(f"{path}: is not what --json wrote: it names no machine")
    return document


def warning(baseline: Document, here: dict[str, Any]) -> str | None:
    """That the figures of before are of another machine, if they are: ratios then compare badly."""
    before = baseline["machine"]
    return None if before == here else f"the baseline is of another machine: {told(before)}"


def before(baseline: Document, table: str, row: dict[str, Any]) -> str:
    """Each figure of a row over that of before; "" where there was no such row."""
    own = figures(table, row)
    for old in baseline.get(table, []):
        if _place(table, old) == _place(table, row):
            theirs = figures(table, old)
            shared = [f"{name} {value / theirs[name]:.3f}" for name, value in own.items() if theirs.get(name)]
            return "over the baseline: " + ", ".join(shared)
    return ""


def figures(table: str, row: dict[str, Any]) -> dict[str, float]:
    """What is compared of a row: ratios, of which a machine's moods take less than of seconds."""
    if table == "run-level":
        return {"training": row["gain"]["training"], "command": row["gain"]["command"]}
    if table == "watch":
        return {row["name"]: 1 + row["share"][0]}
    return {timing["name"]: timing["ratio"][1] for timing in row["timings"][1:]}


def _place(table: str, row: dict[str, Any]) -> Any:
    if table == "run-level":
        return row["width"]
    return row["name"] if table == "watch" else (row["case"], row["threads"])
