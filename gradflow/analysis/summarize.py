"""From what a run directory holds to what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.advice import advise
from gradflow.analysis.critical import critical_of, told
from gradflow.analysis.flow import CHAIN, fit_flow, measure
from gradflow.analysis.history import history_of
from gradflow.analysis.laws import Expected
from gradflow.analysis.learning import curves_until, evaluation_of, training_result
from gradflow.analysis.predictions import inputs_of, predicted, theory_of
from gradflow.analysis.scales import scale_symptom
from gradflow.analysis.summary import Flow, Flows, Samples, Summary, Theory
from gradflow.analysis.symptoms import find_symptoms
from gradflow.analysis.weakest import weakest_symptom
from gradflow.nn.losses import LOSSES

if TYPE_CHECKING:
    from gradflow.config import Config

Array = NDArray[Any]
Recording = Mapping[str, Array]

NOTHING_ENTERS = (
    "the read-out starts at zero, so that no gradient enters before the first update: set steps: 1 or more"
)
ALONG = (
    "the read-out starts at zero: its first update is along the activations, so that the gradient which "
    "enters is not independent of the weights below, as theory has it"
)
PER_LAYER = 3  # dimensions of an array that has layers


def summarize(config: Config, recording: Recording, info: Mapping[str, Any]) -> Summary:
    """The Summary of a run: `info` is its run.json; `path` is the id until a reader knows where it lies."""
    final, analysis = final_row(recording), config.analysis
    theory = theory_beside(config, info["data"], recording)
    entry = entry_row(recording, config)
    flows = Flows(*(flow_at(recording, row, config, theory.law) for row in (entry, max(entry, final))))
    curves = curves_until(recording, recording["step"][final])
    rows = {name: array[: final + 1] for name, array in recording.items() if name not in curves}
    usable, evaluation = {**rows, **curves}, info.get("evaluation")
    entered = {name: array[entry:] for name, array in rows.items()}
    chance = (evaluation or info["data"]).get("chance") if config.training.loss == "cross_entropy" else None
    epoch = ceil(info["data"]["samples"] / config.training.batch_size)
    symptoms = find_symptoms(usable, analysis, config.model.activation, info["outcome"], chance, epoch)
    scale = scale_symptom(info["data"], symptoms)
    first = () if scale is None else (scale,)
    critical = critical_of(info)
    symptoms = (*first, *weakest_symptom((flows.initial, flows.final)), *symptoms)
    symptoms = told(symptoms, critical, config.training.optimizer.lr)
    return Summary(
        id=config.id,
        path=config.id,
        name=config.name,
        status=info["status"],
        config=config.plain(),
        flow=flows,
        theory=theory,
        training=training_result(
            recording,
            config.training.steps,
            info["outcome"],
            evaluation,
            config.training.clip_norm is not None,
        ),
        symptoms=symptoms,
        advice=advise(config, info["data"], flows.initial, symptoms, usable, critical),
        history=history_of(entered, analysis.stable_decades, analysis.patience),
        data=samples_of(info["data"], config.training.loss),
        evaluation=evaluation_of(curves_until(recording, recording["step"][-1]), evaluation),
        critical_lr=critical,
    )


def samples_of(data: Mapping[str, Any], loss: str) -> Samples:
    """What `data` of a run.json says of the samples; older ones tell the task by chance or loss."""
    classes = data["chance"] is not None if "chance" in data else LOSSES[loss].classes_only or None
    told = None if classes is None else "classification" if classes else "regression"
    sizes = {key: data[key] for key in ("samples", "features", "outputs")}
    return Samples(**sizes, held_out=data.get("samples_test"), task=data.get("task", told))


def flow_at(recording: Recording, row: int, config: Config, law: str | None = None) -> Flow:
    """The flow at a row of the record; `law` is the one that theory names."""
    arrays = {name: array[row] for name, array in recording.items() if array.ndim == PER_LAYER}
    expected = CHAIN if is_chain(config) else Expected(law, rules=True)
    flow = fit_flow(arrays, int(recording["step"][row]), config.analysis.stable_decades, expected)
    if config.model.readout != "zeros" or flow.step:
        return flow
    return replace(flow, verdict="undetermined", reason=NOTHING_ENTERS, dead_networks=0)


def entry_row(recording: Recording, config: Config) -> int:
    """The first row whose gradient enters the hidden layers: row 0, unless the read-out starts at zero.

    What is measured then is still the network as it was drawn, whose first update was the read-out's alone.
    """
    return min(1, len(recording["step"]) - 1) if config.model.readout == "zeros" else 0


def is_chain(config: Config) -> bool:
    """Whether layers stand on each other alone, without a skip or a norm."""
    model = config.plain()["model"]
    return (model["block"], model["norm"]) == ("plain", "none")


def final_row(recording: Recording) -> int:
    """The last row whose delta norms are all finite or 0; row 0 if there is none."""
    usable = (recording["log_delta_norm"] < np.inf).all(axis=(1, 2))
    return int(np.flatnonzero(usable)[-1]) if usable.any() else 0


def theory_beside(config: Config, data: Mapping[str, Any], recording: Recording) -> Theory:
    """The prediction, with the distance of the measured ln c from it, the finite-width shift included."""
    prediction = predicted(config, inputs_of(data))
    if config.model.readout == "zeros":
        theory = theory_of(prediction)
        return replace(theory, reason="; ".join(filter(None, (theory.reason, ALONG))))
    first, expected = recording["log_delta_norm"][0], prediction.c_finite_width
    log_c = measure(first).log_c if (first < np.inf).all() else None  # an overflow has no c
    return theory_of(prediction, log_c.sigmas_from(log(expected)) if log_c and expected else None)
