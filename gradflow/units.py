"""Units: logs are natural where they are computed and recorded, of base 10 where they are shown."""

from math import log

LN10 = log(10.0)
