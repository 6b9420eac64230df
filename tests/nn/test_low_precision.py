"""What formats lose, against tensors of a plain pass that NumPy and ml_dtypes have really cast."""

from dataclasses import replace
from math import inf
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.chunk import Chunk
from gradflow.nn.gradcheck import _drawn
from gradflow.nn.initializers import Constant, Gaussian, HeNormal, Orthogonal
from gradflow.nn.losses import LOSSES
from gradflow.nn.low_precision import FLOATS, SHARES, Casts, Float, Magnitudes, measure_casts
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.norms import BatchNorm, LayerNorm, RmsNorm
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parameters import Shape
from gradflow.nn.parts.activate import Activate, _QuickActivate
from gradflow.nn.parts.skip import _QuickJoin
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]

DTYPES: dict[str, Any] = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}
POINT = 0.01
BATCH, FEATURES = 24, 7


def model_of(activation: str, depth: int, init: Any, width: Any = 32, **others: Any) -> Model:
    loss = LOSSES[others.pop("loss", "cross_entropy")]()
    shape = Shape(seeds=1, features=FEATURES, width=width, depth=depth, outputs=3, batch=BATCH)
    shape = replace(shape, readout=False) if others.pop("bare", False) else shape
    return Model(shape, ACTIVATIONS[activation](), loss, init, others.pop("bias", 0.0), **others)


NETWORKS = {
    "tanh, ordered": model_of("tanh", 30, Gaussian(sigma_w=0.6)),
    "tanh, chaotic": model_of("tanh", 40, Gaussian(sigma_w=3.0, sigma_b=0.3)),
    "sigmoid, vanishing": model_of("sigmoid", 12, Gaussian(sigma_w=1.0)),
    "relu, critical": model_of("relu", 20, HeNormal()),
    "relu, exploding": model_of("relu", 40, Gaussian(sigma_w=2.6), loss="mse"),
    "relu, dying": model_of("relu", 50, Gaussian(sigma_w=0.1), width=16),
    "gelu, widths": model_of("gelu", 3, Gaussian(sigma_w=1.2), width=(40, 8, 24)),
    "linear, beyond bfloat16": model_of("linear", 60, Gaussian(sigma_w=8.0), loss="mse"),
    "relu, post-norm residual": model_of(
        "relu", 24, Gaussian(sigma_w=1.5), block=Residual(scale=0.7), norm=LayerNorm("after")
    ),
    "tanh, pre-norm residual": model_of(
        "tanh", 24, Gaussian(sigma_w=1.5), block=Residual(), norm=RmsNorm(eps=0.1)
    ),
    "tanh, batch norm": model_of("tanh", 16, Gaussian(sigma_w=1.0), norm=BatchNorm()),
    "orthogonal, without read-out": model_of("tanh", 8, Orthogonal(gain=1.3), width=3, bare=True, loss="mse"),
}


def batch_of(model: Model) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    x, classes = rng.standard_normal((BATCH, FEATURES)), rng.integers(0, 3, BATCH)
    return x, np.eye(3)[classes] if model.loss.classes_only else rng.standard_normal((BATCH, 3))


def tensors_of(model: Model, seed: int) -> list[list[Array]]:
    network = Network(Memory(model, np.dtype(np.float64)), Sgd(lr=0.0))
    model.draw(network.parameters, range(seed, seed + 1))
    return _drawn(network)


def plain_pass(model: Model, x: Array, y: Array, seed: int) -> tuple[list[Array], list[Array]]:
    """delta and a of every layer, through values and vjps of the parts alone, in float64."""
    tensors, kept, stream, v = tensors_of(model, seed), [], None, x.T
    for parts, own in zip(model.layers, tensors, strict=True):
        xs = [np.vstack([v, np.ones((1, BATCH))])]
        for part, p in zip(parts, own, strict=True):
            value = part.value(p, xs[-1])
            value = value + stream if part.joins and stream is not None else value
            stream = value if part.forks else stream
            xs.append(value)
        kept.append(xs)
        v = xs[-1]
    delta, skip = np.empty_like(v), None
    model.loss.delta(v, y.T, delta)
    deltas: list[Array] = []
    for parts, own, xs in reversed(list(zip(model.layers, tensors, kept, strict=True))):
        for j in range(len(parts) - 1, -1, -1):
            if j == model.stream and len(deltas) < model.shape.depth and len(parts) == len(model.parts):
                deltas.insert(0, delta / BATCH)
            below = parts[j].vjp(own[j], xs[j], delta)
            if parts[j].forks and skip is not None:
                below = below + skip
            skip = delta if parts[j].joins else skip
            delta = below
    depth = model.shape.depth
    return deltas[-depth:], [xs[-1] for xs in kept[:depth]]


def lost_by_casting(values: Array, dtype: Any) -> tuple[float, float]:
    with np.errstate(all="ignore"):
        cast = values.astype(np.float32).astype(dtype).astype(np.float64)
    return float(np.mean((cast == 0) & (values != 0))), float(np.mean(~np.isfinite(cast)))


def cast_shares(deltas: list[Array], outputs: list[Array], dtype: Any) -> Array:
    """(4, L) in the order of SHARES."""
    rows = [
        [*lost_by_casting(delta, dtype), *lost_by_casting(a, dtype)]
        for delta, a in zip(deltas, outputs, strict=True)
    ]
    return np.array(rows).T


def measured(model: Model, seed: int = 2) -> Casts:
    return measure_casts(model, *batch_of(model), seed)


@pytest.mark.parametrize("name", NETWORKS)
def test_shares_are_those_of_tensors_that_are_really_cast(name: str) -> None:
    model = NETWORKS[name]
    found, passed = measured(model), plain_pass(model, *batch_of(model), 2)
    for number, each in enumerate(zip(*passed, strict=True)):
        assert found.zeros[:, number] == pytest.approx([np.mean(v == 0) for v in each])
    for one in DTYPES:
        assert found.shares[one] == pytest.approx(cast_shares(*passed, DTYPES[one]), abs=POINT), one


def test_the_networks_lose_something_to_every_side_in_every_format() -> None:
    """Or the test above would see little."""
    found = [measured(model) for model in NETWORKS.values()]
    for one in FLOATS:
        largest = np.max([casts.shares[one.name].max(axis=1) for casts in found], axis=0)
        assert (largest > 0.2).all(), one.name


@pytest.mark.parametrize("quick", [_QuickActivate, _QuickJoin])
def test_a_planted_bug_is_seen(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = NETWORKS["relu, post-norm residual"]
    passed = plain_pass(model, *batch_of(model), 2)
    plain = quick.backward_calls

    def larger(self: Any, i: int) -> list[Any]:
        below = self.span.delta[self.place - 1][i]
        return [*plain(self, i), (np.multiply, (below, 8, below))]

    monkeypatch.setattr(quick, "backward_calls", larger)
    expected = cast_shares(*passed, DTYPES["float8_e5m2"])
    assert measured(model).shares["float8_e5m2"] != pytest.approx(expected, abs=POINT)


@pytest.mark.parametrize("one", FLOATS, ids=lambda one: one.name)
def test_the_edges_of_a_format_are_those_of_its_casts(one: Float) -> None:
    info = ml_dtypes.finfo(DTYPES[one.name])
    largest, smallest = float(info.max), float(info.smallest_subnormal)
    step = largest - float(np.nextafter(info.max, np.zeros((), info.dtype)))
    for edge in (smallest / 2, smallest, largest, largest + step / 2, largest + step):
        for value in (edge, edge * (1 - 1e-4), edge * (1 + 1e-4)):
            v = np.array([[value]])
            expected = lost_by_casting(v, DTYPES[one.name])
            assert one.lost(Magnitudes.of(Scaled(v, np.zeros((1, 1), int)))) == expected, value


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("one", FLOATS, ids=lambda one: one.name)
def test_a_loss_scale_keeps_99_percent_and_those_beside_it_do_not(name: str, one: Float) -> None:
    model = NETWORKS[name]
    lowest, highest = measured(model).scales[one.name]
    deltas, _ = plain_pass(model, *batch_of(model), 2)

    def kept(k: float) -> bool:
        with np.errstate(over="ignore"):
            scaled = [np.ldexp(delta, int(k)) for delta in deltas]
        return all(max(lost_by_casting(v, DTYPES[one.name])) < POINT for v in scaled)

    if lowest > highest:
        assert not any(map(kept, range(-160, 300)))
    else:
        assert (kept(lowest), kept(highest)) == (True, True)
        assert (kept(lowest - 1), kept(highest + 1)) == (False, False)


def test_depths_beyond_float64_have_their_shares_and_scales() -> None:
    """delta falls to 1e-600 over 800 layers, where a plain pass has long been 0."""
    found = measured(model_of("tanh", 800, Gaussian(sigma_w=0.2), width=8))
    assert found.shares["bfloat16"][0, :700] == pytest.approx(1.0)
    assert found.zeros[0] == pytest.approx(0.0)
    lowest, highest = found.scales["bfloat16"]
    assert lowest > 1700
    assert highest < 300


def test_a_planted_bug_is_seen_where_slopes_have_lost_their_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("tanh", 20, Gaussian(sigma_w=60.0), width=8)
    lowest = measured(model).scales["bfloat16"][0]
    back = Activate.back

    def larger(self: Activate, p: Array, x: Array, delta: Scaled) -> Scaled:
        v, exponent = back(self, p, x, delta)
        return Scaled(v, exponent + 1)

    monkeypatch.setattr(Activate, "back", larger)
    assert measured(model).scales["bfloat16"][0] <= lowest - 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_they_are_exactly_those_of_the_tensors_of_the_pass(name: str, dtype: Any) -> None:
    """As the engine holds them, in the dtype of a run."""
    model, found = NETWORKS[name], measure_casts(NETWORKS[name], *batch_of(NETWORKS[name]), 2, dtype)
    network = Network(Memory(model, np.dtype(dtype)), Sgd(lr=0.0))
    memory = network.memory
    model.draw(network.parameters, range(2, 3))
    memory.x[0, :, :-1], memory.y[0] = batch_of(model)
    tensors: list[tuple[Array, Array]] = []

    def keep(chunk: Chunk) -> None:
        for layer in range(chunk.hi - 1, chunk.lo - 1, -1):
            delta = chunk.span.deltas[model.stream][layer - chunk.lo, 0].astype(np.float64) / BATCH
            exponent = memory.tally.exponents[model.boundary(layer, model.stream), 0]
            a = memory.a[layer][0, :-1].astype(np.float64)
            tensors.insert(0, (np.ldexp(delta, exponent), np.ldexp(a, memory.exponent[layer + 1, 0])))

    with np.errstate(all="ignore"):
        network.forward(record=True)
        network.backward(record=True, update=False, met=keep)
    deltas, outputs = map(list, zip(*tensors, strict=True))
    for one in DTYPES:
        np.testing.assert_array_equal(found.shares[one], cast_shares(deltas, outputs, DTYPES[one]), one)


def test_what_is_0_already_is_lost_to_no_format_and_needs_no_scale() -> None:
    model = model_of("relu", 3, Constant(value=-1.0))
    found = measure_casts(model, np.abs(batch_of(model)[0]), batch_of(model)[1], 0)
    assert found.zeros[1, 0] == 1
    assert not any(shares[: len(SHARES)].any() for shares in found.shares.values())
    assert found.scales["float16"] == (-inf, inf)


def test_values_beyond_float64_overflow_every_format() -> None:
    """softplus has no exponent to carry: z is inf from layer 200 on."""
    found = measured(model_of("softplus", 240, Gaussian(sigma_w=60.0)))
    assert found.shares["bfloat16"][3, -1] == 1
    assert found.shares["bfloat16"][3, 0] == 0


def test_one_network_of_one_layer_has_them_too() -> None:
    model = model_of("tanh", 1, Gaussian(), block=Plain())
    assert measured(model).shares["float16"].shape == (len(SHARES), 1)
