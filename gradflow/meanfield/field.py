"""What mean-field theory says of a network at initialization, whatever its block: the frame of all laws.

Layers count from 1; rows of arrays are layers or transitions l -> l + 1, axes after the first are networks.
With g_l = ||delta_l||, chi_l = E g_l^2 / g_{l+1}^2 is the square of the product of the factors by which
weights, slopes, norm and skip multiply ||delta|| on its way down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.critical import Critical
from gradflow.meanfield.entering import Entering
from gradflow.meanfield.expectations import Moments, log_or_minus_inf, tabulated
from gradflow.meanfield.fixed_points import Asymptote
from gradflow.meanfield.local import Local, along_layers, last_unlike
from gradflow.meanfield.series import overlap
from gradflow.nn.initializers import Distribution
from gradflow.units import LN10

FIRST_ORDER = 20  # n over Var(s^2) / mean^2, above which the spectrum's first order in 1 / n holds
ROUNDED = 1e-14  # of the ln of a moment or of a ratio of some: where no more is left, it is 0


@dataclass(frozen=True, eq=False)
class MeanField:
    """The theory of layers 1..L.

    log_gain = ln n_{l-1} Var W_l and log_bias = ln Var b_l have L + 1 rows: the last is any further layer.
    """

    moments: Moments
    drawn: Distribution | None  # the distribution of the weights
    widths: Array  # n_1..n_L
    log_gain: Array
    log_bias: Array
    log_q_0: Array
    log_scale: float = 0.0  # ln s of a residual branch
    by_depth: bool = False  # s is 1 / sqrt(L)
    centred: bool = False  # the norm subtracts a mean first
    eps: float = 0.0  # of the norm
    samples: int = 0  # of a batch that the norm is over
    offset: float = 0.0  # a constant bias that the norm takes away before phi sees it
    entering: Entering | None = None  # what the loss puts into delta; None: delta knows nothing of z

    def scaled(self, log_factors: Array) -> Self:
        """This network with its weights multiplied by exp(log_factors) (N,): N networks."""
        return replace(
            self,
            moments=tabulated(self.moments.activation, self.moments.mean),
            log_gain=self.log_gain[:, None] + 2 * log_factors,
            log_bias=np.broadcast_to(self.log_bias[:, None], (len(self.log_bias), len(log_factors))),
            entering=self.entering and self.entering.scaled(log_factors),
        )

    def until(self, depth: int) -> Self:
        """Its first `depth` layers alone, drawn as they are."""
        gain, bias = (rows[: depth + 1] for rows in (self.log_gain, self.log_bias))
        return replace(self, widths=self.widths[:depth], log_gain=gain, log_bias=bias)

    @cached_property
    def log_v(self) -> Array:
        """ln of the variance of z (L, ...); with batch norm, of a unit over the samples."""
        log_v = np.empty(np.broadcast_shapes(self.log_gain[:-1].shape, self.log_bias[:-1].shape))
        biases = self._entering(self.log_bias[0])
        log_v[0] = self._stem(np.logaddexp(self.log_gain[0] + self.log_q_0, biases))
        last_other = max(last_unlike(self.log_gain[:-1]), last_unlike(self.log_bias[:-1]))
        for layer in range(1, len(log_v)):
            log_v[layer] = self._above(log_v[layer - 1], self.log_gain[layer], self.log_bias[layer])
            if layer > last_other and np.array_equal(log_v[layer], log_v[layer - 1]):  # as of a norm, soon
                log_v[layer:] = log_v[layer]
                break
        return log_v

    def _stem(self, log_v: Array) -> Array:
        """ln of the variance of z_1, from that of W_1 x + b_1."""
        return log_v

    def _entering(self, log_bias: Array) -> Array:
        """ln of what biases of this variance add to that of z."""
        return log_bias

    def _log_passed(self, seen: Array) -> Array:
        """ln of what phi passes on to the variance of the next z, over that of a weight's sum."""
        return self.moments.log_square(seen)

    def _log_slopes(self, seen: Array) -> Array:
        """ln E phi'^2."""
        return log_or_minus_inf(along_layers(self.moments.slope_square, self.moments.clip(np.asarray(seen))))

    def _log_back(self, seen: Array) -> Array:
        """ln of what slopes and a norm before phi pass down, but for the variance that it divides by."""
        return self._log_slopes(seen)

    def _log_norm(self, log_v: Array) -> Array:
        """ln of what a norm before phi makes of ||delta||^2, whatever the slopes."""
        seen = self.looks_like(log_v)
        slopes = self._log_slopes(seen)
        beside = np.where(np.isneginf(slopes), 0.0, self._log_back(seen) - slopes)
        return np.asarray(beside - self._divisor(log_v))

    def _divisor(self, log_v: Array) -> Array:
        """ln of the v + eps by which a norm divides; inf where that is 0: N is 0 then, and passes nothing."""
        log_sum = np.logaddexp(log_v, log_or_minus_inf(self.eps))
        return np.where(np.isneginf(log_sum), np.inf, log_sum)

    def _above(self, log_v: Array, log_gain: Array, log_bias: Array) -> Array:
        """ln of the variance of z one layer up."""
        raise NotImplementedError

    @property
    def q(self) -> Array:
        """E z^2 (L, ...); inf where a float does not hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_v) + self.moments.mean**2 + self.offset**2

    @property
    def q_star(self) -> Array:
        """What q comes to in ever more layers, (1,) or (N,); nan where it grows without bound."""
        return np.asarray(self.asymptote.q_star + self.moments.mean**2 + self.offset**2)

    @cached_property
    def seen(self) -> Array:
        """ln of the variance that phi sees (L, ...)."""
        return self.looks_like(self.log_v)

    @cached_property
    def local(self) -> Local:
        """The moments of the layers below a transition, 1..L-1."""
        return Local(self.moments, self.seen[:-1])

    @cached_property
    def log_factors(self) -> dict[str, Array]:
        """ln of the expected factors of each transition (L - 1, ...), by name; their sum is ln(chi) / 2."""
        raise NotImplementedError

    @property
    def log_last(self) -> Array:
        """ln of what is left of the delta that enters layer L, (1, ...), but for factors of any depth."""
        return zero_if_rounding(self._log_back(self.seen[-1:]) / 2)

    @cached_property
    def log_chi(self) -> Array:
        """ln chi_l of the transitions l = 1..L-1 (L - 1, ...)."""
        return np.asarray(2 * sum(self.log_factors.values()))

    @property
    def log10_gradient(self) -> Array:
        """log10 ||delta_l|| / ||delta_L|| by layer, without what the width adds (L, ...)."""
        last = np.zeros((1, *self.log_chi.shape[1:]))
        return np.concatenate([np.cumsum(self.log_chi[::-1], axis=0)[::-1], last]) / (2 * LN10)

    @cached_property
    def shifts(self) -> Array:
        """What the width adds to E ln(g_l / g_{l+1}), to first order in 1 / n (L - 1, ...)."""
        raise NotImplementedError

    @cached_property
    def errors(self) -> Array:
        """How far the shifts may be off, of one sign in all layers, as a standard deviation (L - 1, ...)."""
        return np.zeros_like(self.log_chi)

    @cached_property
    def variances(self) -> Array:
        """Var ln(g_l^2 / g_{l+1}^2) between networks (L - 1, ...), on one sample; nan where no one knows."""
        raise NotImplementedError

    def ratio_variance(self, first: int) -> Array:
        """Variance of ln(||delta_first||^2 / ||delta_L||^2) between networks, on one sample."""
        return np.asarray(np.maximum(self.variances[first - 1 :].sum(axis=0), 0.0))

    @property
    def asymptote(self) -> Asymptote:
        """What ever more layers of the last width lead to, (1,) or (N,)."""
        raise NotImplementedError

    @property
    def laws(self) -> Array:
        """How g goes with l: exponential, power, stretched (exp k sqrt l) or bounded; (1,) or (N,)."""
        return np.full(np.atleast_1d(self.log_gain[-1]).shape, self._law)

    @property
    def _law(self) -> str:
        """The law of all networks."""
        return "exponential"

    @property
    def scalable(self) -> bool:
        """Whether the scale of the weights makes a difference to c."""
        return True

    def critical(self, sigma_b: float) -> Critical:
        """The sigma_w that makes c 1 at this sigma_b, if one does."""
        return Critical()

    @property
    def settling(self) -> float:
        """Layers until the law holds."""
        return 1

    @cached_property
    def spectra(self) -> Array:
        """What each transition adds to Var(s^2) / mean^2 of the singular values s of dz_L / dz_1 (L - 1,)."""
        raise NotImplementedError

    @property
    def spread(self) -> Array:
        """What transitions add to the spectrum over their widths: beyond 1 few directions pass them all."""
        return np.asarray((self.spectra / self.units).sum(axis=0))

    @property
    def spectrum(self) -> Array:
        """Var(s^2) / mean^2 of dz_L / dz_1; nan where the first order does not hold, or widths differ."""
        total, n = self.spectra.sum(axis=0), self.widths[0]
        alike = len(self.widths) > 1 and (self.widths == n).all()
        return np.where(alike & (total < n / FIRST_ORDER), total, np.nan)

    @property
    def kept(self) -> Array:
        """The share of the stream below in E z^2 above (L - 1, ...); 0 without a skip."""
        return np.zeros(self.log_gain[1:-1].shape)

    def first_cosine(self, cosine: Array) -> Array:
        """The cosine of z_1 between samples of this cosine."""
        return self._with_bias(0, np.asarray(self.log_q_0), cosine, cosine)[0]

    def added_cosine(self, row: int, cosine: Array, local: Local) -> tuple[Array, Array]:
        """The cosine of what W and b of a row add, of samples with this cosine below, and its slope."""
        return self._with_bias(row, self._log_square(local.log_v[0]), *self._image(cosine, local))

    def _with_bias(self, row: int, log_square: Array, image: Array, slope: Array) -> tuple[Array, Array]:
        """Cosine and slope behind a layer's W and b, of which b is shared by all samples."""
        bias = np.logaddexp(self.log_bias[row], 2 * log_or_minus_inf(abs(self.moments.mean)))
        share = np.exp(-np.logaddexp(0.0, bias - self.log_gain[row] - log_square))
        return np.asarray(share * image + 1 - share), np.asarray(share * slope)

    def _image(self, cosine: Array, local: Local) -> tuple[Array, Array]:
        """The cosine of what W gets, and its slope in the cosine below."""
        return overlap(cosine, local)

    def _log_square(self, seen: Array) -> Array:
        """ln of the mean square of what W gets."""
        return self.moments.log_square(seen)

    def looks_like(self, log_v: Array) -> Array:
        """ln of the variance that phi sees where that of z is this."""
        return log_v

    def log_c(self, first: int) -> Array:
        """Mean of ln(chi) / 2 over the transitions from layer `first` on."""
        return np.asarray(self.log_chi[first - 1 :].mean(axis=0) / 2)

    def shift(self, first: int) -> Array:
        """Mean of the shifts over the same transitions."""
        return np.asarray(self.shifts[first - 1 :].mean(axis=0))

    def error(self, first: int) -> Array:
        """Mean of the shifts' errors over the same transitions."""
        return zero_if_rounding(self.errors[first - 1 :].mean(axis=0))

    @property
    def log10_ratio(self) -> Array:
        """log10 of ||delta_1|| / ||delta_L|| over all transitions, the shifts included."""
        return np.asarray((self.log_chi.sum(axis=0) / 2 + self.shifts.sum(axis=0)) / LN10)

    @property
    def units(self) -> Array:
        """n_l of the layer below each transition, ready to divide (L - 1, ...)."""
        return np.asarray(self.widths[:-1].reshape(-1, *[1] * (self.log_gain.ndim - 1)))


def own(drawn: Distribution | None, second: Array, fourth: Array) -> Array:
    """n Var ln(g_l^2 / g_{l+1}^2), from E phi'^2 and E phi'^4 (for relu Hanin & Nica 2020, thm. 1).

    g_l^2 = sum of phi'_i^2 u_i^2 over units, u = W delta. Gaussian u: 3 mu_2 / mu_1^2 - 1; orthogonal W fixes
    ||u||: 3 (mu_2 / mu_1^2 - 1). Uniform weights count as Gaussian: a u_i sums n of them, which leaves an
    excess kurtosis of order 1 / n.
    """
    spread = slope_spectra(drawn, second, fourth)
    return 3 * spread if drawn == "orthogonal" else 3 * spread - 1


def slope_spectra(drawn: Distribution | None, second: Array, fourth: Array) -> Array:
    """E phi'^4 / (E phi'^2)^2, 1 less for orthogonal weights: then 0 where all slopes are alike."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread: Array = fourth / second**2
    if drawn != "orthogonal":
        return spread
    return zero_if_rounding(spread - 1)


def zero_if_rounding(x: Array) -> Array:
    """x, with 0 for what is the rounding of integrals alone."""
    return np.where(np.abs(x) <= ROUNDED, 0.0, x)
