"""What went wrong in a training that was watched, and what to change, from its record alone.

The levers are those of torch: the scale of the weights of a plain chain, whose c is proportional to it where
the slopes do not change, and the scale of residual branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.clipping import clipping_symptom
from gradflow.analysis.summary import Advice, Flow, Symptom
from gradflow.units import LN10

Array = NDArray[Any]

JUMP_DECADES = 3.0  # from one recorded step to the next
CLIPPED_SHARE, FROZEN_RATIO = 0.9, 1e-3  # as a config's defaults
FEW_LAYERS, LASTING = 4, 5  # with an early quarter; rows in a row, or all of a shorter record
FEW_LOSSES, FALLING = 30, 0.02  # that tell a course; share of the loss by which it surely falls less
ENOUGH = 0.1  # of the first losses: one that is below has learnt what there is
UNSTABLE = ("vanishing", "exploding")


def watched_symptoms(recording: Mapping[str, Array]) -> tuple[Symptom, ...]:
    """The symptoms of a record of `gradflow.torch`; () for one that has not its columns."""
    if "branch_ratio" not in recording:
        return ()
    looks = _gated, _jump, _lost, _unmoved, _frozen, _stalled, _clipped
    return tuple(found for look in looks for found in look(recording))


def _gated(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    """Blocks that add nothing to the gradient still at the end, after they could have been trained."""
    ratios = recording["branch_ratio"].mean(axis=2)
    shut = np.flatnonzero(ratios[-1] == 0)
    if len(ratios) > 1 and shut.size:
        words = f"{shut.size} of {ratios.shape[1]} blocks add nothing to the gradient yet (gated)"
        step = int(recording["step"][-1])
        yield Symptom("gated-blocks", step, int(shut[0]) + 1, float(shut.size), 0.0, words)


def _jump(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    with np.errstate(invalid="ignore"):
        jumps = np.abs(np.diff(recording["log_delta_norm"].mean(axis=2), axis=0)) / LN10
    rows, layers = np.nonzero(np.isfinite(jumps) & (jumps > JUMP_DECADES))
    if rows.size:
        row, layer = int(rows[0]), int(layers[0])
        words = "the gradient jumps by that many decades from one recorded step to the next"
        step = int(recording["step"][row + 1])
        yield Symptom("gradient-jump", step, layer + 1, float(jumps[row, layer]), JUMP_DECADES, words)


def _lost(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    lost, samples = recording["lost_samples"].mean(axis=1), recording["samples"].mean(axis=1)
    rows = np.flatnonzero(2 * lost > samples)
    if rows.size:
        row = int(rows[0])
        words = "most samples get a gradient of exactly 0 at some point, and are left out"
        share = float(lost[row] / samples[row])
        yield Symptom("lost-samples", int(recording["step"][row]), None, share, 0.5, words)


def _unmoved(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    """Groups of parameters whose update is exactly 0 from some recorded step to the end, two at least."""
    groups = {
        name.removeprefix("update_"): values.max(axis=1)
        for name, values in recording.items()
        if name.startswith("update_") and name != "update_ratio"
    }
    still = {group: row for group, ratios in groups.items() if (row := _still_from(ratios)) is not None}
    if len(still) == len(groups) > 0:
        row = max(still.values())
        words = f"no parameter moves{_since(row)}: is the learning rate 0, or does the optimizer hold others?"
        yield Symptom("no-update", int(recording["step"][row]), None, 0.0, 0.0, words)
        return
    for group, row in still.items():
        words = f"the {group} parameters do not move{_since(row)}, though they get a gradient"
        yield Symptom("no-update", int(recording["step"][row]), None, 0.0, 0.0, words)


def _since(row: int) -> str:
    return " any more" if row else ""


def _still_from(ratios: Array) -> int | None:
    """The first of the rows that end a record (rows,) and are all 0, at least two; nan is what is unknown."""
    known = np.flatnonzero(np.isfinite(ratios))
    moving = np.flatnonzero(ratios[known] > 0)
    first = int(moving[-1]) + 1 if moving.size else 0
    return int(known[first]) if len(known) - first > 1 else None


def _frozen(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    """Layers whose weights do not move while others do: not at all, or the early ones hardly."""
    ratios = recording["update_ratio"].mean(axis=2)
    known = np.flatnonzero(np.isfinite(ratios).any(axis=1))
    if not known.size:
        return
    trained = np.flatnonzero(np.isfinite(ratios[known]).all(axis=0))  # frozen on purpose: no parameter
    still = [int(layer) for layer in trained if _still_from(ratios[:, layer]) is not None]
    if still and len(still) < len(trained):
        row = _still_from(ratios[:, still[0]]) or 0
        words = (
            f"{len(still)} of {len(trained)} layers do not move{_since(row)}: does the optimizer hold them?"
        )
        yield Symptom("frozen-layers", int(recording["step"][row]), still[0] + 1, 0.0, 0.0, words)
    elif not still:
        yield from _hardly(recording["step"][known], ratios[np.ix_(known, trained)], trained)


def _hardly(step: Array, ratios: Array, layers: Array) -> Iterator[Symptom]:
    """Of the `ratios` (rows, layers): the median of the first quarter of the layers over that of the last."""
    quarter, patience = len(layers) // 4, min(LASTING, len(step))
    if len(layers) < FEW_LAYERS:
        return
    with np.errstate(invalid="ignore", divide="ignore"):  # where the last ones rest
        share = np.median(ratios[:, :quarter], axis=1) / np.median(ratios[:, -quarter:], axis=1)
    for row in range(len(step) - patience + 1):
        if (share[row : row + patience] < FROZEN_RATIO).all():
            layer = int(layers[np.argmin(ratios[row])]) + 1
            words = "early layers are frozen: an update changes them that much less than the last layers"
            yield Symptom("frozen-layers", int(step[row]), layer, float(share[row]), FROZEN_RATIO, words)
            return


def _stalled(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    """A loss, far from fitted, whose last third is surely hardly lower than the third before."""
    losses = recording["loss"].mean(axis=1)
    rows = np.flatnonzero(np.isfinite(losses))
    third = len(rows) // 3
    if len(rows) < FEW_LOSSES:
        return
    before, after = losses[rows[-2 * third : -third]], losses[rows[-third:]]
    fall = 1 - after.mean() / before.mean()
    error = np.hypot(before.std(), after.std()) / np.sqrt(third) / before.mean()
    if fall + 2 * error < FALLING and after.mean() > ENOUGH * losses[rows[: third // 3]].mean():
        words = "the loss has stalled: in the last third of the record it has fallen by that share of itself"
        step = int(recording["step"][rows[-third]])
        yield Symptom("loss-stalled", step, None, float(fall), FALLING, words)


def _clipped(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    found = clipping_symptom(recording, CLIPPED_SHARE)
    if found is not None:
        yield found


def watched_advice(flow: Flow, data: Mapping[str, Any]) -> tuple[Advice, ...]:
    """What to change in a model whose gradient vanishes or explodes along its axis at the first step."""
    if "watched" not in data or flow.verdict not in UNSTABLE or not flow.c:
        return ()
    if "expected_c" in data:
        factor = 1 / flow.c
        words = f"the chain is plain: {factor:.3g} times the weights of each layer bring c near 1"
        torch = f"with torch.no_grad(): layer.weight.mul_({factor:.4g})"
        return (Advice("initialization", {}, None, None, torch, words),)
    if flow.verdict == "exploding" and data.get("axis") in ("auto", "blocks"):
        scale = 1 / sqrt(flow.transitions + 1)
        words = "scale what each block adds by 1/sqrt(blocks), which bounds the gain, or put a norm before it"
        return (Advice("architecture", {}, None, None, f"x = x + {scale:.3g} * branch(x)", words),)
    return ()
