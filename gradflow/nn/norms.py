"""Normalizations of a layer, a frozen class each: what is divided by what, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

Place = Literal["before", "after"]


@dataclass(frozen=True)
class Norm:
    """N(z) = (z - m) / sqrt(v + eps), gamma N(z) + beta where `affine`; gamma starts at 1, beta at 0.

    `before`: phi(N(z)); `after`: N(phi(z)) in a plain block, N(z + s (W phi(z) + b)) in a residual one.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str]
    place: Place = "before"
    eps: Annotated[float, Ge(0), Le(1)] = 1e-5
    affine: bool = False


@dataclass(frozen=True)
class LayerNorm(Norm):
    """m and v are a sample's mean and variance over its n units, the latter with 1/n (Ba et al. 2016)."""

    name = "layer"


@dataclass(frozen=True)
class RmsNorm(Norm):
    """m = 0 and v is the mean of z^2 over a sample's units (Zhang & Sennrich 2019)."""

    name = "rms"


@dataclass(frozen=True)
class BatchNorm(Norm):
    """m and v are a unit's mean and variance over the B samples of a batch (Ioffe & Szegedy 2015)."""

    name = "batch"


NORMS: dict[str, type[Norm]] = {cls.name: cls for cls in (LayerNorm, RmsNorm, BatchNorm)}
