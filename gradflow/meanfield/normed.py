"""Layer and rms norm in plain blocks: z' = W phi(N(z)) + b (before), z' = W N(phi(z)) + b (after).

In mean field both norms divide by a number: layer norm subtracts a mean that is 0 of z, E phi of phi(z).
The shifts are of first order in 1 / n, derived for v = 1: eps is taken into account in q and chi alone.
"""

from __future__ import annotations

from functools import cached_property
from math import sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield import integrands as of
from gradflow.meanfield.critical import Critical
from gradflow.meanfield.expectations import Moments, log_or_minus_inf
from gradflow.meanfield.field import MeanField, slope_spectra
from gradflow.meanfield.fixed_points import Asymptote
from gradflow.meanfield.local import Local
from gradflow.meanfield.series import overlap

SETTLED = 3  # layers from any v to the limit
SAME = 1e-9  # |mu1 - p2| up to which these differ by rounding


class Normed(MeanField):
    """What the laws of the norms have in common: q forgets the layers below, so that all layers are alike."""

    @property
    def asymptote(self) -> Asymptote:
        """The layers after the last: they are alike from the second or third on."""
        rows = [np.atleast_1d(array[-1]) for array in (self.log_v, self.log_gain, self.log_bias)]
        for _ in range(SETTLED):
            rows[0] = self._above(*rows)
        log_chi = 2 * sum(self._factors(*rows).values())
        return Asymptote(rows[0], np.asarray(log_chi), np.zeros_like(rows[0]))

    def _factors(self, log_v: Array, log_gain: Array, log_bias: Array) -> dict[str, Array]:
        """ln of the factors of a transition from layers of this v."""
        raise NotImplementedError

    @property
    def _biased(self) -> bool:
        return bool(self.moments.mean) or not np.isneginf(self.log_bias).all()

    @cached_property
    def log_factors(self) -> dict[str, Array]:
        """What passes weights, slopes and norm."""
        return self._factors(self.log_v[:-1], self.log_gain[1:-1], self.log_bias[1:-1])

    @cached_property
    def spectra(self) -> Array:
        """As of a plain network: a norm takes out one or two directions of n."""
        return slope_spectra(self.drawn, self.local.mu1, self.local.mu2)

    @property
    def extra(self) -> float:
        """1 for what orthogonal weights do not spread."""
        return float(self.drawn == "orthogonal")

    @cached_property
    def share(self) -> Array:
        """t: what the weights have in the q above (L - 1, ...)."""
        return np.asarray(-np.expm1(np.minimum(self.log_bias[1:-1] - self.log_v[1:], 0)))


class NormBefore(Normed):
    """z' = W phi(N(z)) + b."""

    @property
    def scalable(self) -> bool:
        """Against biases: alone the weights' scale is divided out again."""
        return self._biased

    def _above(self, log_v: Array, log_gain: Array, log_bias: Array) -> Array:
        passed = self._log_passed(self.looks_like(log_v))
        return np.asarray(np.logaddexp(log_gain + passed, self._entering(log_bias)))

    def critical(self, sigma_b: float) -> Critical:
        """At (sigma_b / sigma_w)^2 = mu1 - p2; with no bias, c is the same for all sigma_w."""
        excess = lever(self.moments)
        return Critical(sigma_b / sqrt(excess)) if sigma_b > 0 and excess > 0 else Critical()

    def looks_like(self, log_v: Array) -> Array:
        """ln of the variance of N(z)."""
        return np.asarray(log_v - self._divisor(log_v))

    @property
    def log_last(self) -> Array:
        """The norm divides by the v of layer L, which in a single layer is that of the inputs."""
        return np.asarray(super().log_last - self._divisor(self.log_v[-1:]) / 2)

    def _factors(self, log_v: Array, log_gain: Array, log_bias: Array) -> dict[str, Array]:
        slopes = self._log_slopes(self.looks_like(log_v))
        return {"weights": log_gain / 2, "slopes": slopes / 2, "norm": self._log_norm(log_v) / 2}

    @cached_property
    def shifts(self) -> Array:
        """Of a delta that lies across z, and a u = W^T delta that lies across a (L - 1, ...).

        With H(f) = E f (Z^4 - 6 Z^2 + 3), v(f) n times the variance of f's mean over the units of N(z), and
        t = `share`:

            2 n shift = - H(phi'^2) / (4 mu1) - lost / mu1 - mu2 / mu1^2 - v(phi'^2) / (2 mu1^2)
                        + t H(phi^2) / (4 p2) + t^2 v(phi^2) / (2 p2^2) + 1, layer norm 2; orthogonal W + 1

        Derived here: N(z) lies on a sphere, where E f is less by H(f) / (4 n). E ln of a mean over n units is
        less than ln of its expectation by half its relative variance, 2 mu2 / mu1^2 and v of ||delta||^2; of
        the variance of z, which the norm divides by, it counts the other way. The norm projects `lost` away.
        """
        at, t, mu1, p2 = self.local, self.share, self.local.mu1, self.local.p2
        double = -at.slope_curve / (4 * mu1) - self._lost / mu1 - at.mu2 / mu1**2
        double += t * at.square_curve / (4 * p2) + (2.0 if self.centred else 1.0)
        double += (t / p2) ** 2 * at.square_spread(self.centred) / 2
        double -= at.slope_spread(self.centred) / (2 * mu1**2)
        return np.asarray((double + self.extra) / (2 * self.units))

    @property
    def _lost(self) -> Array:
        """n times what the norm's projections take of ||delta||^2, times mu1:

        E Z^2 phi'^2 + t (E phi^2 phi'^2 - w^2) / p2 and, of layer norm, mu1 - t (E phi phi')^2 / p2 more.
        """
        at, mean = self.local, 0.0 * self.local.mu1
        if self.centred:
            mean = at.mean(of.product) ** 2
        lost = at.slope_tilt + self.share * (at.mixed - at.w**2 - mean) / at.p2
        return np.asarray(lost + at.mu1 * self.centred)

    @cached_property
    def variances(self) -> Array:
        """Weights, and slopes against the norm."""
        at = self.local
        total = 2 * at.mu2 / at.mu1**2 + 2 + at.difference_spread(self.share, self.centred)
        return np.asarray((total - 4 * self.extra) / self.units)


class NormAfter(Normed):
    """z' = W N(phi(z)) + b."""

    @property
    def scalable(self) -> bool:
        """Against biases, or where phi bends."""
        return self._biased or not self.moments.activation.homogeneous

    def _above(self, log_v: Array, log_gain: Array, log_bias: Array) -> Array:
        return np.asarray(np.logaddexp(log_gain + self._log_square(log_v), self._entering(log_bias)))

    @property
    def log_last(self) -> Array:
        """The norm divides by the spread of phi(z_L), which in a single layer comes from the inputs."""
        return np.asarray(super().log_last - self._divisor(self._log_spread(self.log_v[-1:])) / 2)

    def _factors(self, log_v: Array, log_gain: Array, log_bias: Array) -> dict[str, Array]:
        return {
            "weights": log_gain / 2,
            "norm": -self._divisor(self._log_spread(log_v)) / 2,
            "slopes": self._log_slopes(log_v) / 2,
        }

    @cached_property
    def shifts(self) -> Array:
        """Of a delta that the norm brings across N(phi(z)) before the slopes see it."""
        at, mu1 = self.local, self.local.mu1
        square, fourth, mixed = _about_mean(at, self.centred)
        double = -mixed / (square * mu1) - (3 * at.mu2 / mu1**2 - 1) / 2 + (fourth / square**2 - 1) / 2
        return np.asarray((double + self.extra) / (2 * self.units))

    @cached_property
    def variances(self) -> Array:
        """Weights, and slopes against the norm."""
        at, mu1 = self.local, self.local.mu1
        square, fourth, mixed = _about_mean(at, self.centred)
        spread = at.mu2 / mu1**2 + fourth / square**2 - 2 * mixed / (mu1 * square)
        return np.asarray((2 * at.mu2 / mu1**2 + spread - 2 * self.extra) / self.units)

    def _image(self, cosine: Array, local: Local) -> tuple[Array, Array]:
        """Cov(phi, phi) / Var phi, of layer norm."""
        value, slope = overlap(cosine, local)
        if not self.centred:
            return value, slope
        mean, p2 = local.mean(of.value).ravel() ** 2, local.p2.ravel()
        return (value * p2 - mean) / (p2 - mean), slope * p2 / (p2 - mean)

    def _log_square(self, seen: Array) -> Array:
        """Nearly ln 1."""
        spread = self._log_spread(np.asarray(seen)[None])[0]
        return np.asarray(spread - self._divisor(spread))

    def _log_spread(self, log_v: Array) -> Array:
        """ln of what the norm divides by, at any ln v: beyond the integrals it goes as E phi^2 does."""
        inside = self.moments.clip(log_v)
        spread = log_or_minus_inf(_about_mean(Local(self.moments, inside), self.centred)[0])
        return np.asarray(spread + self.moments.log_square(log_v) - self.moments.log_square(inside))


def _about_mean(local: Local, centred: bool) -> tuple[Array, Array, Array]:
    """E f^2, E f^4 and E phi'^2 f^2 of f = phi, or of f = phi - E phi."""
    if not centred:
        return local.p2, local.mean(of.fourth), local.mixed
    m, square, cube, fourth = (local.mean(f) for f in (of.rise, of.rise_square, of.rise_cube, of.rise_fourth))
    mixed = local.mean(of.rise_mixed) - 2 * m * local.mean(of.rise_slope) + m**2 * local.mu1
    return square - m**2, fourth - 4 * m * cube + 6 * m**2 * square - 3 * m**4, mixed


def lever(moments: Moments) -> float:
    """mu1 - p2 at q = 1: the (sigma_b / sigma_w)^2 that makes c 1 under a norm before phi, if positive.

    0 where they are the same but for rounding, as of relu: there the norm alone makes c 1.
    """
    at = Local(moments, np.zeros(1))
    excess = float((at.mu1 - at.p2)[0])
    return 0.0 if abs(excess) <= SAME else excess
