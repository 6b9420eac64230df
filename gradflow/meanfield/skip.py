"""Residual streams: z' = z + s (W phi(z) + b), with a norm before phi (pre-norm) or on the sum (post-norm).

With B = s^2 sigma_w^2 E phi'^2 (over q, under pre-norm) a block multiplies ||delta||^2 by 1 + B. Its signal
sits where slopes were large in the blocks above, whose z are nearly the same: kappa counts that.
"""

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import ClassVar

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.expectations import HIGHEST, log_or_minus_inf
from gradflow.meanfield.field import MeanField, own
from gradflow.meanfield.fixed_points import Asymptote
from gradflow.meanfield.local import Local
from gradflow.meanfield.series import isotropic, persistence, slopes

FLAT = 1e-3  # E phi'^2 at the largest v, below which the slopes of phi vanish there
PERSISTING = 1.3  # times the variance of one block, as slopes persist: 1.03 to 1.6 in simulations


class ResidualField(MeanField):
    """z' = z + s (W phi(z) + b)."""

    remembers: ClassVar[bool] = True  # whether what the loss puts into delta lasts: a norm takes it out

    def _above(self, log_v: Array, log_gain: Array, log_bias: Array) -> Array:
        return np.asarray(np.logaddexp(log_v, self._branch(self.looks_like(log_v), log_gain, log_bias)))

    def _branch(self, seen: Array, log_gain: Array, log_bias: Array) -> Array:
        """ln of the variance that a branch adds."""
        inner = np.logaddexp(log_gain + self._log_passed(seen), self._entering(log_bias))
        return np.asarray(2 * self.log_scale + inner)

    @cached_property
    def log_factors(self) -> dict[str, Array]:
        """What passes weights (times s), slopes and norm, and what the skip makes of it."""
        through = self._through(self.log_v[:-1], self.log_gain[1:-1])
        return {**through, "skip": _skip(2 * np.asarray(sum(through.values())))}

    def _through(self, log_v: Array, log_gain: Array) -> dict[str, Array]:
        """The factors of the branch."""
        return {
            "weights": self.log_scale + log_gain / 2,
            "slopes": self._log_slopes(self.looks_like(log_v)) / 2,
        }

    @cached_property
    def log_chi(self) -> Array:
        """ln(1 + B)."""
        return np.asarray(np.logaddexp(0.0, self._log_b))

    @cached_property
    def _log_b(self) -> Array:
        through = self._through(self.log_v[:-1], self.log_gain[1:-1])
        return np.asarray(2 * sum(through.values()))

    @cached_property
    def part(self) -> Array:
        """B / (1 + B), the branch's part of ||delta_l||^2 (L - 1, ...)."""
        return np.asarray(np.exp(self._log_b - np.logaddexp(0.0, self._log_b)))

    @cached_property
    def decay(self) -> Array:
        """The correlation of z_l and z_{l+1}, before a norm or behind it (L - 1, ...)."""
        return np.sqrt(self.kept)

    @cached_property
    def kappa(self) -> Array:
        """By how much the branch's slopes fall where the delta from above is large (L - 1, ...)."""
        top = slopes(Local(self.moments, self.seen[-1:]))
        return persistence(self.local, top, self.part, self.decay)

    @cached_property
    def _step(self) -> Array:
        """n times the variance of ln g_l^2 / g_{l+1}^2, given the slopes."""
        spread = own(self.drawn, self.local.mu1, self.local.mu2)
        return np.asarray(4 * self.part * (1 - self.part) * self.kappa + self.part**2 * spread)

    @cached_property
    def shifts(self) -> Array:
        """A quarter of the step."""
        return np.asarray(-self._step / (4 * self.units))

    @cached_property
    def errors(self) -> Array:
        """What the loss puts into delta, which the shifts leave out: (E X - 1) / n of a branch's part.

        It is most of that where layers keep delta . z, as of relu, and too much where tanh forgets it.
        """
        if self.entering is None or not self.remembers:
            return np.zeros_like(self.log_chi)
        first, _ = self.entering.moments(self.moments.log_square(self.seen[-1]), np.zeros(()))
        return np.asarray(self.part * np.log1p(np.maximum(first - 1, 0.0) / self.units))

    @cached_property
    def variances(self) -> Array:
        """The step, and what persists."""
        return np.asarray(PERSISTING * self._step / self.units)

    @cached_property
    def spectra(self) -> Array:
        """(2 B kappa + B^2 mu2 / mu1^2) / (1 + B)^2, kappa that of a delta_L like any other."""
        top = isotropic(Local(self.moments, self.seen[-1:]))
        kappa = persistence(self.local, top, self.part, self.decay)
        within = self.local.mu2 / self.local.mu1**2 - (self.drawn == "orthogonal")
        return np.asarray(2 * self.part * (1 - self.part) * kappa + self.part**2 * within)

    @property
    def asymptote(self) -> Asymptote:
        """v grows for ever: chi is its limit, 1 where the slopes vanish there."""
        log_gain = np.atleast_1d(self.log_gain[-1])
        end, log_chi = self._end, np.zeros(log_gain.shape)
        if not self.by_depth and not self._levels_off:
            far = Local(self.moments, np.full(log_gain.shape, float(HIGHEST)))
            log_b = 2 * self.log_scale + log_gain + log_or_minus_inf(far.mu1)
            log_chi = np.logaddexp(0.0, log_b)
        return Asymptote(end, log_chi, np.exp(log_chi))

    @property
    def _end(self) -> Array:
        """ln of the limit of v, where branches add something."""
        last = np.atleast_1d(self.log_v[-1])
        return np.full_like(last, inf) if self.log_scale > -inf else last

    @property
    def _levels_off(self) -> bool:
        """Whether phi's slopes vanish at large v."""
        return bool(self.moments.slope_square(np.array([float(HIGHEST)]))[0] < FLAT)

    @property
    def _law(self) -> str:
        """exp(k sqrt l) where the slopes vanish as q grows, else c^l."""
        if self.by_depth:
            return "bounded"
        return "stretched" if self._levels_off and self.log_scale > -inf else "exponential"

    @property
    def kept(self) -> Array:
        """q over q and what the branch adds (L - 1, ...); 1 where it adds nothing, though q be 0."""
        branch = self._branch(self.seen[:-1], self.log_gain[1:-1], self.log_bias[1:-1])
        share = np.exp(-np.logaddexp(0.0, branch - self.log_v[:-1]))
        return np.where(np.isneginf(branch), 1.0, share)


class PreNorm(ResidualField):
    """z' = z + s (W phi(N(z)) + b)."""

    remembers: ClassVar[bool] = False

    def looks_like(self, log_v: Array) -> Array:
        """ln of the variance of N(z)."""
        return np.asarray(log_v - self._divisor(log_v))

    @property
    def log_last(self) -> Array:
        """The norm divides by a v that grows with the depth."""
        return np.asarray(super().log_last - self._divisor(self.log_v[-1:]) / 2)

    def _through(self, log_v: Array, log_gain: Array) -> dict[str, Array]:
        return {**super()._through(log_v, log_gain), "norm": self._log_norm(log_v) / 2}

    @property
    def asymptote(self) -> Asymptote:
        """v grows by the same every block, so that B ~ 1 / l."""
        end = self._end
        return Asymptote(end, np.zeros_like(end), np.ones_like(end))

    @property
    def _law(self) -> str:
        """l^-a."""
        if self.by_depth:
            return "bounded"
        return "power" if self.log_scale > -inf else "exponential"


class PostNorm(ResidualField):
    """z' = N(z + s (W phi(z) + b)), z_1 = N(W_1 x + b_1)."""

    remembers: ClassVar[bool] = False

    def _stem(self, log_v: Array) -> Array:
        return np.asarray(log_v - self._divisor(log_v))

    def _above(self, log_v: Array, log_gain: Array, log_bias: Array) -> Array:
        return self._stem(super()._above(log_v, log_gain, log_bias))

    @cached_property
    def log_sum(self) -> Array:
        """ln Y, the variance of what the norm above divides (L - 1, ...)."""
        branch = self._branch(self.log_v[:-1], self.log_gain[1:-1], self.log_bias[1:-1])
        return self._divisor(np.logaddexp(self.log_v[:-1], branch))

    @cached_property
    def log_factors(self) -> dict[str, Array]:
        """The norm above, then the branch and the skip."""
        return {"norm": -self.log_sum / 2, **super().log_factors}

    @cached_property
    def log_chi(self) -> Array:
        """ln((1 + B) / Y)."""
        return np.asarray(np.logaddexp(0.0, self._log_b) - self.log_sum)

    @property
    def asymptote(self) -> Asymptote:
        """All layers are alike; deeper networks have smaller branches where s is 1 / sqrt(L)."""
        rows = [np.atleast_1d(array[-1]) for array in (self.log_v, self.log_gain, self.log_bias)]
        log_v, log_gain, log_bias = rows
        branch = self._branch(log_v, log_gain, log_bias)
        log_sum = self._divisor(np.logaddexp(log_v, branch))
        through = self._through(log_v, log_gain)
        log_chi = np.logaddexp(0.0, 2 * np.asarray(sum(through.values()))) - log_sum
        return Asymptote(log_v, np.asarray(log_chi) * (not self.by_depth), np.zeros_like(log_v))

    @property
    def _law(self) -> str:
        """c^l."""
        return "bounded" if self.by_depth else "exponential"

    @cached_property
    def shifts(self) -> Array:
        """Of a delta across z, kappa, and the fluctuations of the sum and its norm (L - 1, ...).

        With S = s^2 sigma_w^2, B = S mu1, y = S p2 + s^2 sigma_b^2, Y = 1 + y, nu = y / Y, t = S p2 / y, H as
        in `NormBefore.shifts`, and layer norm's terms in brackets:

            2 n shift = - lost + e / (1 + B) - back / 2 + S H(phi^2) / (4 Y) + front / 2 [+ nu]
            lost = (S (p2 (1 - nu) (w / p2 - 1)^2 + E Z^2 phi'^2 - w^2 / p2) [+ B]) / (1 + B)
            e = - B nu t E phi^2 phi'^2 / (p2 mu1) - 2 S w / Y - S H(phi'^2) / 4

        Derived here as there, for the sum of stream and branch. The norm projects `lost` away; `e` is what
        the branch passes more, as z lies on a sphere and delta across the sum, of which W phi(z) is a part;
        a mean of logs is off by half of `back` and `front`, n Var of ln ||delta||^2 and of ln Y.
        """
        at, terms = self.local, self._terms
        b, size, s2 = terms["b"], terms["size"], terms["s2"]
        t, nu, layer = terms["t"], terms["y"] / terms["size"], float(self.centred)
        lost = s2 * (at.p2 * (1 - nu) * (at.w / at.p2 - 1) ** 2 + at.slope_tilt - at.w**2 / at.p2)
        lost = (lost + layer * b) / (1 + b)
        e = -b * nu * t * at.mixed / (at.p2 * at.mu1) - 2 * s2 * at.w / size - s2 * at.slope_curve / 4
        double = -lost + e / (1 + b) - self._back / 2 + s2 * at.square_curve / (4 * size)
        double += layer * nu + self._front / 2
        return np.asarray(double / (2 * self.units))

    @cached_property
    def _terms(self) -> dict[str, Array]:
        s2 = np.exp(2 * self.log_scale + self.log_gain[1:-1])
        weights = s2 * self.local.p2
        y = weights + np.exp(2 * self.log_scale + self.log_bias[1:-1])
        t = np.divide(weights, y, out=np.zeros_like(y), where=y > 0)
        return {"b": s2 * self.local.mu1, "size": 1 + y, "y": y, "s2": s2, "t": t}

    @cached_property
    def _back(self) -> Array:
        """n Var of the sum's ln ||delta||^2."""
        at, b = self.local, self._terms["b"]
        inner = (2 * at.mu2 + at.slope_spread(self.centred)) / at.mu1**2
        return np.asarray((4 * b * self.kappa + b**2 * inner) / (1 + b) ** 2)

    @cached_property
    def _front(self) -> Array:
        """n Var of ln Y."""
        y, s2 = self._terms["y"], self._terms["s2"]
        spread = self.local.square_spread(self.centred)
        return np.asarray((4 * y + 2 * y**2 + s2**2 * spread) / (1 + y) ** 2)

    @cached_property
    def variances(self) -> Array:
        """Of the sum's delta and of the norm."""
        return np.asarray((self._back + self._front) / self.units)


def _skip(log_b: Array) -> Array:
    """ln of ||delta_l|| over what came through the branch; inf where nothing did."""
    return np.asarray((np.logaddexp(0.0, log_b) - log_b) / 2)
