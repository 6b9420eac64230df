"""How trees are built: like terms and factors are collected, what cancels is rewritten to what does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradflow.nn.expressions.tree import (
    HOISTED,
    ONE,
    PRODUCT,
    SELECT,
    SUM,
    ZERO,
    ExpressionError,
    Tree,
    factors,
    joined,
    number,
    one_term,
    powers,
    split,
)

TERMS = 64  # of a product of sums, up to which it is multiplied out to see what cancels
HIGHEST_POWER = 64


def add(*trees: Tree) -> Tree:
    """Their sum."""
    constant, terms = 0.0, dict[Tree, float]()
    for tree in trees:
        own, parts = split(tree)
        constant += own
        for term, coefficient in parts.items():
            terms[term] = terms.get(term, 0.0) + coefficient
    return _summed(constant, {term: c for term, c in terms.items() if c})


def scale(c: float, tree: Tree) -> Tree:
    """c times a tree."""
    if tree.head == SELECT:
        test, above, below = tree.parts
        return select(test, scale(c, above), scale(c, below))
    constant, terms = split(tree)
    return joined(c * constant, {term: c * own for term, own in terms.items() if c * own})


def minus(tree: Tree) -> Tree:
    """-1 times a tree."""
    return scale(-1.0, tree)


def times(*trees: Tree) -> Tree:
    """Their product."""
    coefficient, bases = 1.0, dict[Tree, float]()
    for tree in trees:
        c, rest = (tree.constant, ONE) if tree.constant is not None else one_term(tree) or (1.0, tree)
        coefficient *= c
        for base, p in factors(rest).items():
            bases[base] = bases.get(base, 0.0) + p
    bases.pop(ONE, None)
    if coefficient == 0:
        return ZERO
    return scale(coefficient, _multiplied({base: p for base, p in bases.items() if p}))


def power(base: Tree, p: float) -> Tree:
    """A tree to the power of a number."""
    if abs(p) > HIGHEST_POWER:
        raise ExpressionError(f"has the power {p:g}: at most {HIGHEST_POWER} can be computed with")
    if p in (0, 1):
        return base if p else ONE
    whole = p.is_integer()
    if base.constant is not None:
        return _constant_power(base.constant, p)
    found = one_term(base)
    if found and found[0] != 1 and (whole or found[0] > 0):
        return times(_constant_power(found[0], p), power(found[1], p))
    if base.head == PRODUCT and whole:
        return times(*(power(part, own * p) for part, own in factors(base).items()))
    if base.head == PRODUCT and len(base.parts) == 1 and base.numbers[0] % 2 == 0:
        return power(absolute(base.parts[0]), base.numbers[0] * p)
    if base.head == "exp":
        return call("exp", scale(p, base.parts[0]))
    return _multiplied({base: p})


def select(test: Tree, above: Tree, below: Tree) -> Tree:
    """`above` where `test` > 0, else `below`."""
    if above == below:
        return above
    if test.constant is not None:
        return above if test.constant > 0 else below
    if above.head == SELECT and above.parts[0] == test:
        above = above.parts[1]
    if below.head == SELECT and below.parts[0] == test:
        below = below.parts[2]
    return Tree(SELECT, (test, above, below))


def absolute(u: Tree) -> Tree:
    """|u|."""
    return select(u, u, minus(u))


def call(name: str, u: Tree) -> Tree:
    """A function of the table at u."""
    constant, terms = split(u)
    if name == "log" and u.head == "exp":
        return u.parts[0]
    if name == "log" and constant == 1 and terms:
        return call("log1p", add(u, number(-1.0)))
    if name == "log1p" and u.head == "exp":
        return call("softplus", u.parts[0])
    if name == "exp" and u == ZERO:
        return ONE
    return Tree(name, (u,))


def expanded(tree: Tree) -> Tree:
    """A sum whose products of sums are multiplied out, where that leaves fewer terms."""
    if tree.head != SUM:
        return tree
    constant, terms = split(tree)
    parts = [number(constant), *(scale(c, _distributed(term)) for term, c in terms.items())]
    multiplied = add(*parts)
    return multiplied if len(split(multiplied)[1]) < len(terms) else tree


def _constant_power(c: float, p: float) -> Tree:
    try:
        value = c**p
    except (ZeroDivisionError, OverflowError):
        value = float("inf")
    if isinstance(value, complex):
        raise ExpressionError(f"holds {c:g} to the power {p:g}, which is no real number")
    return number(value)


def _summed(constant: float, terms: Mapping[Tree, float]) -> Tree:
    parts = {term: c for term, c in terms.items() if term.head == SELECT}
    if _may_hoist(parts) and (constant or len(terms) > 1):
        rest = joined(constant, {term: c for term, c in terms.items() if term not in parts})
        test = next(iter(parts)).parts[0]
        sides = (add(rest, *(scale(c, part.parts[side]) for part, c in parts.items())) for side in (1, 2))
        return select(test, *sides)
    for term in sorted(terms, key=lambda term: term.key):
        better = _pair(constant, terms[term], term)
        if better is not None:
            others = {other: c for other, c in terms.items() if other != term}
            return add(joined(0.0, others), better)
    return joined(constant, terms)


def _pair(c: float, coefficient: float, term: Tree) -> Tree | None:
    """A constant and a term of the same size that cancel somewhere, as what does not."""
    if not c or abs(coefficient) != abs(c):
        return None
    squared = term.head == PRODUCT and term.numbers == (2.0,)
    head = f"{term.parts[0].head}^2" if squared else term.head
    rule = PAIRS.get((head, coefficient == c))
    if rule is None:
        return None
    u = term.parts[0].parts[0] if squared else term.parts[0]
    return scale(c, rule(u))


PAIRS: dict[tuple[str, bool], Callable[[Tree], Tree]] = {  # 1 + f(u) where True, 1 - f(u) where False
    ("exp", False): lambda u: minus(call("expm1", u)),
    ("tanh", True): lambda u: scale(2.0, call("sigmoid", scale(2.0, u))),
    ("tanh", False): lambda u: scale(2.0, call("sigmoid", scale(-2.0, u))),
    ("tanh^2", False): lambda u: call("sech2", u),
    ("sech2", False): lambda u: power(call("tanh", u), 2.0),
    ("sigmoid", False): lambda u: call("sigmoid", minus(u)),
    ("erf", True): lambda u: call("erfc", minus(u)),
    ("erf", False): lambda u: call("erfc", u),
}


def _may_hoist(selects: Mapping[Tree, float]) -> bool:
    """Whether all ask one thing, and are small enough to be written twice."""
    return len({one.parts[0] for one in selects}) == 1 and sum(one.size for one in selects) <= HOISTED


def _multiplied(bases: Mapping[Tree, float]) -> Tree:
    parts = {base: p for base, p in bases.items() if base.head == SELECT}
    if _may_hoist(parts):
        rest = powers({base: p for base, p in bases.items() if base not in parts})
        test = next(iter(parts)).parts[0]
        sides = (times(rest, *(power(part.parts[side], p) for part, p in parts.items())) for side in (1, 2))
        return select(test, *sides)
    for better in (_one_exponential, _logistic, _hyperbolic):
        found = better(bases)
        if found is not None:
            return found
    return powers(bases)


def _without(bases: Mapping[Tree, float], *gone: Tree) -> Tree:
    return powers({base: p for base, p in bases.items() if base not in gone})


def _one_exponential(bases: Mapping[Tree, float]) -> Tree | None:
    """e^u e^v as e^(u + v)."""
    found = {base: p for base, p in bases.items() if base.head == "exp"}
    if len(found) < 2 and all(p == 1 for p in found.values()):
        return None
    exponent = add(*(scale(p, base.parts[0]) for base, p in found.items()))
    return times(_without(bases, *found), call("exp", exponent))


def _logistic(bases: Mapping[Tree, float]) -> Tree | None:
    """(1 + e^u)^-p as sigmoid(-u)^p, and e^u sigmoid(-u) as sigmoid(u)."""
    for base, p in bases.items():
        constant, terms = split(base)
        if p < 0 and constant == 1 and len(terms) == 1:
            ((term, c),) = terms.items()
            if term.head == "exp" and c == 1:
                falling = call("sigmoid", minus(term.parts[0]))
                return times(_without(bases, base), power(falling, -p))
    for base in bases:
        if base.head == "exp":
            rising, falling = (call("sigmoid", u) for u in (base.parts[0], minus(base.parts[0])))
            if bases.get(falling, 0) >= 1:
                return times(_without(bases, base, falling), power(falling, bases[falling] - 1), rising)
    return None


def _hyperbolic(bases: Mapping[Tree, float]) -> Tree | None:
    """sinh(u) / cosh(u) as tanh(u)."""
    for base, p in bases.items():
        if base.head == "sinh" and p == 1:
            under = call("cosh", base.parts[0])
            if bases.get(under, 0) <= -1:
                rest = times(_without(bases, base, under), power(under, bases[under] + 1))
                return times(rest, call("tanh", base.parts[0]))
    return None


def _distributed(term: Tree) -> Tree:
    """A product of whole powers of sums as a sum, if it has few terms."""
    bases = factors(term)
    sums = {base: int(p) for base, p in bases.items() if base.head == SUM and p in (1, 2, 3, 4)}
    found = [_without(bases, *sums)]
    for base, p in sums.items():
        constant, parts = split(base)
        terms = [number(constant)] * bool(constant) + [scale(c, part) for part, c in parts.items()]
        if len(found) * len(terms) ** p > TERMS:
            return term
        for _ in range(p):
            found = [times(one, other) for one in found for other in terms]
    return add(*found)
