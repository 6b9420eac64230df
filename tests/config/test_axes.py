"""Axes from text: what divides a value into several, and what the functions give."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradflow.config import axes
from gradflow.config.axes import Axis
from gradflow.config.draft import Draft
from gradflow.errors import InputError
from gradflow.yaml_file import parse


def values(text: str, key: str = "training.optimizer.lr") -> list[Any]:
    _, found, problems = axes.split([f"{key}={text}"])
    assert problems == []
    return list(found[0].values)


def problem(text: str) -> str:
    plain, found, problems = axes.split([f"depth={text}"])
    assert (plain, found) == ([], [])
    return str(*problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3", [1, 2, 3]),
        (" 1 , 2e-3 ", [1, 0.002]),
        ("tanh,relu", ["tanh", "relu"]),
        ("{name: gaussian, sigma_w: 1.5},orthogonal", [{"name": "gaussian", "sigma_w": 1.5}, "orthogonal"]),
        ("[1, 2],[3]", [[1, 2], [3]]),
        ('\'a,b\',"c,\\",d"', ["a,b", 'c,",d']),
        ("it's,that's", ["it's", "that's"]),
        ("null,true", [None, True]),
        ("range(1,5)", [1, 2, 3, 4]),
        ("range(1,6,2)", [1, 3, 5]),
        ("range(5,1,-2)", [5, 3]),
        ("range(0,0.35,0.1)", [0.0, 0.1, 0.2, 0.3]),
        ("range(1,3),10", [1, 2, 10]),
        ("linspace(0.1,0.5,5)", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("linspace(10,50,3)", [10, 30, 50]),
        ("linspace(2,9,1)", [2]),
        ("logspace(-3,-1,3)", [0.001, 0.01, 0.1]),
        ("logspace(0,2,3)", [1, 10, 100]),
    ],
)
def test_a_text_becomes_values(text: str, expected: list[Any]) -> None:
    found = values(text)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 50))
def test_linspace_holds_both_ends_exactly(first: float, last: float, count: int) -> None:
    found = values(f"linspace({first!r},{last!r},{count})")
    assert (len(found), found[0], found[-1]) == (count, first, last)


@pytest.mark.parametrize(
    "text", ["5", "tanh", "{name: gaussian, sigma_w: 2}", "[[1.5], [2]]", "'a,b'", "f(x)", ""]
)
def test_one_value_is_a_plain_override(text: str) -> None:
    assert axes.split([f"model.init={text}"])[0] == [f"model.init={text}"]


def test_an_override_stands_among_the_axes_too_in_its_place() -> None:
    plain, found, _ = axes.split(["init=gaussian", "init.sigma_w=1,2", "seed=3"])
    assert plain == ["init=gaussian", "seed=3"]
    assert [(axis.key, axis.values) for axis in found] == [
        ("model.init", ("gaussian",)),
        ("model.init.sigma_w", (1, 2)),
        ("seed", (3,)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,,2", "a value is missing before or after a comma"),
        ("1,", "a value is missing before or after a comma"),
        ("range(5)", "write range(start, stop, step)"),
        ("linspace(1,2)", "write linspace(first, last, count)"),
        ("range(1,9,0)", "a step that is not 0"),
        ("range(9,1)", "would be 0 values"),
        ("range(0,1e9)", "would be 1,000,000,000 values"),
        ("linspace(0,1,2.5)", "the number of values should be whole, not 2.5"),
        ("logspace(0.001,1000,3)", "the ends of logspace are exponents"),
        ("range(a,b)", "a is no number"),
        ("range(.nan,2)", ".nan is no number"),
        ("1,]", "is not YAML|a bracket"),
    ],
)
def test_what_cannot_be_expanded_is_told(text: str, message: str) -> None:
    found = problem(text)
    assert found.startswith("command line: model.depth: ")
    assert any(part in found for part in message.split("|"))


def test_every_problem_is_told_and_names_cannot_be_swept() -> None:
    problems = axes.split(["wdith=1,2", "name=a,b", "analysis.stable_decades=1,2"])[2]
    assert [str(one).split(": ", 1)[1] for one in problems] == [
        "wdith: unknown key; did you mean width?",
        "name: cannot be swept",
        "analysis.stable_decades: cannot be swept",
    ]


def test_a_section_gives_its_axes_with_the_line_of_each_value() -> None:
    draft = Draft.of(parse("sweep:\n  depth: [1, 2]\n  lr:\n    - 0.1\n    - 1\n", "f.yaml"))
    depth, lr = axes.of_section(draft)
    assert (depth.key, depth.values, lr.key, lr.values) == (
        "model.depth",
        (1, 2),
        "training.optimizer.lr",
        (0.1, 1),
    )
    assert (depth.places, lr.places) == ((("f.yaml", 2),) * 2, (("f.yaml", 4), ("f.yaml", 5)))


def axis(key: str, count: int) -> Axis:
    return Axis((key,), tuple(range(count)), (("", None),) * count)


def test_the_last_axis_varies_fastest() -> None:
    found = [[i for _, i in point] for point in axes.cross([axis("a", 2), axis("b", 3)])]
    assert found == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


def test_more_points_than_can_be_swept_are_counted_not_made() -> None:
    with pytest.raises(InputError, match="9000 x 9000 x 9000 = 729,000,000,000 points: at most 10,000"):
        axes.cross([axis(key, 9000) for key in "abc"])
