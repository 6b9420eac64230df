"""How far training is: a bar redrawn on a clock on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
from math import exp, isfinite
from time import monotonic
from typing import TYPE_CHECKING

from gradflow.cli.output import columns_of, note
from gradflow.report.numbers import count, duration, number

if TYPE_CHECKING:
    from gradflow.training import Progress

REDRAWN, TOLD = 0.1, 10.0  # seconds between two pictures, between two lines
BAR = 24
CLEAR = "\r\x1b[2K"


class Bar:
    """Call it with each Progress of a network of `depth` layers; `with` leaves a clean line behind.

    `announcement` is said when the training has begun, for a run that is found finished has none.
    """

    def __init__(self, depth: int, announcement: str, quiet: bool) -> None:
        self.transitions, self.announcement, self.quiet = max(1, depth - 1), announcement, quiet
        self.live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.started = self.shown = monotonic()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *failure: object) -> None:
        if self.live and not self.quiet:
            self._write(CLEAR)

    def __call__(self, progress: Progress) -> None:
        if self.announcement:
            note(self.announcement, self.quiet)
            self.announcement = ""
        now = monotonic()
        if self.quiet or now - self.shown < (REDRAWN if self.live else TOLD):
            return
        self.shown = now
        if self.live:
            self._write(CLEAR + self._picture(progress)[: columns_of(sys.stderr.fileno()) - 1])
        else:
            note(self._words(progress), self.quiet)

    def _picture(self, progress: Progress) -> str:
        done = int(BAR * progress.step / max(1, progress.steps))
        block, rest = ("█", "░") if (sys.stderr.encoding or "").lower().startswith("utf") else ("#", ".")
        return f"{block * done}{rest * (BAR - done)} {self._words(progress)}"

    def _words(self, progress: Progress) -> str:
        words = (
            f"step {count(progress.step)}/{count(progress.steps)}  loss {number(float(progress.loss.mean()))}"
        )
        rising = float(progress.log_delta_first.mean()) - float(progress.log_delta_last.mean())
        if isfinite(rising):
            words += f"  c {number(exp(rising / self.transitions))}"
        if progress.step:
            left = (monotonic() - self.started) * (progress.steps / progress.step - 1)
            words += f"  {duration(left)} left"
        return words

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self.quiet = True  # nobody watches: training goes on
