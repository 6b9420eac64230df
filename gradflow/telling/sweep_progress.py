"""How far a sweep is: on a terminal the points that ended last under a line that counts, elsewhere lines."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

from gradflow.report.numbers import count, counted, duration
from gradflow.report.sweep_pages import progress_page
from gradflow.sweeps.outcome import Ended, Event, Started, Waiting
from gradflow.telling.lines import look_of, note
from gradflow.telling.progress import Ticker

NEWEST = 10  # points that the table shows
REDRAWN = 0.3  # seconds between two pictures: one takes 5 ms, and may take 2% of the time


class SweepProgress(Ticker):
    """Call it with each event of a sweep of `total` points; `with` leaves a clean screen behind."""

    def __init__(self, total: int, axes: Sequence[str], quiet: bool) -> None:
        super().__init__(quiet, REDRAWN)
        self.total, self.axes = total, axes
        self.seen: Counter[str] = Counter()  # ended, computed, failed, now or before
        self.running: dict[int, float] = {}  # since when, by number: one whose worker died starts again
        self.gone_on: set[int] = set()
        self.computing: float | None = None  # since when; what stands finished was found before
        self.seconds = 0.0  # of all that were computed
        self.newest: deque[dict[str, Any]] = deque(maxlen=NEWEST)
        self.waiting = False
        self.lines = 0  # of the picture that stands on the screen

    def __exit__(self, *failure: object) -> None:
        if not self.quiet:
            self.write(self._clear())

    def __call__(self, event: Event) -> None:
        if isinstance(event, Waiting):
            self._wait(event)
            return
        self._count(event)
        begun = self.seen["ended"] + len(self.running)
        if isinstance(event, Ended) and begun < self.total and not event.reused:
            return  # another starts in a moment
        if not self.is_due():
            return
        if self.live:
            self._draw()
        else:
            note(self.words(), self.quiet)

    def _wait(self, event: Waiting) -> None:
        """Say once that nobody computes, until somebody does."""
        if not self.waiting:
            self.write(self._clear() if not self.quiet else "")
            self.lines = 0
            note(f"waiting for workers of {event.address}", self.quiet)
        self.waiting = True

    def words(self) -> str:
        """12/64 points done, 2 running, 1 failed, 3 min left."""
        parts = [f"{count(self.seen['ended'])}/{count(self.total)} points done"]
        parts += [f"{count(len(self.running))} running"] if self.running else []
        parts += [f"{count(self.seen['failed'])} failed"] if self.seen["failed"] else []
        left = self._left()
        parts += [] if left is None else [f"{duration(left)} left"]
        return ", ".join(parts)

    def _left(self) -> float | None:
        """Seconds, by the points that are done and the parts of those under way; None if none is computed.

        Of one that has taken half as long as others, or longer, a half counts: it may have waited in a queue.
        """
        computed, now = self.seen["computed"], monotonic()
        if self.computing is None or not computed:
            return None
        each = max(self.seconds / computed, 1e-9)
        parts = sum(min(0.5, (now - since) / each) for since in self.running.values())
        pace = (now - self.computing) / (computed + parts)
        return pace * (self.total - self.seen["ended"] - parts)

    def story(self) -> str:
        """How many points were computed, how many found finished, and how many had failed before."""
        failed = self.seen["failed_before"]
        found = self.seen["ended"] - self.seen["computed"] - failed
        words = (
            f"computed {counted(self.seen['computed'], 'point')} in {duration(monotonic() - self.started)}"
        )
        if self.gone_on:
            words += f", {count(len(self.gone_on))} of them from where one of fewer steps ended"
        words += f"; found {count(found)} finished, --force computes them again" if found else ""
        again = "--retry-failed tries them again"
        return f"{words}; {counted(failed, 'point')} failed before, {again}" if failed else words

    def _count(self, event: Event) -> None:
        self.waiting, now = False, monotonic()
        if isinstance(event, Ended):
            self.newest.append(event.document())
            failed = event.status == "failed"
            self.seen.update(ended=1, computed=not event.reused, failed=failed)
            self.seen.update(failed_before=failed and event.reused)
            self.seconds += now - self.running.pop(event.point.number, now)
        elif isinstance(event, Started):
            self.computing = now if self.computing is None else self.computing
            self.running[event.point.number] = now
            self.gone_on |= {event.point.number} if event.steps else set()

    def _draw(self) -> None:
        from gradflow.report.terminal import render  # loads rich, which lines do without

        look = look_of(sys.stderr)
        page = progress_page(self.words(), list(self.newest), self.axes, look.columns)
        picture = render(page, look)
        self.write(self._clear() + picture)
        self.lines = picture.count("\n")

    def _clear(self) -> str:
        return f"\x1b[{self.lines}F\x1b[J" if self.lines else ""
