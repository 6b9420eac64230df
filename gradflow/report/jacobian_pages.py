"""The page of a Jacobian's singular values: their moments beside theory's, and how they are spread."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gradflow.report.numbers import NONE, count, counted, half_width, number, with_error
from gradflow.report.page import Block, Chart, Column, Page, Sentence, Series, Table

if TYPE_CHECKING:
    from gradflow.analysis.intervals import Estimate
    from gradflow.analysis.jacobian import Jacobian
    from gradflow.analysis.summary_parts import Stretch

NOTHING = 1e-12  # of what is 0
TITLE = "Singular values of dz_L / dz_1 over their root mean square: share by size"


def jacobian_page(name: str, found: Jacobian) -> Page:
    """What one sample's dz_L / dz_1 does to lengths: mean, spread and largest of s^2."""
    below, above = found.units
    last = count(found.layers)
    words = (
        f"dz_{last} / dz_1, {count(above)} by {count(below)}, at training sample 0, in float64; s are its "
        f"singular values; {counted(found.networks, 'network')} at initialization, \u00b1 95%"
    )
    blocks: list[Block] = [Sentence(words)]
    if found.blocked:
        told = f"nothing passes in {found.blocked} of {counted(found.networks, 'network')}: left out"
        blocks.append(Sentence(told, "warning"))
    return Page(f"{name}: Jacobian", (*blocks, _moments(found), *_theory(found), *_chart(found)))


def stretch_sentence(found: Stretch | None, depth: int) -> str:
    """How dz_L / dz_1 stretches lengths, beside theory; "" of a run that did not measure it."""
    if found is None:
        return ""
    if found.log10_mean is None:
        return f"dz_{count(depth)} / dz_1: {found.reason}."
    mean = with_error(found.log10_mean, found.log10_mean_low, found.log10_mean_high)
    spread = with_error(found.variance, found.variance_low, found.variance_high)
    return (
        f"The singular values s of dz_{count(depth)} / dz_1: log10 of the mean of s^2 is {mean}"
        f"{_beside(found.expected_log10_mean)}, Var s^2 / mean^2 is {spread}"
        f"{_beside(found.expected_variance)}, the largest s^2 {number(found.largest)} times the mean."
    )


def _beside(expected: float | None) -> str:
    return "" if expected is None else f" (theory {number(expected)})"


def _moments(found: Jacobian) -> Table:
    theory = found.theory
    rows = (
        ("log10 of mean s^2", _shown(found.log10_mean), _expected(theory.log10_mean, found.log10_mean)),
        ("Var s^2 / mean^2", _shown(found.variance), _expected(theory.variance, found.variance)),
        ("largest s^2 / mean", _shown(found.largest), ""),
    )
    return Table((Column("", False), Column("measured"), Column("theory")), rows)


def _shown(value: Estimate | None) -> str:
    if value is None:
        return NONE
    return with_error(value.mean, value.low, value.high) if abs(value.mean) > NOTHING else "0"


def _expected(value: float | None, beside: Estimate | None) -> str:
    """With the digits of what was measured."""
    error = None if beside is None else half_width(beside.mean, beside.low, beside.high)
    return number(value, error if error and error > NOTHING else None)


def _theory(found: Jacobian) -> list[Block]:
    """How far the variance is from theory's, or why there is none."""
    if found.sigmas is not None:
        return [Sentence(f"The variance is {abs(found.sigmas):.1f} standard errors from theory.")]
    return [Sentence(found.theory.reason, "note")] if found.theory.reason else []


def _chart(found: Jacobian) -> list[Block]:
    if not found.share:
        return []
    middles = tuple((low + high) / 2 for low, high in pairwise(found.edges))
    return [Chart(TITLE, "s / rms", middles, (Series("share", found.share),), "plain")]
