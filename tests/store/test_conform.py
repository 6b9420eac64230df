from dataclasses import dataclass, field
from typing import Any, Literal, Optional, TypedDict

import pytest

from gradflow.store.conform import checker


class Pair(TypedDict):
    """Open: more keys may come later."""

    a: int
    b: str | None


@dataclass
class Record:
    """Closed, and nothing may be missing."""

    x: float
    y: tuple[float | None, ...] = ()
    z: dict[str, Pair] = field(default_factory=dict)


BIG = 10**400
YZ: dict[str, Any] = {"y": [], "z": {}}


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (Any, [None, {}, [1]], []),
        (bool, [True], [1, None, "true"]),
        (int, [0, -5, 2**62], [True, 1.0, "1", None, BIG, -BIG]),
        (float, [0, 1.5, -(2**62)], [True, None, "1", float("nan"), float("inf"), BIG]),
        (str, ["", "a"], [None, 1, ["a"]]),
        (float | None, [None, 1.5, 2], [True, "1", float("inf"), BIG]),
        (Optional[str], [None, "a"], [1]),  # noqa: UP045 - the older spelling is the same type
        (int | str, [1, "a"], [None, 1.5]),
        (Literal["a", "b"], ["a"], ["c", 1, ["a"], None]),
        (list[int], [[], [1, 2]], [(1,), [1.5], {}, None, "12"]),
        (tuple[int, ...], [[], [1]], [[None], 1]),
        (
            tuple[float | None, ...],
            [[], [1, None, 2.5], [1e308, 1e308]],
            [[True], ["1"], [float("inf")], [float("nan")], [1e308, float("inf")], [BIG], [BIG, 1.5], None],
        ),
        (dict[str, int], [{}, {"a": 1}], [{"a": "1"}, [], None]),
        (Pair, [{"a": 1, "b": None}, {"a": 1, "b": "", "c": 2}], [{}, {"a": 1}, {"a": "1", "b": None}, []]),
        (
            Record,
            [{"x": 1, **YZ}, {"x": 1.5, "y": [None], "z": {"k": {"a": 1, "b": "c"}}}],
            [{}, YZ, {"x": 1}, {"x": None, **YZ}, {"x": 1, **YZ, "w": 2}, {"x": 1, **YZ, "y": {}},
             {"x": 1, **YZ, "z": {"k": {}}}, [], None],
        ),
    ],
)  # fmt: skip
def test_values_conform_to_their_hint(hint: Any, good: list[Any], bad: list[Any]) -> None:
    check = checker(hint)
    assert [value for value in good if not check(value)] == []
    assert [value for value in bad if check(value)] == []


def test_a_hint_that_no_json_has_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(TypeError, match="no JSON has the type"):
        checker(complex)
