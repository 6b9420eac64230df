"""Files that were once read as something else."""

from pathlib import Path

import pytest

from gradflow.data.csv_file import Csv
from gradflow.data.npz_file import Npz
from gradflow.errors import InputError

CASES = Path(__file__).parent / "cases"


def refusals(data: Csv | Npz) -> list[str]:
    with pytest.raises(InputError) as caught:
        data.load(CASES)
    return [line.replace(f"{CASES}/", "") for line in str(caught.value).splitlines()]


def test_na_among_labels_is_a_missing_label_and_no_third_class() -> None:
    told = refusals(Csv("missing_label.csv", "y"))
    assert [line.split(": fill")[0] for line in told] == [
        f"missing_label.csv:{line}: y: missing value (NA)" for line in range(4, 20, 3)
    ]


def test_prices_with_separators_are_no_classes() -> None:
    told = refusals(Csv("money_target.csv", "y"))
    assert told[0] == (
        "money_target.csv:2: y: '200,000' is not a number "
        "(leave the comma out if it groups digits; for a decimal comma set data.decimal: comma): "
        "correct it, or set data.task: classification"
    )
    assert len(told) == 10


def test_distinct_integers_are_values_and_no_classes() -> None:
    data = Npz("integer_values.npz", standardize=False, test_fraction=0.0).load(CASES)
    assert not data.classes
    assert data.y[:, 0].tolist() == [200_000 + 1_234 * row for row in range(20)]


def test_the_arrays_of_a_file_are_listed_where_one_is_missing() -> None:
    assert refusals(Npz("keras_names.npz")) == [
        "data.x: keras_names.npz holds no array 'x': it holds 'x_train', 'y_train'"
    ]
