"""Initializations as a table of frozen classes: what a matrix is drawn from, and its variance."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Law = Literal["gaussian", "uniform", "orthogonal"]

LARGEST = 1e150  # of a scale, so that its square is a float
Gain = Annotated[float, Gt(0), Le(LARGEST)]
Sigma = Annotated[float, Ge(0), Le(LARGEST)]


@dataclass(frozen=True)
class Initializer:
    """How weights of shape (fan_in, fan_out) are drawn, in float64 whatever the run's dtype."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str]
    law: ClassVar[Law | None] = "gaussian"  # the distribution the theory knows; None: not random

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Var W; sigma_w^2 = fan_in Var W."""
        raise NotImplementedError(self.name)

    def bias_variance(self, fan_in: int) -> float | None:
        """sigma_b^2, or None where the config's `bias` counts."""
        return None

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        """W (fan_in, fan_out) of a layer: 0 is the first hidden one, the read-out comes last."""
        return _draw(self.law, self.variance(fan_in, fan_out), rng, fan_in, fan_out)

    def draw_bias(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Matrix | None:
        """b (fan_out,), or None where the config's `bias` counts."""
        variance = self.bias_variance(fan_in)
        return None if variance is None else _draw(self.law, variance, rng, 1, fan_out)[0]


def _draw(law: Law | None, variance: float, rng: np.random.Generator, fan_in: int, fan_out: int) -> Matrix:
    if law == "uniform":
        bound = sqrt(3 * variance)
        return rng.uniform(-bound, bound, (fan_in, fan_out))
    return sqrt(variance) * rng.standard_normal((fan_in, fan_out))


@dataclass(frozen=True)
class XavierNormal(Initializer):
    """Var W = 2 gain^2 / (fan_in + fan_out) (Glorot & Bengio 2010, eq. 12)."""

    name = "xavier_normal"
    gain: Gain = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 * self.gain**2 / (fan_in + fan_out)


@dataclass(frozen=True)
class XavierUniform(XavierNormal):
    """xavier_normal's variance, drawn uniformly (Glorot & Bengio 2010, eq. 16)."""

    name = "xavier_uniform"
    law = "uniform"


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Var W = gain^2 / fan_in (LeCun et al. 1998)."""

    name = "lecun_normal"
    gain: Gain = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.gain**2 / fan_in


@dataclass(frozen=True)
class LecunUniform(LecunNormal):
    """lecun_normal's variance, drawn uniformly."""

    name = "lecun_uniform"
    law = "uniform"


@dataclass(frozen=True)
class HeNormal(LecunNormal):
    """Var W = gain^2 / fan_in with gain sqrt 2 unless told otherwise (He et al. 2015, eq. 10)."""

    name = "he_normal"
    gain: Gain = 2**0.5


@dataclass(frozen=True)
class HeUniform(HeNormal):
    """he_normal's variance, drawn uniformly."""

    name = "he_uniform"
    law = "uniform"


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns, Haar-distributed (Saxe et al. 2013)."""

    name = "orthogonal"
    law = "orthogonal"
    gain: Gain = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.gain**2 / max(fan_in, fan_out)

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        tall, flat = max(fan_in, fan_out), min(fan_in, fan_out)
        q, r = np.linalg.qr(rng.standard_normal((tall, flat)))
        q *= self.gain * np.where(np.diag(r) < 0, -1.0, 1.0)  # a unique QR is what makes q Haar-distributed
        return q if fan_in >= fan_out else np.ascontiguousarray(q.T)


@dataclass(frozen=True)
class Gaussian(Initializer):
    """Var W = sigma_w^2 / fan_in, Var b = sigma_b^2: mean-field theory's coordinates (Poole et al. 2016)."""

    name = "gaussian"
    sigma_w: Sigma = 1.0
    sigma_b: Sigma = 0.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.sigma_w**2 / fan_in

    def bias_variance(self, fan_in: int) -> float | None:
        return self.sigma_b**2


@dataclass(frozen=True)
class TorchDefault(Initializer):
    """torch.nn.Linear's own: W and b uniform in +-1 / sqrt(fan_in), so that Var W = 1 / (3 fan_in)."""

    name = "torch_default"
    law = "uniform"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / (3 * fan_in)

    def bias_variance(self, fan_in: int) -> float | None:
        return 1 / (3 * fan_in)


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight of a layer is the same number: for examples worked by hand, not for training."""

    name = "constant"
    law = None
    value: float | tuple[float, ...]

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 0.0

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        value = self.value[layer] if isinstance(self.value, tuple) else self.value
        return np.full((fan_in, fan_out), value, dtype=np.float64)


INITIALIZERS: dict[str, type[Initializer]] = {
    cls.name: cls
    for cls in (
        XavierNormal, XavierUniform, HeNormal, HeUniform, LecunNormal, LecunUniform,
        Orthogonal, Gaussian, TorchDefault, Constant,
    )
}  # fmt: skip
ALIASES = {  # the same initializations by their other names
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
}
