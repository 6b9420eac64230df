"""A condition on a row, such as abs(log10_ratio) > 2: numbers, names, comparisons, and / or / not, no code.

`in` looks for a text in a text, or for a tag: 'loss-stalled' in symptoms, 'paper' in tags. == and != take
lists too, width == [64, 32], and None: clip_norm == None where it is missing. Elsewhere what is missing makes
missing all that needs it, and a missing condition is not fulfilled.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log10
from typing import Any

from gradflow.analysis.differences import full_name
from gradflow.errors import InputError, did_you_mean

Read = Callable[[Any], Any]  # from a row, which gives a value by name, to a value; None: missing

LONGEST = 1000  # characters

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_INSIDE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.In: lambda part, whole: part in whole,
    ast.NotIn: lambda part, whole: part not in whole,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"abs": abs, "log10": log10}


def parse_condition(
    text: str,
    names: Iterable[str],
    option: str = "--fail-if",
    configs: Sequence[Mapping[str, Any]] = (),
) -> Callable[[Any], bool | None]:
    """The test that a condition makes of a row that has these names; None: what it needs is missing.

    A key that is a number, or a text, in some of the rows' `configs` is missing where it is something else,
    as a list of widths is no number. InputError if it is no condition, which names the option that it was
    given to.
    """
    return _Parser(text, list(names), option, configs).condition()


class _Parser:
    """Turns Python's own syntax tree of the text, of which few nodes are allowed, into functions of a row."""

    def __init__(
        self, text: str, names: list[str], option: str, configs: Sequence[Mapping[str, Any]]
    ) -> None:
        self.text, self.names, self.option, self.configs = text, names, option, configs

    def condition(self) -> Callable[[Any], bool | None]:
        if len(self.text) > LONGEST:
            raise InputError(f"a condition has at most {LONGEST:,} characters")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of 1if c else 2, which is refused
                tree = ast.parse(self.text.strip(), mode="eval")
            read = self.read(tree.body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self.refused(f"is no condition: write {_remedy(self.text)}") from None

        def holds(row: Any) -> bool | None:
            value = read(row)
            if value is None or isinstance(value, bool):
                return value
            raise self.refused("is a value, not a condition: compare it with something, as in 'c < 0.9'")

        return holds

    def refused(self, what: str) -> InputError:
        return InputError(f"{self.option}: {self.text} {what}")

    def read(self, node: ast.expr, text: bool = False) -> Read:
        """The value of a node; a name that no run has may be meant as `text`."""
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return lambda row: value
            case ast.List() if all(map(_is_listed, ast.walk(node))):
                listed = ast.literal_eval(node)
                return lambda row: listed
            case ast.Name() | ast.Attribute():
                name = self.name(node, text)
                return lambda row: row[name]
            case ast.BoolOp(op, values):
                return _both([self.truth(value) for value in values], isinstance(op, ast.Or))
            case ast.UnaryOp(ast.Not(), operand):
                return _on_one(operator.not_, self.truth(operand))
            case ast.UnaryOp(ast.USub() | ast.UAdd() as op, operand):
                sign = operator.neg if isinstance(op, ast.USub) else operator.pos
                return _on_one(sign, self.number(operand))
            case ast.Compare(left, ops, comparators):
                return self.compared([left, *comparators], ops)
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return _on_two(_ARITHMETIC[type(op)], self.number(left), self.number(right))
            case ast.Call(ast.Name(id=name), [argument], []):
                return self.call(name, argument)
        raise self.refused(f"holds {ast.unparse(node)[:40]}, which a condition cannot: {_ALLOWED}")

    def name(self, node: ast.expr, text: bool = False) -> str:
        written = ast.unparse(node)
        try:
            return full_name(written, self.names)
        except InputError as error:
            quoted = f"a text stands in quotes ('{written}'), and " if text else ""
            raise self.refused(f"cannot be read: {quoted}{error}") from None

    def call(self, name: str, argument: ast.expr) -> Read:
        if name not in _FUNCTIONS:
            raise self.refused(f"calls {name}{did_you_mean(name, _FUNCTIONS)}: there are abs and log10")
        return _on_one(_FUNCTIONS[name], self.number(argument))

    def compared(self, nodes: list[ast.expr], ops: list[ast.cmpop]) -> Read:
        """a < b < c as a < b and b < c."""
        parts = []
        for left, op, right in zip(nodes, ops, nodes[1:], strict=False):
            if isinstance(op, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant) and right.value is None:
                parts.append(_missing(self.read(left), isinstance(op, ast.Eq)))
            elif type(op) in _INSIDE:
                parts.append(_on_two(_INSIDE[type(op)], self.text_of(left), self.text_of(right, tuple)))
            elif isinstance(op, ast.Eq | ast.NotEq):
                test = self.of_a_kind(_COMPARISONS[type(op)])
                parts.append(_on_two(test, self.read(left), self.read(right, text=True)))
            elif type(op) in _COMPARISONS:
                parts.append(_on_two(_COMPARISONS[type(op)], self.number(left), self.number(right)))
            else:
                raise self.refused(f"compares in a way that a condition cannot: {_ALLOWED}")
        return _both(parts, any_of=False)

    def of_a_kind(self, test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
        """The test of two values, tags as a list; a text and a list are never equal, whatever they hold."""

        def tested(*values: Any) -> bool:
            left, right = (list(value) if isinstance(value, tuple) else value for value in values)
            if {type(left), type(right)} == {str, list}:
                words = "compares a text with a list: `in` looks for one text in symptoms or tags"
                raise self.refused(f"cannot be tested: it {words}")
            return test(left, right)

        return tested

    def number(self, node: ast.expr) -> Read:
        return self.typed(node, (int, float), "is no number: compare it with == or !=")

    def text_of(self, node: ast.expr, *others: type) -> Read:
        return self.typed(node, (str, *others), "is no text: `in` looks for one text in another")

    def truth(self, node: ast.expr) -> Read:
        return self.typed(node, bool, "is neither true nor false: compare it with something")

    def typed(self, node: ast.expr, kind: Any, complaint: str) -> Read:
        read, mixed = self.read(node), self.is_mixed(node, kind)

        def checked(row: Any) -> Any:
            value = read(row)
            if value is None or _is(value, kind):
                return value
            if mixed:
                return None
            raise self.refused(f"cannot be tested: {ast.unparse(node)[:40]} {complaint}")

        return checked

    def is_mixed(self, node: ast.expr, kind: Any) -> bool:
        """Whether it is a key of configs that is of this kind in some."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return False
        name = self.name(node)
        return any(_is(config.get(name), kind) for config in self.configs)


_ALLOWED = (
    "there are names, numbers, texts in quotes, lists of these, + - * /, < <= > >= == !=, == None, in, and, "
    "or, not, abs(), log10()"
)


_SLIPS = {"===": "==", r"(?<![=<>!])=(?![=>])": "==", "&&": "and", r"\|\|": "or", "<>": "!="}


def _remedy(text: str) -> str:
    """What is written otherwise here than in a shell, in SQL or JavaScript; else an example."""
    outside = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    found = {match[0]: right for wrong, right in _SLIPS.items() if (match := re.search(wrong, outside))}
    slips = [f"{right} for {wrong}" for wrong, right in found.items()]
    return ", ".join(slips) or "one such as 'abs(log10_ratio) > 2'"


def _is_listed(part: ast.AST) -> bool:
    """Whether it may be part of a list: numbers and texts, and lists of these."""
    if isinstance(part, ast.Constant):
        return isinstance(part.value, int | float | str)
    return isinstance(part, ast.List | ast.UnaryOp | ast.USub | ast.UAdd | ast.Load)


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _missing(read: Read, missing: bool) -> Read:
    return lambda row: (read(row) is None) is missing


def _on_one(function: Callable[[Any], Any], read: Read) -> Read:
    return lambda row: _defined(function, read(row))


def _on_two(function: Callable[[Any, Any], Any], left: Read, right: Read) -> Read:
    return lambda row: _defined(function, left(row), right(row))


def _defined(function: Callable[..., Any], *values: Any) -> Any:
    """The value of a function; None where one of its own is missing, or it has none: 1 / 0, log10(0)."""
    if None in values:
        return None
    try:
        return function(*values)
    except (ArithmeticError, ValueError):
        return None


def _both(parts: list[Read], any_of: bool) -> Read:
    """and, or `any_of` them; a missing part decides nothing, as in SQL."""

    def combined(row: Any) -> Any:
        found = [part(row) for part in parts]
        if any_of in found:
            return any_of
        return None if None in found else not any_of

    return combined
