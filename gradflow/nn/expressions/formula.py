"""A formula as an activation: its value, its slope at any magnitude, its kinks, where floats serve."""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import inf, log

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.expressions.derivative import derivative
from gradflow.nn.expressions.evaluate import Program
from gradflow.nn.expressions.grammar import parse_formula
from gradflow.nn.expressions.kinks import beside, grid, kinks_of, runs
from gradflow.nn.expressions.panels import splits
from gradflow.nn.expressions.reach import Slopes, around
from gradflow.nn.expressions.tree import NUMBER, PRODUCT, SELECT, SUM, ExpressionError, Tree, Z
from gradflow.nn.expressions.wide import Wide

MOST_NODES = 300  # of value and slope, each computed once, so that a look at them takes a second at most
FAR = np.geomspace(1e8, 1e100, 185)
FARTHER = np.geomspace(1e100, 1e300, 41)  # where only what floats make of it is looked at
EACH = 4  # place of the grid: kinks need a finer one than slopes
NEAR = 1e4  # |z| within which the steepest slope of a bounded one is found
GROWN = 1.5  # times that slope, which a slope without a largest one has somewhere
SETTLED, SAME = np.array([1e4, 2e4, 3.3e4, 1e5]), 1e-9  # |z| at which a slope that stays differs by no more
ZOOMS = 4  # into the place of the steepest slope
STRETCH = np.array([0.1, 0.3, 0.6, 0.9])  # shares of an interval at which a flat slope is 0
JUMP = 1e-9  # of max(1, |value|), by which the sides of a kink differ at most
STEEP = 1e6  # times the steepest slope elsewhere, beyond which one at a kink is infinite
BESIDE_KINKS = 1e-6  # how near to one slopes are not compared with those of neighbouring floats
EPS, NOISE, UNSEEN = 2.0**-52, 1e-3, 1e-30  # a step of a float; what it may change of slopes, of the steepest


class Formula:
    """What a text says of z. ExpressionError where it is no activation."""

    def __init__(self, text: str, kinks_at: tuple[float, ...] = ()) -> None:
        self.tree = parse_formula(text)
        if self.tree.constant is not None:
            raise ExpressionError(f"is {self.tree.constant:g} whatever z is: an activation depends on z")
        self.slope_tree = derivative(self.tree)
        parts = sum(1 for tree in (self.tree, self.slope_tree) for _ in tree.nodes())
        if parts > MOST_NODES:
            raise ExpressionError(
                f"has {parts:,} parts with its slope: at most {MOST_NODES} can be computed with"
            )
        self.value, self.slope = Program(self.tree), Program(self.slope_tree)
        with np.errstate(all="ignore"):
            self._look(kinks_at)

    def _look(self, kinks_at: tuple[float, ...]) -> None:
        """Find out what it is, and refuse what is no activation."""
        self.kinks = tuple(sorted({*kinks_of(self.tree), *kinks_at}))
        inner, self.wave = splits((self.value, self.slope), self.kinks)
        self.splits = tuple(sorted({*self.kinks, *inner}))
        self.ends = -self._end(-1), self._end(1)
        self.z = self._places()
        self.slopes = self.wide_slope(self.z)
        self._refuse_what_has_no_value()
        self._refuse_jumps()
        self._refuse_lost_digits()
        places = np.concatenate([-FARTHER[::-1], self.z, FARTHER])
        slopes = Slopes(self, places, self.kinks, self.steepest)
        self.reach = {np.dtype(dtype): slopes.reach(dtype) for dtype in (np.float32, np.float64)}
        self.exact_quick = slopes.keeps_digits(self.reach[np.dtype(np.float32)])

    def _end(self, side: int) -> float:
        """The |z| from which on the slope is known to stay; the largest float where it does not."""
        slopes = self.slope.wide(side * SETTLED).float64
        stays = np.abs(slopes[0]) > UNSEEN and np.ptp(slopes) <= SAME * np.abs(slopes[0])
        stays &= all(side * kink < SETTLED[0] for kink in self.kinks)
        return float(SETTLED[-1] if stays else np.finfo(np.float64).max)

    def wide_value(self, z: Array) -> Wide:
        """phi at any z: along a line from where the slope stays, for the exponentials in it lose digits."""
        inner = np.clip(z.astype(np.float64), *self.ends)
        beyond = Wide.of(z - inner)
        if not beyond.m.any():
            return self.value.wide(inner)
        return self.value.wide(inner).plus(self.slope.wide(inner).times(beyond))

    def wide_slope(self, z: Array) -> Wide:
        """phi' at any z."""
        return self.slope.wide(np.clip(z.astype(np.float64), *self.ends))

    def beside(self, z: Array) -> Array:
        """z, of those that are kinks the next float."""
        return beside(z, self.kinks)

    def _places(self) -> Array:
        """The z at which it is looked at, both sides of kinks among them."""
        kinks = np.array(self.kinks)
        sides = [kinks, np.nextafter(kinks, -inf), np.nextafter(kinks, inf)]
        places = np.concatenate([-FAR, grid()[::EACH], [0.0], FAR, self.splits, *sides])
        return np.unique(beside(places, self.kinks))

    def _refuse_what_has_no_value(self) -> None:
        z = np.unique([*self.z, *self.kinks])
        for places, wide, what in ((z, self.wide_value(z), "it"), (self.z, self.slopes, "its slope")):
            bad = ~np.isfinite(wide.m)
            if bad.any():
                first, last = next(runs(bad))
                where = f"z = {places[first]:.6g}" + f" to {places[last]:.6g}" * (last > first)
                found = "infinite" if np.isinf(wide.m[first]) else "not a number"
                raise ExpressionError(
                    f"has no value at {where}, where {what} is {found}: keep from there what stands under "
                    "log, sqrt and /, with where(...) if need be"
                )

    def _refuse_jumps(self) -> None:
        for kink in self.kinks:
            sides = np.nextafter(kink, [-inf, inf])
            if not (np.abs(self.slope.wide(sides).float64) <= STEEP * max(1.0, self._steepest_near_1)).all():
                raise ExpressionError(f"has an infinite slope at z = {kink:.6g}: no gradient passes there")
            low, high = self.value.wide(sides).float64
            if not abs(high - low) <= JUMP * max(1.0, abs(low)):
                raise ExpressionError(
                    f"jumps at z = {kink:.6g} from {low:.6g} to {high:.6g}: an activation is continuous"
                )
        if self.steepest == 0:
            raise ExpressionError("has the slope 0 wherever networks get: nothing would pass")

    def _refuse_lost_digits(self) -> None:
        """Slopes that are the rounding errors of larger terms: they change with the last digit of z."""
        apart = np.abs(self.z[:, None] - np.array([*self.kinks, inf])).min(axis=1) > BESIDE_KINKS
        z = self.z[(np.abs(self.z) >= 1) & (np.abs(self.z) <= NEAR) & apart]
        found = [np.abs(self.slope.wide(z * (1 + k * EPS)).float64) for k in range(-2, 3)]
        lost = np.ptp(found, axis=0) > NOISE * around(found[2]) + UNSEEN * self.steepest
        if lost.any():
            place = z[lost][np.abs(z[lost]).argmin()]
            raise ExpressionError(
                f"loses the digits of its slope at z = {place:.4g}, where large terms cancel: write it so "
                "that they do not"
            )

    @property
    def _steepest_near_1(self) -> float:
        """Away from kinks."""
        return float(np.abs(self.slope.wide(np.array([-1.1, -0.9, 0.9, 1.1])).float64).max())

    @cached_property
    def bounded_slope(self) -> bool:
        """Whether there is a largest slope."""
        sizes, near = self.slopes.log_abs, np.abs(self.z) <= NEAR
        return bool(sizes.max() <= log(GROWN) + sizes[near].max())

    @cached_property
    def steepest(self) -> float:
        """The largest |slope|; where there is none, that within |z| <= 1."""
        largest, z = 0.0, self.z if self.bounded_slope else np.unique(np.clip(self.z, -1, 1))
        for _ in range(ZOOMS):
            slopes = np.abs(self.wide_slope(z).float64)
            best = int(slopes.argmax())
            largest = max(largest, float(slopes[best]))
            z = beside(np.linspace(z[max(0, best - 1)], z[min(z.size - 1, best + 1)], 101), self.kinks)
        return largest

    @cached_property
    def flat(self) -> bool:
        """Whether the slope is 0 on an interval: between kinks, or from the last one on."""
        ends = np.array([-NEAR, *self.kinks, NEAR])
        places = ends[:-1, None] + np.diff(ends)[:, None] * STRETCH
        return bool((self.wide_slope(places).m == 0).all(axis=1).any())

    @cached_property
    def signed(self) -> bool:
        """Whether a slope is below 0 anywhere."""
        return bool((self.slopes.m < 0).any())

    @cached_property
    def homogeneous(self) -> bool:
        """Whether phi(s z) = s phi(z) for all s > 0."""
        return degree(self.tree) == 1

    @cached_property
    def borrowed_step(self) -> bool:
        """Whether its value in complex numbers says nothing of its slope that was not put in."""
        return any(node.head in ("erf", "erfc") for node in self.tree.nodes())


@lru_cache(maxsize=256)
def formula(text: str, kinks_at: tuple[float, ...]) -> Formula:
    """The formula of a text, made once in a process. ExpressionError if it is refused."""
    return Formula(text, kinks_at)


def degree(tree: Tree) -> float | None:
    """The d of tree(s z) = s^d tree(z) for all s > 0; inf of 0, which has any; None where there is none."""
    if tree.head == Z:
        return 1.0
    if tree.head == NUMBER:
        return inf if tree.constant == 0 else 0.0
    found = [degree(part) for part in tree.parts]
    if tree.head == SELECT:
        return None if found[0] is None else _one(found[1:])
    if tree.head == SUM:
        return _one([*found, 0.0] if tree.numbers[0] else found)
    if tree.head == PRODUCT:
        known = [d * p for d, p in zip(found, tree.numbers, strict=True) if d is not None]
        return sum(known) if len(known) == len(found) else None
    return 0.0 if found == [0.0] else None


def _one(degrees: list[float | None]) -> float | None:
    """That of all, if they have one; what is 0 has that of the others."""
    different = {d for d in degrees if d != inf}
    if not different:
        return inf
    return different.pop() if len(different) == 1 else None
