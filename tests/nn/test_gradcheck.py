"""Backpropagation against the complex step over random networks, and bugs planted in the engine."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from gradflow.errors import InputError
from gradflow.nn import gradcheck
from gradflow.nn.activations import ACTIVATIONS, Activation, Linear, Relu, Tanh
from gradflow.nn.chunk import Chunk
from gradflow.nn.elementwise import Work
from gradflow.nn.gradcheck import Check, check, slope_error
from gradflow.nn.initializers import INITIALIZERS, Constant, Gaussian, HeNormal, Initializer
from gradflow.nn.losses import CrossEntropy, Loss, Mse
from gradflow.nn.model import Model
from gradflow.nn.network import Forward, Network
from gradflow.nn.parameters import Shape
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.base import BoundCall, Part, Quick, Span
from gradflow.nn.parts.dense import Dense
from gradflow.nn.scaled import Scaled
from gradflow.nn.updates import LayerRun
from tests.sampling import each

Array = np.ndarray[Any, Any]
# where slopes have no bound, as of z^2, z of a dozen layers leaves float64, or all of it dies
NAMES = sorted(name for name, phi in ACTIVATIONS.items() if phi.bounded_slope)


def checked(
    activation: Activation,
    depth: int = 4,
    width: int = 6,
    init: Initializer = Gaussian(1.2, 0.3),  # noqa: B008 - frozen
    loss: Loss = Mse(),  # noqa: B008
    *,
    bias: float = 0.0,
    batch: int = 5,
    features: int = 4,
    outputs: int = 3,
    readout: bool = True,
    seed: int = 0,
) -> Check:
    rng = np.random.default_rng([seed, depth, width, batch])
    outputs = outputs if readout else width
    x = rng.standard_normal((batch, features))
    y = rng.standard_normal((batch, outputs))
    if loss.classes_only:
        y = np.eye(outputs)[y.argmax(axis=1)]
    shape = Shape(features, width, depth, outputs, batch, readout)
    return check(Model(shape, activation, loss, init, bias), x, y, seed)


def random_network(number: int) -> Check:
    """Network `number` of an endless row: names take turns, sizes are drawn."""
    rng = np.random.default_rng(number)
    init_name = sorted(INITIALIZERS)[number % len(INITIALIZERS)]
    init = Constant(0.4) if init_name == "constant" else INITIALIZERS[init_name]()
    readout = bool(rng.integers(3))
    return checked(
        ACTIVATIONS[NAMES[number % len(NAMES)]](),
        depth=int(rng.integers(1, 13)),
        width=int(rng.choice([2, 3, 5, 8, 20])),
        init=init,
        loss=(CrossEntropy(), Mse())[number // len(NAMES) % 2],
        bias=float(rng.choice([0.0, 0.1, -0.3])),
        batch=int(rng.integers(1, 9)),
        features=int(rng.integers(1, 8)),
        outputs=int(rng.integers(2, 6)),
        readout=readout,
        seed=number,
    )


@pytest.mark.parametrize("tens", range(20))
def test_two_hundred_random_networks_have_the_gradient_of_the_complex_step(tens: int, thorough: bool) -> None:
    rounds = range(10 * tens, 1000, 200) if thorough else [10 * tens]
    for start in rounds:
        for number in range(start, start + 10):
            found = random_network(number)
            assert found.passed, f"network {number}: {found}"


@pytest.mark.parametrize("seed", range(5))
def test_an_activation_without_a_largest_slope_has_it_too(seed: int) -> None:
    (name,) = {*ACTIVATIONS} - {*NAMES}
    assert checked(ACTIVATIONS[name](), seed=seed).passed


@pytest.mark.parametrize(
    "activation", [Tanh(), Relu(), ACTIVATIONS["sigmoid"](), ACTIVATIONS["gelu"]()], ids=repr
)
@pytest.mark.parametrize("sigma_w", [0.5, 1.5, 4.0])
def test_a_deep_wide_network_passes_by_random_directions(activation: Activation, sigma_w: float) -> None:
    found = checked(activation, depth=30, width=24, init=Gaussian(sigma_w))
    assert found.passed
    assert found.reference_passes < found.parameters / 50
    assert len(found.layers) == 2 * 31


def test_a_vanished_gradient_is_checked_against_its_own_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(Tanh(), depth=40, init=Gaussian(0.2)).passed  # layer 1 has 1e-28 of the gradient
    real = LayerRun.gradient

    def wrong(run: LayerRun, record: bool) -> None:
        real(run, record)
        if run.layers == slice(0, 1):
            run.g *= 1 + 1e-9

    monkeypatch.setattr(LayerRun, "gradient", wrong)
    found = checked(Tanh(), depth=40, init=Gaussian(0.2))
    assert not found.passed
    assert [(t.layer, t.parameter) for t in found.layers if t.relative_error > 1e-12] == [(1, "W"), (1, "b")]


SATURATED = {"depth": 2, "width": 4, "loss": CrossEntropy(), "batch": 1, "outputs": 2}
GUESSED = pytest.mark.parametrize("seed", [1, 2, 4])  # of networks whose one sample is guessed right


@GUESSED
@pytest.mark.parametrize("sigma_w", [30.0, 100.0, 570.0, 620.0, 850.0, 1060.0])
def test_a_cross_entropy_that_is_almost_nothing_passes(sigma_w: float, seed: int) -> None:
    assert checked(Tanh(), init=Gaussian(sigma_w), seed=seed, **SATURATED).passed


def test_slopes_that_no_float64_holds_leave_nothing_to_compare_with() -> None:
    with pytest.raises(InputError, match="leave float64"):
        checked(Tanh(), depth=3, init=Gaussian(1e5))


@GUESSED
@pytest.mark.parametrize("sigma_w", [30.0, 100.0, 300.0])
def test_a_delta_that_cancels_to_rounding_errors_is_caught(
    sigma_w: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CrossEntropy.bind

    def bind(self: CrossEntropy, z: Array, y: Array, out: Array) -> Any:
        bound = real(self, z, y, out)

        def cancelled(exponent: Array | None = None) -> Any:
            result = bound(exponent)
            np.copyto(out, (1 + out) - 1)
            return result

        return cancelled

    monkeypatch.setattr(CrossEntropy, "bind", bind)
    assert not checked(Tanh(), init=Gaussian(sigma_w), seed=seed, **SATURATED).passed


def test_a_gradient_that_cancels_to_rounding_errors_passes() -> None:
    assert checked(Tanh(), depth=5, init=Constant(0.3), loss=CrossEntropy()).passed


def test_units_exactly_at_a_kink_take_the_slope_that_the_engine_takes() -> None:
    for name in ("relu", "leaky_relu", "selu", "hard_tanh"):
        assert checked(ACTIVATIONS[name](), init=Constant(0.0), bias=0.0).passed, name
        assert checked(ACTIVATIONS[name](), init=Constant(0.0), bias=1.0).passed, name


def test_what_leaves_float64_is_refused_with_a_remedy() -> None:
    with pytest.raises(InputError, match="check fewer layers"):
        checked(Linear(), depth=800, init=Gaussian(3.0))


@pytest.mark.parametrize(
    ("activation", "sigma_w", "depth", "width"),
    each(
        2,
        [
            (Tanh(), 0.5, 1000, 32),  # gradients of 1e-308: the step of 1e-20 leaves float64
            (Tanh(), 0.5, 1500, 32),  # gradients and activations that float64 does not hold
            (Relu(), 0.5, 1200, 64),  # 1e-540, carried with exponents both ways
            (Linear(), 1.5, 1000, 32),  # grows by 1e169
            (Tanh(), 3.0, 300, 32),  # from h = 1e-20 to 1e80
            (ACTIVATIONS["sigmoid"](), 1.0, 800, 32),  # 1e-480 in front of activations that stay at 1/2
        ],
    ),
    ids=repr,
)
def test_gradients_beyond_float64_are_checked_too(
    activation: Activation, sigma_w: float, depth: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradcheck, "FLOPS", 1e9)  # fewer directions, of more layers each
    deep = partial(checked, activation, depth, width, Gaussian(sigma_w), CrossEntropy())
    assert deep().passed
    real = LayerRun.gradient

    def wrong(run: LayerRun, record: bool) -> None:
        real(run, record)
        run.g *= 1 + 1e-9

    monkeypatch.setattr(LayerRun, "gradient", wrong)
    assert not deep().passed


def test_a_forward_pass_that_carries_exponents_passes() -> None:
    assert checked(Linear(), depth=100, init=HeNormal(gain=8.0)).passed
    assert checked(Relu(), depth=100, init=HeNormal(gain=0.1)).passed


def test_cost_says_what_the_backward_sweep_saved() -> None:
    found = checked(Tanh())
    assert found.parameters == 5 * 6 + 3 * 7 * 6 + 7 * 3 == found.reference_passes
    assert found.saving == pytest.approx(found.parameters * found.forward_seconds / found.backward_seconds)


def test_the_document_has_what_scripts_read() -> None:
    document = checked(Tanh(), depth=1).document()
    assert document["passed"] is True
    assert document["bound"] == 1e-12
    tensors = [(entry["layer"], entry["parameter"]) for entry in document["layers"]]
    assert tensors == [(1, "W"), (1, "b"), (2, "W"), (2, "b")]


@pytest.mark.parametrize("name", ["gelu", "erf"])
def test_a_slope_that_the_complex_branch_borrows_is_checked_by_differences(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = ACTIVATIONS[name]
    assert slope_error(cls()) < 1e-9
    real = cls.derivative
    monkeypatch.setattr(cls, "derivative", lambda self, z: real(self, z) * (1 + 1e-7))
    found = checked(cls())
    assert found.slope_error is not None
    assert found.slope_error > 1e-8
    assert not found.passed


# --- bugs, planted in the engine's own code -----------------------------------------------------------------


def transposed_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Dense.bind

    def bind(self: Dense, place: int, span: Span) -> Quick:
        quick = real(self, place, span)
        calls = quick.backward_calls

        def wrong(i: int) -> list[BoundCall]:
            return [(product, (square(w), delta, out)) for product, (w, delta, out) in calls(i)]

        def square(w: Array) -> Array:
            return w.T if w.shape[0] == w.shape[1] else w

        monkeypatch.setattr(quick, "backward_calls", wrong)
        return quick

    monkeypatch.setattr(Dense, "bind", bind)


def missing_one_over_n(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LayerRun, "scale", lambda run, log_share: 1.0)
    monkeypatch.setattr("gradflow.nn.network.unscaled", lambda log_share, memory: 1.0)


def slope_of_the_layer_above(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Tanh.quick_derivative

    def wrong(self: Tanh, z: Array, a: Array, work: Work, out: Array) -> None:
        real(self, z, np.roll(a, -1, axis=0), work, out)

    monkeypatch.setattr(Tanh, "quick_derivative", wrong)


def gradient_of_the_wrong_input(monkeypatch: pytest.MonkeyPatch) -> None:
    real = LayerRun.__init__

    def wrong(self: LayerRun, tensors: Any, inputs: Array, *rest: Any) -> None:
        real(self, tensors, np.roll(inputs, 1, axis=0), *rest)

    monkeypatch.setattr(LayerRun, "__init__", wrong)


def forgotten_bias_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    real = LayerRun.gradient

    def wrong(run: LayerRun, record: bool) -> None:
        real(run, record)
        run.g[:, :, -1] = 0

    monkeypatch.setattr(LayerRun, "gradient", wrong)


def mse_without_its_two(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Mse.bind

    def wrong(self: Mse, z: Array, y: Array, out: Array) -> Any:
        bound = real(self, z, y, out)

        def halved(exponent: Array | None = None) -> Any:
            result = bound(exponent)
            np.multiply(out, 0.5, out=out)
            return result

        return halved

    monkeypatch.setattr(Mse, "bind", wrong)


def readout_skipped_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Forward.__init__

    def bind(self: Forward, *args: Any) -> None:
        real(self, *args)
        ((product, (w, delta, top)),) = self.start
        self.start = [(product, (np.ones_like(w), delta, top))]

    monkeypatch.setattr(Forward, "__init__", bind)


def slope_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Tanh.quick_derivative

    def wrong(self: Tanh, z: Array, a: Array, work: Work, out: Array) -> None:
        real(self, z, a, work, out)
        np.multiply(out, out, out=out)

    monkeypatch.setattr(Tanh, "quick_derivative", wrong)


def updated_before_the_layer_below_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Network.backward

    def wrong(self: Network, record: bool, update: bool = True) -> None:
        self.parameters.flat[...] *= 0.99
        real(self, record, update)

    monkeypatch.setattr(Network, "backward", wrong)


def forward_without_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Chunk.forward

    def wrong(self: Chunk, record: bool) -> None:
        for a in self.memory.a:
            a[:, -1] = 0
        real(self, record)

    monkeypatch.setattr(Chunk, "forward", wrong)


BUGS = [
    transposed_weight, missing_one_over_n, slope_of_the_layer_above, gradient_of_the_wrong_input,
    forgotten_bias_gradient, mse_without_its_two, readout_skipped_on_the_way_back, slope_used_twice,
    updated_before_the_layer_below_saw_it, forward_without_bias,
]  # fmt: skip


@pytest.mark.parametrize("plant", BUGS, ids=[bug.__name__ for bug in BUGS])
def test_a_planted_bug_is_caught(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert not checked(Tanh(), depth=6).passed


def wrong_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    real = LayerRun.scale
    monkeypatch.setattr(
        LayerRun, "scale", lambda run, share: real(run, share) * (2 if run.memory.scaled else 1)
    )


def wrong_way_back(cls: type[Part]) -> Any:
    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = cls.back

        def wrong(self: Part, p: Array, x: Array, delta: Scaled) -> Scaled:
            right = real(self, p, x, delta)
            return right._replace(v=right.v * 1.001)

        monkeypatch.setattr(cls, "back", wrong)

    return plant


@pytest.mark.parametrize(
    "plant",
    [wrong_scale, wrong_way_back(Dense), wrong_way_back(Activate)],
    ids=["scale", "dense", "activate"],
)
def test_a_bug_of_the_exact_path_is_caught(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def network() -> Check:
        return checked(Tanh(), depth=30, init=Gaussian(1e-8))

    assert network().passed
    plant(monkeypatch)
    assert not network().passed
