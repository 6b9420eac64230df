"""Trees evaluated: in floats, real or complex, or as Wide numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.expressions import wide
from gradflow.nn.expressions.functions import FUNCTIONS
from gradflow.nn.expressions.tree import NUMBER, PRODUCT, SELECT, SUM, Tree, Z
from gradflow.nn.expressions.wide import Wide

Array = NDArray[Any]

FEW = 4  # of a whole power that is multiplied out


class Program:
    """A tree as the list of its nodes, each of which is evaluated once."""

    def __init__(self, tree: Tree) -> None:
        nodes = list(tree.nodes())
        places = {node: i for i, node in enumerate(nodes)}
        self.steps = [(node, [places[part] for part in node.parts]) for node in nodes]

    def plain(self, z: Array) -> Array:
        """In z's own dtype; where that is left, inf or nan."""
        values: list[Array] = []
        with np.errstate(all="ignore"):
            for node, places in self.steps:
                values.append(_plain(node, [values[i] for i in places], z))
        return values[-1]

    def wide(self, z: Array) -> Wide:
        """At a real z, of any magnitude."""
        values: list[Wide] = []
        with np.errstate(all="ignore"):
            start = Wide.of(z.astype(np.float64))
            for node, places in self.steps:
                values.append(_wide(node, [values[i] for i in places], start))
        m, k = values[-1]
        return Wide(np.broadcast_to(m, z.shape), np.broadcast_to(k, z.shape))


def _plain(node: Tree, values: Sequence[Array], z: Array) -> Array:
    match node.head:
        case str(head) if head == Z:
            return z
        case str(head) if head == NUMBER:
            return np.array(node.numbers[0], z.real.dtype)
        case str(head) if head == SUM:
            return _sum(node.numbers, values)
        case str(head) if head == PRODUCT:
            return _product(node.numbers, values)
        case str(head) if head == SELECT:
            test, above, below = values
            return np.asarray(np.where(test.real > 0, above, below))
    return FUNCTIONS[node.head].plain(values[0])


def _sum(numbers: Sequence[float], values: Sequence[Array]) -> Array:
    constant, *coefficients = numbers
    total = values[0] if coefficients[0] == 1 else values[0] * coefficients[0]
    for c, value in zip(coefficients[1:], values[1:], strict=True):
        total = total + value if c == 1 else total - value if c == -1 else total + value * c
    return total + constant if constant else total


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


def _wide(node: Tree, values: Sequence[Wide], z: Wide) -> Wide:
    match node.head:
        case str(head) if head == Z:
            return z
        case str(head) if head == NUMBER:
            return Wide.of(np.array(node.numbers[0]))
        case str(head) if head == SUM:
            constant, *coefficients = node.numbers
            total = Wide.of(np.array(constant))
            for c, value in zip(coefficients, values, strict=True):
                total = total.plus(value if c == 1 else value.scaled(c))
            return total
        case str(head) if head == PRODUCT:
            total = Wide.of(np.array(1.0))
            for p, value in zip(node.numbers, values, strict=True):
                total = total.times(value if p == 1 else value.power(p))
            return total
        case str(head) if head == SELECT:
            test, above, below = values
            return wide.where(test.m > 0, above, below)
    return FUNCTIONS[node.head].wide(values[0])
