"""From the text of a formula to its tree: numbers, z, + - * / **, functions, where(a < b, then, else).

    sum     = product {(+ | -) product}            power = atom [(** | ^) signed]
    product = signed {(* | /) signed}              atom  = number | z | pi | e | f(sum, ...) | (sum)
    signed  = {+ | -} power                        where's first argument = sum (< | <= | > | >=) sum

A recursive descent over at most 500 characters, 40 brackets deep; nothing of a text is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import e, pi
from typing import NamedTuple

from gradflow.errors import did_you_mean
from gradflow.nn.expressions.algebra import absolute, add, minus, power, scale, select, times
from gradflow.nn.expressions.functions import FUNCTIONS, folded
from gradflow.nn.expressions.tree import ONE, VARIABLE, ZERO, ExpressionError, Tree, number

LONGEST, DEEPEST, LARGEST = 500, 40, 3000  # characters; brackets; nodes, once written out
SHOWN_LETTERS = 40  # of a name that is refused
_TOKEN = re.compile(
    r" *(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|<=|>=|[-+*/^(),<>]))",
    re.ASCII,
)
_NAMES = {"z": VARIABLE, "pi": number(pi), "e": number(e)}


class Token(NamedTuple):
    """A word of a formula: a number, a name, or a sign such as ** or (; kind "" at the end."""

    kind: str
    text: str
    place: int  # of its first character, from 1


def parse_formula(text: str) -> Tree:
    """The tree of a formula of z. ExpressionError says what is wrong with it, and where."""
    if len(text) > LONGEST:
        raise ExpressionError(f"has {len(text):,} characters: at most {LONGEST} can be read")
    reader = _Reader(list(_tokens(text)))
    tree = reader.sum()
    reader.expect("", "the end")
    return _measured(tree)


def _measured(tree: Tree) -> Tree:
    if tree.size > LARGEST:
        raise ExpressionError(f"has {tree.size:,} parts once it is written out: at most {LARGEST:,} will do")
    return tree


def _tokens(text: str) -> list[Token]:
    found, place = [], 0
    text = text.rstrip(" ")
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:].lstrip(" ")
            character = ascii(rest[:1])[1:-1]
            raise ExpressionError(
                f"cannot be read at character {len(text) - len(rest) + 1}, {character}: {ALLOWED}"
            )
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind], match.start(kind) + 1))
        place = match.end()
    return [*found, Token("", "the end", len(text) + 1)]


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> str:
        """The sign that comes next, if it is one of these; else ""."""
        token = self.next
        if token.kind != "sign" or token.text not in texts:
            return ""
        self.at += 1
        return token.text

    def expect(self, text: str, called: str) -> None:
        token = self.next
        if token.text != text and (text or token.kind):
            raise self.unread(f"{called} was expected")
        self.at += 1

    def unread(self, what: str) -> ExpressionError:
        place = f"character {self.next.place}, {self.next.text[:SHOWN_LETTERS]}"
        return ExpressionError(f"cannot be read at {place}: {what}")

    def sum(self) -> Tree:
        """Where brackets nest, and so what may be too deep."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.unread(f"at most {DEEPEST} brackets and powers may stand in each other")
        total = self.product()
        while sign := self.take("+", "-"):
            other = self.product()
            total = _measured(add(total, other if sign == "+" else minus(other)))
        self.depth -= 1
        return total

    def product(self) -> Tree:
        total = self.signed()
        while sign := self.take("*", "/"):
            other = self.signed()
            if sign == "/" and other == ZERO:
                raise ExpressionError("divides by 0")
            total = _measured(times(total, other if sign == "*" else power(other, -1.0)))
        return total

    def signed(self) -> Tree:
        negative = False
        while sign := self.take("+", "-"):
            negative ^= sign == "-"
        found = self.power()
        return minus(found) if negative else found

    def power(self) -> Tree:
        base = self.atom()
        if not self.take("**", "^"):
            return base
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.unread(f"at most {DEEPEST} brackets and powers may stand in each other")
        exponent = self.signed()
        self.depth -= 1
        return _measured(_raised(base, exponent))

    def atom(self) -> Tree:
        token = self.next
        if token.kind == "number":
            self.at += 1
            return number(float(token.text))
        if self.take("("):
            inside = self.sum()
            self.expect(")", ") for the bracket before")
            return inside
        if token.kind != "name":
            raise self.unread("a number, z, a function or a bracket was expected")
        self.at += 1
        if token.text in _NAMES:
            return _NAMES[token.text]
        return self.function(token)

    def function(self, token: Token) -> Tree:
        name = token.text
        if name not in ARITIES:
            remedy = did_you_mean(name, [*ARITIES, *_NAMES]) or f": {ALLOWED}"
            name = name if len(name) <= SHOWN_LETTERS else f"{name[: SHOWN_LETTERS - 3]}..."
            raise ExpressionError(f"has the unknown name {name} at character {token.place}{remedy}")
        if not self.take("("):
            raise self.unread(f"{name} is a function: write {name}({', '.join('zab'[: ARITIES[name]])})")
        if name == "where":
            return self.where()
        arguments = [self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        if len(arguments) != ARITIES[name]:
            given = f"{name} takes {ARITIES[name]} argument{'s' * (ARITIES[name] > 1)}, not {len(arguments)}"
            raise ExpressionError(f"cannot be read at character {token.place}: {given}")
        self.expect(")", f") behind the arguments of {name}")
        return _measured(_applied(name, arguments))

    def where(self) -> Tree:
        left = self.sum()
        sign = self.take("<", "<=", ">", ">=")
        if not sign:
            raise self.unread("where compares first: where(z < 0, then, else)")
        right = self.sum()
        self.expect(",", "a comma behind the comparison")
        then = self.sum()
        self.expect(",", "a comma, and what holds else,")
        other = self.sum()
        self.expect(")", ") behind the arguments of where")
        above = add(right, minus(left)) if "<" in sign else add(left, minus(right))
        return _measured(select(minus(above), other, then) if "=" in sign else select(above, then, other))


def _raised(base: Tree, exponent: Tree) -> Tree:
    """base ** exponent: one of the two is a number."""
    if exponent.constant is not None:
        return power(base, exponent.constant)
    if base.constant is None:
        raise ExpressionError("has a power that is no number: write exp(b * log(a)) for a ** b")
    if base.constant <= 0:
        raise ExpressionError(f"holds {base.constant:g} to a power of z, which has no value for all z")
    return folded("exp", times(exponent, folded("log", base)))


def _maximum(a: Tree, b: Tree) -> Tree:
    return select(add(a, minus(b)), a, b)


def _minimum(a: Tree, b: Tree) -> Tree:
    return select(add(b, minus(a)), a, b)


def _clip(u: Tree, low: Tree, high: Tree) -> Tree:
    if low.constant is None or high.constant is None or low.constant >= high.constant:
        raise ExpressionError("clips between ends that are no numbers, the lower first: write clip(z, -1, 1)")
    return select(add(u, minus(high)), high, _maximum(u, low))


_MADE: dict[str, tuple[int, Callable[..., Tree]]] = {  # of others
    "abs": (1, absolute),
    "sign": (1, lambda u: select(u, ONE, minus(ONE))),
    "sqrt": (1, lambda u: power(u, 0.5)),
    "relu": (1, lambda u: _maximum(u, ZERO)),
    "silu": (1, lambda u: times(u, folded("sigmoid", u))),
    "gelu": (1, lambda u: times(u, scale(0.5, folded("erfc", scale(-(0.5**0.5), u))))),
    "max": (2, _maximum),
    "min": (2, _minimum),
    "clip": (3, _clip),
    "where": (3, select),
}
ARITIES = {
    **{name: 1 for name, function in FUNCTIONS.items() if function.public},
    **{name: arity for name, (arity, _) in _MADE.items()},
}
ALLOWED = f"there are numbers, z, pi, e, + - * / ** and {', '.join(ARITIES)}"


def _applied(name: str, arguments: list[Tree]) -> Tree:
    if name in _MADE:
        return _MADE[name][1](*arguments)
    return folded(name, arguments[0])
