"""What a flow keeps of the layers one by one."""

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
