"""What a run keeps of how dz_L / dz_1 stretches lengths at initialization."""

from __future__ import annotations

from dataclasses import dataclass


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
