"""The critical learning rate as a summary tells it, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

Rate = float | None


@dataclass(frozen=True)
class CriticalRate:
    """The critical learning rate at both ends of a run: its networks' (geometric) median and the lowest.

    It is where the loss of the batch first comes back along `direction`; None where it was not measured or is
    not defined, with the reason.
    """

    initial: Rate = None
    initial_lowest: Rate = None
    final: Rate = None
    final_lowest: Rate = None
    direction: str | None = None
    networks: tuple[Rate, ...] = ()  # at the start
    networks_final: tuple[Rate, ...] = ()
    reason: str | None = "not recorded"


NOT_MEASURED = CriticalRate()
