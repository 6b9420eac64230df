"""A checkpoint: how far a run has come, in one file, replaced now and then and gone with the run's end."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

from gradflow.errors import RunError
from gradflow.execution.beginning import Beginning
from gradflow.store.archive import STATE_FORMAT, read_sealed, write_sealed
from gradflow.store.info import Versions
from gradflow.store.partial import Claim
from gradflow.store.writing import sync, write_file
from gradflow.training import Training

SECONDS = 15.0  # from one checkpoint to the next
SHARE = 0.02  # of the time may go into writing them


class Checkpoint:
    """The checkpoint of a claimed run, which only the same digest and versions go on from."""

    def __init__(self, claimed: Claim, digest: str, versions: Versions, interval: float = SECONDS) -> None:
        self.claimed, self.interval = claimed, interval
        self.origin = {"format": STATE_FORMAT, "digest": digest, "versions": dict(versions)}
        self._due = perf_counter() + interval

    def load(self) -> Beginning | None:
        """Where the file left the run; None if there is none, or one that is damaged or of another origin."""
        try:
            about, state = read_sealed(self.claimed.checkpoint)
        except RunError:
            return None
        if about["origin"] != self.origin:
            return None
        return Beginning(about["started"], about["seconds"], int(state["recording.step"][-1]) + 1, state)

    def keep(
        self, training: Training, started: str, seconds: float, told: Callable[[], Any], *, now: bool = False
    ) -> None:
        """Write the file if it is time, or `now`, with what is `told` of the run for those who look at it.

        A disk that refuses it does not end the run.
        """
        clock = perf_counter()
        if (clock < self._due and not now) or training.outcome.cuts:
            return
        about = {
            "origin": self.origin,
            "started": started,
            "seconds": seconds,
            "steps": training.steps_done,
            **told(),
        }
        with suppress(OSError):
            self._replace(training.views(), about)
        took = perf_counter() - clock
        self._due = clock + took + max(self.interval, took / SHARE)

    def _replace(self, state: dict[str, Any], about: dict[str, Any]) -> None:
        written = self.claimed.stage() / self.claimed.checkpoint.name
        write_file(written, lambda file: write_sealed(file, state, about))
        os.replace(written, self.claimed.checkpoint)
        sync(self.claimed.checkpoint.parent)
