"""The law of ||delta|| over layers: c^l, a power of the layer, exp(k sqrt l), or bounded at any depth.

The increments ln g_l - ln g_{l+1} are k for c^l, k ln((l + 1) / l) for l^-k, k (sqrt(l + 1) - sqrt l) for
exp(-k sqrt l). A residual chain whose scale is 1/sqrt(L) is bounded: a deeper one has other increments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np

from gradflow.arrays import Array

SHAPES: dict[str, Callable[[Array], Array]] = {
    "exponential": lambda layer: np.ones(len(layer)),
    "power": lambda layer: np.log((layer + 1) / layer),
    "stretched": lambda layer: np.sqrt(layer + 1) - np.sqrt(layer),
}
OF_CHAINS = ("exponential", "power")  # without a skip: c^l off a critical point, a power of the layer at it
EVIDENCE = 2.0  # difference in T ln(residual) from which another law is preferred: 2.7 times as likely
FEWEST = 10  # increments; of two that are random one in five would look like a power law


@dataclass(frozen=True)
class Expected:
    """What is known of a law before it is fitted: its name, if theory gives one, and what else it can be.

    `rules` says that it governs c^L too. In a plain chain c^L stays what it says, whatever the fit finds.
    """

    name: str | None = None
    candidates: tuple[str, ...] = tuple(SHAPES)
    rules: bool = False

    def law(self, rising: Array, first: int) -> str | None:
        """The law of increments (T,) from layer `first` on; None where it would rule and they are too few."""
        if self.name is None and self.rules and len(rising) < FEWEST:
            return None
        return self.name or law(rising, first, self.candidates)


def law(rising: Array, first: int, candidates: tuple[str, ...] = OF_CHAINS) -> str:
    """The law of the increments (T,) from layer `first` on, all by least squares: of c^l or a better one.

    The increments are independent where ln g is a random walk; another law is named when it is clearly the
    better one, and never from a handful of them.
    """
    if len(rising) < FEWEST:
        return "exponential"
    left = {name: _left(name, rising, first) for name in candidates}
    best = min(left, key=lambda name: left[name])
    better = left[best] > 0 and len(rising) * log(max(left["exponential"], 1e-300) / left[best])
    return best if better > EVIDENCE else "exponential"


def exponent(name: str | None, rising: Array, first: int) -> float | None:
    """The k of a power or of exp(k sqrt l), from increments (T,) from layer `first` on, by least squares.

    None for other laws, which c describes.
    """
    if name is None or name not in SHAPES or name == "exponential":
        return None
    shape = _shape(name, rising, first)
    return float(rising @ shape / (shape @ shape))


def _shape(name: str, rising: Array, first: int) -> Array:
    return SHAPES[name](np.arange(first, first + len(rising)))


def _left(name: str, rising: Array, first: int) -> float:
    """The sum of squares that a law leaves of increments."""
    if name == "exponential":
        return float(((rising - rising.mean()) ** 2).sum())
    shape = _shape(name, rising, first)
    return float(((rising - shape * (rising @ shape) / (shape @ shape)) ** 2).sum())
