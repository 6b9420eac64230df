"""Units: logs are natural where they are computed and recorded, of base 10 where they are shown."""

from math import log

LN2, LN10 = log(2.0), log(10.0)
