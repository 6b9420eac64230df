"""Points that differ in their steps alone: where states are kept, each goes on from the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gradflow.sweeps.points import Point


class Chains:
    """Which of the points to be computed wait for one of fewer steps; of no points, none does."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self._stems = {point.number: point.config.stem for point in points if point.cost.state}
        self._left: dict[str, set[int]] = {}  # the steps that are not made yet, by stem
        for point in points:
            if point.number in self._stems:
                self._left.setdefault(self._stems[point.number], set()).add(point.cost.steps)

    def next_of(self, missing: deque[Point]) -> Point | None:
        """Take the first point out that waits for none; None if all wait for those under way."""
        for place, point in enumerate(missing):
            if not self._waits(point):
                del missing[place]
                return point
        return None

    def end(self, point: Point) -> None:
        """A point is done, or has failed."""
        if point.number in self._stems:
            self._left[self._stems[point.number]].discard(point.cost.steps)

    def _waits(self, point: Point) -> bool:
        left = self._left.get(self._stems.get(point.number, ""), ())
        return any(steps < point.cost.steps for steps in left)
