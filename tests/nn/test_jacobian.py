"""Singular values of dz_L / dz_1 against closed forms, numpy and complex derivatives of the parts."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.gradcheck import _drawn
from gradflow.nn.initializers import Gaussian, HeNormal, Orthogonal
from gradflow.nn.jacobian import spectrum
from gradflow.nn.losses import LOSSES
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.norms import BatchNorm, LayerNorm, NoNorm, RmsNorm
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parameters import Shape
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.skip import Join

Array = NDArray[Any]
X = np.random.default_rng(3).standard_normal(5)
BLOCKS = [Plain(), Residual(scale=0.7), Residual(scale=1.3, train_scale=True)]
NORMS = [
    NoNorm(), LayerNorm(), RmsNorm(eps=0.1), LayerNorm("after", affine=True), RmsNorm("after", eps=0.0),
]  # fmt: skip
STEP = 1e-30


def model_of(
    activation: str, depth: int, widths: int | tuple[int, ...], init: Any = None, **blocks: Any
) -> Model:
    shape = Shape(seeds=1, features=5, width=widths, depth=depth, outputs=2, batch=1)
    return Model(
        shape,
        ACTIVATIONS[activation](),
        LOSSES["mse"](),
        init or Gaussian(sigma_w=1.2, sigma_b=0.3),
        0.0,
        **blocks,
    )


def tensors_of(model: Model, seed: int = 0) -> list[list[Array]]:
    """Of each layer, the tensors of its parts."""
    network = Network(Memory(model, np.dtype(np.float64)), Sgd(lr=0.0))
    model.draw(network.parameters, range(seed, seed + 1))
    return _drawn(network)


def squares_by_complex_steps(model: Model, seed: int = 0) -> Array:
    """s^2 of dz_L / dz_1, column by column, through the values of the parts alone."""
    tensors, layers, stream = tensors_of(model, seed), model.layers, model.stream
    up = X[:, None]

    def through(z: Array) -> Array:
        beside: Array | None = None
        y = z
        for layer in range(model.shape.depth):
            for j, part in enumerate(layers[layer]):
                if layer or j > stream:
                    y = np.vstack([y, np.ones_like(y[:1])]) if j == 0 else y
                    y = part.value(tensors[layer][j], y)
                    y = y + beside if part.joins and beside is not None else y
                if (layer, j) == (model.shape.depth - 1, stream):
                    return y
                beside = y if part.forks else beside
        raise AssertionError

    y = np.vstack([up, [[1.0]]])
    for j, part in enumerate(layers[0][: stream + 1]):
        y = part.value(tensors[0][j], y)
    moved = y + 1j * STEP * np.eye(len(y))
    columns = [through(moved[:, [k]]).imag[:, 0] / STEP for k in range(len(y))]
    return np.asarray(np.linalg.svd(np.array(columns), compute_uv=False) ** 2)


def squares_of(model: Model, seed: int = 0) -> Array:
    found = spectrum(model, X, seed)
    return np.asarray(found.squares * np.exp(found.log_mean))


@pytest.mark.parametrize("norm", NORMS, ids=lambda norm: f"{norm.name}-{getattr(norm, 'place', '')}")
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.name}-{getattr(block, 'scale', '')}")
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_it_is_the_derivative_of_the_parts_values(activation: str, block: Any, norm: Any) -> None:
    model = model_of(activation, 6, 8, block=block, norm=norm)
    found, expected = squares_of(model, 4), squares_by_complex_steps(model, 4)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12 * expected[0])


@pytest.mark.parametrize(
    ("part", "bug"),
    [
        (Activate, lambda self, p, x, delta: delta),
        (Join, lambda self, p, x, delta: delta),
    ],
)
def test_a_planted_bug_is_seen(part: Any, bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("tanh", 6, 8, block=Residual(scale=0.7))
    monkeypatch.setattr(part, "back", bug)
    assert squares_of(model) != pytest.approx(squares_by_complex_steps(model), rel=1e-2)


@pytest.mark.parametrize(("gain", "depth"), [(1.0, 2), (1.0, 50), (0.5, 3000), (3.0, 3000)])
def test_linear_orthogonal_networks_have_equal_singular_values_at_any_depth(gain: float, depth: int) -> None:
    found = spectrum(model_of("linear", depth, 6, Orthogonal(gain=gain)), X, 0)
    assert found.squares == pytest.approx(np.ones(6), abs=1e-9)
    assert found.log_mean == pytest.approx(2 * (depth - 1) * log(gain), rel=1e-12, abs=1e-12)
    assert found.variance < 1e-17


def test_one_relu_layer_has_the_singular_values_of_its_weights_of_live_units() -> None:
    model = model_of("relu", 2, 40, HeNormal())
    (first, *_), (second, *_) = tensors_of(model)[:2]
    alive = first[:-1].T @ X + first[-1] > 0
    expected = np.linalg.svd(second[:-1].T * alive, compute_uv=False) ** 2
    assert squares_of(model) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert spectrum(model, X, 0).largest == pytest.approx(expected[0] / expected.mean(), rel=1e-12)


def test_a_relu_residual_block_is_one_and_its_branch() -> None:
    model = model_of("relu", 2, 40, HeNormal(), block=Residual(scale=0.5))
    (first, *_), (second, *_) = tensors_of(model)[:2]
    alive = first[:-1].T @ X + first[-1] > 0
    expected = np.linalg.svd(np.eye(40) + 0.5 * second[:-1].T * alive, compute_uv=False) ** 2
    assert squares_of(model) == pytest.approx(expected, rel=1e-12)


def test_a_branch_of_scale_0_leaves_every_length() -> None:
    found = spectrum(model_of("tanh", 9, 7, block=Residual(scale=0, train_scale=True)), X, 0)
    assert (found.squares, found.log_mean) == (
        pytest.approx(np.ones(7), abs=1e-12),
        pytest.approx(0, abs=1e-12),
    )


def test_layers_of_several_widths_have_as_many_as_the_narrower_end() -> None:
    assert len(squares_of(model_of("tanh", 3, (9, 4, 6)))) == 6
    rank = squares_of(model_of("tanh", 3, (9, 4, 6)))
    assert (rank[4:] < 1e-20 * rank[0]).all()


def test_a_residual_stream_beyond_float64_still_has_its_spectrum() -> None:
    found = spectrum(model_of("relu", 1200, 24, HeNormal(), block=Residual(scale=2.0)), X, 0)
    assert found.log_mean > log(np.finfo(float).max)
    assert found.squares.mean() == pytest.approx(1)


def test_a_network_that_passes_nothing_has_no_mean_to_divide_by() -> None:
    found = spectrum(model_of("relu", 4, 6, Gaussian(sigma_w=0.0)), X, 0)
    assert found.log_mean == -np.inf


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (model_of("relu", 4, 6, norm=BatchNorm()), "batch norm"),
        (model_of("relu", 1, 6), "two hidden layers"),
        (model_of("squared_relu", 20, 24, Gaussian(sigma_w=4.0)), "fewer layers"),
    ],
)
def test_what_has_no_spectrum_is_refused(model: Model, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spectrum(model, X, 0)


def test_networks_are_those_of_their_seeds() -> None:
    model = model_of("tanh", 4, 6)
    alone = squares_of(model, 3)
    assert alone == pytest.approx(squares_of(replace(model, shape=replace(model.shape, seeds=5)), 3), rel=0)
    assert alone != pytest.approx(squares_of(model, 4), rel=1e-3)
