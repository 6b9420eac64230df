"""How numbers and foreign texts are shown."""

from math import inf, log10, nan

import pytest

from gradflow.report import numbers


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.70712, 0.0021, "0.707 ± 0.002"),
        (0.70712, 0.0014, "0.7071 ± 0.0014"),
        (0.9727, 0.00996, "0.973 ± 0.010"),
        (1.0, 0.3, "1.0 ± 0.3"),
        (12.3, 4.0, "12 ± 4"),
        (0.9, 1e-12, "0.9"),
        (0.974981, 0.0, "0.974981"),
        (27_000_000.0, 2_000_000.0, "2.7e7 ± 2e6"),
        (12345.678, 0.478, "12345.7 ± 0.5"),
        (-12345.678, 20.0, "-1.235e4 ± 20"),
        (12345.678, 9000.0, "1.2e4 ± 9000"),
        (271_234_567.0, 2000.0, "2.71235e8 ± 2000"),
        (123_456_789_123.0, 3.0, "1.2345679e11 ± 3"),
        (0.00012345, 2e-6, "0.000123 ± 0.000002"),
        (0.0, 0.1, "0.00 ± 0.10"),
    ],
)
def test_a_value_is_rounded_by_its_error(value: float, error: float, shown: str) -> None:
    assert numbers.with_error(value, value - error, value + error) == shown


def test_the_wider_half_of_an_interval_is_its_error() -> None:
    assert numbers.with_error(1.0, 0.9, 1.4) == "1.0 ± 0.4"


def test_without_an_interval_three_digits_are_shown() -> None:
    assert numbers.with_error(0.97512, None, None) == "0.975"
    assert numbers.with_error(None, None, None) == "-"
    assert numbers.number(nan) == "-"
    assert numbers.number(inf) == "inf"
    assert numbers.number(1234.5) == "1234"
    assert numbers.number(0.0) == "0"
    assert numbers.number(-0.25) == "-0.250"


@pytest.mark.parametrize(
    ("exponent", "shown"),
    [
        (50 * log10(0.70711), "3e-8"),
        (50 * log10(0.9), "0.0052"),
        (50 * log10(1.1), "117"),
        (0.0, "1.0"),
        (-7.01, "1e-7"),
        (-7.999, "1e-8"),
        (-3043.2, "6e-3044"),
        (1e6, "1e1000000"),
        (-inf, "0"),
        (inf, "inf"),
        (None, "-"),
        (nan, "-"),
    ],
)
def test_a_norm_is_a_power_of_ten(exponent: float | None, shown: str) -> None:
    assert numbers.power(exponent) == shown


@pytest.mark.parametrize(
    ("exponent", "shown"),
    [(-7.53, "-7.5"), (0.04, "0.0"), (-0.04, "0.0"), (1.98, "+2.0"), (0, "0.0"), (None, "-")],
)
def test_decades_have_a_sign(exponent: float | None, shown: str) -> None:
    assert numbers.decades(exponent) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "40 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (0.0, "0.0 s"),
        (9.96, "10.0 s"),
        (75, "1 min 15 s"),
        (3600, "1 h"),
        (90061, "1 d 1 h"),
        (3661, "1 h 1 min"),
    ],
)
def test_a_duration_has_two_units(seconds: float, shown: str) -> None:
    assert numbers.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7200, "2 h ago"), (1e6, "11 d ago")],
)
def test_an_age_has_one_unit(seconds: float, shown: str) -> None:
    assert numbers.age(seconds) == shown


def test_counts_and_shares_are_written_out() -> None:
    assert numbers.counted(1, "step") == "1 step"
    assert numbers.counted(1797, "sample") == "1,797 samples"
    assert numbers.percent(0.9322) == "93.2%"
    assert numbers.percent(None) == "-"
    assert numbers.norm(3e-8) == "3e-8"
    assert numbers.norm(0.0) == "0"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "true"), (None, "null"), (0.1, "0.1"), (1e-5, "1e-05"), ([1.0, 2], "[1.0, 2]"), ("tanh", "tanh")],
)
def test_a_value_of_a_config_is_shown_as_yaml(value: object, shown: str) -> None:
    assert numbers.scalar(value) == shown


@pytest.mark.parametrize(
    "code", [0x00, 0x07, 0x0A, 0x1B, 0x7F, 0x85, 0x9B, 0x202E, 0x2066, 0x200B, 0x2028, 0xD800, 0xE0041]
)
def test_what_acts_on_a_terminal_is_escaped(code: int) -> None:
    shown = numbers.inert(f"a{chr(code)}b")
    assert chr(code) not in shown
    assert shown.startswith("a\\")
    shown.encode()


def test_text_of_any_language_passes() -> None:
    assert numbers.inert("Größe 深層 ∂L/∂W é") == "Größe 深層 ∂L/∂W é"


def test_a_value_below_its_error_is_not_0() -> None:
    assert numbers.number(0.21, 3756.0) == "0.21"
    assert numbers.number(0.8, 11.0) == "0.80"
    assert numbers.with_error(0.21, 0.0, 3756.0) == "0.21 ± 3756"
    assert numbers.number(0.0, 0.3) == "0.0"


def test_equal_entries_in_a_row_of_a_long_list_are_told_once() -> None:
    lists = [8] * 4, [8] * 5, [8] * 4 + [4] * 2, [8, 4] * 9, (0.5,) * 5, [[1, 2], [1, 2], [3], [4], [5]]
    assert [numbers.scalar(value) for value in lists] == [
        "[8, 8, 8, 8]", "[8 x 5]", "[8 x 4, 4 x 2]", "[8, 4, 8, 4, ...]", "[0.5 x 5]",
        "[[1, 2] x 2, [3], [4], [5]]",
    ]  # fmt: skip


def test_different_values_side_by_side_never_have_one_text() -> None:
    long = [[8, 4] * 9 + [end] for end in (8, 4)]
    for values in (long, [0.123456789, 0.12345678], [[0.123456789] * 5, [0.12345678] * 5], [None, 1, 1.0]):
        texts = numbers.side_by_side(values)
        assert len({*texts}) == len(values), texts
    assert numbers.side_by_side([[8, 4] * 9, None], missing="-") == ["[8, 4, 8, 4, ...]", "-"]
    assert numbers.side_by_side([(1, 2), [1, 2]]) == ["[1, 2]", "[1, 2]"]


def test_a_setting_is_short() -> None:
    assert numbers.scalar(2**0.5) == "1.41421"
    assert [numbers.scalar(value) for value in (0.0, 0.1, 1.0, 0.000123)] == ["0.0", "0.1", "1.0", "0.000123"]


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.707, 0.705, 0.709, "0.707 ± 0.002"),
        (1.0, 0.1, 9.4, "0.10 to 9.4"),
        (1.0, 0.008, 125.0, "0.0080 to 125"),
        (0.86, 0.36, 2.1, "0.36 to 2.1"),
        (0.9, 0.7, 1.16, "0.9 ± 0.3"),
        (0.9, 0.6, 1.35, "0.60 to 1.4"),
        (3e-9, 1e-9, 9e-9, "1e-9 to 9e-9"),
        (0.5, 1e-200, 2e199, "1e-200 to 2e199"),
        (1.0, 0.0, None, "0 to inf"),  # what no float holds
        (40.0, 12.3, 130.0, "12 to 130"),
        (0.9, None, None, "0.900"),
        (None, None, None, "-"),
        (0.0, 0.0, 0.0, "0"),
    ],
)
def test_a_factor_is_never_shown_as_if_it_could_be_negative(
    value: float | None, low: float | None, high: float | None, shown: str
) -> None:
    assert numbers.factor(value, low, high) == shown


@pytest.mark.parametrize("spread", [1.01, 1.1, 1.3, 1.33, 1.34, 1.5, 3.0, 10.0, 1e5])
@pytest.mark.parametrize("value", [1e-6, 0.02, 0.86, 1.0, 42.0, 1e7])
def test_the_interval_that_is_read_off_a_factor_is_above_zero(value: float, spread: float) -> None:
    shown = numbers.factor(value, value / spread, value * spread)
    ends = [float(word) for word in shown.replace("±", "to").split(" to ")]
    low = ends[0] - ends[1] if "±" in shown else ends[0]
    assert low > 0
