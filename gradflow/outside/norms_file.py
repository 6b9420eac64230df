"""Files of norms that were recorded elsewhere, in any of the `formats`, as arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.outside import KINDS, Norms
from gradflow.errors import InputError, Problem, did_you_mean
from gradflow.outside.columns import is_bias, is_parameter
from gradflow.outside.formats import norms_of
from gradflow.outside.found import Finding, Found, LossFound
from gradflow.outside.names import SHOWN, Unsure, as_numbers
from gradflow.outside.only import Only
from gradflow.outside.order import STATED, Order, layer_order

NormKey = tuple[int, str, str]  # step, layer, seed
Cells = dict[NormKey, float]
Losses = dict[tuple[int, str], float]  # by step and seed
Collected = tuple[dict[str, Cells], Losses]

MOST = 5_000_000  # norms
LAYERS_OFF = 2  # by so many a depth that a file tells may differ from its layers: a read-in, a read-out
_NUMBER = re.compile(r"[0-9]{1,9}").fullmatch
ASK = (
    "say what these norms are: --kind delta (||dLoss/dz|| of each layer, per sample) or --kind weight "
    "(||dLoss/dW||, as most logs have), or give them a column kind"
)


def read_norms(
    path: Path, kind: str | None = None, order: str | None = None, only: str | None = None
) -> Norms:
    """The norms of the networks of one depth in a file; the rest as of `read_networks`."""
    found = read_networks([path], kind, order, only)
    if len(found) > 1:
        raise _refused(f"holds networks of several depths: {', '.join(map(str, found))}", str(path))
    return next(iter(found.values()))


def read_networks(
    paths: Sequence[Path], kind: str | None = None, order: str | None = None, only: str | None = None
) -> dict[int, Norms]:
    """The norms of networks by their depth: of one depth, or of several, in a file each or told apart in one.

    `kind` (delta or weight) is for files that do not say, or to choose one of their two. Layers are ordered
    from the input on by the numbers in their names, or as `layer_order` says; `order` is file or backward for
    a file that has them from the input or the output on. `only` is a glob: what has no such name, as a layer,
    a column or a tag, is passed over. Files of one layer each are of one network.
    InputError for a file that cannot be read, leaves out or repeats a norm, or whose layers have no order
    that is sure.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"--kind {kind}: there are {_kinds(kind)}")
    if order is not None and order not in STATED:
        raise InputError(f"--order {order}: there are {' and '.join(STATED)}{did_you_mean(order, STATED)}")
    parts = [
        _Part(str(path), depth, cells, losses)
        for path in paths
        for depth, (cells, losses) in _chosen(path, kind, Only(only)).items()
    ]
    if len(parts) > 1 and all(len(part.layers) == 1 for part in parts):
        parts = [_merged(parts)]
    if len(parts) == 1:
        part = parts[0].of_sure_weights(order)
        return {part.depth: _assembled(part, order)}
    return _by_depth([part.without_biases() for part in parts], order)


@dataclass(frozen=True)
class _Part:
    """The norms of the networks of one depth, by kind; `told` is the depth that the file tells, or ""."""

    source: str
    told: str
    cells: dict[str, Cells]
    losses: Losses

    @property
    def layers(self) -> list[str]:
        """In the order of the file."""
        return list(dict.fromkeys(layer for held in self.cells.values() for _, layer, _ in held))

    @property
    def depth(self) -> int:
        """What the file tells, or else how many layers there are. InputError if these do not agree."""
        count = sum(not is_bias(layer) for layer in self.layers) or len(self.layers)
        if not self.told:
            return count
        (told,) = as_numbers([self.told]) or [""]  # 4.0 is 4, as pandas writes it beside a gap
        if not _NUMBER(told) or abs(int(told) - count) > LAYERS_OFF:
            words = (
                f"depth {self.told[:SHOWN]} has {count} layers: let depth be the number of them, or remove it"
            )
            raise _refused(words, self.source)
        return int(told)

    def without_biases(self) -> _Part:
        """Of weights alone, where there are any, so that the first layer is one."""
        if all(map(is_bias, self.layers)):
            return self
        kept = {k: {at: v for at, v in held.items() if not is_bias(at[1])} for k, held in self.cells.items()}
        return replace(self, cells=kept)

    def of_sure_weights(self, order: str | None) -> _Part:
        """Of weights alone where it is those that have no order beside their biases: no c hangs on it."""
        kept = self.without_biases()
        try:
            layer_order(kept.layers, order)
        except InputError:
            return self
        return self if "delta" in self.cells else kept


def _merged(parts: Sequence[_Part]) -> _Part:
    """One network of the layers of several files."""
    cells: dict[str, Cells] = {}
    losses = parts[0].losses
    for part in parts:
        for kind, held in part.cells.items():
            into = cells.setdefault(kind, {})
            twice = next((key for key in held if key in into), None)
            if twice is not None:
                raise _refused(f"a second norm of {_told(twice)}: name each file once", part.source)
            into.update(held)
        losses = _with(losses, part.losses)
    return replace(parts[0], told="", cells=cells, losses=losses)


def _by_depth(parts: Sequence[_Part], order: str | None) -> dict[int, Norms]:
    found: dict[int, Norms] = {}
    for part in sorted(parts, key=lambda part: part.depth):
        if part.depth in found:
            words = f"is a second network of {part.depth} layers: put those into one file, with a column seed"
            raise _refused(words, part.source)
        found[part.depth] = _assembled(part, order, sure=True)
    return found


def _chosen(path: Path, kind: str | None, only: Only) -> dict[str, Collected]:
    """The norms of a file by depth and kind, of the kind that was chosen if one was."""
    found = _collected(norms_of(path, only), kind, str(path))
    if kind is None:
        return found
    there = sorted({each for cells, _ in found.values() for each in cells})
    if kind not in there:
        raise _refused(f"holds no norms of kind {kind}, only of {', '.join(there)}", str(path))
    return {depth: ({kind: cells[kind]}, losses) for depth, (cells, losses) in found.items() if kind in cells}


def _collected(found: Iterable[Finding], kind: str | None, source: str) -> dict[str, Collected]:
    """The norms of each depth and kind by step, layer and seed, each there once, and the losses."""
    parts: dict[str, Collected] = {}
    alone: dict[str, Losses] = {}  # by depth, of rows without norms
    for count, one in enumerate(found):
        if isinstance(one, LossFound):
            _take(alone.setdefault(one.depth, {}), one, one.value)
            continue
        cells, losses = parts.setdefault(one.depth, ({}, {}))
        held = cells.setdefault(_kind(one, kind, source), {})
        key = one.step, one.layer, one.seed
        if key in held:
            raise _refused(f"a second norm of {_told(key)}: tell networks apart by a seed", source, one.line)
        held[key] = one.value
        _take(losses, one, one.loss)
        if count >= MOST:
            raise _refused(f"holds more than {MOST:,} norms: record fewer steps", source)
    if not parts:
        raise _refused("holds no norms", source)
    return {depth: (cells, _with(losses, alone.get(depth, {}))) for depth, (cells, losses) in parts.items()}


def _take(losses: Losses, one: Finding, loss: float) -> None:
    """The loss of a step, in whichever of its rows it stands."""
    at = one.step, one.seed
    if at not in losses or not isnan(loss):
        losses[at] = loss


def _with(losses: Losses, others: Losses) -> Losses:
    """The losses, and those of others where they have none."""
    return {at: others.get(at, nan) if isnan(loss) else loss for at, loss in losses.items()}


def _kind(one: Found, kind: str | None, source: str) -> str:
    found = one.kind or kind or ("weight" if is_parameter(one.layer) else None)
    if found is None:
        raise _refused(ASK, source)
    if found not in KINDS:
        raise _refused(f"kind {found[:SHOWN]!r}: there are {_kinds(found)}", source, one.line)
    return found


def _kinds(wrong: str) -> str:
    return f"{' and '.join(KINDS)}{did_you_mean(wrong, KINDS)}"


def _assembled(part: _Part, stated: str | None, sure: bool = False) -> Norms:
    """`sure`: the order counts, whatever the kind."""
    cells, source = part.cells, part.source
    keys = list(next(cells[kind] for kind in KINDS if kind in cells))
    steps = sorted({step for step, _, _ in keys})
    seeds = _in_order(list(dict.fromkeys(seed for _, _, seed in keys)))
    sure = sure or "delta" in cells
    order = _order(list(dict.fromkeys(layer for _, layer, _ in keys)), stated, source, sure)
    logs = {
        kind: _cube(held, steps, order.places, seeds, f"{source}: {kind}") for kind, held in cells.items()
    }
    losses = np.array([[part.losses[step, seed] for seed in seeds] for step in steps])
    more = {} if np.isnan(losses).all() else {"loss": losses}
    return Norms(tuple(steps), order.layers, logs, order.told, source, more, seeds=_told_seeds(seeds))


def _told_seeds(seeds: list[str]) -> tuple[int, ...]:
    """The seeds as numbers; () of names, and of those from 0 on, which a file need not have told."""
    if not all(map(_NUMBER, seeds)):
        return ()
    numbers = tuple(map(int, seeds))
    return () if numbers == tuple(range(len(numbers))) else numbers


def _order(names: list[str], stated: str | None, source: str, sure: bool) -> Order:
    try:
        return layer_order(names, stated)
    except Unsure as error:
        if sure:
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
            raise _refused(f"the norm of {_told(key)} is missing: write nan if it is no number", source)
        values.append(held[key])
    if len(values) != len(held):
        raise _refused("has steps, layers or seeds that the other kind has not", source)
    return np.array(values).reshape(len(steps), len(layers), len(seeds))


def _in_order(names: list[str]) -> list[str]:
    """Numbers by size, names as they came."""
    return sorted(names, key=int) if all(map(_NUMBER, names)) else names


def _told(key: NormKey) -> str:
    return f"step {key[0]}, layer {key[1][:SHOWN]}, seed {key[2][:SHOWN]}"


def _refused(message: str, source: str, line: int | None = None) -> InputError:
    return InputError(Problem(message, source=source, line=line))
