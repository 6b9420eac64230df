"""What a flow keeps beside c: its layers one by one, and what rounding makes of digits."""

from __future__ import annotations

from dataclasses import dataclass, field

ByLayer = tuple[float | None, ...]


@dataclass(frozen=True)
class Profile:
    """A row of the record by layer: means over networks, base-10 logs of norms; at most 200 of the layers."""

    layers: tuple[int, ...] = ()
    log10_delta: ByLayer = ()
    log10_weight_grad: ByLayer = ()
    log10_bias_grad: ByLayer = ()
    weight_factor: ByLayer = ()
    slope_factor: ByLayer = ()
    factors: dict[str, ByLayer] = field(default_factory=dict)  # all of them, as a Flow's
    correlation: ByLayer = ()  # mean cosine of z over pairs of samples; None where it was not taken
    correlation_expected: ByLayer = ()  # by theory, from that of layer 1; None after the first update


@dataclass(frozen=True)
class Rounding:
    """What another dtype, or another order of sums, may make of shown digits: of c and of log10_ratio.

    `z` is the largest relative error that rounding grows to in a layer, up to 1; `layer` the first in which
    it is all of z, None if there is none.
    """

    c: float
    log10_ratio: float
    z: float
    layer: int | None = None
