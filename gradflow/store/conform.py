"""Whether plain JSON values have the form that a type hint states, so that a forged file is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

Check = Callable[[Any], bool]

LARGEST = 2**63  # no count or step is larger, and str() of very large integers raises
DEEPEST = 50  # levels of a value of any kind, as in a config
MOST = 1000  # keys of a mapping, and of all mappings in a value of any kind
_NUMBER_KINDS = {int, float, NoneType}


@cache
def checker(hint: Any) -> Check:
    """The test for values of a hint made of JSON's types, Literal, unions, dataclasses and TypedDicts."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return lambda value: type(value) is str and value in arguments
    if origin in (UnionType, Union):
        return _either(tuple(map(checker, arguments)))
    if origin in (tuple, list):
        return _numbers if arguments[0] == float | None else _each(checker(arguments[0]))
    if origin is dict and arguments[1] is Any:
        return lambda value: type(value) is dict and _bounded(value)
    if origin is dict:
        inner = _each(checker(arguments[1]))
        return lambda value: type(value) is dict and len(value) <= MOST and inner([*value.values()])
    return _record(hint)


def _record(hint: Any) -> Check:
    """A mapping with the keys of a dataclass and no others, or with those of a TypedDict."""
    if not (is_dataclass(hint) or is_typeddict(hint)):
        raise TypeError(f"no JSON has the type {hint}")
    hints, closed = get_type_hints(hint), is_dataclass(hint)
    checks = {key: checker(inner) for key, inner in hints.items()}
    required = [key for key in checks if closed or key not in hint.__optional_keys__]
    texts = [key for key in required if hints[key] is str]
    others = [(key, checks[key]) for key in required if hints[key] is not str]
    optional = [(key, check) for key, check in checks.items() if key not in required]

    def conforms(value: Any) -> bool:  # by loops and few calls: thousands of documents are read at once
        if type(value) is not dict:
            return False
        try:
            for key in texts:
                if type(value[key]) is not str:
                    return False
            for key, check in others:
                if not check(value[key]):
                    return False
        except KeyError:
            return False
        if len(value) == len(required):
            return True
        for key, check in optional:
            if key in value and not check(value[key]):
                return False
        return not closed

    return conforms


def _either(checks: tuple[Check, ...]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _each(inner: Check) -> Check:
    return lambda value: type(value) is list and all(map(inner, value))


def _numbers(value: Any) -> bool:
    """A list of numbers and None, checked as a whole because profiles are long."""
    if type(value) is not list or not set(map(type, value)) <= _NUMBER_KINDS:
        return False
    try:
        return isfinite(sum(filter(None, value))) or all(map(_number_or_none, value))
    except OverflowError:
        return False


def _bounded(value: Any) -> bool:
    """Whether a value of any kind is no deeper than a config, and has no more keys than could be shown."""
    level, keys = [value], 0
    for _ in range(DEEPEST):
        found: list[Any] = []
        for held in level:
            if type(held) is dict:
                keys += len(held)
                found += held.values()
            elif type(held) is list:
                found += held
        if not found or keys > MOST:
            return keys <= MOST
        level = found
    return False


def _integer(value: Any) -> bool:
    return type(value) is int and -LARGEST < value < LARGEST


def _number(value: Any) -> bool:
    return isfinite(value) if type(value) is float else _integer(value)


def _number_or_none(value: Any) -> bool:
    return value is None or _number(value)


_PLAIN: dict[Any, Check] = {
    Any: _bounded,
    NoneType: lambda value: value is None,
    bool: lambda value: type(value) is bool,
    int: _integer,
    float: _number,
    float | None: _number_or_none,
    str: lambda value: type(value) is str,
    str | None: lambda value: value is None or type(value) is str,
}
