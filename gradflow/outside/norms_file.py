"""A file of norms that were recorded elsewhere, CSV or NPZ, as arrays."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.outside import KINDS, Norms
from gradflow.errors import InputError, Problem, did_you_mean
from gradflow.files.regular import read_regular, wrong_with
from gradflow.outside.csv_norms import csv_norms
from gradflow.outside.found import Found
from gradflow.outside.names import SHOWN, Unsure
from gradflow.outside.npz_norms import npz_norms
from gradflow.outside.order import STATED, Order, layer_order

Key = tuple[int, str, str]  # step, layer, seed
Cells = dict[Key, float]

LARGEST = 100_000_000  # bytes
MOST = 5_000_000  # norms
_NUMBER = re.compile(r"[0-9]{1,9}").fullmatch
ASK = (
    "say what these norms are: --kind delta (||dLoss/dz|| of each layer, per sample) or --kind weight "
    "(||dLoss/dW||), or give them a column kind"
)


def read_norms(path: Path, kind: str | None = None, order: str | None = None) -> Norms:
    """The norms of a file; `kind` (delta or weight) for one that does not say, or to choose one of its two.

    Layers are ordered from the input on by the numbers in their names, or as `layer_order` says; `order` is
    file or backward for a file that has them from the input or the output on. InputError for a file that
    cannot be read, leaves out or repeats a norm, or whose layers have no order that is sure.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"--kind {kind}: there are {_kinds(kind)}")
    if order is not None and order not in STATED:
        raise InputError(f"--order {order}: there are {' and '.join(STATED)}{did_you_mean(order, STATED)}")
    content, source = _content(path), str(path)
    found = npz_norms(content, source) if content[:2] == b"PK" else csv_norms(content, source)
    cells = _collected(found, kind, source)
    if kind is not None:
        if kind not in cells:
            raise _refused(f"holds no norms of kind {kind}, only of {', '.join(cells)}", source)
        cells = {kind: cells[kind]}
    return _assembled(cells, order, source)


def _content(path: Path) -> bytes:
    try:
        content = read_regular(path, LARGEST)
    except OSError as error:
        raise _refused(wrong_with(path, error, "save the norms to one"), str(path)) from None
    if len(content) > LARGEST:
        raise _refused(f"is larger than {LARGEST // 10**6} MB: record fewer steps", str(path))
    return content


def _collected(found: Iterable[Found], kind: str | None, source: str) -> dict[str, Cells]:
    """The norms of each kind by step, layer and seed, each there once."""
    cells: dict[str, Cells] = {}
    for count, one in enumerate(found):
        held, key = cells.setdefault(_kind(one, kind, source), {}), (one.step, one.layer, one.seed)
        if key in held:
            raise _refused(f"a second norm of {_told(key)}: tell networks apart by a seed", source, one.line)
        held[key] = one.value
        if count >= MOST:
            raise _refused(f"holds more than {MOST:,} norms: record fewer steps", source)
    if not cells:
        raise _refused("holds no norms", source)
    return cells


def _kind(one: Found, kind: str | None, source: str) -> str:
    found = one.kind or kind
    if found is None:
        raise _refused(ASK, source)
    if found not in KINDS:
        raise _refused(f"kind {found[:SHOWN]!r}: there are {_kinds(found)}", source, one.line)
    return found


def _kinds(wrong: str) -> str:
    return f"{' and '.join(KINDS)}{did_you_mean(wrong, KINDS)}"


def _assembled(cells: dict[str, Cells], stated: str | None, source: str) -> Norms:
    keys = list(next(cells[kind] for kind in KINDS if kind in cells))
    steps = sorted({step for step, _, _ in keys})
    seeds = _in_order(list(dict.fromkeys(seed for _, _, seed in keys)))
    order = _order(list(dict.fromkeys(layer for _, layer, _ in keys)), cells, stated, source)
    logs = {
        kind: _cube(held, steps, order.places, seeds, f"{source}: {kind}") for kind, held in cells.items()
    }
    return Norms(tuple(steps), order.layers, logs, order.told)


def _order(names: list[str], kinds: Collection[str], stated: str | None, source: str) -> Order:
    try:
        return layer_order(names, stated)
    except Unsure as error:
        if "delta" in kinds:
            raise _at(source, error) from None
        return replace(layer_order(names, "file"), told="that of the file")  # no c hangs on it
    except InputError as error:
        raise _at(source, error) from None


def _at(source: str, error: InputError) -> InputError:
    return InputError(*(replace(problem, source=source) for problem in error.problems))


def _cube(
    held: Cells, steps: list[int], layers: Sequence[str], seeds: list[str], source: str
) -> NDArray[np.float64]:
    """(steps, layers, seeds) of one kind, none left out."""
    values = []
    for key in product(steps, layers, seeds):
        if key not in held:
            raise _refused(f"the norm of {_told(key)} is missing", source)
        values.append(held[key])
    if len(values) != len(held):
        raise _refused("has steps, layers or seeds that the other kind has not", source)
    return np.array(values).reshape(len(steps), len(layers), len(seeds))


def _in_order(names: list[str]) -> list[str]:
    """Numbers by size, names as they came."""
    return sorted(names, key=int) if all(map(_NUMBER, names)) else names


def _told(key: Key) -> str:
    return f"step {key[0]}, layer {key[1][:SHOWN]}, seed {key[2][:SHOWN]}"


def _refused(message: str, source: str, line: int | None = None) -> InputError:
    return InputError(Problem(message, source=source, line=line))
