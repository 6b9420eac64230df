"""What low precision would lose of a run's networks before any update, as its summary tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_ASKED = "recording.precision is false"
LOSS_SCALE = "loss_scale"


@dataclass(frozen=True)
class CastLosses:
    """Shares of entries by layer that a cast to one format makes 0 or takes beyond it, means over networks.

    `loss_scale` has the lowest and highest k of 2^k that keep both of delta under 1%; None where none does.
    """

    delta_underflow: tuple[float, ...]
    delta_overflow: tuple[float, ...]
    a_underflow: tuple[float, ...]
    a_overflow: tuple[float, ...]
    loss_scale: tuple[int, int] | None

    @property
    def shares(self) -> dict[str, tuple[float, ...]]:
        """The shares by name."""
        return {name: column for name, column in vars(self).items() if name != LOSS_SCALE}


@dataclass(frozen=True)
class Precision:
    """Of each format what it loses, as `gradflow precision` measures it; None where it was not measured."""

    float16: CastLosses | None = None
    bfloat16: CastLosses | None = None
    float8_e4m3fn: CastLosses | None = None
    float8_e5m2: CastLosses | None = None
    reason: str | None = NOT_ASKED

    @property
    def formats(self) -> dict[str, CastLosses]:
        """Those that were measured, by name."""
        return {name: lost for name, lost in vars(self).items() if isinstance(lost, CastLosses)}


def precision_of(info: Mapping[str, Any]) -> Precision:
    """What run.json tells."""
    found = (info.get("measured") or {}).get("precision")
    return Precision() if found is None else Precision(**{k: _lost(v) for k, v in found.items()}, reason=None)


def _lost(measured: Mapping[str, Any]) -> CastLosses:
    scale = measured[LOSS_SCALE]
    shares = {name: tuple(column) for name, column in measured.items() if name != LOSS_SCALE}
    return CastLosses(**shares, loss_scale=None if scale is None else tuple(scale))
