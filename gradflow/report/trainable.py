"""Whether a network trains, in a sentence beside the verdict on its gradient, and why the two differ."""

from __future__ import annotations

from gradflow.analysis.summary import Summary
from gradflow.analysis.trainable import ALIKE, FEW, OF_LOAD, Trainable, edges_of, loads
from gradflow.report.headlines import learnt
from gradflow.report.numbers import NONE, cosine, counted, decades, number
from gradflow.report.page import Block, Cell, Sentence, Toned

TONES = {"trainable": "", "untrainable": "warning", "unknown": "undetermined"}
SHORT = {"trainable": "yes", "untrainable": "no"}
TRAINED = 0.5  # of what a guess leaves to learn: as much as networks that trained had learnt at the least
NOTE = (
    "trains: whether it would at the best of several learning rates, and the share of such networks that did"
)


def trainable_blocks(summary: Summary) -> list[Block]:
    """The sentence of a run; none where nothing is known."""
    model, training = summary.config["model"], summary.config["training"]
    if "optimizer" not in training:  # of norms recorded elsewhere
        return []
    found, flow = summary.trainable, summary.flow.initial
    text = trainable_sentence(found, flow.verdict, model["depth"], training["optimizer"]["name"])
    if found.verdict == "untrainable" and learnt(summary.training, summary.evaluation, TRAINED):
        text = f"{text[:-1]}; this run learnt all the same."
    return [Sentence(text, TONES.get(found.verdict, ""))] if text else []


def trainable_sentence(found: Trainable, verdict: str, depth: int, optimizer: str) -> str:
    """Trainable (score 0.97): the gradient ...; "" where nothing is known and no reason is given.

    `verdict` is that on the gradient: where the two differ it is said why.
    """
    if found.score is None:
        return f"Whether it trains is not known: {found.reason}." if found.reason else ""
    head = f"{found.verdict.capitalize()} (score {score(found)})"
    differ = (found.verdict == "trainable") != (verdict == "stable")
    of_load = found.reason is None or found.reason in OF_LOAD
    why = _why(found, depth, optimizer) if of_load else found.reason
    return f"{head}{_turn(found, verdict) if differ else ''}: {why}."


def score(found: Trainable) -> str:
    """The score as every report writes it."""
    return NONE if found.score is None else f"{found.score:.2f}"


def trainable_cell(verdict: str | None, value: float | None) -> Cell:
    """yes 0.97, in a column `trains`; no score, no verdict: a question mark says borderline there."""
    if value is None or verdict not in SHORT:
        return NONE
    return Toned(f"{SHORT[verdict]} {value:.2f}", TONES[verdict])


def _turn(found: Trainable, verdict: str) -> str:
    """How the two verdicts stand to each other where they differ."""
    if found.verdict == "trainable":
        return "" if verdict == "undetermined" else f", though the gradient is {verdict}"
    return ", though the gradient arrives" if found.reason in (FEW, ALIKE) else ", though it is called stable"


def _why(found: Trainable, depth: int, optimizer: str) -> str:
    """The gradient's change and the spread beside what networks bear, what stands most in the way first."""
    change, edges = found.gradient_decades or 0.0, edges_of(optimizer)
    gradient, spread = loads(change, found.spread, optimizer)
    told = [(gradient, f"the gradient changes by {decades(change)} decades", edges["gradient"])]
    if found.spread is not None:
        told.append((spread, f"the Jacobian's spread is {number(found.spread)} widths", edges["spread"]))
    (_, first, most), *rest = sorted(told, reverse=True)
    words = f"{first}, where networks bear {number(most)} under {optimizer}"
    words += "".join(f"; {second}, where they bear {number(least)}" for _, second, least in rest)
    return f"{_left(found, depth)}{words}"


def _left(found: Trainable, depth: int) -> str:
    """What is left of the differences between samples, where that is what stands in the way."""
    after = f"after {counted(depth, 'layer')}"
    if found.reason == ALIKE:
        xi = "" if found.correlation_depth is None else f", {number(found.correlation_depth)} xi_c"
        return f"{after} all samples look alike (cosine {cosine(found.cosine)}{xi}); "
    return f"{after} samples differ in few directions; " if found.reason == FEW else ""
