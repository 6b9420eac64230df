"""How far training is: a bar and a strip of the layers, redrawn on a clock on a terminal; lines elsewhere."""

from __future__ import annotations

import os
import sys
from math import isfinite
from time import monotonic
from typing import Self

from gradflow.analysis.increments import plain_c
from gradflow.execution.beginning import Beginning
from gradflow.report.numbers import count, duration, number
from gradflow.telling.lines import columns_of, note
from gradflow.training import Progress

REDRAWN, TOLD = 0.2, 10.0  # seconds between two pictures, between two lines
BAR = 24
CLEAR, UP = "\r\x1b[2K", "\x1b[1A"


class Ticker:
    """What is drawn on stderr again and again where that is a terminal, and told now and then elsewhere."""

    def __init__(self, quiet: bool, redrawn: float) -> None:
        self.quiet, self.redrawn = quiet, redrawn
        self.live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.started = self.shown = monotonic()

    def __enter__(self) -> Self:
        return self

    def is_due(self) -> bool:
        """Whether it is time for a picture or a line, of which the next one is so long apart."""
        now = monotonic()
        if self.quiet or now - self.shown < (self.redrawn if self.live else TOLD):
            return False
        self.shown = now
        return True

    def write(self, text: str) -> None:
        """Draw, unless nobody watches any more: what is watched goes on."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self.quiet = True


class Bar(Ticker):
    """Call it with each Progress of a training of so many steps; `with` leaves a clean line behind.

    `announcement` is said when the training has begun, for a run that is found finished has none.
    """

    def __init__(self, announcement: str, steps: int, quiet: bool) -> None:
        super().__init__(quiet, REDRAWN)
        self.announcement, self.steps, self.lines = announcement, steps, 0
        self.before = 0  # steps of an earlier process

    def __exit__(self, *failure: object) -> None:
        self._draw([])

    def go_on(self, before: Beginning) -> None:
        """Say where the training goes on; what is left is estimated from the steps that follow."""
        end = f", the last of {before.run}" if before.run else ""
        note(f"going on from step {count(before.steps)} of {count(self.steps)}{end}", self.quiet)
        self.before, self.started = before.steps, monotonic()

    def __call__(self, progress: Progress) -> None:
        if self.announcement:
            note(self.announcement, self.quiet)
            self.announcement = ""
        if not self.is_due():
            return
        if self.live:
            self._draw([self._bar(progress, self._width), *_layers(progress, self._unicode)])
        else:
            note(self._words(progress), self.quiet)

    @property
    def _unicode(self) -> bool:
        return (sys.stderr.encoding or "").lower().startswith("utf")

    @property
    def _width(self) -> int:
        return columns_of(sys.stderr.fileno()) - 1

    def _bar(self, progress: Progress, width: int) -> str:
        """The words, and a bar before them that is as long as there is room."""
        words = self._words(progress)
        size = max(0, min(BAR, width - len(words) - 1))
        done = int(size * progress.step / max(1, self.steps))
        block, rest = ("█", "░") if self._unicode else ("#", ".")
        return f"{block * done}{rest * (size - done)} {words}".lstrip()

    def _words(self, progress: Progress) -> str:
        loss, c = number(float(progress.loss.mean())), plain_c(progress.log_delta)
        words = f"step {count(progress.step)}/{count(self.steps)}  batch loss {loss}"
        if c is not None:
            words += f"  c {number(c)}"
        if progress.step > self.before:
            pace = (monotonic() - self.started) / (progress.step - self.before)
            words += f"  {duration(pace * (self.steps - progress.step))} left"
        return words

    def _draw(self, lines: list[str]) -> None:
        """Replace what was drawn before; a line is cut to the width, so that it stays one."""
        if not self.live or self.quiet:
            return
        erased = CLEAR + (UP + CLEAR) * max(0, self.lines - 1)
        self.write(erased + "\n".join(line[: self._width] for line in lines))
        self.lines = len(lines)


def _layers(progress: Progress, unicode: bool) -> list[str]:
    """log ||delta|| of every layer, from the first to the last, as they are now."""
    from gradflow.report.drawing import strip  # which no log and no short run draws
    from gradflow.report.page import Strip

    means = progress.log_delta.mean(axis=1).tolist()
    values = tuple(value if isfinite(value) else None for value in means)
    kept = [value for value in values if value is not None]
    if len(values) < 2 or not kept:
        return []
    drawn = strip(Strip(values, min(kept), max(kept)), unicode)
    return [f"layer 1 {drawn} {count(len(values))}  log ||delta||"]
