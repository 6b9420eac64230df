"""The order of names by the numbers in them."""

import pytest

from gradflow.natural import natural


@pytest.mark.parametrize(
    "names",
    [
        ["r1", "r2", "r10"],
        ["", "2", "10", "a", "b2", "b10", "b10a"],
        ["a/run2/10", "a/run10/2"],
        ["v1.2", "v1.10", "v2"],
        ["x" + "1" * 40, "x" + "2" * 40],
        ["é1", "é٣"],  # a digit of another script is a letter here
    ],
)
def test_names_stand_in_the_order_of_their_numbers(names: list[str]) -> None:
    assert sorted([*names[1:], *names[:1]], key=natural) == names
