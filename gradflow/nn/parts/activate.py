"""a = phi(z)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.activations import Activation
from gradflow.nn.elementwise import Counts, Work
from gradflow.nn.parts.base import BoundCall, Part, Quick, Span
from gradflow.nn.scaled import Scaled

SATURATED = 0.05  # a unit is saturated on a sample when its slope is below this share of the steepest


@dataclass(frozen=True)
class Activate(Part):
    """a = phi(z), delta_z = phi'(z) delta_a, unit by unit."""

    factor, label = "slope", "slopes"
    phi: Activation

    @property
    def lossy(self) -> bool:
        """A slope 1 - a^2 has lost its digits where a is near 1."""
        return not self.phi.exact_quick

    @property
    def flat(self) -> bool:
        """Units where phi is flat pass nothing on."""
        return self.phi.flat

    @property
    def homogeneous(self) -> bool:
        """That of phi."""
        return self.phi.homogeneous

    @property
    def early(self) -> bool:
        """A slope that is taken from z must be taken before z is overwritten."""
        return not self.phi.from_output

    @property
    def keeps(self) -> bool:
        """Else it is taken from a."""
        return self.phi.from_output

    def value(self, p: Array, x: Array) -> Array:
        return self.phi.phi(_beside_kinks(x, self.phi.kinks) if np.iscomplexobj(x) else x)

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        slopes: Array = self.phi.derivative(x) * delta
        return slopes

    def back(self, p: Array, x: Array, delta: Scaled) -> Scaled:
        return delta.times(*self.phi.scaled_derivative(x.astype(np.float64)))

    def bind(self, place: int, span: Span) -> Quick:
        return _QuickActivate(self.phi, place, span)


def _beside_kinks(z: Array, kinks: tuple[float, ...]) -> Array:
    """At a kink phi has two slopes; the engine takes that of the side away from 0, and below 0 itself."""
    for kink in kinks:
        z.real[(z.real == kink) & (z.imag != 0)] = np.nextafter(kink, np.inf if kink > 0 else -np.inf)
    return z


class _QuickActivate(Quick):
    """Slopes of all layers at once, into the array that the deltas then overwrite."""

    def __init__(self, phi: Activation, place: int, span: Span) -> None:
        self.phi, self.place, self.span = phi, place, span
        self.z, self.a = span.values[place - 1], span.values[place]
        self.d = span.deltas[place - 1]
        k, s, w, b = self.z.shape
        self.column = span.ones[:b]
        self.saturated = span.saturated.reshape(-1)
        self.counts = Counts(span.marks.reshape(k * s, w * b))
        self.shallow = np.array(SATURATED * phi.steepest, self.z.dtype)

    def forward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        work = Work(span.bare(span.work.kept[i]), span.zeros)
        return [(self.phi.evaluate, (span.value[self.place - 1][i], span.value[self.place][i], work))]

    def backward_calls(self, i: int) -> list[BoundCall]:
        d, u = self.span.delta[self.place - 1][i], self.span.delta[self.place][i]
        return [(np.multiply, (d, u, d))]

    def settle_forward(self, record: bool) -> None:
        if not self.phi.from_output:
            self.phi.quick_derivative(self.z, self.a, self.span.work, self.d)
            if record:
                self._count_slopes(np.abs(self.d, out=self.span.work.kept) if self.phi.signed else self.d)

    def open_backward(self, record: bool) -> None:
        if self.phi.from_output:
            self.phi.quick_derivative(self.z, self.a, self.span.work, self.d)
            if record:
                self._count_slopes(self.d)

    def _count_slopes(self, slopes: Array) -> None:
        """Saturated units x samples, and units whose slope is 0 on every sample; slopes >= 0."""
        if self.phi.flat:
            totals = np.matmul(slopes, self.column)  # over the samples, of each unit
            np.add.reduce(totals == 0, axis=-1, out=self.span.dead)
        if self.phi.binary:  # the sums count the slopes that are 1
            steep = np.add.reduce(totals, axis=-1, dtype=np.float64)
            self.saturated[:] = slopes[0, 0].size - steep.reshape(-1)
        else:
            np.less(slopes, self.shallow, out=self.span.marks)
            self.counts.into(self.saturated)
