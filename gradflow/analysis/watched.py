"""What went wrong in a training that was watched, and what to change, from its record alone.

The levers are those of torch: the scale of the weights of a plain chain, whose c is proportional to it where
the slopes do not change, and the scale of residual branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np

from gradflow.analysis.block_laws import BARE, POST
from gradflow.analysis.clipping import clipping_symptom
from gradflow.analysis.lost_samples import lost_symptom
from gradflow.analysis.recorded import UNSTABLE, jump, of_one_layer, scaled, stalled
from gradflow.analysis.summary import Advice, Flow, Symptom
from gradflow.analysis.symptom_rules import early_frozen
from gradflow.analysis.verdict import HALF
from gradflow.analysis.weakest import standing_out
from gradflow.arrays import Array, Readings
from gradflow.formats import CLIPPED_SHARE, FROZEN_RATIO, LASTING
from gradflow.units import LN10


def watched_symptoms(recording: Readings) -> tuple[Symptom, ...]:
    """The symptoms of a record of `gradflow.torch`; () for one that has not its columns."""
    if "branch_ratio" not in recording:
        return ()
    looks = _gated, jump, _lost, _unmoved, _frozen, stalled, _clipped
    return tuple(found for look in looks for found in look(recording))


def _gated(recording: Readings) -> Iterator[Symptom]:
    """Blocks that add nothing to the gradient still at the end, after they could have been trained."""
    ratios = recording["branch_ratio"].mean(axis=2)
    shut = np.flatnonzero(ratios[-1] == 0)
    if len(ratios) > 1 and shut.size:
        words = f"{shut.size} of {ratios.shape[1]} blocks add nothing to the gradient yet (gated)"
        step = int(recording["step"][-1])
        yield Symptom("gated-blocks", step, int(shut[0]) + 1, float(shut.size), 0.0, words)


def _lost(recording: Readings) -> Iterator[Symptom]:
    lost, samples = (recording[name].mean(axis=1) for name in ("lost_samples", "samples"))
    found = lost_symptom(recording["step"], lost, samples)
    yield from () if found is None else (found,)


def _unmoved(recording: Readings) -> Iterator[Symptom]:
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
        words = (
            f"the {group} parameters do not move{_since(row)}{_cause(recording.get(f'log_dw_{group}'), row)}"
        )
        yield Symptom("no-update", int(recording["step"][row]), None, 0.0, 0.0, words)


def _cause(log_dw: Array | None, row: int) -> str:
    """Why parameters may not move since a row; the log of a norm is nan where there is no gradient."""
    if log_dw is None:
        return ": does the optimizer hold them?"
    if np.isfinite(log_dw[row:]).any():
        return ", though they get a gradient"
    return ": they get no gradient, so does the loss depend on them?"


def _since(row: int) -> str:
    return " any more" if row else ""


def _still_from(ratios: Array) -> int | None:
    """The first of the rows that end a record (rows,) and are all 0, at least two; nan is what is unknown."""
    known = np.flatnonzero(np.isfinite(ratios))
    moving = np.flatnonzero(ratios[known] > 0)
    first = int(moving[-1]) + 1 if moving.size else 0
    return int(known[first]) if len(known) - first > 1 else None


def _frozen(recording: Readings) -> Iterator[Symptom]:
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
        moved = ratios[np.ix_(known, trained)]
        found = early_frozen(recording["step"][known], moved, trained, FROZEN_RATIO, LASTING)
        yield from () if found is None else (found,)


def _clipped(recording: Readings) -> Iterator[Symptom]:
    found = clipping_symptom(recording, CLIPPED_SHARE)
    if found is not None:
        yield found


def watched_advice(
    flow: Flow, data: Mapping[str, Any], recording: Readings | None = None
) -> tuple[Advice, ...]:
    """What to change in a model whose gradient vanishes or explodes along its axis at the first step.

    The recording tells how much each block adds.
    """
    if "watched" not in data or flow.verdict not in UNSTABLE or not flow.c:
        return ()
    if "expected_c" in data:
        return tuple(_of_a_chain(flow, flow.c, data))
    if flow.verdict == "exploding" and "law" in data:  # of blocks that add to a stream
        ratios = None if recording is None else recording["branch_ratio"][0].mean(axis=1)
        return tuple(_of_blocks(flow, data.get("expected"), ratios))
    return ()


def _of_blocks(flow: Flow, kind: str | None, ratios: Array | None) -> Iterator[Advice]:
    """To scale what the one block adds that decides, or what all add, where they explode without it.

    `ratios` (layers,) are of what blocks add to the gradient. A norm on the stream is no branch: scaling what
    is added before it does not undo what it makes.
    """
    one = flow.weakest
    scale = _scale_of(one.layer - 1, ratios, kind) if one is not None and ratios is not None else 1.0
    if one is not None and kind != POST and scale < HALF:
        words = f"{one.called} alone decides, by what it adds: scale that by {scale:.3g}, in this block alone"
        yield _branch(scale, words)
    if one is None or one.verdict_without == "exploding" or (one.layer == 1 and scale >= HALF):
        words = "scale what each block adds by 1/sqrt(blocks), which bounds the gain"
        words += ", or put a norm before it" if kind == BARE else ""
        yield _branch(1 / sqrt(flow.transitions + 1), words)


def _scale_of(index: int, ratios: Array, kind: str | None) -> float:
    """What makes a block's branch as large as those of the others; 1 where that is not known.

    Blocks after it see the stream that it makes: beside it their branches are as small as it is large, if
    norms before them keep their size. The first of blocks that all add much is no larger than the next.
    """
    others = ratios[:index] if index else ratios[1:] if kind == BARE else ratios[1:2] * ratios[0]
    scale = float(np.median(others) / ratios[index]) if ratios[index] > 0 else 1.0
    return scale if 0 < scale < 1 else 1.0


def _branch(scale: float, words: str) -> Advice:
    return Advice("architecture", {}, None, None, f"x = x + {scale:.3g} * branch(x)", words)


def _of_a_chain(flow: Flow, c: float, data: Mapping[str, Any]) -> Iterator[Advice]:
    """The weights of the layer that makes it, or the biases of one whose weights do not; else all weights."""
    one, weights = flow.weakest, data.get("weights")
    odd = _odd_weights(flow, np.array(weights)) if weights else None
    if odd is not None:
        index, times = odd
        words = f"the weights of layer {data['layers'][index]} are {times:.3g} times as large as the others'"
        yield scaled(1 / times, f"{words}: {1 / times:.3g} times them are like those; then look again")
    elif one is not None and weights:
        whose = f"neither its weights nor those of layer {data['layers'][one.layer]} are of another size"
        then = "look at its biases, which may keep its units where slopes are small"
        words = f"{one.called} alone decides, though {whose}: {then}"
        yield Advice("initialization", {}, None, None, None, words)
    elif one is not None:
        yield from of_one_layer(flow, data["layers"])
    else:
        words = f"the chain is plain: {1 / c:.3g} times the weights of each layer bring c near 1"
        yield scaled(1 / c, words)


def _odd_weights(flow: Flow, logs: Array) -> tuple[int, float] | None:
    """(layer from 0, how many times the others' its weights are) where it makes half of what is wrong.

    That is the factor of the one layer that decides, or else the ratio. `logs` (layers,) are of their scales.
    A layer l decides by the weights of layer l + 1 or by its own, which saturate it if they are too large.
    """
    one, away = flow.weakest, logs - np.median(logs)
    if one is not None and one.factor and one.c_without:
        wrong, near = log(one.factor / one.c_without), [one.layer, one.layer - 1]
        index = max(near, key=lambda layer: abs(away[layer]))
    else:
        index, standing, _ = standing_out(logs)
        wrong = (flow.log10_ratio or 0.0) * LN10 if standing else inf
    return (index, exp(away[index])) if abs(away[index]) >= HALF * abs(wrong) else None
