"""The axes of a sweep: keys with several values, in comma lists, functions or a sweep section."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, prod
from typing import Any

from gradflow.config.checks import NOT_SWEPT
from gradflow.config.draft import Draft, SourceLine, own
from gradflow.config.keys import find, override_key
from gradflow.config.overrides import Setting, contradiction, settled
from gradflow.errors import InputError, Problem
from gradflow.units import is_number
from gradflow.yaml_events import KeyPath, dotted, one_line
from gradflow.yaml_file import COMMAND_LINE, on_one_line, parse_value

MOST = 10_000  # points of a sweep, and values of an axis
SYNTAX = {
    "range": "range(start, stop, step): without the stop; step 1 may be left out",
    "linspace": "linspace(first, last, count): evenly spaced, both ends included",
    "logspace": "logspace(first, last, count): powers of ten, the ends are exponents",
}

# quoted text, a run that no quote begins (it's), or one character
_TOKENS = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,:\[\]{}()"'](?:(?!: )[^,\[\]{}()])*|.)""", re.DOTALL
)
_CALL = re.compile(rf"\s*({'|'.join(SYNTAX)})\s*\((.*)\)\s*", re.DOTALL)
_LARGEST, _LARGEST_EXPONENT = 1e300, 300


@dataclass(frozen=True)
class Axis:
    """A key and its values, plain as YAML gives them, each with the place where it was written."""

    path: KeyPath
    values: tuple[Any, ...]
    places: tuple[SourceLine, ...]

    @property
    def key(self) -> str:
        """The full dotted key."""
        return dotted(self.path)

    @property
    def target(self) -> KeyPath:
        """The path, of `init.name` that of `init`: axes of one target exclude each other."""
        return settled(self.path)

    def setting(self, i: int) -> Setting:
        """The i-th value, to be given to its key."""
        return Setting(self.path, own(self.values[i]), self.places[i])

    def __str__(self) -> str:
        """As it may be typed: model.depth=10,20, without quotes for a shell."""
        return f"{self.key}={','.join(map(on_one_line, self.values))}"


def split(overrides: Sequence[str]) -> tuple[list[str], list[Axis], list[Problem]]:
    """The overrides with one value; all of them as axes; what is wrong with those that have several.

    KEY=V1,V2 has several, and so have range(start, stop[, step]), linspace(first, last, count) and
    logspace(first, last, count). A comma inside quotes, brackets or braces does not divide.
    """
    plain: list[str] = []
    axes: list[Axis] = []
    problems: list[Problem] = []
    for override in overrides:
        name, _, text = override.partition("=")
        pieces = list(_pieces(text))
        single = len(pieces) == 1 and not _CALL.fullmatch(text)
        plain += [override] * single
        try:
            axes.append(_axis(override_key(name.strip()), pieces))
        except InputError as error:
            problems += [] if single else error.problems
    return plain, axes, problems


def contradictions(axes: Sequence[Axis]) -> list[Problem]:
    """What is wrong with axes that give one key other values than an axis before them."""
    first = {axis.target: axis for axis in reversed(axes)}
    pairs = [(first[axis.target], axis) for axis in axes]
    return [
        contradiction(axis.path, one_line(str(one)), one_line(str(axis)))
        for one, axis in pairs
        if repr(one.values) != repr(axis.values)
    ]


def of_section(draft: Draft) -> list[Axis]:
    """The axes of a sweep section that has passed the schema; [] if there is none."""
    section = draft.at(("sweep",)) or {}
    return [
        Axis(find(key), values, tuple(draft.place(("sweep", key, i)) for i in range(len(values))))
        for key, values in section.items()
    ]


def cross(axes: Sequence[Axis]) -> Iterator[tuple[tuple[Axis, int], ...]]:
    """Every combination, as (axis, index of its value) for each axis; the last axis varies fastest.

    InputError if there are more than MOST.
    """
    count = prod(len(axis.values) for axis in axes)
    if count > MOST:
        sizes = " x ".join(str(len(axis.values)) for axis in axes)
        raise InputError(Problem(f"{sizes} = {count:,} points: at most {MOST:,} can be swept", "sweep"))
    return product(*(tuple((axis, i) for i in range(len(axis.values))) for axis in axes))


def _axis(key: str, pieces: list[str]) -> Axis:
    values = tuple(value for piece in pieces for value in _values(piece, key))
    if len(values) > 1 and key.split(".")[0] in NOT_SWEPT:
        raise _refused("cannot be swept", key)
    if len(values) > MOST:
        raise _refused(f"has {len(values):,} values: at most {MOST:,} can be swept", key)
    return Axis(tuple(key.split(".")), values, ((COMMAND_LINE, None),) * len(values))


def _pieces(text: str) -> Iterator[str]:
    """The text between commas that no bracket or quote holds."""
    depth, start = 0, 0
    for token in _TOKENS.finditer(text):
        match token[1]:
            case "(" | "[" | "{":
                depth += 1
            case ")" | "]" | "}":
                depth -= 1
            case "," if depth == 0:
                yield text[start : token.start()]
                start = token.end()
    yield text[start:]


def _values(piece: str, key: str) -> Sequence[Any]:
    call = _CALL.fullmatch(piece)
    if call:
        return _generated(call[1], [part.strip() for part in call[2].split(",")], key)
    if not piece.strip():
        raise _refused("a value is missing before or after a comma: write V1,V2", key)
    return [parse_value(piece, key)]


def _generated(function: str, texts: list[str], key: str) -> list[int] | list[float]:
    """The values of a function: exact decimals; whole numbers if all are whole."""
    arguments = [_fraction(text, key) for text in texts]
    if not (2 if function == "range" else 3) <= len(arguments) <= 3:
        raise _refused(f"write {SYNTAX[function]}", key)
    exact = _range(arguments, key) if function == "range" else _spaced(arguments, key)
    if function == "logspace":
        return _plain([_power_of_ten(exponent, key) for exponent in exact])
    return _plain(exact)


def _fraction(text: str, key: str) -> Fraction:
    value = parse_value(text, key)
    if not is_number(value) or not abs(value) <= _LARGEST:
        raise _refused(
            f"{one_line(text) or 'nothing'} is no number: put text that looks like a function in quotes", key
        )
    return Fraction(repr(value))  # as it was written: 0.1 is one tenth


def _range(arguments: list[Fraction], key: str) -> list[Fraction]:
    start, stop, step = (*arguments, Fraction(1))[:3]
    if step == 0:
        raise _refused("a range needs a step that is not 0", key)
    return [start + i * step for i in range(_counted(ceil((stop - start) / step), key))]


def _spaced(arguments: list[Fraction], key: str) -> list[Fraction]:
    first, last, count = arguments
    if count.denominator != 1:
        raise _refused(f"the number of values should be whole, not {float(count)}", key)
    steps = _counted(int(count), key)
    return [first + (last - first) * i / max(1, steps - 1) for i in range(steps)]


def _counted(count: int, key: str) -> int:
    if not 1 <= count <= MOST:
        raise _refused(f"would be {max(count, 0):,} values: from 1 to {MOST:,} can be swept", key)
    return count


def _power_of_ten(exponent: Fraction, key: str) -> Fraction:
    if abs(exponent) > _LARGEST_EXPONENT:
        raise _refused("the ends of logspace are exponents: logspace(-3, -1, 3) is 0.001, 0.01, 0.1", key)
    return Fraction(10) ** int(exponent) if exponent.denominator == 1 else Fraction(10.0 ** float(exponent))


def _plain(values: list[Fraction]) -> list[int] | list[float]:
    if all(value.denominator == 1 for value in values):
        return [int(value) for value in values]
    return [float(value) for value in values]


def _refused(message: str, key: str) -> InputError:
    return InputError(Problem(message, key, COMMAND_LINE))
