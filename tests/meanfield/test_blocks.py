"""The laws of blocks and norms against known numbers, closed forms and random networks."""

from dataclasses import replace
from math import ceil, exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.meanfield import MeanField, predict
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.blocks import Residual
from gradflow.nn.initializers import Gaussian, HeNormal, Initializer, Orthogonal
from gradflow.nn.norms import BatchNorm, LayerNorm, Norm, RmsNorm
from tests.meanfield.networks import field_of, model_of
from tests.meanfield.simulated import Chain, log_norms

Array = NDArray[Any]
WIDTH, DEPTH = 128, 50


def law(
    name: str, init: Initializer | None = None, depth: int = DEPTH, width: int = WIDTH, **blocks: Any
) -> MeanField:
    return field_of(ACTIVATIONS[name](), init or Gaussian(), (width,) * (depth + 1), **blocks)


def c_of(network: MeanField) -> float:
    return exp(float(network.log_c(DEPTH // 2)))


BEFORE = {
    "relu": 1, "leaky_relu": 1, "linear": 1, "elu": 1.017794, "silu": 1.032780, "selu": 1.035169,
    "gelu": 1.035390, "tanh": 1.085268, "erf": 1.107113, "sin": 1.145878, "hard_tanh": 1.150170,
    "softplus": 0.564322, "sigmoid": 0.390931,
}  # fmt: skip
AFTER = {
    "tanh": 1.085268, "erf": 1.107113, "relu": 1.211174, "gelu": 1.148410, "silu": 1.100946, "elu": 1.038756,
    "softplus": 1.039485, "sigmoid": 1.016657,
}  # fmt: skip


@pytest.mark.parametrize("norm", [LayerNorm(eps=0.0), RmsNorm(eps=0.0)])
@pytest.mark.parametrize(("name", "c"), BEFORE.items())
def test_a_norm_before_phi_leaves_a_c_of_phi_alone(name: str, c: float, norm: Norm) -> None:
    for sigma_w in (0.3, 1.0, 7.0):
        assert c_of(law(name, Gaussian(sigma_w=sigma_w), norm=norm)) == pytest.approx(c, abs=6e-7)


@pytest.mark.parametrize(
    ("name", "sigma_b", "blocks"),
    [
        *(
            (name, sigma_b, {"norm": norm(place, eps=0.0)})
            for name in ("relu", "tanh")
            for sigma_b in (0.0, 0.5)
            for norm in (LayerNorm, RmsNorm)
            for place in ("before", "after")
        ),
        ("tanh", 0.5, {"norm": BatchNorm(eps=0.0)}),
        ("relu", 0.0, {"norm": BatchNorm("after", eps=0.0)}),
        ("tanh", 0.0, {}),
    ],
)
def test_the_scale_of_the_weights_counts_in_a_chain_where_c_differs(
    name: str, sigma_b: float, blocks: dict[str, Any]
) -> None:
    networks = [law(name, Gaussian(sigma_w=sigma_w, sigma_b=sigma_b), **blocks) for sigma_w in (0.9, 2.0)]
    small, large = map(c_of, networks)
    assert networks[0].scalable == (abs(large - small) > 1e-6)


@pytest.mark.parametrize(("name", "c"), AFTER.items())
def test_layer_norm_after_phi_makes_every_activation_explode(name: str, c: float) -> None:
    assert c_of(law(name, norm=LayerNorm("after", eps=0.0))) == pytest.approx(c, abs=6e-7)
    assert c >= 1  # Poincare's inequality
    assert c_of(law(name, norm=BatchNorm("after", eps=0.0))) == pytest.approx(c, abs=6e-7)


@pytest.mark.parametrize("sigma_w", [1e-3, 0.3, 0.577, 1.7, 40.0])
@pytest.mark.parametrize(
    ("norm", "c"), [(LayerNorm("after", eps=0.0), 1 / sqrt(1 - 1 / pi)), (RmsNorm("after", eps=0.0), 1)]
)
def test_a_norm_after_relu_has_one_c_for_weights_of_any_size(norm: Norm, c: float, sigma_w: float) -> None:
    """Var relu(Z) = (1 - 1 / pi) / 2 scales with q, of which biases have their share."""
    network = law("relu", Gaussian(sigma_w=sigma_w), norm=norm)
    assert c_of(network) == pytest.approx(c, rel=1e-9)
    assert exp(float(network.asymptote.log_chi[0]) / 2) == pytest.approx(c, rel=1e-9)
    with_biases = law("relu", Gaussian(sigma_w=sigma_w, sigma_b=sigma_w / 2), norm=norm)
    assert c_of(with_biases) == pytest.approx(c / sqrt(1.25), rel=1e-9)


@pytest.mark.parametrize(
    ("norm", "c"),
    [
        (LayerNorm("after", 0.0), 1.2111738962),
        (BatchNorm("after", 0.0), 1.2111738962),
        (RmsNorm("after", 0.0), 1),
    ],
)
def test_what_relu_passes_under_a_norm_after_it_is_that_of_any_weights(norm: Norm, c: float) -> None:
    """q is far outside the range at which the moments of relu are integrated, as powers need no more."""
    for sigma_w in (1e-3, 0.3, 1.0, 2.0, 40.0):
        assert c_of(law("relu", Gaussian(sigma_w=sigma_w), norm=norm)) == pytest.approx(c, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "norm", "shift", "variance", "digits"),
    [
        ("relu", RmsNorm(eps=0.0), -1, 8, 1e-9),
        ("relu", LayerNorm(eps=0.0), -1.159, 7.36, 6e-3),
        ("relu", LayerNorm("after", eps=0.0), -0.915, 8.34, 6e-3),
        ("tanh", RmsNorm(eps=0.0), -0.984, 6.13, 6e-3),
        ("tanh", LayerNorm(eps=0.0), -0.984, 6.13, 6e-3),
        ("linear", RmsNorm(eps=0.0), -0.5, 4, 1e-9),
    ],
)
def test_the_shift_and_the_variance_of_norms_are_the_known_ones(
    name: str, norm: Norm, shift: float, variance: float, digits: float
) -> None:
    network = law(name, norm=norm)
    assert WIDTH * network.shifts[20] == pytest.approx(shift, abs=digits)
    assert WIDTH * network.variances[20] == pytest.approx(variance, abs=digits)


def test_linear_orthogonal_networks_under_rms_have_neither_shift_nor_variance() -> None:
    network = law("linear", Orthogonal(gain=0.7), norm=RmsNorm(eps=0.0))
    np.testing.assert_allclose([network.shifts, network.variances, network.log_chi], 0, atol=1e-13)


@pytest.mark.parametrize(("samples", "c"), [(16, 1.26093), (64, 1.22191), (256, 1.21377), (10**6, 1.21117)])
def test_relu_under_batch_norm_has_the_c_of_its_batch(samples: int, c: float) -> None:
    assert c_of(law("relu", norm=BatchNorm(eps=0.0), batch=samples)) == pytest.approx(c, abs=6e-6)


@pytest.mark.parametrize("samples", [4, 5, 16, 64, 300])
def test_linear_networks_under_batch_norm_have_their_closed_form(samples: int) -> None:
    network = law("linear", norm=BatchNorm(eps=0.0), batch=samples)
    assert c_of(network) ** 2 == pytest.approx((samples - 2) / (samples - 3), rel=1e-9)


@pytest.mark.parametrize("samples", [4, 16])
def test_where_eps_is_all_that_batch_norm_divides_by_the_batch_makes_no_difference(samples: int) -> None:
    """As of inputs that are all 0: then c is that of the weights over the root of eps."""
    network = law("tanh", Gaussian(sigma_w=0.01), norm=BatchNorm(eps=0.04), batch=samples)
    assert c_of(network) == pytest.approx(0.01 / 0.2, rel=1e-6)
    silent = replace(network, log_q_0=np.array(-np.inf))
    assert exp(float(silent.log_c(1))) == pytest.approx(0.01 / 0.2, rel=1e-12)


@pytest.mark.parametrize(("name", "c"), [("gelu", 1.148410), ("tanh", 1.085268), ("sigmoid", 1.016657)])
def test_large_batches_come_to_the_c_of_layer_norm_after_phi(name: str, c: float) -> None:
    assert c_of(law(name, norm=BatchNorm(eps=0.0), batch=10**5)) == pytest.approx(c, rel=1e-4)


def test_batch_norm_of_three_samples_has_no_c_and_says_so() -> None:
    for samples in (1, 2, 3):
        found = predict(
            model_of(ACTIVATIONS["relu"](), HeNormal(), (64,) * 21, batch=samples, norm=BatchNorm()),
            1.0,
            first=6,
        )
        assert found.c is None
        assert "fewer than 4 samples" in str(found.reason)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("relu", 0.733), ("gelu", 0.723), ("silu", 0.80), ("tanh", 0.93), ("elu", 0.94), ("sigmoid", 0.98)],
)
def test_batch_norm_says_from_which_layer_its_c_holds(name: str, rate: float) -> None:
    model = model_of(ACTIVATIONS[name](), Gaussian(), (64,) * 51, norm=BatchNorm())
    found = predict(model, 1.0, first=6)
    assert found.settling is not None
    assert log(0.02) / log(rate - 0.006) <= found.settling - 1 <= log(0.02) / log(rate + 0.006) + 1
    assert f"from layer {found.settling} on" in str(found.reason)


def test_a_post_norm_over_batches_settles_more_slowly_than_a_chain() -> None:
    """By (1 + s^2 s_w^2 / 4) / (1 + s^2 s_w^2 (1/2 - 1 / 2 pi)) a layer, of relu."""
    for scale, sigma_w in ((1.0, sqrt(2)), (0.5, 1.0)):
        network = law("relu", Gaussian(sigma_w=sigma_w), block=Residual(scale=scale), norm=BatchNorm("after"))
        weight = (scale * sigma_w) ** 2
        rate = (1 + weight / 4) / (1 + weight * (0.5 - 0.5 / pi))
        assert network.settling == ceil(log(0.02) / log(rate))
    for scale, place in ((0.0, "after"), ("1/sqrt(depth)", "after"), (1.0, "before")):
        assert law("relu", block=Residual(scale=scale), norm=BatchNorm(place)).settling == 1


def test_relu_residual_streams_grow_by_half_of_what_the_branch_has() -> None:
    for scale, sigma_w in ((1.0, sqrt(2)), (0.3, 1.0)):
        network = law("relu", Gaussian(sigma_w=sigma_w), block=Residual(scale=scale))
        assert c_of(network) ** 2 == pytest.approx(1 + scale**2 * sigma_w**2 / 2, rel=1e-12)
        assert network.laws == ["exponential"]


@pytest.mark.parametrize(("name", "k"), [("tanh", 4 / 3), ("hard_tanh", 2.0), ("erf", 1.5958)])
def test_saturating_residual_streams_grow_as_a_stretched_exponential(name: str, k: float) -> None:
    network = law(name, Gaussian(sigma_w=1.5), depth=3000, block=Residual(scale=0.7))
    log_g = np.append(np.cumsum(network.log_chi[::-1])[::-1], 0.0) / 2
    rise = (log_g[500] - log_g[2900]) / (sqrt(2901) - sqrt(501))
    assert rise == pytest.approx(0.7 * 1.5 * k / sqrt(2 * pi), rel=0.02)
    assert network.laws == ["stretched"]


@pytest.mark.parametrize(("name", "a"), [("relu", 0.5), ("tanh", 0.589), ("gelu", 0.536)])
def test_pre_norm_makes_the_gradient_a_power_of_the_depth(name: str, a: float) -> None:
    network = law(name, depth=3000, block=Residual(), norm=LayerNorm())
    log_g = np.append(np.cumsum(network.log_chi[::-1])[::-1], 0.0) / 2
    assert (log_g[500] - log_g[2900]) / log(2901 / 501) == pytest.approx(a, rel=0.01)
    assert network.laws == ["power"]
    if name == "relu":  # g^2 q is the same in all layers
        np.testing.assert_allclose(2 * log_g + network.log_v, network.log_v[-1], atol=0.01)


def test_pre_norm_over_batches_has_its_own_power() -> None:
    network = law("relu", depth=2000, block=Residual(), norm=BatchNorm(), batch=10**5)
    log_g = np.append(np.cumsum(network.log_chi[::-1])[::-1], 0.0) / 2
    assert (log_g[300] - log_g[1900]) / log(1901 / 301) == pytest.approx(0.733, rel=0.01)


def test_a_branch_of_one_over_the_root_of_the_depth_bounds_the_ratio() -> None:
    for depth in (50, 1000):
        network = law("relu", HeNormal(), depth=depth, block=Residual(scale="1/sqrt(depth)"))
        assert network.log_chi.sum() / 2 == pytest.approx(0.5, rel=1.5 / depth)
        assert network.laws == ["bounded"]


def test_a_branch_of_scale_0_passes_everything() -> None:
    found = predict(
        model_of(ACTIVATIONS["tanh"](), Gaussian(), (64,) * 31, block=Residual(scale=0.0)), 1.0, first=6
    )
    assert (found.c, found.c_finite_width, found.log_sd) == (1, 1, 0)
    np.testing.assert_array_equal(found.q, found.q[0])


def test_post_norm_of_relu_neither_grows_nor_shrinks() -> None:
    network = law("relu", Gaussian(sigma_w=1.3), block=Residual(scale=0.8), norm=RmsNorm("after", eps=0.0))
    np.testing.assert_allclose(network.log_chi, 0, atol=1e-12)
    np.testing.assert_allclose(network.q, 1, rtol=1e-12)
    assert network.laws == ["exponential"]


@pytest.mark.parametrize(("name", "share"), [("tanh", 0.070108), ("gelu", 0.030629), ("erf", 0.104851)])
def test_biases_make_c_1_under_a_norm_before_phi(name: str, share: float) -> None:
    network = law(name, Gaussian(sigma_w=1.7, sigma_b=1.7 * sqrt(share)), norm=RmsNorm(eps=0.0))
    assert c_of(network) == pytest.approx(1, abs=1e-6)
    assert network.critical(1.7 * sqrt(share)).sigma_w == pytest.approx(1.7, rel=1e-4)
    assert network.critical(0.0).sigma_w is None


BLOCKS = [
    {"norm": LayerNorm()}, {"norm": RmsNorm()}, {"norm": LayerNorm("after")}, {"norm": RmsNorm("after")},
    {"block": Residual()}, {"block": Residual(scale=0.3)}, {"block": Residual(), "norm": LayerNorm()},
    {"block": Residual(), "norm": RmsNorm("after")}, {"block": Residual(), "norm": LayerNorm("after")},
    {"norm": BatchNorm()}, {"block": Residual(), "norm": BatchNorm()},
    {"block": Residual(), "norm": BatchNorm("after")},
]  # fmt: skip


@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
def test_the_expected_factors_multiply_to_c(blocks: dict[str, Any]) -> None:
    model = model_of(ACTIVATIONS["gelu"](), Gaussian(sigma_w=1.3, sigma_b=0.2), (40, *[64] * 30), **blocks)
    found = predict(model, 0.7, first=6)
    assert found.c is not None
    names = ["weights", "slopes", *["norm"] * ("norm" in blocks), *["skip"] * ("block" in blocks)]
    assert sorted(found.factors) == sorted(names)
    assert np.prod(list(found.factors.values())) == pytest.approx(found.c, rel=1e-12)


@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
def test_many_networks_at_once_are_each_alone(blocks: dict[str, Any]) -> None:
    one = law("tanh", Gaussian(sigma_w=1.4, sigma_b=0.3), depth=20, **blocks)
    three = law("tanh", Gaussian(sigma_w=1.0, sigma_b=0.3), depth=20, **blocks).scaled(
        np.log([0.5, 1.4, 2.0])
    )
    for name in ("log_v", "log_chi", "shifts", "variances", "spectra"):
        np.testing.assert_allclose(getattr(three, name)[:, 1], getattr(one, name), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(three.asymptote.log_chi[1], one.asymptote.log_chi[0], atol=1e-9)


def test_a_constant_bias_along_a_stream_is_a_reason_and_under_layer_norm_nothing() -> None:
    tanh = ACTIVATIONS["tanh"]()
    streams = predict(model_of(tanh, HeNormal(), (64,) * 21, 0.5, block=Residual()), 1.0, first=6)
    assert (streams.c, "constant bias" in str(streams.reason)) == (None, True)
    with_bias, without = (
        predict(model_of(tanh, HeNormal(), (64,) * 21, bias, norm=LayerNorm()), 1.0, first=6)
        for bias in (0.5, 0.0)
    )
    assert with_bias.c == pytest.approx(without.c, rel=1e-12)


SIMULATED: list[tuple[str, dict[str, Any]]] = [
    ("relu", {"norm": LayerNorm()}), ("tanh", {"norm": RmsNorm()}), ("relu", {"norm": LayerNorm("after")}),
    ("gelu", {"norm": RmsNorm("after")}), ("relu", {"block": Residual()}), ("tanh", {"block": Residual()}),
    ("gelu", {"block": Residual(), "norm": LayerNorm()}),
    ("tanh", {"block": Residual(), "norm": RmsNorm("after")}),
    ("relu", {"block": Residual(), "norm": LayerNorm("after")}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "blocks"), SIMULATED, ids=str)
def test_random_networks_have_the_expected_c_with_its_width_shift(name: str, blocks: dict[str, Any]) -> None:
    init, depth, width, networks = Gaussian(sigma_w=1.4, sigma_b=0.2), 16, 64, 100
    chain = Chain(ACTIVATIONS[name](), 1.4, 0.2, **blocks)
    measured = (log_norms(chain, networks, depth, width) @ np.eye(depth)[[0, -1]].T) @ [1, -1] / (depth - 1)
    network = law(name, init, depth, width, **blocks)
    error = float(measured.std(ddof=1)) / sqrt(networks)
    expected = float(network.log_c(1) + network.shift(1))
    assert measured.mean() == pytest.approx(expected, abs=4 * error + 3 / width**2)
    spread = sqrt(network.ratio_variance(1)) / 2 / (depth - 1)
    assert measured.std() == pytest.approx(spread, rel=0.4)


def test_the_completed_shift_of_saturating_networks_is_seen() -> None:
    network = law("sigmoid", Gaussian(sigma_w=4.0))
    assert -WIDTH * network.shifts[20] == pytest.approx(1.36, abs=5e-3)
    assert WIDTH * network.variances[20] / 4 == pytest.approx(1.11, abs=5e-3)


def test_layers_of_any_size_under_a_norm_count_with_their_own_fans() -> None:
    network = field_of(ACTIVATIONS["relu"](), HeNormal(), (30, 64, 32, 128), norm=RmsNorm(eps=0.0))
    np.testing.assert_allclose(network.log_chi, [-log(2), 0], atol=1e-12)  # q_1 = 2: the input is no relu's
    np.testing.assert_allclose(network.shifts, [-1 / 64, -1 / 32], rtol=1e-9)


def test_under_batch_norm_after_phi_the_weights_tell_when_its_c_holds() -> None:
    """phi sees v = sigma_w^2: its steeper parts forget sooner."""
    found = [law("tanh", Gaussian(sigma_w=s), norm=BatchNorm("after")).settling for s in (0.3, 1.0, 4.0)]
    assert found[0] > 4 * found[1]
    assert 10 < found[2] < 20


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "linear"])
def test_where_a_norm_alone_makes_c_1_no_weights_are_critical(name: str) -> None:
    assert law(name, Gaussian(sigma_b=0.1), norm=LayerNorm()).critical(0.1).sigma_w is None


@pytest.mark.parametrize(("norm", "bias"), [(BatchNorm(), 0.0), (BatchNorm(), 0.5), (LayerNorm(), 0.5)])
def test_q_star_is_what_q_comes_to_under_a_norm_before_phi(norm: Norm, bias: float) -> None:
    """What all samples have in common is a part of both, as of mean z^2."""
    model = model_of(ACTIVATIONS["relu"](), HeNormal(), (64,) * 21, bias, norm=norm)
    found = predict(model, 1.0, first=6)
    assert found.q_star == pytest.approx(found.q[-1], rel=1e-6)
    assert found.q_star == pytest.approx(1 + bias**2, rel=1e-3)
