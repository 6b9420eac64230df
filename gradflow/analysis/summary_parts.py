"""What a summary keeps of a run beside its flows, as plain data that is read without numpy."""

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


HALF_LOST = 0.5  # of a batch, beyond which the few samples left tell little of the network


@dataclass(frozen=True)
class LostSamples:
    """Of the `samples` of a batch, those whose delta is exactly 0 at layer 1: mean over living networks."""

    lost: float
    samples: int

    @property
    def are_most(self) -> bool:
        """Whether the others, whatever their gradient does, are too few to tell of the network."""
        return self.lost > HALF_LOST * self.samples


@dataclass(frozen=True)
class Samples:
    """What a run was trained on; `held_out` and `task` are None in a run of before they were recorded."""

    samples: int
    features: int
    outputs: int
    held_out: int | None = None
    task: str | None = None  # classification | regression


@dataclass(frozen=True)
class Warned:
    """The step at which each of these first showed that a run would diverge, and the lead of the first."""

    loss: int | None = None
    gradient: int | None = None
    update: int | None = None
    lead: int | None = None  # None: nothing showed it before


@dataclass(frozen=True)
class Stopped:
    """The step at which `training.stop` ended a training, and why."""

    step: int
    reason: str


@dataclass(frozen=True)
class Stretch:
    """The squared singular values s^2 of dz_L / dz_1 at training sample 0, before any update.

    Means over `networks` but for the `blocked` ones, which let nothing through, with 95% intervals; variance
    and largest are those of s^2 over its mean. Beside them theory's and, in standard errors, how far the
    variance is from it. What is not known is None, with the reason.
    """

    networks: int
    blocked: int = 0
    mean: float | None = None
    log10_mean: float | None = None
    log10_mean_low: float | None = None
    log10_mean_high: float | None = None
    variance: float | None = None
    variance_low: float | None = None
    variance_high: float | None = None
    largest: float | None = None
    largest_low: float | None = None
    largest_high: float | None = None
    expected_log10_mean: float | None = None
    expected_variance: float | None = None
    sigmas: float | None = None
    reason: str | None = None
