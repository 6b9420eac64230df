"""The page of networks of several depths whose norms were recorded elsewhere, and its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gradflow.analysis.depth_law import DepthLaw
from gradflow.analysis.summary import Flow, Summary
from gradflow.report.advice_pages import advised
from gradflow.report.columns import verdict_cell
from gradflow.report.numbers import NONE, count, decades, factor, number, power
from gradflow.report.page import Block, Cell, Column, Facts, Heading, Page, Sentence, Table
from gradflow.report.pages import symptom_blocks

TITLES = ("depth", "verdict", "c", "log10 ratio", "first dL/dW", "networks")
SAID = {
    "delta": "||delta||, from the last layer to the first,",
    "weight_grad": "||dL/dW|| of the first layer",
}


def depth_page(summaries: Mapping[int, Summary], law: DepthLaw, orders: Sequence[str] = ()) -> Page:
    """A line for each depth, and c of c^L across them."""
    flows = {depth: summary.flow.initial for depth, summary in summaries.items()}
    columns = tuple(Column(title, title != "verdict") for title in TITLES)
    table = Table(columns, tuple(_row(depth, flow) for depth, flow in flows.items()))
    ends = f"depths {count(law.depths[0])} to {count(law.depths[-1])}"
    blocks: list[Block] = [*_laws(law, ends), Heading(f"At the first step recorded, {ends}"), table]
    told = list(dict.fromkeys(orders))
    blocks.append(Facts(tuple(("order", order) for order in told)))
    for depth, summary in summaries.items():
        further = (*symptom_blocks(summary), *advised(summary.advice))
        blocks += [Heading(f"Depth {count(depth)}"), *further] if further else []
    return Page("Depth law", tuple(blocks))


def depth_document(summaries: Mapping[int, Summary], law: DepthLaw) -> dict[str, Any]:
    """The document of `fit --json` for several depths."""
    documents = {depth: summary.document() for depth, summary in summaries.items()}
    networks = [
        {"depth": depth, **one["flow"]["initial"], "symptoms": one["symptoms"], "advice": one["advice"]}
        for depth, one in documents.items()
    ]
    return {"depth_law": asdict(law), "networks": networks}


def _laws(law: DepthLaw, ends: str) -> list[Block]:
    found = {name: getattr(law, name) for name in SAID}
    told = [
        Sentence(f"Across {ends} {SAID[name]} goes as c^L, c = {factor(one.c, one.c_low, one.c_high)}.")
        for name, one in found.items()
        if one.c is not None
    ]
    if law.c_inside is not None:
        told.append(Sentence(f"Inside the networks c is {number(law.c_inside)}."))
    return [*told, *([Sentence(f"No depth law: {law.reason}.", "warning")] if law.reason else [])]


def _row(depth: int, flow: Flow) -> tuple[Cell, ...]:
    first = flow.profile.log10_weight_grad[0] if flow.profile.log10_weight_grad else None
    return (
        count(depth),
        verdict_cell(flow.verdict, flow.borderline) if flow.verdict != "undetermined" else NONE,
        factor(flow.c, flow.c_low, flow.c_high),
        decades(flow.log10_ratio),
        power(first),
        NONE if flow.networks is None else count(flow.networks),
    )
