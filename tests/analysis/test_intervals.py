from math import exp, sqrt

import numpy as np
import pytest

from gradflow.analysis.intervals import (
    Estimate,
    along_series,
    newey_west_lag,
    over_networks,
    t_quantile,
    t_tail,
)


@pytest.mark.parametrize(
    ("dof", "quantile"),
    [(1, 12.706205), (2, 4.302653), (3, 3.182446), (7, 2.364624), (30, 2.042272), (1000, 1.962339)],
)
def test_the_quantiles_of_t_are_those_of_the_printed_tables(dof: int, quantile: float) -> None:
    assert t_quantile(0.975, dof) == pytest.approx(quantile, abs=6e-7)


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
