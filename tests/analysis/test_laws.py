"""Laws of norms over layers: named where they were planted, and what each makes of a depth."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.increments import window
from gradflow.analysis.laws import OF_CHAINS, SHAPES, Expected, exponent, law
from gradflow.analysis.summary import Flow
from gradflow.analysis.verdict import log_over, unstable_depth
from gradflow.report import headlines, sentences

Array = np.ndarray[Any, Any]
BLOCK = Expected(rules=True)
K = {"exponential": 0.05, "power": 0.5, "stretched": 0.75}


def planted(name: str, depth: int, networks: int = 8, noise: float = 0.02, seed: int = 0) -> dict[str, Array]:
    """Log norms (depth, networks) whose increments follow a law, with the noise of networks 128 wide."""
    layers = np.arange(1, depth)
    steps = K[name] * SHAPES[name](layers)[:, None]
    steps = steps + noise * np.random.default_rng(seed).standard_normal((depth - 1, networks))
    return {"log_delta_norm": np.vstack([np.cumsum(steps[::-1], axis=0)[::-1], np.zeros((1, networks))])}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("depth", [50, 100, 400])
def test_each_law_is_named_where_it_was_planted(name: str, depth: int) -> None:
    found = [fit_flow(planted(name, depth, seed=seed), 0, 1.0, BLOCK).law for seed in range(25)]
    assert found.count(name) >= 24


@pytest.mark.parametrize("name", ["power", "stretched"])
def test_the_exponent_is_the_planted_one(name: str) -> None:
    flow = fit_flow(planted(name, 100), 0, 1.0, BLOCK)
    assert flow.law_exponent == pytest.approx(K[name], rel=0.05)


def test_a_plain_chain_is_never_called_stretched_and_keeps_c_to_the_depth() -> None:
    row = planted("stretched", 100)
    flow, block = fit_flow(row, 0), fit_flow(row, 0, 1.0, BLOCK)
    assert flow.law in OF_CHAINS
    assert flow.law_exponent is None
    assert flow.c is not None
    assert flow.c_power_depth["100"] == pytest.approx(flow.c**100, rel=1e-9)
    assert block.c == flow.c
    assert block.c_power_depth["100"] != pytest.approx(flow.c**100, rel=0.01)


@pytest.mark.parametrize("name", ["power", "stretched"])
def test_a_law_rules_what_depths_make_of_the_gradient(name: str) -> None:
    flow = fit_flow(planted(name, 100, noise=0.0), 0, 1.0, BLOCK)
    for depth, value in flow.c_power_depth.items():
        expected = K[name] * (log(int(depth)) if name == "power" else sqrt(int(depth)))
        assert value == pytest.approx(exp(expected), rel=1e-9)
        assert headlines.power_of(flow, int(depth)) == headlines.power(expected / log(10))


def test_theory_names_the_law_whatever_the_fit_would() -> None:
    flow = fit_flow(planted("exponential", 50), 0, 1.0, Expected("power", rules=True))
    assert flow.law == "power"
    assert flow.law_exponent is not None


def test_a_bounded_law_tells_of_no_depth_but_its_own() -> None:
    flow = fit_flow(planted("exponential", 30), 0, 1.0, Expected("bounded", rules=True))
    assert flow.c is not None
    assert flow.c_power_depth == {
        "10": None, "20": None, "30": pytest.approx(flow.c**30, rel=1e-9), "50": None, "100": None,
    }  # fmt: skip
    assert unstable_depth(flow, 1.0) is None
    assert "bounds it at any depth" in sentences.measured_sentence(flow, 1.0)
    assert headlines.power_of(flow, 50) == "-"
    assert headlines.verdict_sentence(flow).endswith(f"c^30 = {headlines.power_of(flow, 30)}")


@pytest.mark.parametrize(
    ("name", "words", "whole"),
    [
        ("power", "the gradient falls as a power of the depth, l^-0.500: no single c", "100^0.500 = 10"),
        ("stretched", "the gradient falls as exp(-0.750 sqrt l) with the depth l: no single c",
         "exp(0.750 sqrt 100) = 1808"),
    ],
)  # fmt: skip
def test_the_headline_says_the_law(name: str, words: str, whole: str) -> None:
    flow = fit_flow(planted(name, 100, noise=0.0), 0, 1.0, BLOCK)
    said = headlines.verdict_sentence(flow)
    assert words in said
    assert said.endswith(f"over 100 layers {whole}")


@pytest.mark.parametrize(("k", "words"), [(-0.5, "rises as a power of the depth, l^0.500"), (0.5, "falls")])
def test_a_gradient_that_vanishes_rises_with_the_depth(k: float, words: str) -> None:
    assert words in headlines.way_of(Flow(0, c=0.99, law="power", law_exponent=k))


def test_the_depth_from_which_a_power_is_unstable_is_that_of_the_power() -> None:
    flow = fit_flow(planted("power", 60), 0, 1.0, BLOCK)
    assert flow.verdict == "stable"
    depth = unstable_depth(flow, 1.0)
    assert depth is not None
    assert depth ** (flow.law_exponent or 0) == pytest.approx(10, rel=0.05)


def test_outside_norms_may_have_any_law_and_keep_c_to_the_depth() -> None:
    flow = fit_flow(planted("stretched", 100), 0, 1.0, Expected())
    assert flow.law == "stretched"
    assert flow.law_exponent is None
    assert "an exponential of its square root" in sentences.measured_sentence(flow, 1.0)


def test_few_increments_and_unknown_laws_have_no_exponent() -> None:
    rising = planted("power", 8)["log_delta_norm"][:, 0]
    assert law(-np.diff(rising), window(8)[0], tuple(SHAPES)) == "exponential"
    assert exponent("bounded", -np.diff(rising), 1) is None
    assert log_over(None, None, -0.1, 7, 50) == pytest.approx(-0.7)


def test_the_law_of_a_few_blocks_is_left_open_and_said_to_be() -> None:
    """12 blocks have 8 fitted factors; a chain stays c^L, and what theory names counts at any depth."""
    flow = fit_flow(planted("power", 12), 0, 1.0, BLOCK)
    assert flow.law is None
    assert flow.c_power_depth["12"] == pytest.approx((flow.c or 0) ** 12)
    assert "too few to tell c^L from a power" in sentences.measured_sentence(flow, 1.0)
    assert fit_flow(planted("power", 12), 0).law == "exponential"
    assert fit_flow(planted("power", 12), 0, 1.0, Expected("power", rules=True)).law == "power"
    assert "too few" not in sentences.measured_sentence(fit_flow(planted("power", 40), 0, 1.0, BLOCK), 1.0)
