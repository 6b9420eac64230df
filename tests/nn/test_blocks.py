"""Blocks, norms and widths: gradients by the complex step, planted bugs, and what must hold exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.nn.activations import ACTIVATIONS, Activation, Linear, Relu, Tanh
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.gradcheck import Check, check
from gradflow.nn.initializers import Constant, Gaussian, HeNormal, Initializer, Orthogonal, XavierUniform
from gradflow.nn.losses import BoundLoss, CrossEntropy, Loss, Mse
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.norms import NO_NORM, NORMS, AnyNorm, BatchNorm, LayerNorm, NoNorm, RmsNorm
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parameters import Shape
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.norms import Affine, Normalize, _QuickAffine, _QuickNormalize
from gradflow.nn.parts.skip import Join, _QuickFork, _QuickJoin
from gradflow.nn.scaled import Scaled
from gradflow.recording import Recorder

Array = np.ndarray[Any, Any]
NAMES, SCALES = sorted(ACTIVATIONS), (1e-12, 1e-8, 0.03, 0.5, 1.5, 4.0, 30.0, 1e6)
ENDLESS = {"linear", "relu", "leaky_relu"}  # whose slopes stay in float64 where there is no norm either
PRE, POST = LayerNorm(), LayerNorm("after")


def model_and_batch(
    activation: Activation,
    init: Initializer,
    block: Plain = Plain(),  # noqa: B008 - frozen
    norm: AnyNorm = NO_NORM,
    *,
    width: int | tuple[int, ...] = 6,
    depth: int = 5,
    batch: int = 5,
    features: int = 4,
    outputs: int = 3,
    readout: bool = True,
    loss: Loss = Mse(),  # noqa: B008
    bias: float = 0.0,
    seed: int = 0,
) -> tuple[Model, Array, Array]:
    rng = np.random.default_rng([seed, depth, batch])
    shape = Shape(features, width, depth, outputs, batch, readout)
    outputs = shape.outputs if readout else shape.units(depth - 1)
    x, y = rng.standard_normal((batch, features)), rng.standard_normal((batch, outputs))
    y = np.eye(outputs)[y.argmax(axis=1)] if loss.classes_only else y
    shape = Shape(features, width, depth, outputs, batch, readout)
    return Model(shape, activation, loss, init, bias, block, norm), x, y


def random_network(number: int) -> Check:
    """Network `number` of an endless row over blocks, norms, places, activations, inits and widths.

    No norm stands where a unit or a sample may hardly vary, and no slope leaves float64: the reference, which
    has no exponents, has no digits there.
    """
    rng = np.random.default_rng([16, number])
    kind = list(NORMS.values())[number // 2 % 4]
    place = "before" if number // 8 % 2 else "after"
    eps = float(rng.choice([0.0, 1e-12, 1e-5, 0.1]))
    norm = kind() if kind is NoNorm else kind(place, eps, bool(rng.integers(2)))  # type: ignore[call-arg]
    name, depth, width = NAMES[number % len(NAMES)], int(rng.integers(1, 12)), int(rng.choice([5, 8, 20]))
    widths: int | tuple[int, ...] = width
    block: Plain = Residual(float(rng.choice([0.0, 0.3, 1.0])), bool(rng.integers(2)))
    if number % 3 == 0:
        block = Residual("1/sqrt(depth)", bool(rng.integers(2)))
    if number % 2:
        block, widths = Plain(), tuple(int(w) for w in rng.choice([5, 8, 20], depth))
    sigma = float(rng.choice(SCALES))
    saturates = name not in ENDLESS and not (norm.before and kind is not NoNorm)
    degenerate = kind is not NoNorm and not norm.before  # phi(z) of a tiny or a huge z is a constant
    drawn = (
        Gaussian(1.2 if (saturates and sigma > 4) or degenerate else sigma),
        Orthogonal(),
        XavierUniform(),
    )
    readout = bool(rng.integers(4))
    return check(
        *model_and_batch(
            ACTIVATIONS[name](), drawn[int(rng.integers(3))], block, norm, width=widths, depth=depth,
            batch=int(rng.integers(5, 9)), features=int(rng.integers(3, 8)), outputs=int(rng.integers(2, 6)),
            readout=readout, loss=(Mse(), CrossEntropy())[number % 5 % 2],
            bias=float(rng.choice([0.0, 0.1])), seed=number,
        ),
        seed=number,
    )  # fmt: skip


@pytest.mark.parametrize("tens", range(8))
def test_random_blocks_have_the_gradient_of_the_complex_step(tens: int, thorough: bool) -> None:
    for number in range(50 * tens, 50 * tens + (50 if thorough else 4)):
        found = random_network(number)
        assert found.passed, f"network {number}: {found}"


BLOCKS: dict[str, tuple[Plain, AnyNorm]] = {
    "widths": (Plain(), NO_NORM),
    "layer before": (Plain(), LayerNorm()),
    "rms after": (Plain(), RmsNorm("after", 0.0)),
    "affine after": (Plain(), LayerNorm("after", 1e-5, True)),
    "batch before": (Plain(), BatchNorm()),
    "residual": (Residual(0.7), NO_NORM),
    "rezero": (Residual(0.0, True), NO_NORM),
    "pre-norm": (Residual(), LayerNorm("before", 0.0, True)),
    "post-norm": (Residual("1/sqrt(depth)", True), RmsNorm("after", 1e-5, True)),
    "post-norm, batch": (Residual(), BatchNorm("after")),
}
every_block = pytest.mark.parametrize(("block", "norm"), BLOCKS.values(), ids=BLOCKS)


@every_block
@pytest.mark.parametrize("sigma_w", [1e-8, 1.3])
def test_every_block_passes_the_check_deeper_than_a_chunk(
    block: Plain, norm: AnyNorm, sigma_w: float
) -> None:
    width: Any = 6 if isinstance(block, Residual) else (6, 7) * 9
    depth = 18
    assert check(*model_and_batch(Tanh(), Gaussian(sigma_w), block, norm, width=width, depth=depth)).passed


def wrong_calls(cls: type, method: str, factor: float) -> Callable[[pytest.MonkeyPatch], None]:
    """What the last call of a quick form writes, times a factor."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(cls, method)

        def wrong(self: Any, i: int) -> list[Any]:
            calls = real(self, i)
            if not calls:  # as of a join in the stem
                return []
            out = calls[-1][1][-1] if calls[-1][0] is not np.copyto else calls[-1][1][0]
            return [*calls, (np.multiply, (out, factor, out))]

        monkeypatch.setattr(cls, method, wrong)

    return plant


def wrong_way_back(cls: type[Part], method: str = "back") -> Callable[[pytest.MonkeyPatch], None]:
    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(cls, method)

        def wrong(self: Part, p: Array, x: Array, delta: Any) -> Any:
            right = real(self, p, x, delta)
            return right._replace(v=right.v * 1.001) if isinstance(right, Scaled) else right * 1.001

        monkeypatch.setattr(cls, method, wrong)

    return plant


def norm_without_its_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _QuickNormalize.backward_calls
    monkeypatch.setattr(
        _QuickNormalize, "backward_calls", lambda self, i: [*real(self, i)[:4], real(self, i)[-1]]
    )


def norm_without_its_projection(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _QuickNormalize.backward_calls

    def wrong(self: Any, i: int) -> list[Any]:
        calls = real(self, i)
        return [*calls[:2], (np.multiply, (calls[2][1][2], 0.0, calls[2][1][2])), *calls[3:]]

    monkeypatch.setattr(_QuickNormalize, "backward_calls", wrong)


def branch_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_QuickFork, "backward_calls", lambda self, i: [])


TRAINED = Residual(0.7, True), LayerNorm("before", 1e-5, True)
BUGS: dict[str, tuple[Any, tuple[Plain, AnyNorm]]] = {
    "norm's way back": (wrong_calls(_QuickNormalize, "backward_calls", 1.001), (Plain(), PRE)),
    "norm without its mean": (norm_without_its_mean, (Plain(), PRE)),
    "norm without its projection": (norm_without_its_projection, (Plain(), PRE)),
    "norm's way forward": (wrong_calls(_QuickNormalize, "forward_calls", 1.001), (Plain(), PRE)),
    "affine's way back": (wrong_calls(_QuickAffine, "backward_calls", 1.001), TRAINED),
    "affine's gradient": (wrong_way_back(Affine, "gradient"), TRAINED),
    "join's way back": (wrong_calls(_QuickJoin, "backward_calls", 1.001), TRAINED),
    "join's way forward": (wrong_calls(_QuickJoin, "forward_calls", 1.001), (Residual(0.7), NO_NORM)),
    "gradient of s": (wrong_way_back(Join, "gradient"), TRAINED),
    "fork's way back": (wrong_calls(_QuickFork, "backward_calls", 1.001), (Residual(), POST)),
    "batch norm's way back": (wrong_calls(_QuickNormalize, "backward_calls", 1.001), (Plain(), BatchNorm())),
}


@pytest.mark.parametrize(("plant", "kind"), BUGS.values(), ids=BUGS)
def test_a_bug_planted_in_a_quick_form_is_caught(
    plant: Any, kind: tuple[Plain, AnyNorm], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(*model_and_batch(Tanh(), Gaussian(1.2), *kind)).passed
    plant(monkeypatch)
    assert not check(*model_and_batch(Tanh(), Gaussian(1.2), *kind)).passed


@pytest.mark.parametrize("cls", [Normalize, Affine, Join])
def test_a_bug_planted_in_the_exact_path_is_caught(cls: type[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Residual(1e-130, True), LayerNorm("before", 1e-5, True)  # whose branch is beyond any quick form

    def network() -> Check:
        return check(*model_and_batch(Tanh(), Gaussian(1.2), *kind, depth=3))

    assert network().passed
    wrong_way_back(cls)(monkeypatch)
    assert not network().passed


# --- what must hold exactly ---------------------------------------------------------------------------------


def passed(model: Model, x: Array, y: Array, dtype: str = "float64") -> tuple[Network, dict[str, Array]]:
    """A network after one pass, and its record."""
    memory = Memory(model, np.dtype(dtype))
    network, recorder = Network(memory, Sgd()), Recorder(memory, Sgd(), 1)
    model.draw(network.parameters, range(1))
    memory.x[0, :, :-1], memory.y[0] = x, y
    with np.errstate(all="ignore"):
        network.forward(record=True)
        network.backward(record=True, update=False)
        recorder.row(0, network.log_share, 0.01)
        return network, {name: array[0, ..., 0] for name, array in recorder.flush(1).items()}


def streams(network: Network) -> tuple[Array, Array]:
    """z and delta (depth, n, B) behind the stream's part of a network that is one chunk and unscaled."""
    (chunk,), stream = network.chunks, network.model.stream
    return chunk.span.values[stream][:, 0], chunk.span.deltas[stream][:, 0]


@every_block
@pytest.mark.parametrize("activation", [Tanh(), Relu()], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_factors_add_to_the_increment(
    block: Plain, norm: AnyNorm, activation: Activation, dtype: str
) -> None:
    _, row = passed(*model_and_batch(activation, HeNormal(), block, norm, depth=37, width=8), dtype)
    factors = [array for name, array in row.items() if name.endswith("_factor")]
    assert len(factors) == 2 + (norm is not NO_NORM) + isinstance(block, Residual)
    delta = row["log_delta_norm"]
    added = sum(factors)[:-1]
    quiet = np.isnan(added)
    assert quiet.all() == (block == Residual(0.0, True))
    np.testing.assert_allclose(added[~quiet], (delta[:-1] - delta[1:])[~quiet], rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", [LayerNorm(eps=0.0), RmsNorm(eps=0.0)], ids=repr)
@pytest.mark.parametrize("activation", [Tanh(), Relu(), ACTIVATIONS["gelu"]()], ids=repr)
def test_delta_is_across_z_under_a_norm_before(norm: AnyNorm, activation: Activation) -> None:
    model, x, y = model_and_batch(activation, Gaussian(1.5), norm=norm, width=32, depth=10)
    network, _ = passed(model, x, y)
    _, delta = streams(network)
    w = [p[0] for p in network.parameters]
    for layer in range(1, 10):
        a = network.memory.a[layer - 1][0]
        z = w[layer].T @ a
        along = np.abs(np.einsum("nb,nb->b", delta[layer], z))
        sizes = np.linalg.norm(delta[layer], axis=0) * np.linalg.norm(z, axis=0)
        assert (along <= 1e-13 * sizes).all()


def test_delta_along_z_is_alike_at_all_blocks_of_a_relu_residual_net() -> None:
    model, x, y = model_and_batch(Relu(), HeNormal(), Residual(0.5), width=32, depth=12)
    network, _ = passed(model, x, y)
    z, delta = Array, streams(network)[1]
    found, stream = [], None
    for layer, p in enumerate(network.parameters):
        if layer == 12:
            break
        a = np.vstack([x.T, np.ones((1, 5))]) if layer == 0 else network.memory.a[layer - 1][0]
        z = p[0].T @ a
        stream = z if stream is None else stream + 0.5 * z
        found.append(np.einsum("nb,nb->b", delta[layer], stream))
    np.testing.assert_allclose(found, np.broadcast_to(found[0], (12, 5)), rtol=1e-12)


@pytest.mark.parametrize("norm", [NO_NORM, LayerNorm()], ids=repr)
def test_with_a_scale_of_0_each_block_passes_the_whole_gradient(norm: AnyNorm) -> None:
    _, row = passed(*model_and_batch(Relu(), HeNormal(), Residual(0.0), norm, depth=40, width=16))
    assert (row["log_delta_norm"] == row["log_delta_norm"][0]).all()
    assert np.isnan(row["log_skip_factor"][:-1]).all()


def test_a_linear_orthogonal_chain_with_rms_keeps_its_gradient() -> None:
    _, row = passed(*model_and_batch(Linear(), Orthogonal(), norm=RmsNorm(eps=0.0), width=16, depth=30))
    increments = row["log_delta_norm"][1:-1] - row["log_delta_norm"][2:]
    np.testing.assert_allclose(increments, 0, atol=1e-12)


@every_block
def test_scaled_deltas_are_the_plain_ones_bit_for_bit(block: Plain, norm: AnyNorm) -> None:
    model, x, y = model_and_batch(Tanh(), Gaussian(1.2, 0.1), block, norm, depth=30, width=8)
    found = []
    for power in (0, -450):
        memory = Memory(model, np.float64)
        network = Network(memory, Sgd())
        model.draw(network.parameters, range(1))
        memory.x[0, :, :-1], memory.y[0] = x, y
        network.forward(record=True)
        memory.loss = Magnified(memory.loss, memory.delta_out, power)
        network.backward(record=True, update=False)
        first = network.chunks[0]
        exponent = memory.tally.exponents[model.boundary(0)][0]
        found.append(np.ldexp(first.span.deltas[0][0, 0], exponent - power))
        assert memory.tally.scaled == (power != 0) or block == Residual(0.0, True)
    np.testing.assert_array_equal(*found)


@dataclass(frozen=True)
class Magnified:
    """A loss with 2^power times its gradient."""

    real: BoundLoss
    out: Array
    power: int

    def __call__(self, exponent: Array | None = None) -> tuple[Array, Array | None]:
        losses, carried = self.real(exponent)
        np.ldexp(self.out, self.power, out=self.out)
        return losses, carried


def test_a_relu_residual_net_of_depth_3000_stays_finite_in_float32() -> None:
    args = model_and_batch(Relu(), HeNormal(), Residual(), depth=3000, width=64)
    _, row = passed(*args, "float32")
    delta = row["log_delta_norm"]
    assert np.isfinite(delta).all()
    assert (delta[0] - delta[-1]) / 2999 == pytest.approx(np.log(2) / 2, abs=0.03)


def test_a_branch_that_is_dead_on_some_samples_is_left_out_of_their_factors() -> None:
    model, x, y = model_and_batch(Relu(), HeNormal(), Residual(), width=2, depth=8, batch=16, seed=3)
    network, row = passed(model, x, y)
    tally = network.memory.tally
    branch = tally.norms[model.stream + 1 :: len(model.parts), 0, 0]
    assert ((branch == 0).any(axis=1) & (branch > 0).any(axis=1)).any()
    assert np.isfinite(row["log_delta_norm"]).all()
    kept = ~(branch == 0).all(axis=1)
    assert np.isfinite(row["log_weight_factor"][kept[: len(row["log_weight_factor"])]]).all()


@pytest.mark.parametrize("norm", [LayerNorm(eps=0.0), RmsNorm(eps=0.0), BatchNorm(eps=0.0)], ids=repr)
def test_a_norm_without_eps_of_nothing_is_nothing(norm: AnyNorm) -> None:
    part = norm.parts(4)[0]
    x = np.zeros((4, 3))
    assert (part.value(x, x) == 0).all()
    assert (part.vjp(x, x, np.ones((4, 3))) == 0).all()
    assert (part.value(x, x + 1e-30j) == 0).all()


@pytest.mark.parametrize("norm", [LayerNorm(eps=0.0), BatchNorm(eps=0.0)], ids=repr)
def test_numbers_that_are_alike_are_nothing_to_a_norm_without_eps_whatever_their_mean_rounds_to(
    norm: AnyNorm,
) -> None:
    part = norm.parts(29)[0]
    for each in (0.1, -1.0, 0.3, 1e10 / 3, 1e-200 / 7):
        x = np.full((29, 29), each)
        assert (part.value(x, x) == 0).all()
        assert (part.vjp(x, x, np.ones_like(x)) == 0).all()
        x[3] += 1e-12 * x[3, 0]  # of the units
        x[:, 5] += 1e-12 * x[3, 0]
        assert np.abs(part.value(x, x)).max() == pytest.approx(28 / sqrt(28), rel=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", [LayerNorm(eps=0.0), BatchNorm(eps=0.0)], ids=repr)
def test_units_that_have_but_one_bias_are_nothing_to_a_norm_without_eps(norm: AnyNorm, dtype: str) -> None:
    """Of weights 0, whose mean as a product of 29 times a share of the bias is not always the bias."""
    model, x, y = model_and_batch(Tanh(), Constant(0.0), norm=norm, width=29, depth=3, batch=29, bias=0.1)
    network, _ = passed(model, x, y, dtype)
    assert all((a[:, :-1] == 0).all() for a in network.memory.a)
