"""Normalizations of a layer, a frozen class each: what is divided by what, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, doc

from gradflow.formats import ConfigEntry
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.norms import Affine, Normalize


@dataclass(frozen=True)
class Norm(ConfigEntry):
    """N(z) = (z - m) / sqrt(v + eps), gamma N(z) + beta where `affine`; gamma starts at 1, beta at 0.

    `before`: phi(N(z)); `after`: N(phi(z)) in a plain block, N(z + s (W phi(z) + b)) in a residual one.
    """

    centred: ClassVar[bool] = True  # m is a mean, not 0
    mixes: ClassVar[bool] = False  # over the samples of a batch, not over the units of a sample
    place: Annotated[
        Literal["before", "after"],
        doc("Before or after the activation; after in a residual block: after the sum, post-norm."),
    ] = "before"
    eps: Annotated[float, Ge(0), Le(1), doc("What is added to the variance.")] = 1e-5
    affine: Annotated[bool, doc("Whether a scale (from 1) and a shift (from 0) are trained.")] = False

    @property
    def before(self) -> bool:
        """Whether it stands before the activation."""
        return self.place == "before"

    def parts(self, units: int) -> tuple[Part, ...]:
        """What it is made of."""
        return Normalize(self.eps, self.centred, self.mixes, units), *[Affine(units)] * self.affine


@dataclass(frozen=True)
class LayerNorm(Norm):
    """m and v are a sample's mean and variance over its n units, the latter with 1/n (Ba et al. 2016)."""

    name = "layer"


@dataclass(frozen=True)
class RmsNorm(Norm):
    """m = 0 and v is the mean of z^2 over a sample's units (Zhang & Sennrich 2019)."""

    name = "rms"
    centred = False


@dataclass(frozen=True)
class BatchNorm(Norm):
    """m and v are a unit's mean and variance over the B samples of a batch (Ioffe & Szegedy 2015)."""

    name = "batch"
    mixes = True


@dataclass(frozen=True)
class NoNorm(ConfigEntry):
    """Nothing is normalized."""

    name = "none"
    bare = True
    mixes: ClassVar[bool] = False
    before: ClassVar[bool] = True

    def parts(self, units: int) -> tuple[Part, ...]:
        """None."""
        return ()


NO_NORM = NoNorm()
AnyNorm = Norm | NoNorm
NORMS: dict[str, type[AnyNorm]] = {cls.name: cls for cls in (NoNorm, LayerNorm, RmsNorm, BatchNorm)}
