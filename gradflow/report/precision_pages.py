"""The page of low precision: what a cast to each format loses of delta and of activations, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.report.numbers import count, counted, percent
from gradflow.report.page import Block, Column, Heading, Page, Sentence, Table

if TYPE_CHECKING:
    from gradflow.analysis.low_precision import LowPrecision, Shares

LISTED = 16  # layers of a table, evenly spread, the first and the last among them
NEGLIGIBLE = 0.01  # share up to which a tensor needs no table
SHOWN = 5e-4  # of a share: less is written as such
TENSORS = (("delta", "dLoss/dz of the batch's mean loss"), ("a", "outputs of the layers"))
ALL_KEPT = "No format loses 1% of {} in any layer."
NONE_HELPS = (
    "none: no one scale keeps 99% of every layer's delta, whose sizes spread over more than the format holds"
)


def precision_page(name: str, found: LowPrecision) -> Page:
    """The worst layers by format, then every layer."""
    words = (
        f"{counted(found.networks, 'network')} at initialization, minibatch 0 of {count(found.batch)}; "
        "shares of entries that a "
        "cast makes 0, though they are not (under), or takes beyond the format (over)"
    )
    blocks: list[Block] = [Sentence(words), Heading("The worst layer of each"), _worst(found)]
    if None in found.loss_scale.values():
        blocks.append(Sentence(NONE_HELPS, "warning"))
    for tensor, meaning in TENSORS:
        zeros = found.zeros[f"{tensor}_zero"]
        already = f"; up to {percent(float(zeros.max()))} are 0 in any format" if zeros.any() else ""
        blocks.append(Heading(f"{tensor}, {meaning}{already}"))
        kept = _largest(found, tensor) < NEGLIGIBLE
        blocks.append(Sentence(ALL_KEPT.format(tensor)) if kept else _by_layer(found, tensor))
    return Page(f"{name}: low precision", tuple(blocks))


def _largest(found: LowPrecision, tensor: str) -> float:
    """The largest share that any layer loses in any format."""
    sides = (f"{tensor}_underflow", f"{tensor}_overflow")
    return max(float(shares[side].max()) for shares in found.shares.values() for side in sides)


def _worst(found: LowPrecision) -> Table:
    titles = ("delta under", "delta over", "a under", "a over", "loss scale")
    rows = tuple(
        (name, *(_share(float(values.max())) for values in shares.values()), _scale(found.loss_scale[name]))
        for name, shares in found.shares.items()
    )
    return Table((Column("", False), *map(Column, titles)), rows)


def _scale(ends: tuple[int, int] | None) -> str:
    if ends is None:
        return "none"
    lowest, highest = ends
    return "not needed" if lowest <= 0 <= highest else f"2^{lowest} to 2^{highest}"


def _by_layer(found: LowPrecision, tensor: str) -> Table:
    rows = (
        (count(layer + 1), *(_both(shares, tensor, layer) for shares in found.shares.values()))
        for layer in _listed(found.layers)
    )
    return Table(tuple(map(Column, ("layer", *found.shares))), tuple(rows))


def _listed(layers: int) -> list[int]:
    if layers <= LISTED:
        return [*range(layers)]
    return [round(i * (layers - 1) / (LISTED - 1)) for i in range(LISTED)]


def _both(shares: Shares, tensor: str, layer: int) -> str:
    under, over = (_share(float(shares[f"{tensor}_{side}"][layer])) for side in ("underflow", "overflow"))
    return "0" if under == over == "0" else f"{under} / {over}"


def _share(value: float) -> str:
    if not value:
        return "0"
    return percent(value) if value >= SHOWN else "<0.1%"
