"""What low precision loses: the page of what was measured, and a report's word on what its norms tell."""

from __future__ import annotations

from math import ceil, floor, log2
from shlex import join
from typing import TYPE_CHECKING, Any

from gradflow.analysis.commands import operand
from gradflow.report.numbers import count, counted, percent
from gradflow.report.page import Block, Column, Command, Heading, Page, Sentence, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradflow.analysis.cast_losses import CastLosses
    from gradflow.analysis.low_precision import LowPrecision, Shares
    from gradflow.analysis.summary import Summary
    from gradflow.nn.low_precision import Float

LISTED = 16  # layers of a table, evenly spread, the first and the last among them
NEGLIGIBLE = 0.01  # share up to which a tensor needs no table
SHOWN = 5e-4  # of a share: less is written as such
TENSORS = (("delta", "dLoss/dz of the batch's mean loss"), ("a", "outputs of the layers"))
ALL_KEPT = "No format loses 1% of {} in any layer."
NONE_HELPS = (
    "none: no one scale keeps 99% of every layer's delta, whose sizes spread over more than the format holds"
)
BELOW, ABOVE = 6.3, 1.4  # powers of two around the root mean square that hold 99% of a normal variable
MOST = 0.5  # of the entries of a layer
MEAN_DELTA = "delta, of the batch's mean loss,"
WORST_BEFORE = "Shares of entries that a cast loses before any update, in the worst layer of each:"
MIXED = 2  # of the formats: those that are trained in without a scale for each tensor


def lost_in_training(summary: Summary) -> list[Block]:
    """What was measured or, of a run that was not asked, the layers whose delta half precision would lose."""
    found = summary.precision.formats
    blocks = _measured(found) if found else _told_by_norms(summary)
    command = Command(join(["gradflow", "precision", operand(summary.path)]))
    return [Heading("Low precision"), *blocks, command] if blocks else []


def _measured(found: dict[str, CastLosses]) -> list[Block]:
    """The layers that lose most of delta in half precision, and the worst layers by format."""
    half = [*found.items()][:MIXED]
    most = _most({name: (_where(one.delta_underflow), _where(one.delta_overflow)) for name, one in half})
    told = [Sentence(f"Most entries of {MEAN_DELTA} are {most}.", "warning")] if most else []
    return [*told, Sentence(WORST_BEFORE), *_worst(found), Sentence("By layer:")]


def _where(shares: tuple[float, ...]) -> list[int]:
    return [layer for layer, share in enumerate(shares, 1) if share > MOST]


def _told_by_norms(summary: Summary) -> list[Block]:
    """The same from a run's first norms, and whether a loss scale holds all layers in float16.

    As if the entries were normal; [] where no layer loses most of them.
    """
    sizes = _typical(summary)
    if not sizes:
        return []
    from gradflow.nn.low_precision import FLOATS  # loads NumPy

    most = _most(
        {
            one.name: (
                [layer for layer, size in sizes.items() if size < one.gone],
                [layer for layer, size in sizes.items() if size > one.beyond],
            )
            for one in FLOATS[:MIXED]
        }
    )
    if not most:
        return []
    scale = _scale_of_all([*sizes.values()], FLOATS[0])
    words = f"Most entries of {MEAN_DELTA} would be {most}. {scale} Measured, by layer:"
    return [Sentence(words, "warning")]


def _most(lost: dict[str, tuple[list[int], list[int]]]) -> str:
    """0 in float16 in layers 1 to 9; beyond ...: the layers that under- and overflow, "" if none do."""
    told = []
    for name, (under, over) in lost.items():
        told += [f"0 in {name} in {_layers(under)}"] if under else []
        told += [f"beyond {name} in {_layers(over)}"] if over else []
    return "; ".join(told)


def _scale_of_all(sizes: list[float], one: Float) -> str:
    """The middle of the loss scales by which no layer loses a hundredth to either side, if there are any."""
    lowest, highest = ceil(one.gone + BELOW - min(sizes)), floor(one.beyond - ABOVE - max(sizes))
    if lowest > highest:
        wide = f"from layer to layer they spread over 2^{max(sizes) - min(sizes):.0f}"
        return f"No loss scale holds all layers in {one.name}: {wide}."
    return f"A loss scale of about 2^{(lowest + highest) // 2} holds all layers in {one.name}."


def _typical(summary: Summary) -> dict[int, float]:
    """log2 of delta's root mean square over a layer's units, of the batch's mean loss, at initialization."""
    config: dict[str, Any] = summary.config
    width = config["model"].get("width")
    if width is None or summary.data is None:  # not a network of ours
        return {}
    batch = max(1, min(config["training"]["batch_size"], summary.data.samples))
    profile = summary.flow.initial.profile
    widths = [width] * config["model"]["depth"] if isinstance(width, int) else width
    return {
        layer: log10 * log2(10) - log2(max(1, widths[layer - 1])) / 2 - log2(batch)
        for layer, log10 in zip(profile.layers, profile.log10_delta, strict=True)
        if log10 is not None and layer <= len(widths)
    }


def _layers(layers: list[int]) -> str:
    """The first and the last of some layers, which mostly follow each other."""
    first, last = count(layers[0]), count(layers[-1])
    return f"layer {first}" if first == last else f"layers {first} to {last}"


def precision_page(name: str, found: LowPrecision) -> Page:
    """The worst layers by format, then every layer."""
    words = (
        f"{counted(found.networks, 'network')} at initialization, minibatch 0 of {count(found.batch)}; "
        "shares of entries that a "
        "cast makes 0, though they are not (under), or takes beyond the format (over)"
    )
    blocks: list[Block] = [Sentence(words), Heading("The worst layer of each")]
    blocks += _worst(found.formats)
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


def _worst(found: Mapping[str, CastLosses]) -> list[Block]:
    """The largest shares by format with its loss scale, and what it means where there is none."""
    titles = ("delta under", "delta over", "a under", "a over", "loss scale")
    rows = tuple(
        (name, *(_share(max(values)) for values in lost.shares.values()), _scale(lost.loss_scale))
        for name, lost in found.items()
    )
    none = any(lost.loss_scale is None for lost in found.values())
    told = [Sentence(NONE_HELPS, "warning")] if none else []
    return [Table((Column("", False), *map(Column, titles)), rows), *told]


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
