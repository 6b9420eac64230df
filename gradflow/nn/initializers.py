"""Initializations as a table of frozen classes: what a matrix is drawn from, and its variance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import erf, exp, pi, sqrt
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, doc
from numpy.typing import NDArray

from gradflow.formats import ADDED, ConfigEntry

Matrix = NDArray[np.float64]
Distribution = Literal["gaussian", "uniform", "orthogonal"]

LARGEST = 1e150  # of a scale, so that its square is a float
Gain = Annotated[float, Gt(0), Le(LARGEST), doc("What the deviation of all weights is multiplied by.")]
Sigma = Annotated[float, Ge(0), Le(LARGEST)]
FAN = doc("Which fan divides the variance: inputs (forward), outputs (backward) or their mean.")
Fan = Annotated[Literal["fan_in", "fan_out"], FAN]
CUT = 2.0  # where a normal distribution is cut off, as Keras, JAX and PyTorch have it
ROWS = {"fan_in": "w.shape[1]", "fan_out": "w.shape[0]", "fan_avg": "(sum(w.shape) / 2)"}  # of nn.Linear


@dataclass(frozen=True)
class Initializer(ConfigEntry):
    """How weights of shape (fan_in, fan_out) are drawn, in float64 whatever the run's dtype."""

    law: ClassVar[Distribution | None] = "gaussian"  # the distribution the theory knows; None: not random
    scale_key: ClassVar[str | None] = None  # the field that all weights are proportional to

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Var W; sigma_w^2 = fan_in Var W."""
        raise NotImplementedError(self.name)

    def bias_variance(self, fan_in: int) -> float | None:
        """sigma_b^2, or None where the config's `bias` counts."""
        return None

    def torch(self) -> str:
        """The line that draws a weight `w` and a bias `b` of torch.nn.Linear the same way."""
        raise NotImplementedError(self.name)

    def rescaled(self, value: float) -> Initializer:
        """The same scheme with another value of its scale key."""
        assert self.scale_key is not None
        changes: dict[str, Any] = {self.scale_key: value}
        return replace(self, **changes)

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        """W (fan_in, fan_out) of a layer: 0 is the first hidden one, the read-out comes last."""
        return _draw(self.law, self.variance(fan_in, fan_out), rng, fan_in, fan_out)

    def draw_bias(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Matrix | None:
        """b (fan_out,), or None where the config's `bias` counts."""
        variance = self.bias_variance(fan_in)
        return None if variance is None else _draw(self.law, variance, rng, 1, fan_out)[0]


def _draw(
    law: Distribution | None, variance: float, rng: np.random.Generator, fan_in: int, fan_out: int
) -> Matrix:
    if law == "uniform":
        bound = sqrt(3 * variance)
        return rng.uniform(-bound, bound, (fan_in, fan_out))
    return sqrt(variance) * rng.standard_normal((fan_in, fan_out))


def _torch(law: Distribution | None, gain: float, fan: str = "fan_in") -> str:
    """The line of Var W = gain^2 / fan."""
    if law == "uniform":
        bound = f"{gain:.4g} * (3 / {ROWS[fan]}) ** 0.5"
        return f"nn.init.uniform_(w, -{bound}, {bound})"
    return f"nn.init.normal_(w, std={gain:.4g} / {ROWS[fan]} ** 0.5)"


def _fan(mode: str, fan_in: int, fan_out: int) -> float:
    return {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]


def _within(cut: float, rng: np.random.Generator, fan_in: int, fan_out: int) -> Matrix:
    """Normal numbers of variance 1 before those beyond +-cut were drawn anew."""
    z = rng.standard_normal((fan_in, fan_out))
    while (beyond := np.abs(z) > cut).any():
        z[beyond] = rng.standard_normal(int(beyond.sum()))
    return z


def cut_variance(cut: float) -> float:
    """What is left of a normal distribution's variance within +-cut of its standard deviations."""
    return 1 - 2 * cut * exp(-cut * cut / 2) / sqrt(2 * pi) / erf(cut / sqrt(2))


@dataclass(frozen=True)
class XavierNormal(Initializer):
    """Var W = 2 gain^2 / (fan_in + fan_out) (Glorot & Bengio 2010, eq. 12)."""

    name = "xavier_normal"
    scale_key = "gain"
    gain: Gain = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 * self.gain**2 / (fan_in + fan_out)

    def torch(self) -> str:
        return f"nn.init.{self.name}_(w, gain={self.gain:.4g})"


@dataclass(frozen=True)
class XavierUniform(XavierNormal):
    """xavier_normal's variance, drawn uniformly (Glorot & Bengio 2010, eq. 16)."""

    name = "xavier_uniform"
    law = "uniform"


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Var W = gain^2 / fan_in (LeCun et al. 1998)."""

    name = "lecun_normal"
    scale_key = "gain"
    gain: Gain = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.gain**2 / fan_in

    def torch(self) -> str:
        return _torch(self.law, self.gain)


@dataclass(frozen=True)
class LecunUniform(LecunNormal):
    """lecun_normal's variance, drawn uniformly."""

    name = "lecun_uniform"
    law = "uniform"


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Var W = gain^2 / fan, gain sqrt 2 unless told otherwise (He et al. 2015, eq. 10; 14 for fan_out)."""

    name = "he_normal"
    scale_key = "gain"
    gain: Gain = 2**0.5
    mode: Fan = field(default="fan_in", metadata=ADDED)

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.gain**2 / _fan(self.mode, fan_in, fan_out)

    def torch(self) -> str:
        return _torch(self.law, self.gain, self.mode)


@dataclass(frozen=True)
class HeUniform(HeNormal):
    """he_normal's variance, drawn uniformly."""

    name = "he_uniform"
    law = "uniform"


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """A normal of deviation s = gain / sqrt(fan) cut off at +-2 s, as Keras and JAX scale variances.

    With `correct`, s is divided by the 0.8796 that the cut leaves of it, so that Var W = gain^2 / fan.
    """

    name = "truncated_normal"
    scale_key = "gain"
    gain: Gain = 1.0
    mode: Annotated[Literal["fan_in", "fan_out", "fan_avg"], FAN] = "fan_in"
    correct: Annotated[bool, doc("Whether the variance that the cut takes away is made up for.")] = True

    def deviation(self, fan: float) -> float:
        """Of the normal distribution before it is cut."""
        return self.gain / sqrt(fan * (cut_variance(CUT) if self.correct else 1.0))

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.deviation(_fan(self.mode, fan_in, fan_out)) ** 2 * cut_variance(CUT)

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        return self.deviation(_fan(self.mode, fan_in, fan_out)) * _within(CUT, rng, fan_in, fan_out)

    def torch(self) -> str:
        std = f"std = {self.deviation(1):.4g} / {ROWS[self.mode]} ** 0.5"
        return f"{std}; nn.init.trunc_normal_(w, std=std, a=-{CUT:g} * std, b={CUT:g} * std)"


@dataclass(frozen=True)
class TorchTruncNormal(Initializer):
    """torch.nn.init.trunc_normal_: a normal of deviation `std`, cut off at +-2, whatever the fans are.

    At 0.02, as vision transformers have it, the cut is 100 deviations away and leaves the normal as it is.
    """

    name = "torch_trunc_normal"
    std: Annotated[float, Gt(0), Le(CUT), doc("The standard deviation before the cut at +-2.")] = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.std**2 * cut_variance(CUT / self.std)

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        return self.std * _within(CUT / self.std, rng, fan_in, fan_out)

    def torch(self) -> str:
        return f"nn.init.trunc_normal_(w, std={self.std:.4g})"


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns, Haar-distributed (Saxe et al. 2013)."""

    name = "orthogonal"
    law = "orthogonal"
    scale_key = "gain"
    gain: Gain = 1.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.gain**2 / max(fan_in, fan_out)

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        tall, flat = max(fan_in, fan_out), min(fan_in, fan_out)
        q, r = np.linalg.qr(rng.standard_normal((tall, flat)))
        q *= self.gain * np.where(np.diag(r) < 0, -1.0, 1.0)  # a unique QR is what makes q Haar-distributed
        return q if fan_in >= fan_out else np.ascontiguousarray(q.T)

    def torch(self) -> str:
        return f"nn.init.orthogonal_(w, gain={self.gain:.4g})"


@dataclass(frozen=True)
class Gaussian(Initializer):
    """Var W = sigma_w^2 / fan_in, Var b = sigma_b^2: mean-field theory's coordinates (Poole et al. 2016)."""

    name = "gaussian"
    scale_key = "sigma_w"
    sigma_w: Annotated[Sigma, doc("The standard deviation of a weight times sqrt(fan_in).")] = 1.0
    sigma_b: Annotated[Sigma, doc("The standard deviation of a bias.")] = 0.0

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.sigma_w**2 / fan_in

    def bias_variance(self, fan_in: int) -> float | None:
        return self.sigma_b**2

    def torch(self) -> str:
        bias = f"; nn.init.normal_(b, std={self.sigma_b:.4g})" if self.sigma_b else ""
        return f"{_torch(self.law, self.sigma_w)}{bias}"


@dataclass(frozen=True)
class TorchDefault(Initializer):
    """torch.nn.Linear's own: W and b uniform in +-1 / sqrt(fan_in), so that Var W = 1 / (3 fan_in)."""

    name = "torch_default"
    law = "uniform"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / (3 * fan_in)

    def bias_variance(self, fan_in: int) -> float | None:
        return 1 / (3 * fan_in)

    def torch(self) -> str:
        bound = f"{ROWS['fan_in']} ** -0.5"
        return f"nn.init.kaiming_uniform_(w, a=5 ** 0.5); nn.init.uniform_(b, -({bound}), {bound})"


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight of a layer is the same number: for examples worked by hand, not for training."""

    name = "constant"
    law = None
    value: Annotated[
        float | tuple[float, ...], doc("Every weight; of a list one number a layer, the read-out's last.")
    ]

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 0.0

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        value = self.value[layer] if isinstance(self.value, tuple) else self.value
        return np.full((fan_in, fan_out), value, dtype=np.float64)

    def torch(self) -> str:
        values = f"{list(self.value)}[layer]" if isinstance(self.value, tuple) else repr(self.value)
        return f"nn.init.constant_(w, {values})"


INITIALIZERS: dict[str, type[Initializer]] = {
    cls.name: cls
    for cls in (
        XavierNormal, XavierUniform, HeNormal, HeUniform, LecunNormal, LecunUniform,
        TruncatedNormal, Orthogonal, Gaussian, TorchDefault, TorchTruncNormal, Constant,
    )
}  # fmt: skip
ALIASES = {  # the same initializations by their other names
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
}
