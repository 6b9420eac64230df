"""A norm that was recorded elsewhere, as it stands in a file, and the numbers that it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, log, nan

from gradflow.errors import InputError, Problem

NORM, LOG_NORM = "norm", "log_norm"
COLUMNS = ("step", "layer", "seed", "kind", "depth")
LAST = 2**53  # no step is larger: float64 holds all whole numbers up to it
FARTHEST = 1e12  # from 0 that the natural log of a norm may be


@dataclass(frozen=True)
class Found:
    """A norm: ln of it, and where it stands; `depth` tells networks of several depths apart.

    `loss` is that of its step, nan if nobody recorded it.
    """

    kind: str | None
    step: int
    layer: str
    seed: str
    value: float
    line: int | None = None
    depth: str = ""
    loss: float = nan


@dataclass(frozen=True)
class LossFound:
    """A loss that stands in a row of its own, of the network and the step of norms in other rows."""

    step: int
    seed: str
    value: float
    depth: str = ""


Finding = Found | LossFound


def whole(text: str, source: str, line: int | None) -> int:
    """A step."""
    try:
        number = _number(text)
        if number == int(number) and abs(number) <= LAST:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise InputError(Problem(f"the step {text[:40]!r} is no whole number", source=source, line=line))


def log_of(text: str, is_log: bool, source: str, line: int | None) -> float:
    """ln of a norm; a norm of 0 is -inf, and one that is not finite stays so."""
    try:
        value = _number(text)
    except ValueError:
        words = (
            f"the norm {text[:40]!r} is no number"
            if text
            else "a norm is empty: write nan if it is no number"
        )
        raise InputError(Problem(words, source=source, line=line)) from None
    if is_log and FARTHEST < abs(value) < inf:
        words = f"{text[:40]} is no natural log of a norm: call the column norm if it holds norms"
        raise InputError(Problem(words, source=source, line=line))
    if is_log or isnan(value):
        return value
    if value < 0:
        words = f"a norm is not negative ({text[:40]}): call the column log_norm if it holds natural logs"
        raise InputError(Problem(words, source=source, line=line))
    return log(value) if 0 < value < inf else value or -inf


def loss_of(text: str) -> float:
    """A loss beside the norms; what is none is nan, since it is a norm that was asked for."""
    try:
        return _number(text)
    except ValueError:
        return nan


def _number(text: str) -> float:
    """What Python reads as a number, but for digits of other scripts and for 1_000."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text)
