"""Networks of blocks and norms written out once more, forward and backward, from the definitions alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.activations import Activation
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.norms import Norm

Array = NDArray[Any]
Back = Callable[[Array], Array]


@dataclass(frozen=True)
class Chain:
    """Blocks alike, with Gaussian weights."""

    activation: Activation
    sigma_w: float
    sigma_b: float
    block: Plain | Residual | None = None
    norm: Norm | None = None

    def normed(self, z: Array) -> tuple[Array, Back]:
        """N(z) of columns, and what it makes of a gradient."""
        if self.norm is None:
            return z, lambda delta: delta
        axis = 1 if self.norm.name == "batch" else 0
        mean = z.mean(axis=axis, keepdims=True) if self.norm.name != "rms" else 0.0
        size = np.sqrt(((z - mean) ** 2).mean(axis=axis, keepdims=True) + self.norm.eps)
        hat = (z - mean) / size
        centred = self.norm.name != "rms"

        def back(v: Array) -> Array:
            lost = hat * (v * hat).mean(axis=axis, keepdims=True)
            return (v - lost - (v.mean(axis=axis, keepdims=True) if centred else 0.0)) / size

        return hat, back

    def stem(self, z: Array) -> Array:
        """z_1 of W_1 x + b_1."""
        after = self.norm is not None and self.norm.place == "after"
        return self.normed(z)[0] if after and isinstance(self.block, Residual) else z

    def above(self, z: Array, w: Array, b: Array, depth: int) -> tuple[Array, Back]:
        """z one layer up, and delta one layer down."""
        before = self.norm is not None and self.norm.place == "before"
        if not isinstance(self.block, Residual):
            a, down = self.branch(z, before)
            if self.norm is not None and not before:
                a, norm = self.normed(self.activation.phi(z))
                slope = self.activation.derivative(z)
                return w @ a + b, lambda delta: slope * norm(w.T @ delta)
            return w @ a + b, lambda delta: down(w.T @ delta)
        s = self.block.factor(depth)
        a, down = self.branch(z, before)
        total = z + s * (w @ a + b)
        if self.norm is None or before:
            return total, lambda delta: delta + s * down(w.T @ delta)
        hat, norm = self.normed(total)

        def back(delta: Array) -> Array:
            inner = norm(delta)
            return inner + s * down(w.T @ inner)

        return hat, back

    def branch(self, z: Array, before: bool) -> tuple[Array, Back]:
        """phi(N(z)) or phi(z), and its way back."""
        seen, norm = self.normed(z) if before else (z, lambda delta: delta)
        slope = self.activation.derivative(seen)
        return self.activation.phi(seen), lambda delta: norm(slope * delta)


def log_norms(chain: Chain, networks: int, depth: int, width: int, samples: int = 1, seed: int = 1) -> Array:
    """ln of the root mean square over samples of ||delta_l|| (networks, depth), random above."""
    rng = np.random.default_rng(seed)
    return np.array([_one(chain, rng, depth, width, samples) for _ in range(networks)])


def _one(chain: Chain, rng: np.random.Generator, depth: int, width: int, samples: int) -> Array:
    z, backs = forward(chain, rng, depth, width, rng.standard_normal((width, samples)))
    before = chain.norm is not None and chain.norm.place == "before"
    _, down = chain.branch(z[-1], before)
    delta = down(rng.standard_normal((width, samples)))
    norms = [np.sqrt((delta**2).sum(axis=0).mean())]
    for back in reversed(backs):
        delta = back(delta)
        norms.append(np.sqrt((delta**2).sum(axis=0).mean()))
    return np.log(norms[::-1])


def forward(
    chain: Chain, rng: np.random.Generator, depth: int, width: int, x: Array
) -> tuple[list[Array], list[Back]]:
    """z_1..z_L of samples of mean square 1 each, and the ways back between them."""
    x = x * np.sqrt(len(x)) / np.linalg.norm(x, axis=0)
    backs: list[Back] = []
    zs: list[Array] = []
    for layer in range(depth):
        w = rng.standard_normal((width, width)) * chain.sigma_w / np.sqrt(width)
        b = rng.standard_normal((width, 1)) * chain.sigma_b
        if layer == 0:
            zs.append(chain.stem(w @ x + b))
        else:
            z, back = chain.above(zs[-1], w, b, depth)
            zs.append(z)
            backs.append(back)
    return zs, backs
