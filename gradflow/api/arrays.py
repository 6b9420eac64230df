"""The arrays of a recording as an xarray.Dataset, with what each is and in which unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow.analysis.differences import LAYER_NAME, layer_names
from gradflow.errors import library
from gradflow.evaluation import STEP
from gradflow.store import Run

NATURAL = "nat"  # natural logarithm
MEANINGS = {  # long name, unit
    "log_delta_norm": ("ln ||dLoss/dz||, mean over samples", NATURAL),
    "log_weight_grad_norm": ("ln ||dLoss/dW||", NATURAL),
    "log_bias_grad_norm": ("ln ||dLoss/db||", NATURAL),
    "log_weight_factor": ("ln of what the weights multiply ||delta|| by", NATURAL),
    "log_slope_factor": ("ln of what the slopes multiply ||delta|| by", NATURAL),
    "log_norm_factor": ("ln of what the norm multiplies ||delta|| by", NATURAL),
    "log_skip_factor": ("ln of what the skip multiplies ||delta|| by", NATURAL),
    "q": ("mean square of z", "1"),
    "activation_mean": ("mean of the activations", "1"),
    "activation_std": ("standard deviation of the activations", "1"),
    "saturated": ("share of saturated units x samples", "1"),
    "dead": ("share of units that no sample passes", "1"),
    "update_ratio": ("||step of W|| / ||W||", "1"),
    "zero_delta": ("number of samples whose delta is exactly 0", "1"),
    "correlation": ("mean cosine of z over pairs of samples", "1"),
    "clip_share": ("what clipping left of the gradient", "1"),
    "loss": ("loss of the minibatch", "1"),
    "loss_train": ("loss over the evaluated training samples", "1"),
    "loss_test": ("loss over the evaluated held-out samples", "1"),
}
DIMENSIONS = ("step", "layer", "seed")


def dataset_of(run: Run) -> Any:
    """xarray.Dataset of a run: dims step, layer (from 1, at the input), seed; evaluations over eval_step.

    Layers that were recorded elsewhere have their layer_name beside.
    """
    recording = run.recording
    known = {name: _variable(name, array, recording) for name, array in recording.items()}
    variables = {
        name: found for name, found in known.items() if found is not None and name not in (STEP, "step")
    }
    layers = recording["log_delta_norm"].shape[1]
    coordinates: dict[str, Any] = {
        "step": recording["step"].astype(int),
        "layer": np.arange(1, layers + 1),
        "seed": run.seeds,
    }
    if names := layer_names(run.summary.config):
        coordinates[LAYER_NAME] = ("layer", list(names))
    if STEP in recording:
        coordinates[STEP] = recording[STEP].astype(int)
    attributes = {"id": run.id, "verdict": run.summary.flow.initial.verdict}
    return library("xarray", "notebook", "to_xarray").Dataset(variables, coordinates, attributes)


def _variable(name: str, array: Any, recording: Any) -> tuple[tuple[str, ...], Any, dict[str, str]] | None:
    """Dims, values and attributes of an array; None if its shape is none of a run's."""
    steps, layers, seeds = recording["log_delta_norm"].shape
    shapes = {(steps, layers, seeds): DIMENSIONS, (steps, seeds): ("step", "seed"), (steps,): ("step",)}
    if STEP in recording and name in ("loss_train", "loss_test", *_evaluated(recording)):
        shapes = {(recording[STEP].size, seeds): (STEP, "seed")}
    dims = shapes.get(array.shape)
    if dims is None:
        return None
    long_name, units = MEANINGS.get(name, (name.replace("_", " "), ""))
    return dims, array, {"long_name": long_name, **({"units": units} if units else {})}


def _evaluated(recording: Any) -> list[str]:
    return [name for name in recording if name.startswith(("accuracy_", "r2_"))]
