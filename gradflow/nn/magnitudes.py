"""How many entries of arrays are below bounds: exact counts, each a comparison and a count of its bytes.

Entries are mantissas times powers of two, which move the bounds, not the entries. Magnitudes are taken piece
by piece, so that they stay in a core's cache while one bound after the other is held against them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import inf, log2
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.elementwise import Counts
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]
Limits = tuple[Sequence[Array], Sequence[float]]

PIECE = 1 << 16  # entries
REACH = 1 << 40  # rungs of a ladder of bounds, up or down from 1
_LEAST = float(np.nextafter(0.0, 1.0))


class Bound(NamedTuple):
    """The magnitude mantissa 2^power; what equals it is below it if it is `closed`."""

    power: int
    mantissa: float
    closed: bool

    @property
    def log2(self) -> float:
        """Of the magnitude."""
        return self.power + log2(self.mantissa) if self.mantissa else -inf

    def limit(self, exponent: Array | int, divisor: int, dtype: Any) -> Array:
        """The least number of a dtype that is not below it when multiplied by 2^exponent / divisor."""
        with np.errstate(over="ignore"):  # beyond the dtype stands inf
            exact = np.ldexp(self.mantissa * divisor, np.clip(self.power - exponent, -5000, 5000))
            if not self.closed:
                exact = np.maximum(exact, _LEAST)
                number = exact.astype(dtype)
                return np.asarray(np.where(number < exact, np.nextafter(number, dtype.type(inf)), number))
            number = exact.astype(dtype)
            number = np.where(number > exact, np.nextafter(number, dtype.type(0)), number)
            return np.asarray(np.nextafter(number, dtype.type(inf)))


ZERO = Bound(0, 0.0, closed=True)


@lru_cache(maxsize=256)
def ascending(bounds: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """Each of them once."""
    return tuple(sorted({*bounds}, key=lambda bound: (bound.log2, bound.closed)))


@lru_cache(maxsize=1024)
def _limit(bound: Bound, exponent: int, divisor: int, dtype: Any) -> Array:
    return bound.limit(exponent, divisor, dtype)


@lru_cache(maxsize=256)
def _limits(bounds: tuple[Bound, ...], exponent: int, divisor: int, dtype: Any) -> Limits:
    """As arrays, to compare with, and as numbers."""
    found = [_limit(bound, exponent, divisor, dtype) for bound in bounds]
    return found, [float(limit) for limit in found]


class Below:
    """How many entries of each of k tensors are below bounds, each (k,), and how many there are."""

    def __init__(self, counts: dict[Bound, Sequence[int]], total: Array | int) -> None:
        self.counts, self.total = counts, total

    def below(self, bound: Bound) -> Array:
        """The count, of a bound that was counted."""
        return np.asarray(self.counts[bound])


class Room:
    """Pieces (k, n, B) of tensors: their magnitudes and what comparisons make of them, in scratch.

    That is an array of the tensors' dtype and one of bool, at least as large as a piece.
    """

    def __init__(self, shape: tuple[int, ...], scratch: tuple[Array, Array]) -> None:
        k, n, b = shape
        self.magnitudes, self.marks = (flat[: k * n * b].reshape(shape) for flat in scratch)
        self.size, self.found = n * b, np.empty(k, np.int64)
        self.counter = Counts(self.marks.reshape(k, -1)) if k > 1 else None

    def count(self, limits: Sequence[Array], known: int) -> list[list[int]]:
        """How many magnitudes are below each limit in each tensor, of limits that ascend.

        All entries are below those from number `known` on; between two with equal counts none is looked at.
        """
        none, every = [0] * len(self.found), [self.size] * len(self.found)
        counts = [none, *[every] * len(limits), every]
        gaps = [(0, known + 1)]
        while gaps:
            low, high = gaps.pop()
            if counts[low] == counts[high]:
                counts[low:high] = [counts[low]] * (high - low)
            elif high - low > 1:
                middle = (low + high) // 2
                counts[middle] = self._below(limits[middle - 1])
                gaps += (low, middle), (middle, high)
        return counts[1:-1]

    def _below(self, limit: Array) -> list[int]:
        """Their number in each tensor; they are marked."""
        np.less(self.magnitudes, limit, out=self.marks)
        if self.counter is None:
            return [int(np.count_nonzero(self.marks))]
        self.counter.into(self.found)
        found: list[int] = self.found.tolist()
        return found


class Rooms:
    """Those of every shape, all at the same place."""

    def __init__(self, scratch: tuple[Array, Array]) -> None:
        self.scratch, self.by_shape = scratch, dict[tuple[int, ...], Room]()

    def of(self, v: Array) -> Room:
        """The one of a piece, with its magnitudes."""
        room = self.by_shape.get(v.shape)
        if room is None:
            room = self.by_shape[v.shape] = Room(v.shape, self.scratch)
        np.abs(v, out=room.magnitudes)
        return room


class Magnitudes(Below):
    """Those of k tensors v 2^exponent / divisor, v (k, n, B); nan is below no bound.

    They are counted when they are asked for, in `rooms`; no |v| is above `largest`.
    """

    def __init__(self, values: Scaled, rooms: Rooms, divisor: int = 1, largest: float = inf) -> None:
        """Of exponents (k, 1, 1 or B) or, of all, (1, 1, 1)."""
        self.size: int = values.v[0].size
        super().__init__({}, self.size)
        self.v, self.divisor, self.rooms, self.largest = values.v, divisor, rooms, largest
        self.exponent = _shared(values.exponent)

    @classmethod
    def of(cls, values: Scaled) -> Magnitudes:
        """Those of one tensor."""
        v, exponent = values
        scratch = np.empty(v.size, v.dtype), np.empty(v.size, np.bool_)
        return cls(Scaled(v[None], exponent[None]), Rooms(scratch))

    def below(self, bound: Bound) -> Array:
        """The count."""
        if bound not in self.counts:
            self.count((bound,))
        return super().below(bound)

    def count(self, bounds: tuple[Bound, ...]) -> None:
        """Count them, which ascend, all at once: quicker than one after the other."""
        found: list[list[int]] = [[] for _ in bounds]
        for tensors, units in self._pieces():
            limits, known = self._limits(bounds, tensors)
            counts = self.rooms.of(self.v[tensors, units]).count(limits, known)
            for before, now in zip(found, counts, strict=True):
                if units.start:
                    before[-1] += now[0]
                else:
                    before += now
        self.counts |= zip(bounds, found, strict=True)

    def counter(self, tensor: int) -> Callable[[Bound], int]:
        """The count in one of them, for one bound after the other."""
        if len(self.v) == 1:
            return lambda bound: int(self.below(bound)[0])
        magnitudes, own = np.abs(self.v[tensor]), slice(tensor, tensor + 1)
        return lambda bound: int(np.count_nonzero(magnitudes < self._limits((bound,), own)[0][0]))

    def _pieces(self) -> Iterator[tuple[slice, slice]]:
        """Some tensors, or units of one."""
        k, n, b = self.v.shape
        tensors, units = max(1, PIECE // (n * b)), max(1, PIECE // b)
        for first in range(0, k, tensors):
            for low in range(0, n, units):
                yield slice(first, first + tensors), slice(low, low + units)

    def _limits(self, bounds: tuple[Bound, ...], tensors: slice) -> tuple[Sequence[Array], int]:
        """Those of some tensors, and from which of them on all entries are below."""
        if isinstance(self.exponent, int):
            limits, numbers = _limits(bounds, self.exponent, self.divisor, self.v.dtype)
            return limits, bisect_right(numbers, self.largest)
        own = self.exponent[tensors]
        return [bound.limit(own, self.divisor, self.v.dtype) for bound in bounds], len(bounds)


def _shared(exponent: Array) -> Array | int:
    """The one exponent of all, if there is one."""
    first = int(exponent.flat[0])
    return first if exponent.size == 1 or (exponent == first).all() else exponent


def least_rung(holds: Callable[[int], bool], start: int) -> int:
    """The least integer from which on a condition holds, looked for from `start`; at most REACH from 0."""
    step, way = 1, -1 if holds(start) else 1
    while holds(start + way * step) == (way < 0):
        start, step = start + way * step, 2 * step
        if abs(start) > REACH:
            return way * REACH
    low, high = sorted((start, start + way * step))
    return low + 1 + bisect_left(range(low + 1, high), True, key=holds)
