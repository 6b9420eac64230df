"""What an activation phi states: its value, derivative and kinks; all else follows from them.

A class states its mathematics at most twice: `derivative` is accurate at any z (theory, saturated layers);
`quick_derivative` is the cheap form that serves while units are not saturated, from what `evaluate` left.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import numpy as np

from gradflow.arrays import Array
from gradflow.formats import ConfigEntry
from gradflow.nn.elementwise import Work

BEYOND = 2.0**-900  # a slope below is taken from its logarithm: exp(-z^2) is 0 in float64 beyond |z| = 27
LEAST = -(2.0**50)  # a slope below 2^LEAST is 0: the powers of 8,000 layers add up in an int64


@dataclass(frozen=True)
class Activation(ConfigEntry):
    """phi of one YAML name; the fields of a subclass are its YAML keys.

    All methods take arrays of any shape and write into arrays of the same shape and dtype. `evaluate` takes
    complex arrays, too (it branches on the real part) so that the complex step can differentiate through it.
    """

    homogeneous: ClassVar[bool] = (
        False  # phi(s z) = s phi(z) for s > 0: the forward pass may carry an exponent
    )
    from_output: ClassVar[bool] = True  # quick_derivative reads only a, so it can wait for the backward pass
    signed: ClassVar[bool] = False  # phi' takes both signs
    binary: ClassVar[bool] = False  # phi' is 0 or 1, and `flat`
    exact_quick: ClassVar[bool] = False  # quick_derivative loses no digits where units saturate
    bounded_slope: ClassVar[bool] = True  # there is such a largest slope
    borrowed_step: ClassVar[bool] = False  # evaluate's complex branch contains phi': check that by itself
    compares: ClassVar[bool] = False  # reads `work.zeros`, which are a whole layer's then
    tail_sign: ClassVar[int] = 1  # of phi' where it has almost vanished
    kinks: ClassVar[tuple[float, ...]] = ()  # the z where phi is not smooth
    wave: ClassVar[float] = 4.0  # what one step of quadrature covers of a phi that oscillates for ever

    @property
    def label(self) -> str:
        """What it is called in a sentence."""
        return self.name

    @property
    def flat(self) -> bool:
        """Whether phi' is 0 on an interval: units can be dead."""
        return False

    @property
    def splits(self) -> tuple[float, ...]:
        """The z where quadrature must split."""
        return self.kinks

    @property
    def steepest(self) -> float:
        """max |phi'|, the unit of "saturated"."""
        return 1.0

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        """a = phi(z) into `out`; may leave in `work.kept` what quick_derivative reads (neither may be z)."""
        raise NotImplementedError(self.name)

    def derivative(self, z: Array) -> Array:
        """phi'(z) of a real z as a new array, accurate relative to itself however saturated z is."""
        raise NotImplementedError(self.name)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        """phi' into `out` (not `work.kept`), to rounding of the steepest; z is not read if `from_output`."""
        raise NotImplementedError(self.name)

    def log_tail(self, z: Array) -> Array:
        """ln |phi'(z)| where phi' is too small for float64, though not 0: far out where phi saturates."""
        raise NotImplementedError(self.name)

    def scaled_derivative(self, z: Array) -> tuple[Array, Array | None]:
        """phi'(z) of a real float64 z as m 2^k, k None where all is 0: a slope beyond float64 is not 0."""
        slope = self.derivative(z)
        beyond = (np.abs(slope) < BEYOND) & np.isfinite(z) if not self.flat else np.zeros((), np.bool_)
        if not beyond.any():
            return slope, None
        log2 = self.log_tail(z[beyond]) / log(2.0)
        k = np.zeros(z.shape, np.int64)
        held = np.where(log2 > LEAST, log2, 0)
        k[beyond] = np.floor(held)
        slope[beyond] = self.tail_sign * np.exp2(held - k[beyond]) * (log2 > LEAST)
        return slope, k

    def phi(self, z: Array) -> Array:
        """phi(z) as a new array: `evaluate` for those who hold no buffers."""
        out = np.empty_like(z)
        self.evaluate(z, out, Work.like(z))
        return out
