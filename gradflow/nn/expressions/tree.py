"""A formula as a tree that collects like terms and factors as it is built, so that what cancels is gone.

    number  c                      sum      c + sum_i c_i t_i        select  above where test > 0, else below
    z                              product  prod_i b_i^p_i           call    f(u)

A slope is a difference of almost equal terms wherever an activation saturates: 1 - tanh(u)^2 is 0 beyond
|u| = 19, and sech(u)^2 is not. `algebra` knows such forms, and finds others by collecting like terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from math import isfinite

NUMBER, Z, SUM, PRODUCT, SELECT = "number", "z", "+", "*", "select"
HOISTED = 200  # size of a select up to which sums and products are taken into its branches


class ExpressionError(ValueError):
    """A formula that is refused; the message says why, and what to write."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A node; two are equal if all below them is. Sums hold a constant, then a coefficient for each part."""

    head: str
    parts: tuple[Tree, ...] = ()
    numbers: tuple[float, ...] = ()
    key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = repr((self.head, self.numbers, [part.key for part in self.parts]))
        object.__setattr__(self, "key", blake2b(text.encode(), digest_size=16).digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @cached_property
    def size(self) -> int:
        """How many nodes it would be written with."""
        return 1 + sum(part.size for part in self.parts)

    @property
    def constant(self) -> float | None:
        """Its value, if it is a number."""
        return self.numbers[0] if self.head == NUMBER else None

    def nodes(self) -> Iterator[Tree]:
        """Each node once, what a node needs before it."""
        seen: set[Tree] = set()
        waiting = [(self, False)]
        while waiting:
            node, ready = waiting.pop()
            if ready:
                yield node
            elif node not in seen:
                seen.add(node)
                waiting.append((node, True))
                waiting += [(part, False) for part in reversed(node.parts)]


VARIABLE = Tree(Z)


def number(value: float) -> Tree:
    """A constant. ExpressionError if it is not finite."""
    if not isfinite(value):
        raise ExpressionError("holds a number that no float has: 1e400, or 1 / 0")
    return Tree(NUMBER, (), (value + 0.0,))


ZERO, ONE = number(0.0), number(1.0)


def split(tree: Tree) -> tuple[float, dict[Tree, float]]:
    """A tree as a constant and terms with coefficients."""
    if tree.constant is not None:
        return tree.constant, {}
    if tree.head == SUM:
        return tree.numbers[0], dict(zip(tree.parts, tree.numbers[1:], strict=True))
    return 0.0, {tree: 1.0}


def factors(tree: Tree) -> dict[Tree, float]:
    """A tree as bases with powers."""
    return dict(zip(tree.parts, tree.numbers, strict=True)) if tree.head == PRODUCT else {tree: 1.0}


def one_term(tree: Tree) -> tuple[float, Tree] | None:
    """(c, t) of a tree that is c t."""
    constant, terms = split(tree)
    if constant == 0 and len(terms) == 1:
        ((term, coefficient),) = terms.items()
        return coefficient, term
    return None


def joined(constant: float, terms: Mapping[Tree, float]) -> Tree:
    """The sum of a constant and terms that are no sums, all different, of coefficients that are not 0."""
    if not terms:
        return number(constant)
    if constant == 0 and [*terms.values()] == [1.0]:
        return next(iter(terms))
    ordered = sorted(terms, key=lambda term: term.key)
    numbers = (constant + 0.0, *(terms[term] for term in ordered))
    for value in numbers:
        number(value)
    return Tree(SUM, tuple(ordered), numbers)


def powers(bases: Mapping[Tree, float]) -> Tree:
    """The product of bases that are no products, all different, with powers that are not 0."""
    if not bases:
        return ONE
    if [*bases.values()] == [1.0]:
        return next(iter(bases))
    ordered = sorted(bases, key=lambda base: base.key)
    return Tree(PRODUCT, tuple(ordered), tuple(bases[base] for base in ordered))
