"""Random networks written out in a few lines, to hold theory against: one sample, a random delta above."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer


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
