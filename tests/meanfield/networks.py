"""Random networks written out in a few lines, to hold theory against: one sample, a random delta above."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield import MeanField, mean_field
from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer
from gradflow.nn.losses import Mse
from gradflow.nn.model import Model
from gradflow.nn.parameters import Shape


@dataclass(frozen=True)
class Sized(Model):
    """A model of any layer sizes n_0..n_L."""

    given: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.given


def model_of(
    activation: Activation, init: Initializer, sizes: tuple[int, ...], bias: float = 0.0, *,
    outputs: int = 10, readout: bool = True, batch: int = 64, **blocks: Any,
) -> Model:  # fmt: skip
    """A model of layer sizes n_0..n_L; `blocks` are its block and norm."""
    shape = Shape(sizes[0], sizes[-1], len(sizes) - 1, outputs, batch, readout)
    return Sized(shape, activation, Mse(), init, bias, given=sizes, **blocks)


def field_of(
    activation: Activation, init: Initializer, sizes: tuple[int, ...], q_0: float = 1.0, bias: float = 0.0,
    **changes: Any,
) -> MeanField:  # fmt: skip
    """The theory of such a model."""
    return mean_field(model_of(activation, init, sizes, bias, **changes), q_0)


def relu_shift(width: int) -> float:
    """-k2 / (4 n) + (k3 / 3 - 3 k2^2 / 4) / (2 n^2), k2 = 5 and k3 = 44, as far as that is a series."""
    second = (44 / 3 - 3 * 25 / 4) / width**2
    return -5 / (4 * width) + second / (1 + (2 * second * width / 5) ** 2) / 2


def log_increments(
    activation: Activation, init: Initializer, networks: int, layers: int, width: int, seed: int = 1
) -> NDArray[Any]:
    """ln ||delta_l|| - ln ||delta_{l+1}|| (networks, layers - 1), all layers alike, q_0 = 1."""
    rng = np.random.default_rng(seed)
    return np.array([_increments(activation, init, rng, layers, width) for _ in range(networks)])


def _increments(
    activation: Activation, init: Initializer, rng: np.random.Generator, layers: int, width: int
) -> NDArray[Any]:
    x = rng.standard_normal(width)
    a, weights, slopes = x * np.sqrt(width) / np.linalg.norm(x), [], []
    for layer in range(layers):
        weights.append(init.draw(rng, width, width, layer))
        bias = init.draw_bias(rng, width, width)
        z = a @ weights[-1] + (0.0 if bias is None else bias)
        a = activation.phi(z)
        slopes.append(activation.derivative(z))
    delta = rng.standard_normal(width) * slopes[-1]
    norms = [np.linalg.norm(delta)]
    for layer in range(layers - 2, -1, -1):
        delta = (weights[layer + 1] @ delta) * slopes[layer]
        norms.append(np.linalg.norm(delta))
    return -np.diff(np.log(norms[::-1]))
