"""What went wrong in a training of which a file has the norms alone, and what to change: no config is needed.

Nobody knows the batches of such a record. What they make of norms is judged by the record itself: a change
counts that is far larger than every other, since noise is made of many alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from gradflow.analysis.summary import Advice, Flow, Symptom
from gradflow.analysis.symptom_rules import first_lasting, gradient_jump
from gradflow.analysis.underflow import edge_of, smallest_of
from gradflow.analysis.verdict import HALF, are_most, fitted_share
from gradflow.arrays import Array, Readings
from gradflow.formats import LASTING
from gradflow.units import LN10

JUMP_DECADES = 1.0, 3.0, 4.0  # that make a jump where rows lie steps apart or are the first, or both
FEW_CHANGES, MANY_CHANGES = 5, 100  # beside a jump, that tell what is ordinary; as many are looked at
UNLIKE = 2.0  # times as large as any of them, from which a change is another kind of thing
FEW_LOSSES, FALLING = 30, 0.02  # that tell a course; share of the loss by which it surely falls less
ENOUGH = 0.1  # of the first losses: one that is below has learnt what there is
UNSTABLE = ("vanishing", "exploding")
SATURATING = 3.0  # times as far from the others, at most, as one factor of a saturated layer is the other
SMALL_C = 0.5  # one below which slopes have their part in it


def recorded_symptoms(
    recording: Readings, layers: Sequence[str], norms: str, diverged_step: int | None
) -> tuple[Symptom, ...]:
    """The symptoms of a record of the array `norms`, and maybe of losses."""
    looks = _dead(recording, layers), jump(recording, norms, diverged_step), stalled(recording)
    return tuple(found for look in looks for found in look)


def _dead(recording: Readings, layers: Sequence[str]) -> Iterator[Symptom]:
    """The layer that no gradient passes, in most networks and for some rows; an underflow is none."""
    norms = recording["log_delta_norm"]
    smallest = smallest_of(norms)
    zero: Array = np.asarray(np.isneginf(norms))
    dead: Array = np.asarray(zero.any(axis=1))  # (rows, networks)
    seen = np.array([are_most(count, dead.shape[1]) for count in dead.sum(axis=1).tolist()])
    seen[seen] = [edge_of(logs, smallest) is None for logs in norms[seen]]
    row = first_lasting(seen, LASTING)
    if row is None:
        return
    network = int(np.argmax(dead[row]))
    layer = int(np.flatnonzero(zero[row, :, network])[-1])
    count, networks = int(dead[row].sum()), dead.shape[1]
    who = f" in {count} of {networks} networks" if networks > 1 else ""
    words = f"no gradient passes layer {layers[layer]}{who}: its delta is exactly 0 on every sample"
    yield Symptom("dead-layer", int(recording["step"][row]), layer + 1, None, None, words)


def jump(
    recording: Readings, norms: str = "log_delta_norm", diverged_step: int | None = None
) -> Iterator[Symptom]:
    """A gradient that jumps and, unless training blew up, changes by nothing like it elsewhere."""
    step = recording["step"]
    beyond = partial(_stands_out, step) if diverged_step is None else lambda *_: True
    found = gradient_jump(step, recording[norms], JUMP_DECADES[0], beyond, "recorded step")
    if found is not None:
        yield found


def _stands_out(step: Array, logs: Array, row: int, change: float) -> bool:
    """Whether a layer's logs (rows,) stay away, from a row on, after calm rows, or come to rest after it.

    A single batch that is strange is no jump: it is gone in the next row. Between rows that lie steps apart
    a gradient may fall far as the loss does, and rise from where it had vanished at the start. The first
    steps are the longest of a healthy training, too.
    """
    apart, early = bool(step[row] - step[row - 1] > 1), row <= FEW_CHANGES
    if (apart and (row == 1 or logs[row] < logs[row - 1])) or change < JUMP_DECADES[apart + early] * LN10:
        return False
    after = logs[row : row + LASTING]
    beside = logs[row : row + MANY_CHANGES + 1] if early else logs[max(0, row - MANY_CHANGES - 1) : row]
    calm = np.abs(np.diff(beside))
    calm = calm[np.isfinite(calm)]
    stays = len(after) > 1 and bool((np.abs(after - logs[row - 1]) > change / UNLIKE).all())
    return stays and len(calm) >= FEW_CHANGES and bool(change > UNLIKE * calm.max())


def stalled(recording: Readings) -> Iterator[Symptom]:
    """A loss, far from fitted, whose last third is surely hardly lower than the third before."""
    with np.errstate(over="ignore", invalid="ignore"):
        losses = recording["loss"].mean(axis=1)
    rows = np.flatnonzero(np.isfinite(losses))
    third = len(rows) // 3
    if len(rows) < FEW_LOSSES or losses[rows].min() <= 0:
        return  # one that is negative has no shares
    losses = losses / losses[rows].max()
    before, after = losses[rows[-2 * third : -third]], losses[rows[-third:]]
    fall = 1 - after.mean() / before.mean()
    error = np.hypot(before.std(), after.std()) / np.sqrt(third) / before.mean()
    if fall + 2 * error < FALLING and after.mean() > ENOUGH * losses[rows[: third // 3]].mean():
        words = "the loss has stalled: in the last third of the record it has fallen by that share of itself"
        step = int(recording["step"][rows[-third]])
        yield Symptom("loss-stalled", step, None, float(fall), FALLING, words)


def recorded_advice(flow: Flow, layers: Sequence[str]) -> tuple[Advice, ...]:
    """What to change in a chain of `layers` whose gradient vanishes or explodes at the first step.

    Of a plain chain: c is proportional to the weights' scale where the slopes do not change. None where
    another law than c^L fits, as that of blocks with a skip, or where c does not make the ratio.
    """
    if flow.verdict not in UNSTABLE or not flow.c:
        return ()
    if flow.weakest is not None:
        return tuple(of_one_layer(flow, layers))
    share = fitted_share(flow)
    if flow.law != "exponential" or share is None or share < HALF:
        return ()
    return (_of_all(flow, flow.c),)


def of_one_layer(flow: Flow, layers: Sequence[str]) -> Iterator[Advice]:
    """The weights above the layer that alone decides the ratio; what is left then, where that is unstable.

    Those of a layer that saturates itself alone: with them the slopes of all layers above it change.
    """
    one, saturated = flow.weakest, _saturated(flow)
    if one is None or not one.c_without or not one.factor:
        return
    if saturated is not None:
        layer, times = saturated
        words = (
            f"layer {layers[layer - 1]} saturates, as it seems: its weights multiply by {times:.3g} times "
            f"what the others' do, and its slopes pass little: {1 / times:.3g} times them; then fit again"
        )
        yield scaled(1 / times, words)
        return
    factor = one.c_without / one.factor
    words = (
        f"{one.called} alone decides: {factor:.3g} times the weights of layer {layers[one.layer]} bring its "
        f"factor from {one.factor:.3g} to the others' {one.c_without:.3g}, if it is they and not its slopes"
    )
    yield scaled(factor, words)
    if one.verdict_without in UNSTABLE:
        yield _of_all(flow, one.c_without)


def _saturated(flow: Flow) -> tuple[int, float] | None:
    """(layer from 1, times) of one that its own weights saturate, at the layer that decides or above it.

    They make the factor of the layer below it as many times the others' as its own is a part of theirs, or
    nearly so. None too of more layers than a profile keeps.
    """
    log10_delta = np.array(flow.profile.log10_delta, float)
    if flow.weakest is None or len(log10_delta) != flow.transitions + 1:
        return None
    away = -np.diff(log10_delta)
    away -= np.median(away)
    for layer in (flow.weakest.layer, flow.weakest.layer + 1):
        pair = away[max(layer - 2, 0) : layer]
        if len(pair) == 2 and pair[0] > 0 > pair[1] and np.abs(pair).min() * SATURATING >= np.abs(pair).max():
            return layer, float(10 ** pair[0])
    return None


def _of_all(flow: Flow, c: float) -> Advice:
    """The weights of all layers times 1 / c, and what that makes of the gradient."""
    depth, factor = flow.transitions + 1, 1 / c
    words = (
        f"{factor:.3g} times the weights of each layer, 1 / c, bring c^{depth} from {c**depth:.2g} near 1: "
        "exactly where slopes do not change with them, as relu's; else fit again"
    )
    if c < SMALL_C:
        words += ". So small a c is often that of slopes: sigmoid's are 1/4 at most, tanh's and relu's 1"
    if c > 1:
        words += ". Where a skip passes the layers, scale what they add by 1/sqrt(layers) instead"
    return scaled(factor, words)


def scaled(factor: float, words: str) -> Advice:
    """Advice to scale weights, in torch's words."""
    torch = f"with torch.no_grad(): layer.weight.mul_({factor:.4g})"
    return Advice("initialization", {}, None, None, torch, words)
