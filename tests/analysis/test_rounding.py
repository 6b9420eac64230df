"""Runs in float32 and float64: rounding is told of where it moves digits that are shown, and only there."""

from math import exp, log

import numpy as np
import pytest

from gradflow.analysis.intervals import Estimate
from gradflow.analysis.rounding import rounding_of
from gradflow.analysis.summarize import summarize
from gradflow.analysis.summary import Flow
from gradflow.analysis.summary_parts import Rounding
from gradflow.report.forward import rounding_sentence
from gradflow.report.numbers import factor
from tests.sampling import each
from tests.studies.lab import run

NET = """
model: {depth: 60, width: 64, activation: tanh, init: xavier_normal}
seeds: 4
data: {name: gaussian, samples: 256, features: 64}
training: {steps: 0, batch_size: 32, evaluate: 1}
recording: {critical_lr: none}
"""
AMPLIFYING = [
    ("tanh", "{name: gaussian, sigma_w: 3.0, sigma_b: 0.05}", 60),
    ("hard_tanh", "{name: gaussian, sigma_w: 2.5, sigma_b: 0.2}", 60),
    ("sin", "{name: gaussian, sigma_w: 2.5, sigma_b: 0.0}", 40),
    ("erf", "{name: gaussian, sigma_w: 2.5, sigma_b: 0.2}", 80),
    ("tanh", "{name: gaussian, sigma_w: 2.0, sigma_b: 0.05}", 120),
    ("tanh", "{name: orthogonal, gain: 3.0}", 60),
]
STEADY = [
    ("tanh", "{name: gaussian, sigma_w: 2.0, sigma_b: 0.05}", 30),
    ("linear", "orthogonal", 60),
    ("relu", "{name: gaussian, sigma_w: 2.5, sigma_b: 0.0}", 60),  # explodes as fast, and z with it
    ("tanh", "{name: gaussian, sigma_w: 1.5, sigma_b: 0.05}", 60),
    ("tanh", "{name: gaussian, sigma_w: 0.9, sigma_b: 0.05}", 120),
    ("tanh", "{name: gaussian, sigma_w: 2.0, sigma_b: 0.05}", 60),
    ("selu", "lecun_normal", 100),
    ("gelu", "{name: gaussian, sigma_w: 2.0, sigma_b: 0.0}", 60),
    ("tanh", "orthogonal", 100),
    ("leaky_relu", "{name: gaussian, sigma_w: 1.5, sigma_b: 0.3}", 60),
]


def pair(activation: str, init: str, depth: int) -> tuple[Flow, Flow]:
    """The flows of the same networks in float32 and in float64."""
    changes = (f"activation={activation}", f"init={init}", f"depth={depth}")
    narrow, wide = (
        summarize(*run(NET, *changes, f"dtype={dtype}")).flow.initial for dtype in ("float32", "float64")
    )
    return narrow, wide


def shown(flow: Flow) -> str:
    return factor(flow.c, flow.c_low, flow.c_high)


@pytest.mark.parametrize(("activation", "init", "depth"), each(6, AMPLIFYING))
def test_where_rounding_moves_shown_digits_it_is_told(activation: str, init: str, depth: int) -> None:
    narrow, wide = pair(activation, init, depth)
    assert shown(narrow) != shown(wide)
    assert narrow.rounding is not None
    assert narrow.rounding.layer is not None
    assert wide.rounding is None
    assert narrow.c is not None
    assert wide.c is not None
    assert abs(narrow.c - wide.c) < 4 * narrow.rounding.c  # it is as large as it says, not a bound


@pytest.mark.parametrize(("activation", "init", "depth"), each(9, STEADY))
def test_where_it_moves_none_nothing_is_said(activation: str, init: str, depth: int) -> None:
    narrow, wide = pair(activation, init, depth)
    assert narrow.rounding is None
    assert wide.rounding is None
    assert shown(narrow) == shown(wide)
    assert narrow.log10_ratio == pytest.approx(wide.log10_ratio, abs=0.01)


def planted(growth: float, depth: int = 50, spread: float = 0.05) -> Rounding | None:
    """Of deltas that grow towards the input by a factor a layer, z of one size."""
    log_delta = -log(growth) * np.arange(depth)[:, None] * np.ones(4)
    log_c = Estimate(log(growth), spread / depth, 3)
    return rounding_of(log_delta, np.ones((depth, 4)), 1e-7, (log_c, log_c.scaled(depth - 1)), depth - 6)


def test_the_error_grows_as_delta_does_and_is_all_of_z_from_a_layer_on() -> None:
    found = planted(2.0)
    assert found is not None
    assert found.z == 1
    assert found.layer is not None
    assert 1e-7 * 2 ** (found.layer - 1) < 2  # the sum over layers makes it a bit more than the first layer's
    assert 1e-7 * 2**found.layer * np.sqrt(4 / 3) >= 1
    assert planted(1.1) is None
    assert planted(0.5) is None


def test_networks_that_are_others_are_no_farther_away_than_any_two() -> None:
    found = planted(4.0, spread=0.02)
    assert found is not None
    assert found.c == pytest.approx(4 * np.sqrt(2) * 0.02 / 50)


def test_what_is_not_known_says_nothing() -> None:
    estimate = Estimate(0.0, 0.1, 3)
    zeros, q = np.zeros((9, 2)), np.ones((9, 2))
    assert rounding_of(zeros - np.inf, q, 1e-7, (estimate, estimate), 4) is None
    assert rounding_of(zeros, q - 1, 1e-7, (estimate, estimate), 4) is None
    assert rounding_of(zeros, q, 1e-7, (Estimate(800.0, 1.0, 3), estimate), 4) is None
    assert rounding_sentence(Flow(0), "float32") == ""


def test_the_sentence_has_the_layer_or_the_share() -> None:
    of = Flow(0, rounding=Rounding(0.0014, 0.061, 1.0, 104))
    words = rounding_sentence(of, "float32")
    assert words.startswith("Rounding in float32 grows to all of z by layer 104: ")
    assert words.endswith("may move c by 0.0014 and the ratio by 0.061 decades.")
    share = Flow(0, rounding=Rounding(0.0014, exp(-3.0), 0.03))
    assert "grows to 0.030 of z: " in rounding_sentence(share, "float64")
