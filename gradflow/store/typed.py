"""Saved JSON read by its type: what has not the form that a type states is no document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Meta, ValidationError, convert, defstruct
from msgspec.json import Decoder

T = TypeVar("T")

LEVELS = 50  # levels of a value of any kind, as in a config
MOST = 1000  # keys of a mapping, and of all mappings in a value of any kind
UNREADABLE = (ValueError, RecursionError)  # what a decoder raises; msgspec's errors are ValueErrors

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]  # str() of very large integers raises
Factor = Annotated[float, Meta(ge=0)] | None  # between norms
Rate = Annotated[float, Meta(gt=0)]  # of learning


@cache
def whole(hint: Any) -> Decoder[Any]:
    """What reads a dataclass of which nothing may be left out, whatever its defaults."""
    return Decoder(_complete(hint))


def conforms(value: Any, hint: Any) -> bool:
    """Whether plain values have the form of a type."""
    try:
        convert(value, hint)
    except ValidationError:
        return False
    return True


def document_of(values: Mapping[str, Any], form: type[T]) -> T:
    """Values by name as a document of a form."""
    return convert(values, form)


def is_bounded(value: Any) -> bool:
    """Whether a value of any kind is no deeper than a config, and has no more keys than could be shown."""
    level, keys = [value], 0
    for _ in range(LEVELS):
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


def _complete(hint: Any) -> Any:
    """A type with the fields of its dataclasses, all of them required, and integers of 64 bits."""
    if is_dataclass(hint) and isinstance(hint, type):
        fields = get_type_hints(hint).items()
        return defstruct(hint.__name__, [(name, _complete(inner)) for name, inner in fields])
    origin = get_origin(hint)
    if origin is None:
        return Whole if hint is int else hint
    return (Union if origin is UnionType else origin)[tuple(map(_complete, get_args(hint)))]
