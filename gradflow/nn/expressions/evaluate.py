"""Trees evaluated: in floats, real or complex, or as Wide numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.expressions import wide
from gradflow.nn.expressions.functions import FUNCTIONS
from gradflow.nn.expressions.tree import NUMBER, PRODUCT, SELECT, SUM, Tree, Z
from gradflow.nn.expressions.wide import Wide

Step = tuple[Tree, Sequence[float], list[int]]  # a node, its numbers, and which of the values are its parts

FEW = 4  # of a whole power that is multiplied out


class Program:
    """A tree as the list of its nodes, each of which is evaluated once."""

    def __init__(self, tree: Tree) -> None:
        nodes = list(tree.nodes())
        places = {node: i for i, node in enumerate(nodes)}
        self.steps: list[Step] = []
        at_0: list[Array] = []
        with np.errstate(all="ignore"):
            for node in nodes:
                step = _step(node, [places[part] for part in node.parts], at_0)
                self.steps.append(step)
                at_0.append(_plain(*step[:2], [at_0[i] for i in step[2]], np.zeros(())))

    def plain(self, z: Array) -> Array:
        """In z's own dtype; where that is left, inf or nan."""
        values: list[Array] = []
        with np.errstate(all="ignore"):
            for node, numbers, places in self.steps:
                values.append(_plain(node, numbers, [values[i] for i in places], z))
        return values[-1]

    def wide(self, z: Array) -> Wide:
        """At a real z, of any magnitude."""
        values: list[Wide] = []
        with np.errstate(all="ignore"):
            start = Wide.of(z.astype(np.float64))
            for node, numbers, places in self.steps:
                values.append(_wide(node, numbers, [values[i] for i in places], start))
        m, k = values[-1]
        return Wide(np.broadcast_to(m, z.shape), np.broadcast_to(k, z.shape))


def _step(node: Tree, places: list[int], at_0: Sequence[Array]) -> Step:
    """A node with its numbers and the places of its parts, those of a sum as they are added.

    What is not 0 at z = 0 comes first, so that sqrt(z^2 + 1) - 1 is made before z is added to it: that way
    round a small z keeps its digits.
    """
    if node.head != SUM:
        return node, node.numbers, places
    constant, *coefficients = node.numbers
    order = sorted(range(len(places)), key=lambda i: bool(at_0[places[i]] == 0))
    return node, (constant, *(coefficients[i] for i in order)), [places[i] for i in order]


def _plain(node: Tree, numbers: Sequence[float], values: Sequence[Array], z: Array) -> Array:
    match node.head:
        case str(head) if head == Z:
            return z
        case str(head) if head == NUMBER:
            return np.array(numbers[0], z.real.dtype)
        case str(head) if head == SUM:
            return _sum(numbers, values)
        case str(head) if head == PRODUCT:
            return _product(numbers, values)
        case str(head) if head == SELECT:
            test, above, below = values
            return np.asarray(np.where(test.real > 0, above, below))
    return FUNCTIONS[node.head].plain(values[0])


def _sum(numbers: Sequence[float], values: Sequence[Array]) -> Array:
    constant, *coefficients = numbers
    total = values[0] if coefficients[0] == 1 else values[0] * coefficients[0]
    if constant:
        total = total + constant
    for c, value in zip(coefficients[1:], values[1:], strict=True):
        total = total + value if c == 1 else total - value if c == -1 else total + value * c
    return total


def _product(exponents: Sequence[float], values: Sequence[Array]) -> Array:
    """Over what has negative powers, so that each is one division."""
    over, under = None, None
    for p, value in zip(exponents, values, strict=True):
        factor = _power(value, abs(p))
        if p > 0:
            over = factor if over is None else over * factor
        else:
            under = factor if under is None else under * factor
    if under is None:
        assert over is not None  # a product has a factor
        return over
    return 1 / under if over is None else over / under


def _power(value: Array, p: float) -> Array:
    if p == 0.5:
        return np.asarray(np.sqrt(value))
    if not p.is_integer() or p > FEW:
        return np.asarray(np.power(value, p))
    result = value
    for _ in range(int(p) - 1):
        result = result * value
    return result


def _wide(node: Tree, numbers: Sequence[float], values: Sequence[Wide], z: Wide) -> Wide:
    match node.head:
        case str(head) if head == Z:
            return z
        case str(head) if head == NUMBER:
            return Wide.of(np.array(numbers[0]))
        case str(head) if head == SUM:
            constant, *coefficients = numbers
            total = Wide.of(np.array(constant))
            for c, value in zip(coefficients, values, strict=True):
                total = total.plus(value if c == 1 else value.scaled(c))
            return total
        case str(head) if head == PRODUCT:
            total = Wide.of(np.array(1.0))
            for p, value in zip(numbers, values, strict=True):
                total = total.times(value if p == 1 else value.power(p))
            return total
        case str(head) if head == SELECT:
            test, above, below = values
            return wide.where(test.m > 0, above, below)
    return FUNCTIONS[node.head].wide(values[0])
