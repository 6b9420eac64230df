"""What delta remembers of z, and what the loss puts into it, against chains and networks that are drawn."""

from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.meanfield import Targets, mean_field
from gradflow.meanfield.entering import Entering
from gradflow.nn.activations import ACTIVATIONS, Expression
from gradflow.nn.blocks import Residual
from gradflow.nn.initializers import INITIALIZERS, Gaussian, HeNormal, Initializer, LecunNormal
from gradflow.nn.losses import LOSSES
from gradflow.nn.norms import RmsNorm
from tests.meanfield.networks import field_of, model_of
from tests.meanfield.simulated import Chain, forward

OUTPUTS, FIRST = 10, 6


def excess(loss: str, activation: str, init: Initializer, width: int, depth: int) -> float:
    """What theory adds to ln c for this loss on classes."""
    model = model_of(ACTIVATIONS[activation](), init, (width,) * (depth + 1), outputs=OUTPUTS)
    model = replace(model, loss=LOSSES[loss]())
    found, without = (mean_field(model, 1.0, targets) for targets in (Targets(True), None))
    return float(found.shift(FIRST) - without.shift(FIRST))


def relu_chain(loss: str | None, width: int, depth: int, networks: int) -> tuple[float, float]:
    """Mean ln c of relu + He networks and its error, from the law of (|a_l|, |delta_l|, delta . z) alone.

    Of k units that are open, |a_l|^2 is 2 / n |a|^2 chi^2_k and |delta_l|^2 is (delta . z)^2 / |a_l|^2 +
    2 / n |delta|^2 chi^2_{k - 1}, exactly. Without a loss dLoss/dout is random.
    """
    rng = np.random.default_rng(width + depth)
    opened = np.maximum(rng.binomial(width, 0.5, (depth, networks)), 2)
    square = width * np.exp(np.cumsum(np.log(rng.chisquare(opened) * 2 / width), axis=0))
    h = rng.standard_normal((OUTPUTS, networks)) * np.sqrt(2 / width * square[-1])
    y, d = np.zeros_like(h), np.empty_like(h)
    y[0] = 1
    if loss is None:
        d = rng.standard_normal(h.shape)
    else:
        LOSSES[loss]().delta(h, y, d)
    kept, norm = (h * d).sum(axis=0) ** 2, (d * d).sum(axis=0)
    logs = np.empty((depth, networks))
    for layer in range(depth - 1, -1, -1):
        norm = kept / square[layer] + 2 / width * norm * rng.chisquare(opened[layer] - 1)
        logs[layer] = np.log(norm)
    log_c = (logs[FIRST - 1] - logs[-1]) / 2 / (depth - FIRST)
    return float(log_c.mean()), float(log_c.std() / sqrt(networks))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize(("width", "depth"), [(64, 50), (64, 100), (128, 50), (208, 50), (256, 150)])
def test_the_feedback_of_relu_is_that_of_its_exact_chain(loss: str, width: int, depth: int) -> None:
    (log_c, error), (random, other) = (relu_chain(one, width, depth, 6000) for one in (loss, None))
    expected = excess(loss, "relu", HeNormal(), width, depth)
    assert expected > 0
    assert log_c - random == pytest.approx(expected, rel=0.1, abs=4 * sqrt(error**2 + other**2))


def drawn(
    activation: str, init: Initializer, width: int, depth: int, networks: int, loss: str | None
) -> NDArray[np.float64]:
    """ln c of networks written out in a few lines, of a loss on classes or a random dLoss/dout."""
    phi, rng = ACTIVATIONS[activation](), np.random.default_rng(7)
    found = []
    for _ in range(networks):
        a = rng.standard_normal((width, 2))
        a, weights, slopes = a * sqrt(width) / np.linalg.norm(a, axis=0), [], []
        for layer in range(depth):
            weights.append(init.draw(rng, width, width, layer))
            bias = init.draw_bias(rng, width, width)
            z = weights[-1].T @ a + (0.0 if bias is None else bias[:, None])
            a = phi.phi(z)
            slopes.append(phi.derivative(z))
        out = init.draw(rng, width, OUTPUTS, depth)
        y, d = np.eye(OUTPUTS)[:, :2].copy(), np.empty((OUTPUTS, 2))
        if loss is None:
            d = rng.standard_normal(d.shape)
        else:
            LOSSES[loss]().delta(out.T @ a, y, d)
        delta = slopes[-1] * (out @ d)
        top = np.log(np.linalg.norm(delta, axis=0))
        for layer in range(depth - 2, FIRST - 2, -1):
            delta = slopes[layer] * (weights[layer + 1] @ delta)
        found.append((np.log(np.linalg.norm(delta, axis=0)) - top).mean() / (depth - FIRST))
    return np.array(found)


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        ("leaky_relu", HeNormal()),
        ("linear", INITIALIZERS["xavier_normal"]()),
        ("elu", Gaussian(sigma_w=1.6)),
        ("tanh", Gaussian(sigma_w=1.5, sigma_b=0.1)),
        ("relu", INITIALIZERS["orthogonal"](gain=sqrt(2))),
        ("softplus", HeNormal()),
    ],
)
@pytest.mark.parametrize("loss", ["mse", None])
def test_networks_have_the_c_that_theory_expects_with_their_loss(
    activation: str, init: Initializer, loss: str | None
) -> None:
    width, depth, networks = 64, 30, 60
    log_c = drawn(activation, init, width, depth, networks, loss)
    model = model_of(ACTIVATIONS[activation](), init, (width,) * (depth + 1), outputs=OUTPUTS)
    network = mean_field(model, 1.0, None if loss is None else Targets(True))
    expected = float(network.log_c(FIRST) + network.shift(FIRST))
    error = sqrt(log_c.var(ddof=1) / networks + float(network.error(FIRST)) ** 2)
    assert abs(log_c.mean() - expected) < 3.5 * error


def streams(name: str, block: Residual, width: int, depth: int, networks: int) -> NDArray[np.float64]:
    """ln c of residual networks with a squared error on random targets, over a few samples each."""
    chain, rng, found = Chain(ACTIVATIONS[name](), sqrt(2), 0.0, block), np.random.default_rng(5), []
    for _ in range(networks):
        z, backs = forward(chain, rng, depth, width, rng.standard_normal((width, 4)))
        a, down = chain.branch(z[-1], before=False)
        out = rng.standard_normal((width, OUTPUTS)) * sqrt(2 / width)
        delta = top = down(out @ (out.T @ a - rng.standard_normal((OUTPUTS, 4))))
        for back in reversed(backs[FIRST - 1 :]):
            delta = back(delta)
        growth = np.log(np.linalg.norm(delta, axis=0) / np.linalg.norm(top, axis=0))
        found.append(growth.mean() / (depth - FIRST))
    return np.array(found)


@pytest.mark.parametrize("name", ["relu", "gelu", "linear", "tanh"])
@pytest.mark.parametrize("scale", [0.3, "1/sqrt(depth)"])
def test_a_stream_is_no_further_from_theory_than_it_says(name: str, scale: Any) -> None:
    """relu's is 17 standard errors off where the loss is left out."""
    width, depth, networks, block = 64, 30, 60, Residual(scale=scale)
    log_c = streams(name, block, width, depth, networks)
    model = model_of(ACTIVATIONS[name](), HeNormal(), (width,) * (depth + 1), outputs=OUTPUTS, block=block)
    network = mean_field(model, 1.0, Targets(False))
    expected, unsure = float(network.log_c(FIRST) + network.shift(FIRST)), float(network.error(FIRST))
    assert abs(log_c.mean() - expected) < 2.5 * sqrt(log_c.var(ddof=1) / networks + unsure**2)
    assert unsure < abs(expected) / 3


@pytest.mark.parametrize(
    ("blocks", "outputs"), [({}, 1), ({"norm": RmsNorm()}, 10), ({"norm": RmsNorm("after")}, 10)], ids=str
)
def test_a_stream_is_sure_where_the_loss_puts_nothing_in_or_a_norm_takes_it_out(
    blocks: dict[str, Any], outputs: int
) -> None:
    model = model_of(
        ACTIVATIONS["relu"](), HeNormal(), (64,) * 31, outputs=outputs, block=Residual(), **blocks
    )
    assert float(mean_field(model, 1.0, Targets(False)).error(FIRST)) < 1e-3
    assert not mean_field(model, 1.0).errors.any()


def entering(loss: str, targets: Targets, log_gain: float = 0.0) -> Entering:
    return Entering(LOSSES[loss](), OUTPUTS, targets, log_gain, -np.inf)


def test_a_gradient_that_follows_the_output_is_along_it_and_a_random_one_is_not() -> None:
    none = np.array(0.0)
    following = entering("mse", Targets(False, 1e-18)).moments(none, none)  # d = h: X = |h|^2 / q
    assert following == pytest.approx((OUTPUTS, OUTPUTS * (OUTPUTS + 2)), rel=0.05)
    random = entering("mse", Targets(False, 1e18)).moments(none, none)
    assert random == pytest.approx((1, 3), rel=0.15)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("log_gain", [-1e4, -50.0, 50.0, 1e4])
def test_outputs_of_any_size_have_moments(loss: str, log_gain: float) -> None:
    found = entering(loss, Targets(True), log_gain).moments(np.array(0.0), np.array(4.0))
    assert np.isfinite(found).all()
    assert 0 < found[0] <= OUTPUTS * 1.1


def test_the_networks_of_a_table_have_their_own_moments() -> None:
    several = entering("mse", Targets(True))
    logs, variances = np.array([-3.0, 0.0, 2.1]), np.array([0.0, 1.0, 0.3])
    table = np.array(several.moments(logs, variances))
    alone = [several.moments(np.array(a), np.array(v)) for a, v in zip(logs, variances, strict=True)]
    np.testing.assert_allclose(table.T, alone, rtol=1e-12)


def test_the_loss_does_not_reach_below_layers_that_forget() -> None:
    """A bounded phi keeps little of delta . z from layer to layer: the feedback is at the top alone."""
    tanh = excess("mse", "tanh", Gaussian(sigma_w=2.0), 128, 50)
    assert 0 < tanh < 0.1 * excess("mse", "relu", HeNormal(), 128, 50)
    assert log(1 + tanh) < 1e-3


def test_a_constant_bias_does_what_a_shifted_activation_does() -> None:
    biased = field_of(ACTIVATIONS["relu"](), LecunNormal(), (128,) * 31, bias=0.1)
    shifted = field_of(Expression(value="max(z + 0.1, 0)"), LecunNormal(), (128,) * 31)
    np.testing.assert_allclose(biased.log_chi, shifted.log_chi, rtol=1e-8)
    np.testing.assert_allclose(biased.shifts, shifted.shifts, rtol=1e-6)
