import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gradflow.data import Data
from gradflow.data.inline import Inline
from gradflow.errors import InputError


def load(**keys: Any) -> Data:
    return Inline(**keys).load(Path())


def validated(**keys: Any) -> Inline:
    """The class as a config makes it: through pydantic's strict validation."""
    return TypeAdapter(Inline).validate_json(json.dumps(keys))


def test_lists_of_numbers_are_regressed_on() -> None:
    data = load(x=((1.5,),), y=((0.2,),), standardize=False)
    assert (data.x.tolist(), data.y.tolist(), data.classes) == ([[1.5]], [[0.2]], False)
    assert data.x_test.shape == (0, 1)
    assert data.q_0 == 2.25


def test_integers_are_classes_up_to_the_largest() -> None:
    data = load(x=((1, 2), (3, 4)), y=(2, 0))
    assert data.y.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert data.classes
    np.testing.assert_array_equal(data.x, [[-1, -1], [1, 1]])


def test_targets_are_taken_by_the_rule_of_files_where_the_writing_does_not_contradict_it() -> None:
    x = tuple((float(row),) for row in range(30))
    labels, prices, ratios = (0, 1, 2) * 10, tuple(range(100, 3100, 100)), tuple(row / 8 for row in range(30))
    assert load(x=x, y=labels).classes
    assert load(x=x, y=tuple(map(float, labels))).classes
    assert not load(x=x, y=ratios).classes
    assert not load(x=x, y=tuple((value,) for value in ratios)).classes
    assert not load(x=x, y=tuple(map(float, prices))).classes
    assert not load(x=x, y=tuple((float(price),) for price in prices)).classes


@pytest.mark.parametrize(
    "y",
    [
        tuple(range(100, 1100, 100)),
        (0, 1, 2) * 3 + (0,),
        (5, 3) * 5,
        ((0.0,), (1.0,)) * 5,
        ((0.0, 1.0), (1.0, 0.0)) * 5,
        ((0.0, 1.0), (1.0, 1.0)) * 5,
        (1, 2.0) + (3,) * 8,
    ],
    ids=[
        "prices",
        "few labels",
        "two numbers",
        "labels in lists",
        "one-hot lists",
        "two labels each",
        "both kinds",
    ],
)
def test_targets_that_could_be_both_need_the_task(y: Any) -> None:
    x = tuple((float(row),) for row in range(10))
    with pytest.raises(InputError) as caught:
        load(x=x, y=y)
    assert [problem.key for problem in caught.value.problems] == ["data.task"]
    assert not load(x=x, y=y, task="regression").classes
    if y[0] != (0.0, 1.0) or y[1] == (1.0, 0.0):
        assert load(x=x, y=y, task="classification").classes


def test_one_hot_lists_are_classes_as_they_stand() -> None:
    data = load(x=((1.0,), (2.0,)), y=((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)), task="classification")
    assert data.y.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_there_may_be_more_classes_than_labels() -> None:
    assert load(x=((1.0,), (2.0,)), y=(0, 0), classes=4).y.tolist() == [[1, 0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ({"x": (), "y": ()}, "data.x", "at least one sample"),
        ({"x": ((),), "y": (1,)}, "data.x", "at least one sample"),
        ({"x": ((1.0, 2.0), (3.0,)), "y": (0, 1)}, "data.x", "row 2 holds 1 numbers where row 1 holds 2"),
        ({"x": ((1.0,), (2.0,)), "y": (0,)}, "data.y", "there are 1 targets for 2 samples"),
        ({"x": ((1.0,), (float("nan"),)), "y": (0, 1)}, "data.x", "row 2 .* not finite"),
        ({"x": ((1.0,), (2.0,)), "y": ((1.0,), (float("inf"),))}, "data.y", "row 2 .* not finite"),
        ({"x": ((1.0,), (2.0,)), "y": ((1.0,), (2.0, 3.0))}, "data.y", "row 2 holds 2"),
        ({"x": ((1.0,), (2.0,)), "y": (0, (0.2,))}, "data.y", r"integers \(classes\) or lists"),
        ({"x": ((1.0,), (2.0,)), "y": (0, -1)}, "data.y", "found -1..0"),
        ({"x": ((1.0,), (2.0,)), "y": (0, 3), "classes": 3}, "data.y", "from 0 to 2; found 0..3"),
        ({"x": ((1.0,), (2.0,)), "y": (0, 0)}, "data.y", "only one class"),
        ({"x": ((1.0,), (2.0,)), "y": (0, 10**12), "task": "classification"}, "data.y", "would need .* GB"),
        ({"x": ((1.0,), (2.0,)), "y": ((0.1,), (0.2,)), "classes": 2}, "data.y", "found 0.1..0.2"),
        ({"x": ((1.0,), (2.0,)), "y": ((1.0, 0.0), (0.0, 1.0)), "classes": 3}, "data.classes", "should be 2"),
        (
            {"x": ((1.0,),), "y": (1,)},
            "data.task",
            "integers are classes in data.y, but these look like values",
        ),
        ({"x": ((1.0,),) * 40, "y": ((0.0,), (1.0,)) * 20}, "data.task", "but these look like classes"),
        ({"x": ((1.5,),), "y": ((0.2,),)}, "data", "set standardize: false"),
    ],
)
def test_what_cannot_be_data_is_refused_with_its_key(keys: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(**keys)
    assert [problem.key for problem in caught.value.problems] == [key]


def test_integers_stay_integers_in_validation() -> None:
    assert validated(x=[[1, 2.5]], y=[1, 0.5, [3]]) == Inline(x=((1.0, 2.5),), y=(1, 0.5, (3.0,)))
    assert [type(target) for target in validated(x=[[1]], y=[1, 1.0]).y] == [int, float]


@pytest.mark.parametrize("y", [["a"], [True], [None], 3])
def test_targets_that_are_not_numbers_are_refused(y: object) -> None:
    with pytest.raises(ValidationError, match="y"):
        validated(x=[[1.0]], y=y)
