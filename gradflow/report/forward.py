"""What becomes of the signal on its way up, in a sentence: its size, how alike samples get, its digits."""

from __future__ import annotations

from collections.abc import Sequence

from gradflow.analysis.summary import Flow, Theory
from gradflow.analysis.summary_parts import Profile
from gradflow.report.numbers import cosine, count, norm, number
from gradflow.report.sentences import EQUAL, SKIP


def forward_sentence(flow: Flow, theory: Theory | None = None, watched: bool = False) -> str:
    """What becomes of the signal on its way up: its size, on a stream, and how alike samples get.

    With what `theory` expects of it, from the cosine that was measured at layer 1; `watched` is a model of
    blocks, whose stream is not called z.
    """
    words = []
    if (watched or SKIP in flow.factors) and flow.log10_growth is not None:
        verb = "grows" if flow.log10_growth >= 0 else "shrinks"
        what = "the stream" if watched else "|z|"
        words.append(f"{what} {verb} by {abs(flow.log10_growth):.1f} decades over the depth")
    words += _cosines(flow.profile)
    expected = alike_words(theory, flow) if theory else ""
    words += [f"by theory {expected}"] if expected else []
    said = "; ".join(words)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def _cosines(profile: Profile) -> list[str]:
    """How alike samples are at the first and at the last layer at which two are neither 0 nor infinite."""
    known = [i for i, value in enumerate(profile.correlation) if value is not None]
    if len(known) < 2:
        return []
    (first, *_, last), expected = known, profile.correlation_expected
    start, end = (cosine(profile.correlation[i]) for i in (first, last))
    lowest, highest = (count(profile.layers[i]) for i in (first, last))
    told = f" (theory {cosine(expected[last])})" if expected and expected[last] is not None else ""
    words = f"after {highest} layers the samples' cosine is {end}{told}, at layer {lowest} {start}"
    above = profile.layers[last + 1 :]
    return [words, f"from layer {count(above[0])} on no two samples have one"] if above else [words]


def alike_words(theory: Theory, flow: Flow) -> str:
    """Where theory has the cosine of two samples go, rho*, and over how many layers; "" where none is known.

    Without a rho* it may stay, as the cosines tell that theory has layer by layer.
    """
    star, xi = theory.correlation_star, theory.xi_c
    over = "" if xi is None else f" over xi_c = {number(xi)} layers"
    if star is None:
        known = [value for value in flow.profile.correlation_expected if value is not None]
        return "the samples' cosine stays as it is" if len(known) > 1 and _are_one(known) else ""
    if star == 1:
        return f"samples become alike, rho* = 1,{over or ' ever more slowly'}"
    return f"the samples' cosine comes to rho* = {cosine(star)}{over}"


def _are_one(values: Sequence[float]) -> bool:
    """Whether only rounding tells them apart: two that differ may be shown by the same few digits."""
    return max(values) - min(values) <= EQUAL * max(map(abs, values))


def rounding_sentence(flow: Flow, dtype: str) -> str:
    """Which digits another dtype or machine would not repeat; "" where it would repeat all that are shown."""
    rounding = flow.rounding
    if rounding is None:
        return ""
    reached = f"to {norm(rounding.z)} of z" if rounding.layer is None else "to all of z"
    where = "" if rounding.layer is None else f" by layer {count(rounding.layer)}"
    moved = f"c by {norm(rounding.c)} and the ratio by {norm(rounding.log10_ratio)} decades"
    return f"Rounding in {dtype} grows {reached}{where}: another dtype or machine may move {moved}."
