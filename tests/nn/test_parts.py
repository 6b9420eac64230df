"""What every part obeys, and that a block of parts which the engine has never seen works as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gradflow.arrays import Array
from gradflow.nn.activations import ACTIVATIONS, Activation, Relu, Tanh
from gradflow.nn.blocks import Hidden, Plain
from gradflow.nn.elementwise import Work
from gradflow.nn.gradcheck import check
from gradflow.nn.initializers import Gaussian
from gradflow.nn.losses import Mse
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parameters import Shape
from gradflow.nn.parts import dense
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.base import BoundCall, Part, Quick, Span, call_all
from gradflow.nn.parts.dense import Dense, bias, bias_gradient, gradient_calls, product_call, weights
from gradflow.nn.scaled import Scaled
from gradflow.recording import Recorder

N, B = 5, 4
PARTS: list[Part] = [Dense(N), *(Activate(cls()) for cls in ACTIVATIONS.values())]
each = pytest.mark.parametrize("part", PARTS, ids=repr)


def drawn(seed: int = 0) -> tuple[Array, Array, Array]:
    """A tensor p, an x with its row of ones, and a delta."""
    rng = np.random.default_rng(seed)
    x = np.vstack([rng.standard_normal((N, B)) + 0.01, np.ones((1, B))])
    return rng.standard_normal((N + 1, N)), x, rng.standard_normal((N, B))


def entering(part: Part, x: Array) -> Array:
    return x if isinstance(part, Dense) else x[:-1]


@each
def test_the_vjp_is_that_of_the_value_by_the_complex_step(part: Part) -> None:
    p, x, delta = drawn()
    x = entering(part, x)
    back, v = part.vjp(p, x, delta), np.random.default_rng(1).standard_normal((N, B))
    moved = x.astype(complex)
    moved[:N] += 1e-30j * v
    assert np.vdot(back, v) == pytest.approx(np.vdot(delta, part.value(p, moved).imag / 1e-30), rel=1e-13)


@each
def test_a_scaled_delta_goes_back_as_the_plain_one_does(part: Part) -> None:
    p, x, delta = drawn()
    x = entering(part, x)
    for exponent in (0, 3, -40_000):
        found = part.back(p, x, Scaled(delta, np.full((1, B), exponent)))
        shift = found.exponent - exponent
        np.testing.assert_allclose(np.ldexp(found.v, shift), part.vjp(p, x, delta), rtol=1e-14)


def span(p: Array, x: Array, activation: Activation, delta: Array) -> Span:
    """One layer of one network, the delta behind its last part in place; that below goes to `below`."""
    z, a, d = (np.empty((1, 1, N, B)) for _ in range(3))
    z[0, 0] = delta
    counts = np.zeros((1, 1))
    return Span(
        p=[p[None]],
        inputs=[x[None]],
        values=(z, a),
        deltas=(d, z),
        below=np.empty((1, N, B)),
        work=Work(np.empty_like(z), np.zeros((1, N, B))),
        marks=np.empty(z.shape, np.bool_),
        ones=np.ones(N * B),
        saturated=counts,
        dead=counts.copy(),
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_quick_forms_compute_what_the_parts_say(name: str) -> None:
    p, x, delta = drawn()
    parts = Plain().parts(Hidden(ACTIVATIONS[name](), N))
    bound = span(p, x, ACTIVATIONS[name](), delta)
    quick = [part.bind(j, bound) for j, part in enumerate(parts)]
    for each_quick in quick:
        call_all(each_quick.forward_calls(0))
    z = parts[0].value(p, x)
    np.testing.assert_allclose(bound.values[0][0, 0], z, rtol=1e-14)
    np.testing.assert_allclose(bound.values[1][0, 0], parts[1].value(p, z), rtol=1e-14, atol=1e-15)
    for each_quick in quick:
        each_quick.settle_forward(False)
    for each_quick in quick:
        each_quick.open_backward(False)
    bound.deltas[1][0, 0] = delta
    for each_quick in reversed(quick):
        call_all(each_quick.backward_calls(0))
    at_z = parts[1].vjp(p, z, delta)
    np.testing.assert_allclose(bound.deltas[0][0, 0], at_z, rtol=1e-12, atol=1e-14)
    assert bound.below is not None
    np.testing.assert_allclose(bound.below[0], parts[0].vjp(p, x, at_z), rtol=1e-12, atol=1e-14)


def test_the_gradient_of_a_tensor_is_that_of_the_value_by_the_complex_step() -> None:
    p, x, delta = drawn()
    g = np.empty_like(p)
    call_all(gradient_calls(x, delta, g, np.empty_like(x)))
    v = np.random.default_rng(1).standard_normal(p.shape)
    step = Dense(N).value(p + 1e-30j * v, x).imag / 1e-30
    assert np.vdot(g, v) == pytest.approx(np.vdot(delta, step), rel=1e-13)
    assert (weights(g) == g[:-1]).all()
    again = np.zeros_like(g)
    bias_gradient(delta, np.ones(N * B), again)
    np.testing.assert_allclose(bias(again), bias(g), rtol=1e-14)


@pytest.fixture(params=[True, False], ids=["with AVX-512", "without"])
def wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(dense, "AVX512", request.param)
    return bool(request.param)


SIZES = [(31, 9), (32, 9), (64, 64), (96, 256), (97, 256), (128, 300)]  # units and samples


def laid_out(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


@pytest.mark.parametrize(("units", "samples"), SIZES)
def test_gradients_of_layers_are_their_sums_however_they_are_made(
    units: int, samples: int, wide: bool
) -> None:
    x, delta = laid_out(3, 2, units + 1, samples), laid_out(3, 2, units, samples)
    g, spare = np.empty((3, 2, units + 1, units)), np.empty(x.size)
    calls = gradient_calls(x, delta, g, spare)
    assert len(calls) == 1 + (
        wide and units in {32, 64, 96}
    )  # 97 has no equal blocks, 300 samples none of 32
    call_all(calls)
    np.testing.assert_allclose(g, np.einsum("ksib,ksjb->ksij", x, delta), rtol=1e-12, atol=1e-12)
    assert len(gradient_calls(x, delta, g, spare[:1])) == 1  # where there is no room


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize(("units", "samples"), SIZES)
def test_products_in_blocks_are_those_of_what_stands_there_when_they_are_made(
    units: int, samples: int, networks: int, wide: bool
) -> None:
    lead = (networks,) * (networks > 1)
    p, x = laid_out(*lead, units + 1, units), laid_out(*lead, units + 1, samples)
    held = np.zeros((*lead, units + 1, samples))
    product, z = np.matmul if lead else np.dot, held[..., :-1, :]
    call = product_call(p.swapaxes(-1, -2), x, z, product)
    assert (call[1][0].ndim > p.ndim) == (wide and units in {96, 128})
    p *= 2
    call_all([call])
    np.testing.assert_allclose(z, p.swapaxes(-1, -2) @ x, rtol=1e-12, atol=1e-12)
    assert not held[..., -1, :].any()


# --- a part that the engine does not have -------------------------------------------------------------------


@dataclass(frozen=True)
class Gain(Part):
    """y = gain x."""

    factor = "gain"
    gain: float

    def value(self, p: Array, x: Array) -> Array:
        return self.gain * x

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        return self.gain * delta

    def bind(self, place: int, span: Span) -> Quick:
        return QuickGain(self.gain, place, span)


class QuickGain(Quick):
    def __init__(self, gain: float, place: int, span: Span) -> None:
        self.gain, self.place, self.span = gain, place, span

    def forward_calls(self, i: int) -> list[BoundCall]:
        x, y = self.span.value[self.place - 1][i], self.span.value[self.place][i]
        return [(np.multiply, (x, self.gain, y))]

    def backward_calls(self, i: int) -> list[BoundCall]:
        below, above = self.span.delta[self.place - 1][i], self.span.delta[self.place][i]
        return [(np.multiply, (above, self.gain, below))]


@dataclass(frozen=True)
class Amplified(Plain):
    """z = W^T a + b, a = gain phi(z)."""

    gain: float = 1.0

    def parts(self, layer: Hidden) -> tuple[Part, ...]:
        return (*super().parts(layer), Gain(self.gain))


def amplified(activation: Activation, gain: float, sigma_w: float, depth: int) -> Model:
    shape = Shape(3, 6, depth, 2, 5)
    return Model(shape, activation, Mse(), Gaussian(sigma_w, 0.1), 0.0, Amplified(gain))


def batch() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((5, 3)), rng.standard_normal((5, 2))


CASES = [(Tanh(), 0.7, 1.2, 6), (Tanh(), 1e-9, 1.2, 40), (Relu(), 1e-4, 1.2, 60), (Relu(), 1e4, 2.0, 30)]


@pytest.mark.parametrize(("activation", "gain", "sigma_w", "depth"), CASES, ids=repr)
def test_a_block_with_a_new_part_has_the_gradient_of_the_complex_step(
    activation: Activation, gain: float, sigma_w: float, depth: int
) -> None:
    found = check(amplified(activation, gain, sigma_w, depth), *batch())
    assert found.passed, found


def halved(self: QuickGain, i: int) -> list[BoundCall]:
    below, above = self.span.delta[self.place - 1][i], self.span.delta[self.place][i]
    return [(np.multiply, (above, self.gain / 2, below))]


def test_a_bug_of_a_new_part_is_caught_on_either_path(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, exact = (amplified(Tanh(), gain, 1.2, 40) for gain in (0.7, 1e-9))
    with monkeypatch.context() as patch:
        patch.setattr(QuickGain, "backward_calls", halved)
        assert not check(quick, *batch()).passed
    monkeypatch.setattr(Gain, "vjp", lambda self, p, x, delta: delta)
    assert check(quick, *batch()).passed
    assert not check(exact, *batch()).passed


@pytest.mark.parametrize("gain", [0.7, 1e-9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_new_factor_is_recorded_by_its_name_and_factors_add(gain: float, dtype: str) -> None:
    model = amplified(Tanh(), gain, 1.2, 40)
    memory = Memory(model, np.dtype(dtype))
    network = Network(memory, Sgd())
    model.draw(network.parameters, range(1))
    memory.x[0, :, :-1], memory.y[0] = batch()
    recorder = Recorder(memory, Sgd(), 1)
    with np.errstate(all="ignore"):
        network.forward(record=True)
        network.backward(record=True)
        recorder.row(0, network.log_share, network.rule.lr)
        row: dict[str, Any] = recorder.flush(1)
    np.testing.assert_allclose(row["log_gain_factor"], np.log(gain), rtol=1e-5)
    total = sum(row[f"log_{name}_factor"] for name in ("weight", "slope", "gain"))
    delta = row["log_delta_norm"]
    np.testing.assert_allclose(total[:, :-1], delta[:, :-1] - delta[:, 1:], rtol=0, atol=1e-12)


def test_boundaries_count_the_parts_of_all_layers_and_the_output() -> None:
    model = amplified(Tanh(), 0.7, 1.2, 4)
    assert (model.boundary(0), model.boundary(2, 1), model.boundaries) == (0, 7, 13)
    assert model.factors == ["slope", "gain", "weight"]
    assert replace(model, block=Plain()).factors == ["slope", "weight"]
    assert not model.homogeneous
    assert amplified(Relu(), 0.7, 1.2, 4).homogeneous
