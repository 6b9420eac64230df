"""What a run has learnt: the curves over its evaluated samples, and where they began and ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradflow.analysis.clipping import clipping_of
from gradflow.analysis.early_warning import warned
from gradflow.analysis.flow import drawn, numbers, spread_out
from gradflow.analysis.history import ROWS
from gradflow.analysis.intervals import Estimate, over_networks
from gradflow.analysis.summary import Evaluation, TrainingResult, strict
from gradflow.analysis.summary_parts import Stopped
from gradflow.arrays import Array, Readings
from gradflow.evaluation import EVALUATED, STEP

ENDS = {"initial": 0, "final": -1}  # -> evaluations
TOLD = ("every", "samples_train", "samples_test", "of_train", "of_test", "majority_train", "majority_test")


def curves_until(recording: Readings, step: float) -> dict[str, Array]:
    """The arrays of the evaluations up to a step; {} of a run without any, as of older versions."""
    if STEP not in recording:
        return {}
    kept = recording[STEP] <= step
    return {name: recording[name][kept] for name in (STEP, *EVALUATED) if name in recording}


def evaluation_of(curves: Readings, info: Mapping[str, Any] | None) -> Evaluation:
    """The curves as means over networks, at most 200 of their steps; `info` is run.json's of them."""
    if not curves or info is None:
        return Evaluation()
    step = curves[STEP].astype(int)
    rows = spread_out(len(step), ROWS)
    means: dict[str, Any] = {
        name: drawn(numbers(_means(curves[name][rows]))) for name in EVALUATED if name in curves
    }
    told = {name: info[name] for name in TOLD}
    return Evaluation(steps=tuple(int(one) for one in step[rows]), **told, **means)


def training_result(
    recording: Readings,
    steps: int,
    outcome: Mapping[str, Any],
    info: Mapping[str, Any] | None,
    clips: bool = False,
) -> TrainingResult:
    """How training went: its first row and its last, or an evaluation after that; whether it `clips`.

    What stands in a row that was not evaluated is not known, as where a run blew up between two evaluations.
    """
    clipped_share, clip_share_median = clipping_of(recording) if clips else (None, None)
    stopped = outcome.get("stopped")
    minibatch = _means(recording["loss"])
    return TrainingResult(
        steps=stopped["step"] if stopped else steps,
        **_loss("train", "loss", recording),
        **_loss("test", "loss_test", recording),
        **_ends(recording),
        minibatch_loss_initial=float(minibatch[0]),
        minibatch_loss_final=float(minibatch[-1]),
        evaluations=len(recording.get(STEP, ())),
        clipped_share=clipped_share,
        clip_share_median=clip_share_median,
        majority=None if info is None else info["majority_test"],
        warned=warned(recording, outcome["diverged_step"]),
        **{**outcome, "stopped": Stopped(**stopped) if stopped else None},
    )


def _loss(part: str, name: str, recording: Readings) -> dict[str, Any]:
    """The loss over the samples of a part at both ends, with t intervals."""
    found: dict[str, Any] = {}
    for end, row in ENDS.items():
        loss = _end(recording, f"loss_{part}", row)
        found[f"{name}_{end}"] = loss and loss.mean
        found[f"{name}_{end}_low"] = loss and loss.low
        found[f"{name}_{end}_high"] = loss and loss.high
    return found


def _ends(recording: Readings) -> dict[str, Any]:
    """Accuracies and R2 at both ends, means over networks; R2 of targets that are all the same is None."""
    names = [name for name in EVALUATED if not name.startswith("loss")]
    found = {f"{name}_{end}": _end(recording, name, row) for name in names for end, row in ENDS.items()}
    return {name: strict(end.mean) if end else None for name, end in found.items()}


def _end(recording: Readings, name: str, row: int) -> Estimate | None:
    """A quantity at the first (0) or the last (-1) evaluation, unless a row stands beyond it."""
    if name not in recording or not _is_end(recording, row):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return over_networks(recording[name][row])


def _is_end(recording: Readings, row: int) -> bool:
    evaluated, recorded = recording[STEP][row], recording["step"][row]
    return bool(evaluated == recorded or (row == ENDS["final"] and evaluated > recorded))


def _means(values: Array) -> Array:
    """Means over networks."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean: Array = values.mean(axis=1)
    return mean
