"""Units: logs are natural where they are computed and recorded, of base 10 where they are shown; digits."""

from math import log

LN2, LN10 = log(2.0), log(10.0)


def rounded(value: float, digits: int = 6) -> float:
    """A float of at most so many significant digits, short to type."""
    return float(f"{value:.{digits}g}")
