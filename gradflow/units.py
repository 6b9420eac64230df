"""Units: logs are natural where they are computed and recorded, of base 10 where they are shown; numbers."""

from math import log
from typing import TypeGuard

LN2, LN10 = log(2.0), log(10.0)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is an int or a float, as true and false are for Python alone."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def rounded(value: float, digits: int = 6) -> float:
    """A float of at most so many significant digits, short to type."""
    return float(f"{value:.{digits}g}")
