"""The derivative of a tree, by the rules for sums, products, functions and branches."""

from __future__ import annotations

from gradflow.nn.expressions.algebra import add, expanded, power, scale, select, times
from gradflow.nn.expressions.functions import FUNCTIONS
from gradflow.nn.expressions.tree import NUMBER, ONE, PRODUCT, SELECT, SUM, ZERO, Tree, Z, factors


def derivative(tree: Tree) -> Tree:
    """d tree / dz, branch by branch: at a kink it is that of the side whose branch is taken."""
    known: dict[Tree, Tree] = {}
    for node in tree.nodes():
        known[node] = _rule(node, known)
    return known[tree]


def _rule(node: Tree, known: dict[Tree, Tree]) -> Tree:
    match node.head:
        case str(head) if head == NUMBER:
            return ZERO
        case str(head) if head == Z:
            return ONE
        case str(head) if head == SUM:
            terms = zip(node.numbers[1:], node.parts, strict=True)
            return add(*(scale(c, known[part]) for c, part in terms if c))
        case str(head) if head == PRODUCT:
            return _of_product(node, known)
        case str(head) if head == SELECT:
            test, above, below = node.parts
            return select(test, known[above], known[below])
    (u,) = node.parts
    return times(FUNCTIONS[node.head].slope(u), known[u])


def _of_product(node: Tree, known: dict[Tree, Tree]) -> Tree:
    """prod_i b_i^(p_i - 1) sum_i p_i b_i' prod_(j != i) b_j: one quotient, whose numerator cancels."""
    bases = factors(node)
    numerator = add(
        *(
            scale(p, times(known[base], *(other for other in bases if other != base)))
            for base, p in bases.items()
        )
    )
    return times(*(power(base, p - 1) for base, p in bases.items()), expanded(numerator))
