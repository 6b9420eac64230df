"""What training in low precision would lose, as means over networks, and the loss scale that keeps delta."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.cast_losses import CastLosses
from gradflow.analysis.summary import strict
from gradflow.nn.low_precision import FLOATS, SHARES, ZEROS, Casts

Shares = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class LowPrecision:
    """Shares by layer (L,), means over networks: by format those of SHARES, beside those of ZEROS.

    `loss_scale` has by format the lowest and highest k of 2^k that keep both losses of delta under 1% in
    every layer of every network, or None. An end that nothing limits is 0, or the other end.
    """

    networks: int
    batch: int
    shares: dict[str, Shares]
    zeros: Shares
    loss_scale: dict[str, tuple[int, int] | None]

    @property
    def layers(self) -> int:
        """L."""
        return len(self.zeros["a_zero"])

    @property
    def formats(self) -> dict[str, CastLosses]:
        """What each format loses, as a summary has it."""
        return {
            name: CastLosses(
                **{side: tuple(values.tolist()) for side, values in shares.items()},
                loss_scale=self.loss_scale[name],
            )
            for name, shares in self.shares.items()
        }

    def document(self) -> dict[str, Any]:
        """The document of `gradflow precision --json`."""
        head = {"layers": self.layers, "networks": self.networks, "batch": self.batch}
        zeros = {name: values.tolist() for name, values in self.zeros.items()}
        formats = {name: strict(asdict(lost)) for name, lost in self.formats.items()}
        return {**head, **zeros, "precision": formats}


def summarize_casts(casts: Iterable[Casts], batch: int) -> LowPrecision:
    """Networks of one config, each on a batch of that many samples."""
    found = list(casts)
    names = [one.name for one in FLOATS]
    means = {name: np.mean([one.shares[name] for one in found], axis=0) for name in names}
    zeros = np.mean([one.zeros for one in found], axis=0)
    return LowPrecision(
        networks=len(found),
        batch=batch,
        shares={name: dict(zip(SHARES, means[name], strict=True)) for name in names},
        zeros=dict(zip(ZEROS, zeros, strict=True)),
        loss_scale={name: _common([one.scales[name] for one in found]) for name in names},
    )


def _common(scales: list[tuple[float, float]]) -> tuple[int, int] | None:
    """What all networks take; None if there is none."""
    lowest, highest = max(low for low, _ in scales), min(high for _, high in scales)
    if lowest > highest or lowest == inf or highest == -inf:
        return None
    lowest = lowest if isfinite(lowest) else min(0.0, highest)
    highest = highest if isfinite(highest) else max(0.0, lowest)
    return int(lowest), int(highest)
