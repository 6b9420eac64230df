"""Batch norm: the samples of a batch couple, and delta is of all of them together.

ln g is ln of the root mean square over the batch. The law is that of samples alike in their correlations,
which a deep network makes of any: they settle by (E phi')^2 / Var phi a layer. No shift of the width is
known; up to B = width / 8 none is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import ceil, inf, log

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.critical import Critical
from gradflow.meanfield.expectations import log_or_minus_inf
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.integrands import slope, value
from gradflow.meanfield.local import Local
from gradflow.meanfield.normed import NormAfter, NormBefore
from gradflow.meanfield.skip import PostNorm, PreNorm
from gradflow.meanfield.sphere import BatchMoments, batch_moments

ROUNDING = 1e-9  # of a rate: linear networks never settle
LEFT = 0.02  # of the first correlations' deviation, when they count as settled


class Coupled(MeanField):
    """What batch norm changes in a law: the moments over a batch, and what is not known."""

    def _entering(self, log_bias: Array) -> Array:
        """Nothing: all samples have the same."""
        return np.full_like(log_bias, -inf)

    def _log_passed(self, seen: Array) -> Array:
        """ln of the variance of phi over samples."""
        return log_or_minus_inf(self._batch(lambda at: at.variance, seen))

    def _log_slopes(self, seen: Array) -> Array:
        """ln E phi'^2 over a batch."""
        return log_or_minus_inf(self._batch(lambda at: at.slope_square, seen))

    def _log_back(self, seen: Array) -> Array:
        """ln of what slopes and norm pass down, but for the variance that it divides by."""
        return log_or_minus_inf(self._batch(lambda at: at.back, seen))

    def _batch(self, moment: Callable[[BatchMoments], float], seen: Array) -> Array:
        """A moment at ln of the variances that phi sees, any shape."""
        phi, samples = self.moments.activation, self.samples
        points, index = np.unique(np.round(seen, 9), return_inverse=True)
        found = [moment(batch_moments(phi, samples, float(log_v))) for log_v in points]
        return np.array(found)[index].reshape(np.shape(seen))

    def _log_square(self, seen: Array) -> Array:
        """ln E phi^2."""
        return log_or_minus_inf(self._batch(lambda at: at.square, seen))

    def _image(self, cosine: Array, local: Local) -> tuple[Array, Array]:
        """E phi phi' / E phi^2 of two samples, whatever the cosine below; 1 where phi is 0 of all."""
        share = self._batch(lambda at: at.common / at.square if at.square else 1.0, local.log_v).ravel()
        return share + 0 * cosine, 0 * cosine

    @cached_property
    def shifts(self) -> Array:
        """None is known."""
        return np.zeros_like(self.log_chi)

    @cached_property
    def variances(self) -> Array:
        """Not known."""
        return np.full_like(self.log_chi, np.nan)

    @cached_property
    def spectra(self) -> Array:
        """There is no Jacobian of one sample."""
        return np.full_like(self.log_chi, np.nan)

    def ratio_variance(self, first: int) -> Array:
        """Not known."""
        return np.full(self.log_chi.shape[1:], np.nan)

    def critical(self, sigma_b: float) -> Critical:
        """None: c depends on neither sigma_w nor sigma_b."""
        return Critical()

    @property
    def settling(self) -> float:
        """2% of what correlations deviate is left, at (E phi')^2 / Var phi a layer."""
        rate = self._forgetting()
        if not 0 < rate < 1 - ROUNDING:
            return inf if rate else 1
        return ceil(log(LEFT) / log(rate))

    def _forgetting(self, weight: float = inf) -> float:
        """By what a layer multiplies the deviations; in a stream, to which a branch adds with a `weight`."""
        # of what phi sees: 1, or behind a norm after phi what the weights make of it
        log_v = self.moments.clip(np.ravel(self.seen[-1])[:1])
        at = Local(self.moments, log_v)
        kept = float((np.exp(log_v) * at.mean(slope) ** 2)[0])
        variance = float((at.p2 - at.mean(value) ** 2)[0])
        return kept / variance if weight == inf else (1 + weight * kept) / (1 + weight * variance)


class BatchBefore(Coupled, NormBefore):
    """z' = W phi(N(z)) + b: v is the variance over samples, which b does not enter."""

    @property
    def scalable(self) -> bool:
        return False

    @property
    def q(self) -> Array:
        """E z^2: what all samples have in common too."""
        above = np.logaddexp(self.log_gain[1:-1] + self._log_square(self.seen[:-1]), self.log_bias[1:-1])
        first = np.logaddexp(self.log_gain[0] + self.log_q_0, self.log_bias[0])
        return np.asarray(np.exp(np.concatenate([first[None], above])) + self.offset**2)

    @property
    def q_star(self) -> Array:
        """As q, of layers after the last."""
        square = self._log_square(self.looks_like(self.asymptote.log_v))
        gain, bias = np.atleast_1d(self.log_gain[-1]), np.atleast_1d(self.log_bias[-1])
        return np.asarray(np.exp(np.logaddexp(gain + square, bias)) + self.offset**2)


class BatchAfter(Coupled, NormAfter):
    """z' = W N(phi(z)) + b, for large batches."""

    _log_slopes = MeanField._log_slopes
    _log_back = MeanField._log_back
    _log_square = NormAfter._log_square

    def _image(self, cosine: Array, local: Local) -> tuple[Array, Array]:
        """0: what samples have in common is subtracted."""
        return 0 * cosine, 0 * cosine


class BatchPreNorm(Coupled, PreNorm):
    """z' = z + s (W phi(N(z)) + b): v is the variance over samples, of which each block adds its share."""

    @property
    def scalable(self) -> bool:
        return False

    @property
    def settling(self) -> float:
        """The law is not one of samples that have come to be alike: it is a power from the first layer on."""
        return 1

    @property
    def q(self) -> Array:
        """E z^2: what all samples have in common too."""
        branch = np.logaddexp(self.log_gain[1:-1] + self._log_square(self.seen[:-1]), self.log_bias[1:-1])
        first = np.logaddexp(self.log_gain[0] + self.log_q_0, self.log_bias[0])
        rows = np.concatenate([first[None], 2 * self.log_scale + branch])
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(np.logaddexp.accumulate(rows, axis=0)))

    @property
    def kept(self) -> Array:
        """q over the q above (L - 1, ...)."""
        return self.q[:-1] / self.q[1:]


class BatchPostNorm(Coupled, PostNorm):
    """z' = N(z + s (W phi(z) + b)): every two samples have the same cosine."""

    @property
    def settling(self) -> float:
        """As of a chain, but slower: the stream goes on. The smaller the branch, the less it matters."""
        if self.by_depth or self.log_scale == -inf:
            return 1
        rate = self._forgetting(float(np.exp(2 * self.log_scale + self.log_gain[-1])))
        return ceil(log(LEFT) / log(rate)) if rate < 1 - ROUNDING else inf

    def first_cosine(self, cosine: Array) -> Array:
        """That of points of a sphere, less their mean."""
        return np.full_like(cosine, -1 / (self.samples - 1))

    def added_cosine(self, row: int, cosine: Array, local: Local) -> tuple[Array, Array]:
        """The same."""
        return self.first_cosine(cosine), 0 * cosine
