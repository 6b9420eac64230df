import json
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import pytest
from msgspec import convert

from gradflow.store.typed import LEVELS, MOST, UNREADABLE, conforms, is_bounded, whole

BIG = 10**400


@dataclass(frozen=True)
class Part:
    """With defaults, which count for nothing in a saved document."""

    a: int = 0
    b: str | None = None


@dataclass(frozen=True)
class Record:
    """Of parts."""

    x: float
    kind: Literal["p", "q"] = "p"
    y: tuple[float | None, ...] = ()
    z: dict[str, Part] = field(default_factory=dict)
    part: Part | None = None


GOOD: dict[str, Any] = {
    "x": 1.5,
    "kind": "q",
    "y": [None, 2.5],
    "z": {"k": {"a": 3, "b": None}},
    "part": None,
}
PART: dict[str, Any] = {"a": 1, "b": "c"}


def read(document: Any) -> Any:
    return convert(whole(Record).decode(json.dumps(document).encode()), Record, from_attributes=True)


def test_a_document_is_read_as_its_dataclass() -> None:
    assert read(GOOD) == Record(1.5, "q", (None, 2.5), {"k": Part(3)})
    assert read({**GOOD, "part": PART}).part == Part(1, "c")


@pytest.mark.parametrize("key", GOOD)
def test_no_field_may_be_left_out_whatever_its_default(key: str) -> None:
    with pytest.raises(UNREADABLE):
        read({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    "change",
    [
        {"x": None}, {"x": "1"}, {"x": True}, {"x": float("nan")}, {"x": float("inf")}, {"x": BIG},
        {"kind": "r"}, {"kind": ["p"]}, {"y": {}}, {"y": [True]}, {"y": ["1"]}, {"y": [BIG]},
        {"z": []}, {"z": {"k": {}}}, {"z": {"k": {"a": 1}}}, {"z": {"k": {"a": 1.5, "b": None}}},
        {"part": {**PART, "a": BIG}}, {"part": {**PART, "a": -BIG}}, {"part": {**PART, "a": 2**63}},
        {"part": {**PART, "a": True}}, {"part": {**PART, "b": 1}}, {"part": {"b": "c"}}, {"part": [1, "c"]},
    ],
)  # fmt: skip
def test_what_has_another_form_is_not_read(change: dict[str, Any]) -> None:
    with pytest.raises(UNREADABLE):
        read({**GOOD, **change})


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "nonsense", '{"x": 1}' * 2, "[" * 100_000, '{"x": "\\ud800"}', "1" * 5000]
)
def test_what_is_no_document_is_not_read(text: str) -> None:
    with pytest.raises(UNREADABLE):
        whole(Record).decode(text.encode())


def test_plain_values_conform_to_a_type() -> None:
    class Pair(TypedDict):
        a: int
        b: str | None

    assert conforms({"a": 1, "b": None, "more": 2}, Pair)
    assert not conforms({"a": 1}, Pair)
    assert not conforms({"a": "1", "b": None}, Pair)
    assert not conforms([], Pair)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_value_of_any_kind_has_bounds() -> None:
    assert is_bounded(nested(LEVELS - 1))
    assert not is_bounded(nested(LEVELS + 1))
    assert is_bounded({str(i): i for i in range(MOST)})
    assert not is_bounded([{str(i): i} for i in range(MOST + 1)])
