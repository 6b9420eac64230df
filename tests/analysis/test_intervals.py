from math import exp, log1p, sqrt

import numpy as np
import pytest

from gradflow.analysis.intervals import (
    OVER_NETWORKS,
    Estimate,
    _memory,
    along_series,
    chi_squared_quantile,
    newey_west_lag,
    of_variance,
    over_networks,
    over_parts,
    t_quantile,
    t_tail,
)


@pytest.mark.parametrize(
    ("dof", "quantile"),
    [(1, 12.706205), (2, 4.302653), (3, 3.182446), (7, 2.364624), (30, 2.042272), (1000, 1.962339)],
)
def test_the_quantiles_of_t_are_those_of_the_printed_tables(dof: int, quantile: float) -> None:
    assert t_quantile(0.975, dof) == pytest.approx(quantile, abs=6e-7)


@pytest.mark.parametrize(
    ("dof", "lower", "upper"),
    [
        (1, 0.000982, 5.024),
        (2, 0.0506, 7.378),
        (7, 1.690, 16.013),
        (19, 8.907, 32.852),
        (100, 74.222, 129.561),
    ],
)
def test_the_quantiles_of_chi_squared_are_those_of_the_printed_tables(
    dof: int, lower: float, upper: float
) -> None:
    assert chi_squared_quantile(0.025, dof) == pytest.approx(lower, rel=1e-3)
    assert chi_squared_quantile(0.975, dof) == pytest.approx(upper, abs=6e-4)


@pytest.mark.parametrize("probability", [1e-6, 0.025, 0.5, 0.999])
def test_the_quantile_of_chi_squared_has_its_closed_form_for_two_degrees_of_freedom(
    probability: float,
) -> None:
    assert chi_squared_quantile(probability, 2) == pytest.approx(-2 * log1p(-probability), rel=1e-12)


@pytest.mark.parametrize("count", [3, 8, 20])
def test_the_interval_of_a_variance_covers_it_as_often_as_it_says(count: int) -> None:
    draws = 40_000
    found = np.random.default_rng(count).normal(3.0, 2.0, (draws, count)).var(axis=1, ddof=1)
    low, high = of_variance(1.0, count)  # they go as the variance
    covered = np.mean((found * low < 4.0) & (found * high > 4.0))
    assert abs(covered - 0.95) < 4 * sqrt(0.95 * 0.05 / draws)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 5.0, 1e4])
def test_the_tail_of_t_has_its_closed_form_for_two_degrees_of_freedom(t: float) -> None:
    assert t_tail(t, 2) == pytest.approx(1 / (t * t + 2 + t * sqrt(t * t + 2)), rel=1e-12)


def test_the_interval_over_networks_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    estimates = [over_networks(rng.normal(3.0, 2.0, 4)) for _ in range(4000)]
    covered = np.mean([e.low < 3.0 < e.high for e in estimates])  # type: ignore[operator]
    assert abs(covered - 0.95) < 4 * sqrt(0.95 * 0.05 / 4000)


def test_the_interval_over_layers_covers_where_neighbours_are_correlated() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(1500, 401))
    series = 0.1 + noise[:, 1:] + 0.6 * noise[:, :-1]  # sd of the mean: 1.6 / 20, naively 1.17 / 20
    estimates = [along_series(row) for row in series]
    covered = np.mean([e.low < 0.1 < e.high for e in estimates])  # type: ignore[operator]
    naive = np.mean([abs(row.mean() - 0.1) < 1.96 * row.std() / 20 for row in series])
    assert naive < 0.87 < 0.90 < covered < 0.97


def test_the_lag_is_the_rule_of_newey_and_west() -> None:
    assert [newey_west_lag(n) for n in (1, 44, 100, 1000)] == [1, 3, 4, 6]


@pytest.mark.parametrize("memory", [0.0, 0.5, -0.3])
@pytest.mark.parametrize("count", [14, 45, 145])
def test_short_series_with_a_memory_are_covered_too(count: int, memory: float) -> None:
    """Newey & West's alone covers 81, 85 and 89 of 100 at a memory of 0.5."""
    rng = np.random.default_rng(count)
    series = rng.normal(size=(800, count + 50))
    for k in range(1, count + 50):
        series[:, k] += memory * series[:, k - 1]
    estimates = [along_series(row[50:]) for row in series]
    covered = np.mean([e.low < 0 < e.high for e in estimates])  # type: ignore[operator]
    assert 0.91 < covered < 0.975


@pytest.mark.parametrize("count", [9_000, 20_001, 100_001])
def test_the_interval_of_the_variance_of_very_many_values_is_that_of_a_normal_one(count: int) -> None:
    half = 1.96 * sqrt(2 / (count - 1))
    assert of_variance(1.0, count) == pytest.approx((1 - half, 1 + half), abs=1.5 * half**2)


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6])
def test_the_correlation_of_neighbours_is_that_of_the_process_to_second_order(memory: float) -> None:
    """A bias of -(1 + 4 r) / T that is added back as it is found leaves four times itself over T."""
    count, many = 100, 20000
    series = np.random.default_rng(1).standard_normal((count, many))
    series[0] /= sqrt(1 - memory**2)
    for k in range(1, count):
        series[k] += memory * series[k - 1]
    found = np.array([_memory(row) for row in (series - series.mean(axis=0)).T])
    chance = 3 * found.std() / sqrt(many)
    assert abs(found.mean() - memory) < 4 * (1 + 4 * memory) / count**2 + chance


@pytest.mark.parametrize(("count", "widest"), [(6, 10.0), (7, 8.0), (8, 4.5), (10, 2.5)])
def test_the_intervals_of_a_few_values_cover_their_mean_and_are_seldom_huge(
    count: int, widest: float
) -> None:
    """Of independent values with a standard deviation of 1."""
    estimates = [along_series(row) for row in np.random.default_rng(count).normal(size=(2000, count))]
    assert np.mean([e.low < 0 < e.high for e in estimates]) > 0.94  # type: ignore[operator]
    assert np.quantile([e.half or 0.0 for e in estimates], 0.95) < widest


def test_parts_before_the_mean_add_to_its_error_and_their_mean_does_not() -> None:
    within, before = np.array([1.0, -1.0, 2.0, -2.0]), np.array([3.0])
    found = over_parts(0.7, before, within + 5)
    assert (found.mean, found.dof, found.method) == (0.7, 3, "t over layers")
    assert found.error == pytest.approx(np.sqrt(4 * within.var(ddof=1) + 9) / 4)
    assert over_parts(0.7, before, within[:1]) == Estimate(0.7)


@pytest.mark.parametrize("size", [1e-200, 1e-150, 1.0, 1e150, 1e200])
def test_no_series_is_too_small_or_too_large_for_an_estimate(size: float) -> None:
    with np.errstate(all="ignore"):
        found = along_series(size * np.random.default_rng(0).normal(size=20))
    assert np.isfinite(found.mean)
    assert found.error is not None


def test_an_error_is_raised_to_what_rounding_makes_and_never_lowered() -> None:
    assert Estimate(1.0, 0.1, 3).at_least(0.2) == Estimate(1.0, 0.2, 3)
    assert Estimate(1.0, 0.3, 3).at_least(0.2) == Estimate(1.0, 0.3, 3)
    assert Estimate(1.0).at_least(0.2) == Estimate(1.0)
    assert np.isnan(Estimate(1.0, float("nan"), 3).at_least(0.2).error or 0.0)


@pytest.mark.parametrize(("error", "spread"), [(1e-17, 0.0), (0.0, 0.0), (2e-16, 0.0), (3e-16, 6e-16)])
def test_a_spread_below_rounding_is_none_and_one_above_it_stays(error: float, spread: float) -> None:
    found = Estimate(1.0, error, 3, OVER_NETWORKS).at_least(2e-16)
    assert found.spread == pytest.approx(spread)
    assert found.scaled(50).spread == pytest.approx(50 * spread)
    assert found.scaled(50).error == pytest.approx(50 * max(error, 2e-16))


def test_one_value_has_a_mean_but_no_interval() -> None:
    for estimate in (over_networks(np.array([2.0])), along_series(np.array([2.0]))):
        assert estimate == Estimate(2.0)
        assert estimate.low is None
        assert estimate.high is None
        assert estimate.sigmas_from(0.0) is None


def test_few_networks_do_not_look_like_disagreement() -> None:
    three_errors_off = Estimate(1.0 + 3 * 0.1, 0.1, 3)
    assert three_errors_off.sigmas_from(1.0) == pytest.approx(1.898206, abs=1e-6)  # t_3 beyond 3: 0.028834
    assert Estimate(-0.2, 0.1, 10**6).sigmas_from(0.0) == pytest.approx(-2.0, abs=1e-4)
    assert Estimate(exp(300.0), 1.0, 10**6).sigmas_from(0.0) == pytest.approx(37.0, abs=0.1)
