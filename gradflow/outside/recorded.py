"""Norms that a training records as it goes: rows of plain values, brought together into a run.

A row has, for its step, `delta`, `branch` and `q` by layer, and numbers of the step alone. Strict JSON has no
nan, which is None here, and no infinity, which is a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.analysis.outside import Norms
from gradflow.arrays import Array
from gradflow.errors import RunError
from gradflow.outside.save import publish_norms, run_of
from gradflow.store.partial import Claim, claim
from gradflow.store.reading import damaged
from gradflow.store.run import Run
from gradflow.store.stream import left, read_stream

BY_LAYER = {  # of a row -> in a recording
    "branch": "branch_ratio", "q": "q", "zero": "zero_delta", "moved": "update_ratio",
}  # fmt: skip
BY_STEP = {
    "batch": "batch", "samples": "samples", "lost": "lost_samples", "backwards": "backwards",
    "loss_scale": "loss_scale", "loss": "loss", "clip_share": "clip_share",
}  # fmt: skip
BY_GROUP = {"dw": "log_dw", "update": "update"}  # mappings of a row: an array for each of their keys
ABOUT = (  # of a head, kept in the run
    "axis", "block", "watched", "expected", "expected_c", "weights", "silent",
)  # fmt: skip
WORDS = {"inf": inf, "-inf": -inf}


def plain(value: Any) -> Any:
    """A value as strict JSON holds it."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not -inf < value < inf:
        return None if isnan(value) else str(value)
    return value


def norms_of(head: Mapping[str, Any], networks: Sequence[Sequence[Mapping[str, Any]]]) -> Norms:
    """The Norms of the rows of each network; of two rows of a step the later one counts, part by part.

    A step that not all networks have is left out.
    """
    merged = [_merged(rows) for rows in networks]
    steps = sorted(set.intersection(*map(set, merged)))
    table = [[rows[step] for rows in merged] for step in steps]
    layers = tuple(head["layers"])
    more = {to: _by_layer(table, key, len(layers)) for key, to in BY_LAYER.items()}
    more |= {to: _by_step([[row.get(key) for row in rows] for rows in table]) for key, to in BY_STEP.items()}
    for key, to in BY_GROUP.items():
        for group in dict.fromkeys(name for rows in table for row in rows for name in row.get(key, ())):
            more[f"{to}_{group}"] = _by_step(
                [[row.get(key, {}).get(group) for row in rows] for rows in table]
            )
    delta = _by_layer(table, "delta", len(layers))
    about = {key: head[key] for key in ABOUT if head.get(key)}
    about |= {"law": head["law"]} if head.get("law", "") != "" else {}  # None: of no law that is known
    first = head.get("seed", 0)
    seeds = tuple(range(first, first + len(networks)))
    return Norms(tuple(steps), layers, {"delta": delta}, head["told"], more=more, about=about, seeds=seeds)


def publish(claimed: Claim) -> Run:
    """Make the run of a record under its claim. RunError if it is damaged, or has no row."""
    runs = claimed.folder
    head, rows = read_stream(runs, claimed.id)
    norms = _checked(claimed.target, head, rows)
    run = run_of(norms, head["name"], Path(head["source"]), runs, head["digest"])
    publish_norms(claimed, run)
    return run


def recover(runs: Path) -> list[Run]:
    """Publish what killed processes have recorded; what is damaged, or was given up before a row, stays."""
    found = []
    for id in left(runs):
        try:
            with claim(runs, id) as claimed:
                found.append(publish(claimed))
        except RunError:
            continue
    return found


def _checked(target: Path, head: Any, rows: Any) -> Norms:
    try:
        kept = [row for row in rows if "step" in row]
        if not any("delta" in row for row in kept):
            raise damaged(target, "has no row yet", "record a step")
        return norms_of(head, [kept])
    except (TypeError, KeyError, ValueError, AttributeError):
        raise damaged(target, "is no record of a training", "remove it from .partial") from None


def _merged(rows: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """The rows by step, those with norms alone."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        if "delta" in row:
            found = {step: each for step, each in found.items() if step < row["step"]}  # it was gone back
        found.setdefault(int(row["step"]), {}).update(row)
    return {step: row for step, row in found.items() if "delta" in row}


def _by_layer(table: Sequence[Sequence[Mapping[str, Any]]], key: str, layers: int) -> Array:
    unknown = [None] * layers
    values = [[_number(value) for value in row.get(key, unknown)] for rows in table for row in rows]
    return np.array(values, float).reshape(len(table), -1, layers).transpose(0, 2, 1)


def _by_step(table: Sequence[Sequence[Any]]) -> Array:
    return np.array([[_number(value) for value in row] for row in table], float)


def _number(value: Any) -> float:
    return nan if value is None else WORDS[value] if isinstance(value, str) else float(value)
