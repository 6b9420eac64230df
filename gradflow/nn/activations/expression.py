"""An activation of one's own, written as a formula of z in the config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import MaxLen, Predicate, doc

from gradflow.arrays import Array
from gradflow.nn.activations.base import LEAST, Activation
from gradflow.nn.elementwise import Work

if TYPE_CHECKING:
    from gradflow.nn.expressions.formula import Formula

FACTS = ("kinks", "homogeneous", "signed", "bounded_slope", "exact_quick", "borrowed_step", "wave")
MOST_KINKS = 20  # that may be given
DOUBLE = np.dtype(np.float64)
INFINITE = 1e100  # of |phi| at the largest float, from where phi has no end
SETTLED = 1e-2  # what a phi with a limit changes by from half the largest float on


def is_formula(text: str) -> bool:
    """True of a formula that is an activation; of all else ExpressionError says why not."""
    _read(text, ())
    return True


def _read(text: str, kinks: tuple[float, ...]) -> Formula:
    from gradflow.nn.expressions.formula import formula  # which few configs have

    return formula(text, kinks)


@dataclass(frozen=True)
class Expression(Activation):
    """phi(z) as a formula of z, such as z * tanh(log1p(exp(z))), with its slope by the rules of calculus.

    In floats as far as these give what it says, else with an exponent of its own for each number. Kinks that
    are not found may be given in `kinks_at`.
    """

    name = "expression"
    from_output = False
    value: Annotated[str, Predicate(is_formula), doc("A formula of z.")]
    kinks_at: Annotated[
        tuple[float, ...], MaxLen(MOST_KINKS), doc("The z of kinks that gradflow does not find itself.")
    ] = ()

    def __post_init__(self) -> None:
        for fact in FACTS:  # which other activations state as they are defined
            object.__setattr__(self, fact, getattr(self.formula, fact))

    @property
    def label(self) -> str:
        """The formula."""
        return self.value

    @property
    def flat(self) -> bool:
        """Whether phi' is 0 on an interval."""
        return self.formula.flat

    @property
    def steepest(self) -> float:
        """max |phi'|; where there is none, that within |z| <= 1."""
        return self.formula.steepest

    @property
    def splits(self) -> tuple[float, ...]:
        """Kinks, and where it is steep."""
        return self.formula.splits

    @property
    def formula(self) -> Formula:
        """What the text says."""
        return _read(self.value, self.kinks_at)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        own = self.formula
        if np.iscomplexobj(z):
            out[...] = self._complex(z)
            return
        beyond = own.reach.get(z.dtype, own.reach[DOUBLE]).beyond(z)
        out[...] = own.value.plain(z)
        if beyond is not None:
            out[beyond] = _far(own, z[beyond])

    def _complex(self, z: Array) -> Array:
        """Continued along the real line; beyond the range of floats, to first order by the slope."""
        own = self.formula
        beyond = own.reach[DOUBLE].beyond(z.real)
        a = np.array(np.broadcast_to(own.value.plain(z), z.shape), np.complex128)
        if beyond is not None:
            real = z.real[beyond]
            a[beyond] = _far(own, real) + 1j * z.imag[beyond] * self.derivative(real)
        return a

    def derivative(self, z: Array) -> Array:
        own = self.formula
        z64 = own.beside(np.asarray(z, np.float64))
        slope = np.array(np.broadcast_to(own.slope.plain(z64), z64.shape))
        beyond = own.reach[DOUBLE].beyond(z64)
        if beyond is not None:
            slope[beyond] = own.wide_slope(_held(z64[beyond])).float64
        return slope.astype(z.dtype)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        own = self.formula
        z = own.beside(z)
        out[...] = own.slope.plain(z)
        beyond = own.reach[z.dtype].beyond(z)
        if beyond is not None:
            out[beyond] = own.wide_slope(_held(z[beyond])).float64

    def scaled_derivative(self, z: Array) -> tuple[Array, Array | None]:
        """phi'(z) as m 2^k, which is how a Wide number has it."""
        m, k = self.formula.wide_slope(_held(self.formula.beside(z)))
        return np.where(k > LEAST, m, 0), np.where(k > LEAST, k, 0)

    def log_tail(self, z: Array) -> Array:
        return self.formula.wide_slope(z).log_abs


def _far(own: Formula, z: Array) -> Array:
    """phi beyond what floats compute it at; of inf the limit, nan where there is none, and of nan nan."""
    value, nearer = (own.wide_value(_held(z) * share).float64 for share in (1.0, 0.5))
    with np.errstate(over="ignore", invalid="ignore"):
        limit = np.where(np.abs(value - nearer) <= SETTLED * np.abs(value), value, np.nan)
        limit = np.where(np.abs(value) > INFINITE, np.copysign(np.inf, value), limit)
        value = np.where(np.isinf(z), limit, value)
        return np.where(np.isnan(z), np.nan, value).astype(z.dtype)


def _held(z: Array) -> Array:
    """z in float64, the largest float for infinity."""
    largest = np.finfo(np.float64).max
    return np.asarray(np.clip(z.astype(np.float64), -largest, largest))
