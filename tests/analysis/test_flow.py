"""Planted c against the fit, and what the fit says when there is nothing to fit."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.increments import plain_c, window
from gradflow.analysis.laws import law
from gradflow.analysis.verdict import unstable_depth, verdict_of
from gradflow.report import sentences
from gradflow.report.forward import forward_sentence
from gradflow.units import LN10

Array = NDArray[np.float64]


def walk(c: float, depth: int = 50, networks: int = 8, noise: float = 0.0, seed: int = 0) -> Array:
    """ln ||delta_l|| (depth, networks) that falls by ln c a layer towards the input, and noise."""
    steps = log(c) + noise * np.random.default_rng(seed).standard_normal((depth - 1, networks))
    rising = np.vstack([np.zeros((1, networks)), np.cumsum(steps, axis=0)])
    return np.asarray(rising[::-1])


def row(log_delta: Array) -> dict[str, Array]:
    return {"log_delta_norm": log_delta}


@pytest.mark.parametrize(
    ("depth", "first"), [(1, 1), (3, 1), (4, 2), (8, 3), (19, 5), (20, 6), (50, 6), (10_000, 6)]
)
def test_the_window_follows_from_the_depth(depth: int, first: int) -> None:
    assert window(depth) == (first, depth)


def test_the_c_of_a_progress_line_is_that_of_the_fit() -> None:
    log_delta = walk(0.8, noise=0.3)
    log_delta[:3, 1] = -np.inf  # a dead network
    assert plain_c(log_delta) == pytest.approx(fit_flow(row(log_delta), step=0).c, rel=1e-12)
    assert plain_c(log_delta[:1]) is None
    assert plain_c(np.full((5, 2), -np.inf)) is None
    assert plain_c(walk(1e200, depth=3) * 1e3) == np.inf


@pytest.mark.parametrize("c", [0.3, 0.9, 1.0, 1.1, 2.1])
def test_an_exact_chain_gives_c_and_its_powers(c: float) -> None:
    flow = fit_flow(row(walk(c, depth=51)), step=0)
    assert flow.c == pytest.approx(c, rel=1e-12)
    assert flow.log10_ratio == pytest.approx(50 * log(c) / LN10, abs=1e-12)
    assert flow.transitions == 50
    assert set(flow.c_power_depth) == {"10", "20", "50", "51", "100"}
    assert flow.c_power_depth["50"] == pytest.approx(c**50, rel=1e-11)


@pytest.mark.parametrize(
    ("noise", "networks", "exact"), [(0.0, 1, True), (0.0, 4, True), (1e-8, 4, True), (1e-4, 4, False)]
)
def test_factors_that_are_all_one_number_are_exact_and_their_power_is_told(
    noise: float, networks: int, exact: bool
) -> None:
    flow = fit_flow(row(walk(0.9, depth=38, networks=networks, noise=noise)), 0)
    assert flow.exact is exact
    assert list(flow.c_power_depth) == ["10", "20", *(["37"] if exact else []), "38", "50", "100"]
    if exact:
        assert flow.c_power_depth["37"] == pytest.approx(10 ** (flow.log10_ratio or 0.0), rel=1e-5)


def test_a_factor_that_is_another_in_the_first_layers_alone_is_not_exact() -> None:
    log_delta = walk(0.9)
    log_delta[0] -= 0.1  # outside the fit of c
    assert not fit_flow(row(log_delta), 0).exact
    log_delta[0] += 0.1
    log_delta[:, 0] += np.linspace(0.1, 0, 50)  # of one network
    assert not fit_flow(row(log_delta), 0).exact


def test_the_interval_covers_the_planted_c_in_95_of_100() -> None:
    flows = [fit_flow(row(walk(0.9, networks=4, noise=0.1, seed=seed)), 0) for seed in range(1000)]
    covered = np.mean([flow.c_low < 0.9 < flow.c_high for flow in flows])  # type: ignore[operator]
    assert abs(covered - 0.95) < 4 * sqrt(0.95 * 0.05 / 1000)


def test_one_network_gets_its_interval_from_its_layers() -> None:
    flows = [fit_flow(row(walk(0.9, 400, 1, 0.1, seed)), 0) for seed in range(500)]
    assert {flow.interval for flow in flows} == {"newey-west"}
    covered = np.mean([flow.c_low < 0.9 < flow.c_high for flow in flows])  # type: ignore[operator]
    assert 0.90 < covered < 0.975  # asymptotic: a little under 95%


def test_a_transient_at_the_input_counts_in_the_ratio_and_not_in_c() -> None:
    log_delta = walk(1.0)
    log_delta[:5] -= 10.0
    flow = fit_flow(row(log_delta), 0)
    assert flow.c == 1.0
    assert flow.log10_ratio == pytest.approx(-10 / LN10)
    assert flow.verdict == "vanishing"


def test_c_needs_no_norm_to_be_representable() -> None:
    flow = fit_flow(row(walk(2.0, depth=10_000) + 1e6), 0)
    assert flow.c == pytest.approx(2.0)
    assert flow.verdict == "exploding"
    assert flow.c_power_depth["10000"] is None
    assert flow.log10_ratio == pytest.approx(9999 * log(2) / LN10)


def test_dead_networks_are_left_out_and_named() -> None:
    log_delta = walk(0.9, depth=20, networks=3)
    log_delta[:7, 1] = -np.inf
    flow = fit_flow(row(log_delta), 0)
    assert flow.c == pytest.approx(0.9)
    assert flow.reason is not None
    assert flow.reason.startswith("1 of 3 networks is dead and left out: no gradient passes layer 7")
    assert np.isfinite(np.array(flow.profile.log10_delta, dtype=float)).all()


@pytest.mark.parametrize(
    ("dead", "networks", "verdict"),
    [(0, 4, "stable"), (1, 4, "stable"), (2, 4, "stable"), (3, 4, "dead"), (4, 4, "dead"), (7, 10, "dead"),
     (1, 1, "dead"), (1, 2, "stable"), (2, 3, "dead")],
)  # fmt: skip
def test_the_verdict_is_dead_where_most_networks_are(dead: int, networks: int, verdict: str) -> None:
    log_delta = walk(0.99, depth=20, networks=networks)
    log_delta[:7, :dead] = -np.inf
    flow = fit_flow(row(log_delta), 0)
    assert (flow.verdict, flow.networks, flow.dead_networks) == (verdict, networks, dead)
    assert (flow.c is None) == (dead == networks)  # else that of the survivors
    assert (flow.reason is None) == (dead == 0)
    assert not flow.borderline
    if flow.reason and networks > 1:
        who = f"all {networks} networks are dead" if dead == networks else f"{dead} of {networks} networks"
        assert flow.reason.startswith(who)


def test_the_saturated_share_is_that_of_the_worst_layer_over_networks() -> None:
    shares = np.zeros((20, 2))
    shares[3] = 0.6, 0.8
    flow = fit_flow({**row(walk(0.9, depth=20, networks=2)), "saturated": shares}, 0)
    assert flow.saturated == pytest.approx(0.7)
    for unknown in ({}, {"saturated": np.full((20, 2), np.nan)}):
        assert fit_flow({**row(walk(0.9, depth=20, networks=2)), **unknown}, 0).saturated is None


def test_an_overflow_tells_of_its_networks_too() -> None:
    log_delta = walk(0.9, networks=3)
    log_delta[3, 0], log_delta[:5, 1] = np.nan, -np.inf
    flow = fit_flow(row(log_delta), 0)
    assert (flow.verdict, flow.networks, flow.dead_networks, flow.weakest) == ("overflow", 3, 1, None)


def test_a_gradient_that_is_zero_everywhere_is_dead_not_fitted() -> None:
    log_delta = walk(0.9, depth=20, networks=2)
    log_delta[:7] = -np.inf
    flow = fit_flow(row(log_delta), 0)
    assert (flow.verdict, flow.c, flow.log10_ratio) == ("dead", None, None)
    assert flow.profile.log10_delta[:7] == (None,) * 7


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_norms_that_are_not_finite_are_an_overflow(bad: float) -> None:
    log_delta = walk(0.9)
    log_delta[3, 0] = bad
    flow = fit_flow(row(log_delta), 3)
    assert (flow.verdict, flow.reason) == ("overflow", "the delta norms are not finite at step 3")


def test_one_layer_has_no_c() -> None:
    flow = fit_flow(row(np.zeros((1, 4))), 0)
    assert (flow.verdict, flow.c, flow.transitions) == ("undetermined", None, 0)
    assert flow.reason is not None


@pytest.mark.parametrize(("dead", "verdict"), [(1, "undetermined"), (3, "dead"), (4, "dead")])
def test_the_dead_networks_of_one_layer_are_told_too(dead: int, verdict: str) -> None:
    log_delta = np.zeros((1, 4))
    log_delta[0, :dead] = -np.inf
    flow = fit_flow(row(log_delta), 0)
    assert (flow.verdict, flow.c, flow.dead_networks) == (verdict, None, dead)
    assert flow.reason is not None
    assert flow.reason.startswith("all 4 networks are dead" if dead == 4 else f"{dead} of 4 networks")


def test_factors_multiply_to_c() -> None:
    log_delta = walk(0.8, networks=3, noise=0.2)
    rising = np.vstack([-np.diff(log_delta, axis=0), np.ones((1, 3))])
    slope = -np.abs(np.random.default_rng(2).standard_normal(rising.shape))
    flow = fit_flow(
        {**row(log_delta), "log_weight_factor": rising - slope, "log_slope_factor": slope}, step=7
    )
    assert flow.weight_factor is not None
    assert flow.slope_factor is not None
    assert flow.weight_factor * flow.slope_factor == pytest.approx(flow.c, rel=1e-12)
    assert flow.step == 7


def test_a_power_law_is_told_from_an_exponential() -> None:
    rng = np.random.default_rng(3)
    layers = np.arange(6, 50)
    power = -0.5 * np.log((layers + 1) / layers)
    for _ in range(100):
        noise = 0.003 * rng.standard_normal(44)
        assert law(power + noise, 6) == "power"
        assert law(-0.05 + noise, 6) == "exponential"
    assert law(np.full(44, -0.1), 6) == "exponential"
    assert law(np.zeros(44), 6) == "exponential"


def test_a_handful_of_increments_is_never_called_a_power_law() -> None:
    exact = np.log((np.arange(1, 11) + 1) / np.arange(1, 11))
    assert law(exact[:9], 1) == "exponential"
    assert law(exact + 1e-9, 1) == "power"


def test_the_profile_keeps_at_most_200_layers_with_both_ends() -> None:
    profile = fit_flow(row(walk(0.99, depth=5000)), 0).profile
    assert len(profile.layers) == 200
    assert (profile.layers[0], profile.layers[-1]) == (1, 5000)
    assert profile.log10_weight_grad == (None,) * 200


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected"),
    [
        (-1.5, -1.6, -1.4, ("vanishing", False)),
        (-1.5, -2.0, -0.9, ("vanishing", True)),
        (-0.9, -1.1, -0.7, ("stable", True)),
        (0.0, -0.1, 0.1, ("stable", False)),
        (0.99, None, None, ("stable", False)),
        (1.01, 0.9, 1.1, ("exploding", True)),
        (1.0, 0.9, 1.1, ("stable", True)),
    ],
)
def test_the_verdict_is_scale_free_and_says_when_it_is_close(
    ratio: float, low: float | None, high: float | None, expected: tuple[str, bool]
) -> None:
    assert verdict_of(ratio, low, high, 1.0) == expected


def test_a_stable_network_says_from_which_depth_it_would_not_be() -> None:
    flow = fit_flow(row(walk(0.95, depth=10, noise=0.001)), 0)
    assert flow.verdict == "stable"
    depth = unstable_depth(flow, 1.0)
    assert depth is not None
    assert 0.95 ** (depth - 1) < 0.1 < 0.95 ** (depth - 2)
    assert unstable_depth(fit_flow(row(walk(1.0, noise=0.01)), 0), 1.0) is None


@pytest.mark.parametrize(("c", "depth"), [(0.2115, 3), (0.5, 5), (4.0, 3), (1.0, None), (1 + 1e-7, None)])
def test_one_factor_alone_says_so_too_though_it_has_no_interval(c: float, depth: int | None) -> None:
    flow = fit_flow(row(walk(c, depth=2, networks=1)), 0)
    assert (flow.verdict, flow.c_low) == ("stable", None)
    assert unstable_depth(flow, 1.0) == depth


def test_the_profile_has_seven_digits_and_c_has_all() -> None:
    log_delta = walk(1e-7, depth=2000, noise=0.1)
    small = walk(1.0, depth=2000, noise=0.1) - 25  # factors of 1e-11
    flow = fit_flow({**row(log_delta), "log_weight_factor": small, "log_slope_factor": small}, 0)
    mean = log_delta.mean(axis=1) / LN10
    assert flow.profile.log10_delta[0] == round(mean[0], 7)  # -14,000: decimals are the digits of a norm
    factors = [factor for factor in flow.profile.weight_factor if factor is not None]
    assert len(factors) == 200
    assert all(float(f"{factor:.7g}") == factor > 0 for factor in factors)
    assert flow.c is not None
    assert flow.c != float(f"{flow.c:.7g}")


def blocks(depth: int = 30, networks: int = 3) -> dict[str, Array]:
    """A record whose increments are those of a stream and whose factors are known where branches pass."""
    logs = {
        f"log_{name}_factor": 0.1 * np.random.default_rng(seed).standard_normal((depth, networks))
        for seed, name in enumerate(("weight", "slope", "norm", "skip"))
    }
    rising = sum(logs.values())[:-1]
    log_delta = np.vstack([np.cumsum(rising[::-1], axis=0)[::-1], np.zeros((1, networks))])
    return {"log_delta_norm": log_delta, **logs}


def test_all_factors_of_a_block_multiply_to_c_in_the_order_of_pages() -> None:
    flow = fit_flow(blocks(), 0)
    assert list(flow.factors) == ["weights", "slopes", "norm", "skip"]
    assert np.prod([*flow.factors.values()]) == pytest.approx(flow.c, rel=1e-12)


def test_factors_that_are_nan_are_left_out_and_c_is_the_streams() -> None:
    whole, row = fit_flow(blocks(), 0), blocks()
    for name in ("log_weight_factor", "log_slope_factor", "log_norm_factor", "log_skip_factor"):
        row[name][10:14, 1] = np.nan
    flow = fit_flow(row, 0)
    assert (flow.c, flow.verdict, flow.dead_networks) == (whole.c, whole.verdict, 0)
    kept = row["log_skip_factor"][5:29]
    assert flow.factors["skip"] == pytest.approx(np.exp(kept[~np.isnan(kept)].mean()), rel=1e-12)
    assert all(value is not None for value in flow.profile.factors["skip"])
    assert not sentences.is_product(flow)
    assert sentences.cause_sentence(flow, "tanh").startswith(
        "Where a branch passes anything, the weights pass"
    )


def test_a_branch_that_passes_nothing_anywhere_has_no_factors_and_still_a_c() -> None:
    row = blocks()
    silent = {name: np.full_like(row[name], np.nan) for name in row if name.endswith("_factor")}
    flow = fit_flow(row | silent, 0)
    assert flow.c == fit_flow(row, 0).c
    assert set(flow.factors.values()) == {None}
    assert sentences.known_factors(flow) == []
    assert sentences.cause_sentence(flow, "tanh") == ""


def test_the_growth_of_the_signal_is_that_of_its_root_mean_square() -> None:
    q = 4.0 ** np.arange(20)[:, None] * np.array([[1.0, 3.0]])
    flow = fit_flow({**row(walk(0.9, 20, 2)), "q": q}, 0)
    assert flow.log10_growth == pytest.approx(19 * np.log10(2), rel=1e-12)
    assert forward_sentence(flow) == ""
    skips = replace(flow, factors={**flow.factors, sentences.SKIP: 1.0})
    assert forward_sentence(skips) == "|z| grows by 5.7 decades over the depth."


@pytest.mark.parametrize("q", [0.0, np.inf, np.nan])
def test_a_signal_without_a_size_has_no_growth(q: float) -> None:
    values = np.ones((20, 2))
    values[-1] = q
    assert fit_flow({**row(walk(0.9, 20, 2)), "q": values}, 0).log10_growth is None


def test_the_profile_tells_the_cosines_and_the_sentence_their_ends() -> None:
    cosines = 1 - np.logspace(0, -5, 40)[:, None] * np.ones((1, 2))
    flow = fit_flow({**row(walk(0.9, 40, 2)), "correlation": cosines}, 0)
    assert flow.profile.correlation[0] == 0
    said = forward_sentence(flow)
    assert said == "After 40 layers the samples' cosine is 0.999990, at layer 1 0.000."


def test_the_cosine_is_told_of_the_last_layer_that_has_one_with_theory_s_there() -> None:
    cosines = np.linspace(0.1, 0.49, 40)[:, None] * np.ones((1, 2))
    cosines[30:] = np.nan  # z is 0 from there on
    flow = fit_flow({**row(walk(0.9, 40, 2)), "correlation": cosines}, 0)
    expected = tuple(np.linspace(0.1, 0.88, 40))
    flow = replace(flow, profile=replace(flow.profile, correlation_expected=expected))
    assert forward_sentence(flow) == (
        "After 30 layers the samples' cosine is 0.390 (theory 0.680), at layer 1 0.100; "
        "from layer 31 on no two samples have one."
    )
