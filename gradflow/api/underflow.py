"""A result does not depend on what a program asks of NumPy's floating-point errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")


def to_zero(call: Callable[Given, Found]) -> Callable[Given, Found]:
    """A call in which what underflows is 0, as by default, though `np.seterr(all="raise")` stands above it.

    Of other errors each calculation says itself what it does where they come.
    """

    @wraps(call)
    def called(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        numpy = sys.modules.get("numpy")  # without it nobody has asked for anything
        with numpy.errstate(under="ignore") if numpy else nullcontext():
            return call(*args, **kwargs)

    return called
