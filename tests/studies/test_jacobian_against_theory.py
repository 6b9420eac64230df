"""The spread of a Jacobian's singular values against theory, over many networks, as z scores."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from gradflow.analysis.jacobian import Jacobian, summarize_spectra
from gradflow.config.load import load_data, parse_config
from gradflow.trace import spectra
from gradflow.yaml_file import parse

SEEDS, WIDTH = 8, 256
POINTS = [  # depth, and the rest of the model; theory expects less than width / 20 for each
    (3, "activation: relu, init: he_normal"),
    (5, "activation: relu, init: he_normal"),
    (8, "activation: relu, init: {name: orthogonal, gain: 1.4142}"),
    (6, "activation: tanh, init: xavier_normal"),
    (20, "activation: tanh, init: orthogonal"),
    (5, "activation: tanh, init: {name: gaussian, sigma_w: 1.5, sigma_b: 0.3}"),
    (8, "activation: linear, init: lecun_normal"),
    (8, "activation: linear, init: lecun_uniform"),
    (5, "activation: gelu, init: lecun_normal, norm: layer"),
    (5, "activation: tanh, init: lecun_normal, norm: rms"),
    (4, "activation: relu, init: he_normal, norm: {name: layer, place: after}"),
    (20, "activation: relu, init: he_normal, block: {name: residual, scale: 0.3}"),
    (20, "activation: tanh, init: xavier_normal, block: {name: residual, scale: 0.3}"),
    (12, "activation: relu, init: he_normal, block: residual, norm: layer"),
    (8, "activation: relu, init: he_normal, block: residual, norm: {name: layer, place: after}"),
]


def jacobian_of(depth: int, model: str, seed: int) -> Jacobian:
    text = f"{{name: x, seed: {seed}, seeds: {SEEDS}, model: {{depth: {depth}, width: {WIDTH}, {model}}}}}"
    config = parse_config(parse(text, "x.yaml"), Path())
    data = load_data(config.data)
    plan = config.plan(data)
    return summarize_spectra(plan.model, float(np.mean(data.x[0] ** 2)), spectra(plan, data))


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest) -> list[Jacobian]:
    # seeds of its own for each: equal ones draw equal numbers
    points = [(depth, model, 1000 * number) for number, (depth, model) in enumerate(POINTS)]
    chosen = points if request.config.getoption("--thorough") else points[::2]
    return [jacobian_of(*point) for point in chosen]


def size(scores: Sequence[float | None]) -> float:
    """Root mean square."""
    return sqrt(sum(score**2 for score in scores if score is not None) / len(scores))


def test_the_spread_of_singular_values_is_theorys(found: list[Jacobian]) -> None:
    assert size([one.sigmas for one in found]) <= 1.5, [one.sigmas for one in found]


def test_their_mean_square_is_theorys(found: list[Jacobian]) -> None:
    means = [(one.log10_mean, one.theory.log10_mean) for one in found]
    scores = [mean.sigmas_from(theory) for mean, theory in means if mean and theory is not None]
    assert len(scores) == len(found)
    assert size(scores) <= 1.5, scores


def test_a_theory_that_is_off_by_a_tenth_is_seen(found: list[Jacobian]) -> None:
    pairs = [(one.variance, one.theory.variance) for one in found]
    scores = [variance.sigmas_from(1.1 * theory) for variance, theory in pairs if variance and theory]
    assert len(scores) == len(found)
    assert size(scores) > 2.5, scores
