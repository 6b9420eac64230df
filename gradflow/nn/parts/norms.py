"""N(z) = (z - m) / sqrt(v + eps), over the units of a sample or the samples of a batch; gamma N + beta.

Its Jacobian is symmetric. With c = z - m and v = mean c^2 it takes delta to

    t = (delta - mean delta - c <c, delta> / (n (v + eps))) / sqrt(v + eps)

(without the mean where m = 0): what is left across c, and eps / (v + eps) of what lies along it. With eps = 0
and z = m, to the rounding of m, where N has no derivative, N is 0 and nothing goes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import least, most
from gradflow.nn.parts.base import LOSSY, BoundCall, Part, Quick, Span
from gradflow.nn.scaled import RANGES, Scaled

ALIKE = 32  # roundings of a mean: what is no farther from it is not told from it
MOMENTUM = 0.1  # of the statistics that evaluation uses, as PyTorch has it


@dataclass(frozen=True)
class Normalize(Part):
    """The division, over the units (axis -2) or, where it `mixes`, over the samples (axis -1)."""

    factor, label = "norm", "norm"
    lossy = True
    homogeneous = False
    keeps = True
    eps: float
    centred: bool
    across: bool  # samples
    units: int

    @property
    def mixes(self) -> bool:
        """Over the samples of a batch."""
        return self.across

    @property
    def axis(self) -> int:
        """Over which the mean and the variance are taken."""
        return -1 if self.across else -2

    def rest(self, units: int, batch: int) -> tuple[int, int] | None:
        """1 / sqrt(v + eps) of each sample; or that, m and v of each unit."""
        return (3 * units, 1) if self.across else (1, batch)

    def value(self, p: Array, x: Array) -> Array:
        c, _, root, alive = self._parted(x)
        y: Array = np.where(alive, c / root, 0)
        return y.astype(x.dtype)

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        t, k = self._across(x.astype(np.float64), delta.astype(np.float64))
        back: Array = np.ldexp(t, -k).astype(delta.dtype)
        return back

    def back(self, p: Array, x: Array, delta: Scaled) -> Scaled:
        delta = delta.unified() if self.across else delta
        t, k = self._across(x.astype(np.float64), delta.v)
        return Scaled(t, delta.exponent).times(np.ones((1, 1)), np.broadcast_to(-k, t.shape))

    def bind(self, place: int, span: Span) -> Quick:
        return (_QuickFrozen if span.frozen and self.across else _QuickNormalize)(self, place, span)

    def varies(self, x: Array) -> Array:
        """Where N is defined: where x is not m, or eps not 0."""
        return self._parted(x)[3]

    def _parted(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """c 2^-k, k, sqrt(v + eps) 2^-k, and where they are not 0; the largest c, or eps, is near 1."""
        c = x.astype(np.result_type(x, np.float64))
        mean = c.mean(axis=self.axis, keepdims=True) if self.centred else np.zeros(1)
        c = c - mean
        largest = np.maximum(np.abs(c.real).max(axis=self.axis, keepdims=True), np.sqrt(self.eps))
        if not self.eps:
            largest = np.where(largest <= _rounding(c) * np.abs(mean.real), 0, largest)
        k = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
        c = c * np.ldexp(1.0, np.clip(-k, -1022, 1022))
        root = np.sqrt((c * c).mean(axis=self.axis, keepdims=True) + np.ldexp(self.eps, -2 * k))
        alive = largest > 0
        return c, k, np.where(alive, root, 1), alive

    def _across(self, x: Array, delta: Array) -> tuple[Array, Array]:
        """t 2^k and k. What lies along c is taken away twice, for it may be all but the last digits."""
        c, k, root, alive = self._parted(x)
        square = (c * c).sum(axis=self.axis, keepdims=True)
        square = np.where(square > 0, square, 1)
        along, rest = 0.0, delta
        for _ in range(2):
            if self.centred:
                rest = rest - rest.mean(axis=self.axis, keepdims=True)
            share = (c * rest).sum(axis=self.axis, keepdims=True) / square
            along, rest = along + share, rest - c * share
        left = np.ldexp(self.eps, -2 * k) / (root * root)
        t: Array = np.where(alive, (rest + c * (along * left)) / root, 0)
        return t, k


@dataclass(frozen=True)
class Affine(Part):
    """gamma x + beta, of each unit its own."""

    factor, label = "norm", "norm"
    homogeneous = False
    reads = True
    flat = True  # where gamma is 0
    rows = ("gamma", "beta")
    start = (1.0, 0.0)
    units: int

    @property
    def columns(self) -> int:
        return self.units

    def value(self, p: Array, x: Array) -> Array:
        y: Array = p[0][:, None] * x + p[1][:, None]
        return y

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        scaled: Array = p[0][:, None] * delta
        return scaled

    def back(self, p: Array, x: Array, delta: Scaled) -> Scaled:
        return Scaled(p[0][:, None].astype(np.float64) * delta.v, delta.exponent)

    def gradient(self, p: Array, x: Array, delta: Array) -> Array:
        ones = np.ones(delta.shape[-1], delta.dtype)  # a fifth of the time of np.add.reduce along this axis
        return np.stack([np.vecdot(x, delta), np.matmul(delta, ones)], axis=-2)

    def bind(self, place: int, span: Span) -> Quick:
        return _QuickAffine(place, span)


class _QuickNormalize(Quick):
    """Sums over units or samples as products with a row or a column of 1/n."""

    def __init__(self, part: Normalize, place: int, span: Span) -> None:
        self.part, self.place, self.span = part, place, span
        rest = span.rests[place]
        assert rest is not None
        assert span.spare is not None
        self.rest, self.spare = rest, span.bare(span.spare)
        k, s, n, b = span.values[place].shape
        dtype, self.product = rest.dtype, np.dot if span.single else np.matmul
        self.weights = np.full((b, 1) if part.across else (1, n), 1 / (b if part.across else n), dtype)
        size = (k, s, n, 1) if part.across else (k, s, 1, b)
        self.inverse = rest[:, :, : size[2]]
        kept = (rest[:, :, n : 2 * n], rest[:, :, 2 * n :])  # for evaluation
        self.mean: Array
        self.variance: Array
        self.mean, self.variance = kept if part.across else np.empty((2, *size), dtype)
        self.sum = span.bare(np.empty(size[1:], dtype))
        self.eps, self.one = np.array(part.eps, dtype), np.array(1, dtype)
        limits = RANGES[dtype]
        self.low, self.high = limits.huge**-0.5, limits.tiny**-0.5
        self.largest = 0.0  # 1 / sqrt(v + eps) of the last pass

    def _mean(self, x: Array, out: Array) -> BoundCall:
        return self.product, ((x, self.weights, out) if self.part.across else (self.weights, x, out))

    def forward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        x, y = span.value[self.place - 1][i], span.value[self.place][i]
        inverse, mean, variance = (span.bare(v[i]) for v in (self.inverse, self.mean, self.variance))
        centred: list[BoundCall] = [self._mean(x, mean), (np.subtract, (x, mean, y))]
        c = y if self.part.centred else x
        return [
            *centred[: 2 * self.part.centred],
            (np.multiply, (c, c, self.spare)),
            self._mean(self.spare, variance),
            (np.add, (variance, self.eps, inverse)),
            (np.sqrt, (inverse, inverse)),
            (np.divide, (self.one, inverse, inverse)),
            (np.multiply, (c, inverse, y)),
        ]

    def backward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        y, inverse = span.value[self.place][i], span.bare(self.inverse[i])
        delta, t = span.delta[self.place][i], span.delta[self.place - 1][i]
        centred: list[BoundCall] = [self._mean(delta, self.sum), (np.subtract, (t, self.sum, t))]
        return [
            (np.multiply, (delta, y, self.spare)),
            self._mean(self.spare, self.sum),
            (np.multiply, (y, self.sum, t)),
            (np.subtract, (delta, t, t)),
            *centred[: 2 * self.part.centred],
            (np.multiply, (t, inverse, t)),
        ]

    def held(self) -> Array | None:
        found, self.largest = self.inverse, most(self.inverse)
        sure = bool(self.part.eps) or not self.part.centred
        if sure and self.largest < self.high and least(found) > self.low:
            return None
        fine = (found > self.low) & (found < self.high)
        if not sure:  # what is alike but for the rounding of its mean
            fine &= found * (_rounding(found) * np.abs(self.mean)) < 1
        held: Array = np.logical_and.reduce(fine, axis=(0, 2, 3))
        return held

    def surely_precise(self, low: float, high: float) -> bool:
        return not self.part.across and low > LOSSY * high * self.largest**2

    def precise(self, lower: Array, upper: Array) -> Array:
        inverse = self.inverse
        if self.part.across:  # samples have no share in a unit's loss
            below, above = (self.span.deltas[self.place - j] for j in (1, 0))
            lower, upper, inverse = np.vecdot(below, below), np.vecdot(above, above), inverse[..., 0]
        kept: Array = lower >= upper * (inverse * inverse) * LOSSY
        return kept

    def keep_exact(self, i: int, seed: int, x: Array) -> None:
        if self.part.across:
            x = x.astype(np.float64)
            varies = self.part.varies(x)[:, 0]
            self.mean[i, seed, :, 0], self.variance[i, seed, :, 0] = x.mean(axis=1), x.var(axis=1) * varies

    def settle_forward(self, record: bool) -> None:
        kept = self.span.statistics[self.place] if self.part.across else None
        if kept is None:
            return
        samples = self.span.values[0].shape[-1]
        found = np.stack([self.mean[..., 0], self.variance[..., 0] * (samples / (samples - 1))], axis=2)
        momentum = MOMENTUM if self.span.momentum is None else self.span.momentum
        kept += momentum * (found - kept)


class _QuickFrozen(Quick):
    """With the statistics that were kept; a unit that did not vary in them, with eps = 0, is 0."""

    def __init__(self, part: Normalize, place: int, span: Span) -> None:
        self.part, self.place, self.span = part, place, span
        kept = span.statistics[place]
        assert kept is not None
        self.mean, self.variance = kept[:, :, 0, :, None], kept[:, :, 1, :, None]
        self.root = span.bare(np.empty(self.mean.shape[1:], kept.dtype))
        self.eps = np.array(part.eps, kept.dtype)

    def forward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        x, y = span.value[self.place - 1][i], span.value[self.place][i]
        return [
            (np.subtract, (x, span.bare(self.mean[i]), y)),
            (np.add, (span.bare(self.variance[i]), self.eps, self.root)),
            (np.sqrt, (self.root, self.root)),
            *([] if self.part.eps else [(_without_zeros, (self.root,))]),
            (np.divide, (y, self.root, y)),
        ]


def _rounding(x: Array) -> float:
    """Of a mean of numbers of that dtype, in parts of it."""
    return ALIKE * float(np.finfo(x.dtype).eps)


def _without_zeros(root: Array) -> None:
    root[root == 0] = np.inf


class _QuickAffine(Quick):
    """Unit by unit."""

    def __init__(self, place: int, span: Span) -> None:
        self.place, self.span = place, span
        own = span.own[place]
        assert own is not None
        self.gamma, self.beta = ([span.bare(p) for p in own[:, :, row, :, None]] for row in (0, 1))

    def forward_calls(self, i: int) -> list[BoundCall]:
        x, y = self.span.value[self.place - 1][i], self.span.value[self.place][i]
        return [(np.multiply, (x, self.gamma[i], y)), (np.add, (y, self.beta[i], y))]

    def backward_calls(self, i: int) -> list[BoundCall]:
        delta, below = self.span.delta[self.place][i], self.span.delta[self.place - 1][i]
        return [(np.multiply, (delta, self.gamma[i], below))]
