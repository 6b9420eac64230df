"""The moments of layers by the names that formulas use: mu1, p2 and so on at the variance that phi sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield import integrands as of
from gradflow.meanfield.expectations import Moments
from gradflow.meanfield.integrands import Integrand

STEADY = 1e-15  # change of ln v, or of its change, from layer to layer below which it is at its limit


def along_layers(moment: Callable[[Array], Array], log_v: Array) -> Array:
    """A moment at ln v (L, ...), taken anew only where ln v is not that of the layer below."""
    rows = log_v.reshape(len(log_v), prod(log_v.shape[1:]))
    new = np.ones(rows.shape, dtype=bool)
    new[1:] = np.abs(np.diff(rows, axis=0)) > STEADY * (1 + np.abs(rows[1:]))
    count = np.cumsum(new.T, axis=None).reshape(new.T.shape).T  # along one network after the other
    return np.asarray(moment(rows.T[new.T])[count - 1].reshape(log_v.shape))


def last_unlike(rows: Array) -> int:
    """The last row that differs from the row at the end; -1 if none does."""
    others = np.flatnonzero((rows != rows[-1]).reshape(len(rows), -1).any(axis=1))
    return int(others[-1]) if len(others) else -1


@dataclass(frozen=True, eq=False)
class Local:
    """Moments at ln v (layers, ...), each integrated when it is first asked for; Z is standard normal."""

    moments: Moments
    log_v: Array
    _found: dict[Integrand, Array] = field(default_factory=dict)
    _series: dict[Integrand, Array] = field(default_factory=dict)

    def row(self, k: int) -> Local:
        """Layer k alone, with what is known of it."""
        found = {integrand: values[k : k + 1] for integrand, values in self._found.items()}
        series = {integrand: terms[:, k : k + 1] for integrand, terms in self._series.items()}
        return Local(self.moments, self.log_v[k : k + 1], found, series)

    def series(self, integrand: Integrand) -> Array:
        """The Hermite series of an integrand by layer (TERMS + 1, layers, ...)."""
        if integrand not in self._series:
            self._series[integrand] = self.moments.series(integrand, self.log_v)
        return self._series[integrand]

    def mean(self, integrand: Integrand) -> Array:
        """E of an integrand by layer."""
        if integrand not in self._found:
            inside = self.moments.clip(self.log_v)
            self._found[integrand] = along_layers(
                lambda log_v: self.moments.expectation(integrand, log_v), inside
            )
        return self._found[integrand]

    @property
    def mu1(self) -> Array:
        """E phi'^2."""
        return self.mean(of.slope_square)

    @property
    def mu2(self) -> Array:
        """E phi'^4."""
        return self.mean(of.slope_fourth)

    @property
    def mu3(self) -> Array:
        """E phi'^6."""
        return self.mean(of.slope_sixth)

    @property
    def p2(self) -> Array:
        """E phi^2."""
        return self.mean(of.square)

    @property
    def w(self) -> Array:
        """E Z phi phi'."""
        return self.mean(of.covariance)

    @property
    def slope_tilt(self) -> Array:
        """E Z^2 phi'^2."""
        return self.mean(of.slope_tilt)

    @property
    def mixed(self) -> Array:
        """E phi^2 phi'^2."""
        return self.mean(of.mixed)

    @property
    def slope_curve(self) -> Array:
        """E phi'^2 (Z^4 - 6 Z^2 + 3)."""
        return self.mean(of.slope_curve)

    @property
    def square_curve(self) -> Array:
        """E phi^2 (Z^4 - 6 Z^2 + 3)."""
        return self.mean(of.square_curve)

    def slope_spread(self, centred: bool) -> Array:
        """n times the variance of the mean of phi'^2 over n units of a normalized z."""
        return _pinned(self.mu2 - self.mu1**2, self.slope_tilt - self.mu1, self.mean(of.slope_lean), centred)

    def square_spread(self, centred: bool) -> Array:
        """The same of phi^2."""
        tilt, lean = self.mean(of.square_tilt) - self.p2, self.mean(of.square_lean)
        return _pinned(self.mean(of.fourth) - self.p2**2, tilt, lean, centred)

    def difference_spread(self, share: Array, centred: bool) -> Array:
        """The same of phi'^2 / mu1 - share phi^2 / p2."""
        k = share / self.p2
        free = (self.mu2 - self.mu1**2) / self.mu1**2 + k**2 * (self.mean(of.fourth) - self.p2**2)
        free = free - 2 * k * (self.mixed / self.mu1 - self.p2)
        tilt = (self.slope_tilt / self.mu1 - 1) - k * (self.mean(of.square_tilt) - self.p2)
        lean = self.mean(of.slope_lean) / self.mu1 - k * self.mean(of.square_lean)
        return _pinned(free, tilt, lean, centred)


def _pinned(free: Array, tilt: Array, lean: Array, centred: bool) -> Array:
    """A variance over units without the part that their mean square, and their mean, would add."""
    return np.asarray(free - tilt**2 / 2 - (lean**2 if centred else 0.0))
