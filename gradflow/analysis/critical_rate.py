"""The critical learning rate of a run, as its summary tells it, and how the run's own stands to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

OLDER = "an older version made it, which measured none: run its config again with --force"
CLOSE = 1.25  # a ratio of rates that are called close
IN_FULL = 1e9
ABOVE, BELOW = 1.0, 0.1  # of the critical rate: what is told beside an overshoot, and beside a stall


@dataclass(frozen=True)
class CriticalRate:
    """The critical learning rate at both ends of a run: its networks' (geometric) median and the lowest.

    It is where the loss of the batch first comes back along `direction`; None where it was not measured or is
    not defined, with the reason.
    """

    initial: float | None = None
    initial_lowest: float | None = None
    final: float | None = None
    final_lowest: float | None = None
    direction: str | None = None
    networks: tuple[float | None, ...] = ()  # at the start
    networks_final: tuple[float | None, ...] = ()
    reason: str | None = OLDER


NOT_MEASURED = CriticalRate()


def critical_of(info: Mapping[str, Any]) -> CriticalRate:
    """What run.json tells, with the medians and the lowest of the networks."""
    found = (info.get("measured") or {}).get("critical_lr")
    if found is None:
        return NOT_MEASURED
    first, last = (tuple(found[end] or ()) for end in ("initial", "final"))
    return CriticalRate(*_middle(first), *_middle(last), found["direction"], first, last, found["reason"])


def of_shares(critical: CriticalRate, shares: Sequence[float]) -> CriticalRate:
    """The rate at the start of whole gradients, where clipping left these shares of them by network."""
    rates = tuple(
        rate * share if rate is not None and share > 0 else None  # of a share too small for a float: nothing
        for rate, share in zip(critical.networks, shares, strict=False)
    )
    return CriticalRate(*_middle(rates), direction=critical.direction, networks=rates, reason=critical.reason)


def _middle(rates: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The median of logarithms, and the lowest, of the rates that are defined."""
    known = sorted(rate for rate in rates if rate is not None)
    if not known:
        return None, None
    return sqrt(known[(len(known) - 1) // 2]) * sqrt(known[len(known) // 2]), known[0]


def standing(lr: float, critical: float) -> str:
    """How a learning rate stands to a critical one: 10 times above, 3,000 times below, 0.34 of, close to."""
    ratio = lr / critical
    if 1 / CLOSE < ratio < CLOSE:
        return "close to"
    if ratio > ABOVE:
        return f"{_times(ratio)} times above"
    return f"{ratio:.2g} of" if ratio > BELOW else f"{_times(critical / lr)} times below"


def _times(ratio: float) -> str:
    """Two digits, in full where that is not long."""
    rounded = float(f"{ratio:.1e}")
    return f"{rounded:,.0f}" if 10 <= rounded < IN_FULL else f"{rounded:.2g}"
