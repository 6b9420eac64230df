"""Measured c against mean-field theory: seeds are fixed, bounds follow from the statistics."""

from math import log, sqrt

import numpy as np
import pytest

from gradflow.analysis.summary import Flow, Theory
from tests.studies.lab import at_initialization

NET = """
model: {depth: 50, width: 256, activation: tanh, init: xavier_normal}
seeds: 8
data: {name: gaussian, samples: 64, features: 256}
training: {steps: 0, batch_size: 32}
"""
ACTIVATIONS = ("tanh", "relu", "gelu", "selu", "sigmoid")
INITS = ("xavier_normal", "he_normal", "lecun_normal", "orthogonal")


@pytest.fixture(scope="module")
def crossed() -> dict[tuple[str, str], tuple[Flow, Theory]]:
    return {
        (activation, init): at_initialization(NET, f"activation={activation}", f"init={init}")
        for activation in ACTIVATIONS
        for init in INITS
    }


def test_the_interval_of_c_holds_theory_with_its_finite_width(
    crossed: dict[tuple[str, str], tuple[Flow, Theory]],
) -> None:
    # 20 intervals of 95%: fewer than 17 that cover have a probability of 0.016 if theory is exact
    covered = 0
    for flow, theory in crossed.values():
        assert flow.c_low is not None
        assert flow.c_high is not None
        assert theory.c_finite_width is not None
        covered += flow.c_low < theory.c_finite_width < flow.c_high
    assert covered >= 17


def test_relu_with_xavier_vanishes_though_its_weight_gradients_are_flat(
    crossed: dict[tuple[str, str], tuple[Flow, Theory]],
) -> None:
    flow = crossed["relu", "xavier_normal"][0]
    assert flow.verdict == "vanishing"
    assert flow.c == pytest.approx(1 / sqrt(2), rel=0.01)
    weight_grads = np.array(flow.profile.log10_weight_grad, dtype=float)[1:]
    decades = abs(weight_grads[0] - weight_grads[-1]) / len(weight_grads)
    assert decades < 0.02  # a layer, where delta has 0.15


def test_he_and_xavier_differ_for_relu_as_he_et_al_found(
    crossed: dict[tuple[str, str], tuple[Flow, Theory]],
) -> None:
    he, xavier = (crossed["relu", init][0] for init in ("he_normal", "xavier_normal"))
    assert he.verdict == "stable"
    assert he.c == pytest.approx(1.0, abs=0.01)
    assert xavier.log10_ratio == pytest.approx(49 * log(0.5) / 2 / log(10), abs=0.5)


SCHEMES = [
    ["init=gaussian", f"sigma_w={sigma_w}", f"sigma_b={sigma_b}"]
    for sigma_w, sigma_b in ((0.8, 0.0), (1.0, 0.3), (1.4, 0.1), (2.0, 0.5))
] + [["init=orthogonal"], ["init=he_uniform"]]


def test_sigmas_are_those_of_a_normal_variable_over_a_grid_of_inits(thorough: bool) -> None:
    small = ("depth=40", "data.features=128")
    names = ("tanh", "relu", "erf", "selu", "softplus", *(("leaky_relu", "hard_tanh") if thorough else ()))
    pairs = [
        at_initialization(NET, *small, f"activation={name}", *scheme) for name in names for scheme in SCHEMES
    ]
    sigmas = np.array([theory.sigmas for _, theory in pairs], dtype=float)
    assert len(sigmas) == (42 if thorough else 30)
    assert sqrt((sigmas**2).mean()) < 1.5
    assert np.abs(sigmas).max() < 4.5
    assert (np.abs(sigmas) < 1.96).mean() >= 0.88
