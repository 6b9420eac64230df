"""The order of names by the numbers in them."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"([0-9]{1,18})").split


def natural(text: str) -> tuple[str | int, ...]:
    """A key that puts r2 before r10: the words of a text, and between any two of them a whole number."""
    return tuple(int(part) if place % 2 else part for place, part in enumerate(_NUMBERS(text)))
