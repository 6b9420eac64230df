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

from gradflow.analysis.summary import Advice, Flow, Symptom
from gradflow.units import LN10

Array = NDArray[Any]

JUMP_DECADES = 3.0  # from one recorded step to the next, as a config's default
UNSTABLE = ("vanishing", "exploding")


def watched_symptoms(recording: Mapping[str, Array]) -> tuple[Symptom, ...]:
    """The symptoms of a record of `gradflow.torch`; () for one that has not its columns."""
    if "branch_ratio" not in recording:
        return ()
    return tuple(found for look in (_gated, _jump, _lost, _still) for found in look(recording))


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


def _still(recording: Mapping[str, Array]) -> Iterator[Symptom]:
    """Groups of parameters whose update is exactly 0 in every recorded step."""
    for name, update in recording.items():
        known = update[np.isfinite(update)] if name.startswith("update_") else update[:0]
        if name != "update_ratio" and known.size > 1 and not known.any():
            words = f"the {name.removeprefix('update_')} parameters do not move, though they get a gradient"
            yield Symptom("no-update", int(recording["step"][0]), None, 0.0, 0.0, words)


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
