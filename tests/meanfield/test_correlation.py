"""The cosine of two samples by layer, where it goes, and the spectrum, against closed forms and networks."""

from math import asin, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.meanfield import predict
from gradflow.meanfield.correlation import correlations, from_first, limit
from gradflow.meanfield.local import Local
from gradflow.meanfield.series import overlap, persistence, slopes
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.blocks import Residual
from gradflow.nn.initializers import Gaussian, HeNormal, LecunNormal, Orthogonal
from gradflow.nn.norms import NO_NORM, AnyNorm, BatchNorm, LayerNorm, RmsNorm
from tests.meanfield.networks import field_of, model_of
from tests.meanfield.simulated import Chain, forward

Array = NDArray[Any]
COSINES = np.array([-0.9, -0.3, 0.0, 0.2, 0.6, 0.9, 0.99, 0.999, 1.0])


def local(name: str, v: float = 1.0) -> Local:
    return Local(field_of(ACTIVATIONS[name](), Gaussian(), (64,) * 3).moments, np.log([v]))


def test_the_map_of_relu_is_the_arc_cosine_kernel() -> None:
    value, slope = overlap(COSINES, local("relu"))
    angle = np.arccos(COSINES)
    np.testing.assert_allclose(value, (np.sin(angle) + (pi - angle) * COSINES) / pi, atol=1e-4)
    np.testing.assert_allclose(slope, (pi - angle) / pi, atol=0.01)


def test_the_map_of_erf_is_the_arc_sine_kernel() -> None:
    v = 1.7
    value, _ = overlap(COSINES, local("erf", v))
    kernel = np.arcsin(2 * v * COSINES / (1 + 2 * v)) / asin(2 * v / (1 + 2 * v))
    np.testing.assert_allclose(value, kernel, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_slope_of_the_map_at_1_is_chi(name: str) -> None:
    at = local(name)
    value, slope = overlap(np.array([1.0]), at)
    assert value == pytest.approx(1, rel=1e-9)
    assert slope == pytest.approx(at.mu1 / at.p2, rel=1e-6)


def test_slopes_of_relu_persist_by_the_arc_sine() -> None:
    at = local("relu")
    for cosine in (0.1, 0.5, 0.9, 0.99):
        kappa = persistence(at, slopes(at), np.array([0.5]), np.array([cosine]))
        assert kappa[0] == pytest.approx(1 + 2 / pi * asin(cosine), abs=0.02)


def test_ordered_networks_make_samples_alike_and_chaotic_ones_unlike() -> None:
    tanh = ACTIVATIONS["tanh"]()
    ordered, chaotic = (
        limit(field_of(tanh, Gaussian(sigma_w=sigma_w, sigma_b=0.3), (64,) * 4)) for sigma_w in (1.3, 2.5)
    )
    assert ordered.star == 1
    assert ordered.xi == pytest.approx(-1 / log(0.939807), rel=1e-4)  # the slope at 1 is chi_1
    assert 0 < chaotic.star < 0.5
    assert 0 < chaotic.xi < 10


def test_the_approach_is_by_xi_c() -> None:
    network = field_of(ACTIVATIONS["tanh"](), Gaussian(sigma_w=2.0, sigma_b=0.5), (64,) * 41)
    end, rho = limit(network), correlations(network, 0.9)
    off = np.log(np.abs(rho[30:] - end.star))
    assert -1 / np.diff(off).mean() == pytest.approx(float(end.xi[0]), rel=0.015)


@pytest.mark.parametrize(("name", "sigma_w"), [("linear", 1.0), ("tanh", 0.9)])
def test_where_phi_is_linear_every_cosine_stays(name: str, sigma_w: float) -> None:
    network = field_of(ACTIVATIONS[name](), Gaussian(sigma_w=sigma_w), (64,) * 9)
    assert np.isnan(limit(network).star)
    if name == "linear":
        np.testing.assert_allclose(correlations(network, 0.4), 0.4, rtol=1e-12)


@pytest.mark.parametrize("norm", [NO_NORM, LayerNorm(), RmsNorm("after")], ids=repr)
def test_where_branches_add_nothing_every_cosine_stays(norm: AnyNorm) -> None:
    network = field_of(ACTIVATIONS["relu"](), HeNormal(), (64,) * 9, block=Residual(scale=0.0), norm=norm)
    assert np.isnan(limit(network).star)
    assert np.isnan(limit(network).xi)
    np.testing.assert_allclose(correlations(network, 0.4), 0.4, rtol=1e-12)


def test_critical_relu_comes_to_1_by_no_exponential() -> None:
    found = limit(field_of(ACTIVATIONS["relu"](), HeNormal(), (64,) * 9))
    assert found.star == 1
    assert np.isnan(found.xi)


def test_the_cosine_is_followed_up_to_a_thousand_layers() -> None:
    rho = correlations(field_of(ACTIVATIONS["relu"](), HeNormal(), (64,) * 3001), 0.1)
    assert np.isfinite(rho[:1000]).all()
    assert np.isnan(rho[1000:]).all()
    assert rho[999] > 0.999


def test_batch_norm_fixes_the_cosine_whatever_the_input() -> None:
    network = field_of(ACTIVATIONS["relu"](), HeNormal(), (64,) * 21, norm=BatchNorm(), batch=1000)
    rho = correlations(network, np.array([-0.5, 0.9]))
    assert rho[0] == pytest.approx(0.2)
    np.testing.assert_allclose(rho[1:], 1 / pi, rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "norm", "blocks"),
    [
        ("tanh", BatchNorm(), {}),
        ("tanh", BatchNorm("after"), {}),
        ("tanh", BatchNorm("after"), {"block": Residual()}),
        ("relu", BatchNorm(), {}),
    ],
    ids=repr,
)
def test_the_cosine_that_batch_norm_fixes_is_the_limit_below_0_too(
    name: str, norm: BatchNorm, blocks: dict[str, Any]
) -> None:
    network = field_of(ACTIVATIONS[name](), Gaussian(sigma_w=1.5), (64,) * 41, norm=norm, batch=16, **blocks)
    end, last = limit(network), correlations(network, 0.3)[-1]
    assert end.star == pytest.approx(last, abs=1e-6)
    assert (end.star < 0) == (name == "tanh" and (norm.place == "before" or bool(blocks)))


CASES: list[tuple[str, float, float, dict[str, Any]]] = [
    ("tanh", 1.5, 0.1, {}), ("relu", 1.4, 0.0, {}), ("relu", 1.4, 0.3, {"norm": RmsNorm()}),
    ("gelu", 1.5, 0.0, {"norm": LayerNorm("after")}), ("tanh", 1.5, 0.0, {"block": Residual()}),
    ("relu", 1.4, 0.1, {"block": Residual(), "norm": LayerNorm()}),
    ("gelu", 1.4, 0.3, {"block": Residual(scale=0.5), "norm": RmsNorm("after")}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "blocks"), CASES, ids=str)
def test_random_networks_have_the_expected_cosine_in_every_layer(
    name: str, sigma_w: float, sigma_b: float, blocks: dict[str, Any]
) -> None:
    width, depth, networks, cosine = 256, 10, 40, 0.4
    rng, activation = np.random.default_rng(3), ACTIVATIONS[name]()
    measured = np.array(
        [
            _cosines(
                forward(
                    Chain(activation, sigma_w, sigma_b, **blocks),
                    rng,
                    depth,
                    width,
                    _pair(rng, width, cosine),
                )[0]
            )
            for _ in range(networks)
        ]
    )
    network = field_of(
        activation, Gaussian(sigma_w=sigma_w, sigma_b=sigma_b), (width,) * (depth + 1), **blocks
    )
    error = measured.std(axis=0, ddof=1) / sqrt(networks)
    off = (measured.mean(axis=0) - correlations(network, cosine)) / error
    assert np.abs(off).max() < 3.5


def _pair(rng: np.random.Generator, width: int, cosine: float) -> Array:
    first, second = np.linalg.qr(rng.standard_normal((width, 2)))[0].T
    return np.array([first, cosine * first + sqrt(1 - cosine**2) * second]).T


def _cosines(layers: list[Array]) -> list[float]:
    return [float(z[:, 0] @ z[:, 1] / np.linalg.norm(z[:, 0]) / np.linalg.norm(z[:, 1])) for z in layers]


SPECTRA: list[tuple[str, float, dict[str, Any]]] = [
    ("relu", 1.4, {}), ("tanh", 1.2, {}), ("relu", 1.0, {"block": Residual(scale=0.5)}),
    ("tanh", 1.3, {"block": Residual(), "norm": LayerNorm()}), ("gelu", 1.5, {"norm": RmsNorm()}),
    ("relu", 1.4, {"block": Residual(scale=0.5), "norm": RmsNorm("after")}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sigma_w", "blocks"), SPECTRA, ids=str)
def test_the_spectrum_of_random_networks_spreads_as_expected(
    name: str, sigma_w: float, blocks: dict[str, Any]
) -> None:
    width, depth, networks = 128, 4, 12
    rng, activation = np.random.default_rng(5), ACTIVATIONS[name]()
    chain = Chain(activation, sigma_w, 0.0, **blocks)
    found = []
    for _ in range(networks):
        _, backs = forward(chain, rng, depth, width, rng.standard_normal((width, 1)))
        jacobian = np.eye(width)
        for back in reversed(backs):
            jacobian = np.array([back(column[:, None])[:, 0] for column in jacobian.T]).T
        squares = np.linalg.svd(jacobian, compute_uv=False) ** 2
        found.append(squares.var() / squares.mean() ** 2)
    expected = predict(
        model_of(activation, Gaussian(sigma_w=sigma_w), (width,) * (depth + 1), **blocks), 1.0, first=1
    )
    assert expected.jacobian_variance is not None
    error = np.std(found, ddof=1) / sqrt(networks)
    assert np.mean(found) == pytest.approx(
        expected.jacobian_variance, abs=4 * error + 6 / width * expected.jacobian_variance
    )


def test_the_spectrum_is_told_where_its_first_order_holds_alone() -> None:
    relu = ACTIVATIONS["relu"]()
    shallow, deep = (
        predict(model_of(relu, HeNormal(), (256,) * (depth + 1)), 1.0, first=1) for depth in (6, 20)
    )
    assert shallow.jacobian_variance == pytest.approx(10)
    assert deep.jacobian_variance is None
    isometric = predict(model_of(ACTIVATIONS["linear"](), Orthogonal(), (64,) * 9), 1.0, first=1)
    assert isometric.jacobian_variance == pytest.approx(0, abs=1e-12)


def test_a_constant_bias_is_common_to_samples_and_correlates_nothing() -> None:
    """Linear: v stays 1, and mean^2 + v rho grows by the bias' square; the slope at 1 is chi."""
    linear = field_of(ACTIVATIONS["linear"](), LecunNormal(), (64,) * 4, bias=0.5)
    np.testing.assert_allclose(correlations(linear, 0.4), [0.65 / 1.25, 0.9 / 1.5, 1.15 / 1.75], rtol=1e-9)
    relu = field_of(ACTIVATIONS["relu"](), LecunNormal(), (64,) * 41, bias=0.1)
    assert limit(relu).star == 1
    assert limit(relu).xi == pytest.approx(-1 / relu.asymptote.log_chi, rel=1e-4)


def test_a_constant_bias_before_a_norm_is_common_to_samples_and_does_not_add_up() -> None:
    """v is 1 here and the norm takes the bias away: every layer's cosine is (rho + b^2) / (1 + b^2)."""
    sizes, norm = (64,) * 4, LayerNorm(eps=0.0)
    linear = field_of(ACTIVATIONS["linear"](), LecunNormal(), sizes, norm=norm, bias=0.5)
    np.testing.assert_allclose(correlations(linear, 0.4), [0.65 / 1.25] * 3, rtol=1e-9)
    np.testing.assert_allclose(from_first(linear, 0.65 / 1.25), [0.65 / 1.25] * 3, rtol=1e-9)
    with_bias, without = (
        field_of(ACTIVATIONS["tanh"](), HeNormal(), sizes, norm=norm, bias=bias) for bias in (0.5, 0.0)
    )
    v, alike = float(without.q_star[0]), limit(without)
    assert limit(with_bias).star == pytest.approx((v * alike.star + 0.25) / (v + 0.25), rel=1e-9)
    assert limit(with_bias).xi == pytest.approx(alike.xi, rel=1e-9)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu"])
def test_a_kink_at_0_makes_samples_alike_though_q_decays(name: str) -> None:
    """Its map of the cosine is the same at any q; the approach is no exponential."""
    found = limit(field_of(ACTIVATIONS[name](), Gaussian(sigma_w=0.5), (64,) * 9))
    assert found.star == 1
    assert np.isnan(found.xi)
