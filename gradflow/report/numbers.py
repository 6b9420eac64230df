"""The only formatter: every number and every foreign text that is shown goes through here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from math import floor, inf, isfinite, isnan, log10
from typing import Any

NONE = "-"  # what is not defined
DECIMALS = 6  # a value whose error is below this is shown as exact
MOST = 8  # digits of a value that is not written out
WIDE = 1 / 3  # of a factor: the half of its interval from which both ends are shown
PLAIN = (-3, 4)  # decades inside which a number is written out
ENTRIES = 4  # of a list that are shown
LENGTHS = (ENTRIES, 16, 64, None)  # that are tried until lists beside each other are told apart; None: all
UNITS = ((1, "s"), (60, "min"), (3600, "h"), (86400, "d"))

# C0, DEL, C1, soft hyphen, zero-width and bidi marks and isolates, line breaks of Unicode, tags, surrogates
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def inert(text: str) -> str:
    """`text` with everything that could act on a terminal escaped: control, bidi, invisible, surrogates."""
    if text.isascii() and text.isprintable():  # as nearly all of a table's thousands of cells
        return text
    return _ACTING.sub(lambda found: ascii(found[0])[1:-1], text)


def number(value: float | None, error: float | None = None) -> str:
    """A value rounded to the digits that its error leaves: 0.707; to two below it, without one to three."""
    if value is None or isnan(value):
        return NONE
    decimals = _decimals(error)
    if decimals is None or not isfinite(value):
        return _significant(value, 3)
    if value and error and not PLAIN[0] <= log10(abs(value)) < PLAIN[1]:
        left = 1 + floor(log10(abs(value))) - floor(log10(error))
        return _significant(value, min(max(2, left), MOST))
    if value and error is not None and abs(value) < error:
        return _significant(value, 2)  # still not 0, and of two factors one sees the product
    return f"{value:.{decimals}f}"


def with_error(value: float | None, low: float | None, high: float | None) -> str:
    """A value with the larger half of its interval, both rounded by it: 0.707 ± 0.002."""
    error = half_width(value, low, high)
    shown = by_error(value, error)
    if value is None or error is None or _decimals(error) is None:
        return shown
    if shown != f"{value:.{_decimals(error)}f}":
        return f"{shown} ± {_significant(error, 1)}"
    return f"{shown} ± {error:.{_decimals(error)}f}"


def by_error(value: float | None, error: float | None) -> str:
    """A value as `with_error` rounds it: with an error too small to see, to six digits."""
    if value is None or error is None or _decimals(error) is not None:
        return number(value, error)
    return _significant(value, DECIMALS)


def factor(value: float | None, low: float | None, high: float | None) -> str:
    """A factor, which cannot be negative, as `with_error`; as 0.1 to 9.4 where its interval is that wide."""
    return spread(value, low, high) or with_error(value, low, high)


def spread(value: float | None, low: float | None, high: float | None) -> str:
    """The interval of a factor where it is too wide for a ± around the value: 0.1 to 9.4; else ""."""
    if not value or low is None:
        return ""
    if high is not None and high - value <= WIDE * value:
        return ""
    return f"{_end(low)} to {'inf' if high is None else _end(high)}"


def _end(value: float) -> str:
    """An end of a wide interval: two digits."""
    return norm(value) if value >= 10 else _significant(value, 2)


def half_width(value: float | None, low: float | None, high: float | None) -> float | None:
    """The larger half of an interval; None where there is none."""
    if value is None or low is None or high is None:
        return None
    return max(high - value, value - low)


def power(exponent: float | None) -> str:
    """10^exponent, two digits where it is near 1 (0.0052, 117), else as a power of ten: 3e-8, 1e-3043."""
    if exponent is None or isnan(exponent):
        return NONE
    if exponent == -inf:
        return "0"
    if exponent == inf:
        return "inf"
    if PLAIN[0] <= exponent < PLAIN[1]:
        value = 10**exponent
        return f"{value:.0f}" if value >= 99.5 else _significant(value, 2)
    whole = floor(exponent)
    digit = round(10 ** (exponent - whole))
    return f"1e{whole + 1}" if digit == 10 else f"{digit}e{whole}"


def norm(value: float | None) -> str:
    """A positive number as `power` writes it."""
    if value is None or isnan(value) or value < 0:
        return NONE
    return power(log10(value) if value else -inf)


def decades(exponent: float | None) -> str:
    """A base-10 logarithm to a tenth, with its sign: -7.5."""
    if exponent is None or not isfinite(exponent):
        return NONE
    return "0.0" if abs(exponent) < 0.05 else f"{exponent:+.1f}"


def cosine(value: float | None) -> str:
    """A cosine with as many nines as it has, and a digit after them: 0.123, 0.9950, 0.999987."""
    if value is None or not isfinite(value):
        return NONE
    off = max(1 - abs(value), 10.0**-6)
    decimals = max(3, 1 - floor(log10(off) + 1e-9))  # 1 - 0.999 is a bit less than 0.001
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def percent(share: float | None) -> str:
    """A share of one: 93.2%."""
    return NONE if share is None or not isfinite(share) else f"{100 * share:.1f}%"


def count(value: int) -> str:
    """A whole number with its thousands: 1,797."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """A count with its noun: 1 step, 1,797 samples."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter: 6 ms, 0.4 s, 3 min 20 s, 2 h 5 min."""
    if 0 < seconds < 0.0995:  # from which two digits are 0.1 s
        return f"{1000 * seconds:.2g} ms"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    rest = round(seconds)
    parts: list[str] = []
    for size, unit in reversed(UNITS):
        if rest >= size and len(parts) < 2:
            parts.append(f"{rest // size} {unit}")
        rest %= size
    return " ".join(parts)


def age(seconds: float) -> str:
    """How long ago, in one unit: just now, 5 min ago, 3 d ago."""
    if seconds < 60:
        return "just now"
    size, unit = max((size, unit) for size, unit in UNITS if seconds >= size)
    return f"{int(seconds // size):,} {unit} ago"


def scalar(value: object, most: int | None = ENTRIES) -> str:
    """A value of a config as YAML would show it: numbers short, lists in brackets, of `most` entries.

    None: all entries and all digits.
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        plain = not value or (len(repr(value)) <= 8 and 1e-4 <= abs(value) < 1e6)
        return repr(value) if plain or most is None else f"{value:g}"
    if isinstance(value, list | tuple):
        return _listed([scalar(item, most) for item in value], most)
    return str(value)


def _listed(entries: Sequence[str], most: int | None) -> str:
    """Entries in brackets; of a long list equal ones in a row once: [8 x 4, 4 x 2]."""
    if len(entries) > ENTRIES:
        rows = [(entry, len([*same])) for entry, same in groupby(entries)]
        entries = [entry if times == 1 else f"{entry} x {times}" for entry, times in rows]
    cut = most is not None and len(entries) > most
    return f"[{', '.join([*entries[:most], '...'] if cut else entries)}]"


def side_by_side(
    values: Sequence[Any], words: Callable[[Any, int | None], str] = scalar, missing: str = "null"
) -> list[str]:
    """The text of each value, longer where two different ones would have the same."""

    def texts(most: int | None) -> list[str]:
        return [missing if value is None else words(value, most) for value in values]

    found = (texts(most) for most in LENGTHS)
    return next((each for each in found if _tell_apart(each, values)), None) or texts(ENTRIES)


def _tell_apart(texts: Sequence[str], values: Sequence[Any]) -> bool:
    first: dict[str, Any] = {}
    return all(first.setdefault(text, value) == value for text, value in zip(texts, values, strict=True))


def _significant(value: float, digits: int) -> str:
    """At most `digits` significant digits, an exponent without padding: 0.0052, 3e-8."""
    if value and isfinite(value) and PLAIN[0] <= log10(abs(value)) < PLAIN[1]:
        whole = floor(log10(abs(value)))
        text = f"{value:.{max(0, digits - 1 - whole)}f}"
        return text.rstrip("0").rstrip(".") if digits > 3 else text
    return re.sub(r"e([+-])0*(\d)", lambda e: f"e{e[1].strip('+')}{e[2]}", f"{value:.{digits}g}")


def _decimals(error: float | None) -> int | None:
    """Decimals down to the first digit of the error, the second where that is 1; None: no error to see."""
    if error is None or not isfinite(error) or error < 10**-DECIMALS:
        return None
    whole = floor(log10(error))
    return max(0, (1 if error < 1.95 * 10**whole else 0) - whole)
