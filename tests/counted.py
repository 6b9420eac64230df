"""How much a piece of code does, whatever the machine does beside it: a clock would tell both."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def calls_at_most(most: int, what: str = "") -> Iterator[None]:
    """AssertionError if more functions are called within the block, Python's and others, however it ends."""
    count = 0

    def seen(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield
    finally:
        sys.setprofile(before)
        assert count <= most, what
