"""Counts below bounds, against comparisons of every entry in float64, where each is exact."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.nn import magnitudes
from gradflow.nn.magnitudes import REACH, ZERO, Bound, Magnitudes, Rooms, ascending, least_rung
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]

CLOSED, OPEN = True, False
BOUNDS = ascending(
    (
        ZERO,
        *(Bound(power, 1.0, CLOSED) for power in (-140, -134, -25, -17, -10, -3, 0, 4)),
        *(
            Bound(power, mantissa, OPEN)
            for power in (-2, 0, 1, 9, 16)
            for mantissa in (0.9375, 65520 / 65536)
        ),
        Bound(9, 464 / 512, CLOSED),
    )
)


def entries_of(shape: tuple[int, ...], dtype: Any, kind: str) -> Array:
    rng = np.random.default_rng(3)
    v = rng.standard_normal(shape) * 2.0 ** rng.integers(-12, 6, shape)
    if kind == "small":
        v = rng.standard_normal(shape)
        v.flat[:: v.size // 7 + 1] *= 2.0**-30
    if kind == "zeros":
        v = np.maximum(v, 0)
    if kind == "on bounds":
        v = 2.0 ** rng.integers(-26, 6, shape) * rng.choice([1, -1, 0.9375, 1 - 2**-23], shape)
    if kind == "beyond":
        v.flat[::5], v.flat[1::5] = np.nan, -np.inf
    return v.astype(dtype)


def really_below(v: Array, exponent: Array, divisor: int, bound: Bound) -> list[int]:
    size = np.abs(v.astype(np.float64)) * 2.0**exponent
    limit = bound.mantissa * 2.0**bound.power * divisor
    return [int(n) for n in (size <= limit if bound.closed else size < limit).sum(axis=(1, 2))]


def counted(v: Array, exponent: Array, divisor: int, **others: Any) -> Magnitudes:
    rooms = Rooms((np.empty(v.size, v.dtype), np.empty(v.size, np.bool_)))
    return Magnitudes(Scaled(v, exponent), rooms, divisor, **others)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("divisor", [1, 24, 60_000])
@pytest.mark.parametrize("kind", ["spread", "small", "zeros", "on bounds", "beyond"])
@pytest.mark.parametrize("piece", [1 << 16, 100, 7])
def test_counts_are_those_of_every_entry(
    dtype: Any, divisor: int, kind: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(magnitudes, "PIECE", piece)
    v = entries_of((5, 9, 8), dtype, kind)
    rng = np.random.default_rng(1)
    for exponent in (
        np.zeros((1, 1, 1), int),
        rng.integers(-9, 9, (5, 1, 1)),
        rng.integers(-9, 9, (5, 1, 8)),
    ):
        entries = counted(v, exponent, divisor)
        entries.count(BOUNDS)
        for bound in BOUNDS:
            expected = really_below(v, exponent, divisor, bound)
            assert entries.below(bound).tolist() == expected, bound
            assert [entries.counter(tensor)(bound) for tensor in range(5)] == expected, bound


def test_entries_known_to_be_small_are_not_looked_at() -> None:
    v = entries_of((2, 9, 8), np.float32, "spread")
    none = np.zeros((1, 1, 1), int)
    entries = counted(v, none, 1, largest=float(np.abs(v).max()))
    entries.count(BOUNDS)
    assert [entries.below(bound).tolist() for bound in BOUNDS] == [
        really_below(v, none, 1, bound) for bound in BOUNDS
    ]
    wrong = counted(v, none, 1, largest=2.0**-20)
    assert wrong.below(Bound(-10, 1.0, CLOSED)).tolist() == [v[0].size] * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exponent", [-12_000, -1100, 1100, 12_000])
def test_exponents_beyond_a_float_take_every_entry_but_zeros_past_every_bound(
    dtype: Any, exponent: int
) -> None:
    v = entries_of((1, 9, 8), dtype, "zeros")
    entries = counted(v, np.full((1, 1, 1), exponent), 24)
    zeros = int((v == 0).sum())
    for bound in BOUNDS:
        assert entries.below(bound).tolist() == [zeros if exponent > 0 or bound == ZERO else v.size], bound


@pytest.mark.parametrize("least", [-900, -3, 0, 1, 17, 4096])
@pytest.mark.parametrize("start", [-40, 0, 16, 5000])
def test_the_least_rung_is_found_from_anywhere(least: int, start: int) -> None:
    assert least_rung(lambda rung: rung >= least, start) == least


def test_a_search_without_end_ends() -> None:
    assert least_rung(lambda rung: True, 3) == -REACH
    assert least_rung(lambda rung: False, 3) == REACH
