"""Where the branches of a tree meet: the z at which it may have a kink, found on a grid and by halving."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.expressions.evaluate import Program
from gradflow.nn.expressions.tree import PRODUCT, SELECT, Tree

HALVINGS = 64
ZERO_BELOW = 1e-20  # a kink nearer to 0 is at 0
DIGITS = 12  # a kink that has no more is meant: 0.3, not 0.30000000000000004
ULPS = 4
BESIDE = 1e-9  # of |z|, where one looks which branches hold on either side


@cache
def grid() -> Array:
    """The z at which a formula is looked at: dense within 64, by shares of itself from 1e-8 to 1e8."""
    small, large = np.geomspace(1e-8, 64, 1500), np.geomspace(64, 1e8, 500)
    right = np.concatenate([np.arange(0, 64, 1 / 64), small, large])
    return np.unique(np.concatenate([-right, right]))


def kinks_of(tree: Tree) -> tuple[float, ...]:
    """The z where a tree goes from one branch to another, or a root or a pole begins."""
    tests = dict.fromkeys(test for node in tree.nodes() for test in _tests(node))
    candidates = sorted({z for test in tests for z in boundaries(test)})
    return tuple(_where_branches_change(tree, list(tests), np.array(candidates))) if candidates else ()


def boundaries(test: Tree) -> list[float]:
    """The z at which a tree begins or ceases to be above 0."""
    program = Program(test)

    def above(z: Array) -> Array:
        return np.broadcast_to(program.plain(z) > 0, z.shape)

    places = grid()
    states = above(places)
    changes = np.flatnonzero(states[1:] != states[:-1])
    low, high = places[changes], places[changes + 1]
    state = states[changes]
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        same = above(middle) == state
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return [_neat(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def beside(z: Array, kinks: tuple[float, ...]) -> Array:
    """z, of those that are kinks the next float: on the side away from 0, and below 0 itself."""
    for kink in kinks:
        here = z == kink
        if here.any():
            away = np.nextafter(z.dtype.type(kink), z.dtype.type(np.inf if kink > 0 else -np.inf))
            z = np.where(here, away, z)
    return z


def _tests(node: Tree) -> Iterator[Tree]:
    """What a branch asks about, and what has a power that is no whole number, or a negative one."""
    if node.head == SELECT:
        yield node.parts[0]
    if node.head == PRODUCT:
        for base, p in zip(node.parts, node.numbers, strict=True):
            if p < 0 or not p.is_integer():
                yield base


def _neat(low: float, high: float) -> float:
    """The number that is meant between two neighbouring floats."""
    if abs(high) < ZERO_BELOW:
        return 0.0
    rounded = float(f"{high:.{DIGITS}g}")
    near = abs(rounded - high) <= ULPS * abs(np.spacing(high))
    return rounded if near else high if abs(high) > abs(low) else low


def _where_branches_change(tree: Tree, tests: list[Tree], places: Array) -> Iterator[float]:
    """Of these z, those on whose sides a tree takes other branches: not those of what is not taken."""
    step = BESIDE * np.maximum(1, np.abs(places))
    sides = [[np.broadcast_to(Program(test).plain(z) > 0, z.shape) for test in tests]
             for z in (places - step, places + step)]  # fmt: skip
    for i, place in enumerate(places.tolist()):
        low, high = (_taken(tree, {test: bool(above[i]) for test, above in zip(tests, side, strict=True)})
                     for side in sides)  # fmt: skip
        if low != high:
            yield place


def _taken(tree: Tree, above: dict[Tree, bool]) -> set[tuple[Tree, bool]]:
    """What is asked, and the answers, on the way to all branches that hold."""
    found: set[tuple[Tree, bool]] = set()
    seen, waiting = {tree}, [tree]
    while waiting:
        node = waiting.pop()
        found |= {(test, above[test]) for test in _tests(node)}
        parts = node.parts
        if node.head == SELECT:
            parts = (parts[1 if above[parts[0]] else 2],)
        waiting += [part for part in parts if part not in seen]
        seen.update(parts)
    return found


def runs(marks: Array) -> Iterator[tuple[int, int]]:
    """The first and the last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    for start, stop in list(pairwise(edges.tolist()))[::2]:
        yield start, stop - 1
