"""Where along a line a loss first comes back to where it was: bracketed from below, in about ten looks.

The chord f(x) = (loss(x) - loss(0)) / x begins at minus the slope by which the loss falls, and is 0 where it
is back. Of a quadratic loss it is a straight line, which two points tell. No look is taken further than
`WIDER` times a step from which the loss has not come back, so that no later return is taken for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import inf, isfinite, nan, sqrt
from typing import Any, NamedTuple

import numpy as np

from gradflow.arrays import Array

FIRST = 0.05  # of the loss: what the first step would take off it if it went on falling as it begins to
WIDER, WIDER_LEAST = 4.0, 1.7  # from a step to the next while the loss has not come back
NARROWER = 8.0  # while it has not fallen
BESIDE = 1.05  # how far from a guessed return looks are taken, so that it comes to lie between two
NARROW = 1.3  # the ratio of two steps between which the chord is near enough to a straight line
RESOLVED = 4.0  # roundings of a loss by which it must fall to be seen to
LOOKS = 20  # at most


class _Chord(NamedTuple):
    step: float
    slope: float


class _Bracket:
    """The largest step below the first return, and the smallest beyond it: 0 and inf until there is one."""

    def __init__(self, start: float, slope: float) -> None:
        self.start, self.slope = start, slope
        self.first = self.low = _Chord(0.0, -slope)
        self.high = _Chord(inf, inf)

    def add(self, step: float, loss: float) -> None:
        chord = _Chord(step, (loss - self.start) / step)
        if chord.slope < 0:
            self.low = chord
        else:  # or not a number
            self.high = chord

    def next(self) -> float:
        low, high = self.low.step, self.high.step
        if not low:
            return high / NARROWER
        if high == inf:
            return min(max(BESIDE * _zero(self.first, self.low), WIDER_LEAST * low), WIDER * low)
        if not self.high.slope < self.slope:  # far beyond the return, where no chord is straight
            return sqrt(low * high)
        guess = _zero(self.low, self.high)
        step = BESIDE * guess if high > BESIDE**2 * guess else guess / BESIDE
        return min(max(step, sqrt(BESIDE) * low), high / sqrt(BESIDE))

    def found(self) -> float:
        low, high = self.low.step, self.high.step
        if not low or high == inf:
            return inf if low else 0.0
        return min(max(_zero(self.low, self.high), low), high)


def _zero(a: _Chord, b: _Chord) -> float:
    """Where the straight line through two chords is 0; inf where it comes to no 0 beyond step 0."""
    rise = b.slope - a.slope
    step = a.step - a.slope * (b.step - a.step) / rise if rise > 0 else inf
    return step if step > 0 else inf


Looks = Generator[float, float, float]  # yields a step and is sent the loss there


def first_return(start: float, slope: float, rounding: float) -> Looks:
    """Of a loss that falls from `start` by `slope` a step, and is known to its `rounding`.

    0 where no step makes the loss fall, inf where none brings it back, and nan where it does not begin
    downhill.
    """
    if not (isfinite(start) and 0 < slope < inf):
        return nan
    bracket, step = _Bracket(start, slope), FIRST * start / slope
    for _ in range(LOOKS):
        if not slope * step > RESOLVED * rounding:
            break
        bracket.add(step, (yield step))
        if bracket.high.step <= NARROW * bracket.low.step:
            break
        step = bracket.next()
    return bracket.found()


def side_by_side(searches: Sequence[Looks], losses: Callable[[Array], Array]) -> list[float]:
    """What searches find whose looks are taken together: the losses at S steps, 0 for those that are over."""
    found: dict[int, float] = {}
    steps = np.zeros(len(searches))
    seen: list[Any] = [None] * len(searches)
    while True:
        for i, search in enumerate(searches):
            if i not in found:
                try:
                    steps[i] = search.send(seen[i])
                except StopIteration as over:
                    found[i], steps[i] = over.value, 0.0
        if len(found) == len(searches):
            return [found[i] for i in range(len(searches))]
        seen = losses(steps).tolist()
