"""From what a run directory holds to what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from gradflow.analysis.advice import advise
from gradflow.analysis.cast_losses import precision_of
from gradflow.analysis.critical_rate import critical_of
from gradflow.analysis.decay import lower_decay
from gradflow.analysis.flow import CHAIN, drawn, fit_flow, measure, numbers
from gradflow.analysis.history import history_of
from gradflow.analysis.intervals import mean_of_known
from gradflow.analysis.jacobian import stretch_of
from gradflow.analysis.known_increments import Known
from gradflow.analysis.laws import Expected
from gradflow.analysis.learning import curves_until, evaluation_of, training_result
from gradflow.analysis.lost_samples import lost_in_training, lost_samples
from gradflow.analysis.outside import recorded_flow
from gradflow.analysis.predictions import Inputs, inputs_of, predicted, sigmas, theory_of, trainable_of
from gradflow.analysis.rates import left_to_learn, told
from gradflow.analysis.scales import scale_symptom
from gradflow.analysis.summary import Flow, Flows, Summary, Symptom, Theory, TrainingResult
from gradflow.analysis.summary_parts import Samples, Stretch
from gradflow.analysis.symptoms import find_symptoms
from gradflow.analysis.trainable import MOST_LOST, STOPPED, Trainable, of_those_alive, withheld
from gradflow.analysis.verdict import causes
from gradflow.analysis.weakest import weakest_symptom
from gradflow.arrays import Array, Readings
from gradflow.config import Config
from gradflow.evaluation import EVALUATED, STEP
from gradflow.meanfield import Prediction
from gradflow.nn.losses import LOSSES
from gradflow.nn.parts.factors import is_chain

NOTHING_ENTERS = (
    "the read-out starts at zero, so that no gradient enters before the first update: look at a later step, "
    "for which a run needs steps: 1 or more"
)
ALONG = (
    "the read-out starts at zero: its first update is along the activations, so that the gradient which "
    "enters is not independent of the weights below, as theory has it"
)
PER_LAYER = 3  # dimensions of an array that has layers


def summarize(config: Config, recording: Readings, info: Mapping[str, Any]) -> Summary:
    """The Summary of a run: `info` is its run.json; `path` is the id until a reader knows where it lies."""
    final, analysis = final_row(recording), config.analysis
    prediction = _predicted(config, info["data"], recording)
    theory = theory_beside(prediction, config, recording)
    entry = entry_row(recording, config)
    known, rows = Known.of(prediction, config.training.dtype), (entry, max(entry, final))
    flows = Flows(*(_flow(recording, row, config, prediction, info["data"]) for row in rows))
    flows = _with_causes(replace(flows, initial=_with_cosines(flows.initial, prediction)), theory)
    curves = curves_until(recording, recording["step"][final])
    finite = {name: array[: final + 1] for name, array in recording.items() if name not in curves}
    usable = {**finite, **curves}
    entered = {name: array[entry:] for name, array in finite.items()}
    critical = critical_of(info)
    found = symptoms_of(config, usable, info)
    scale = scale_symptom(info["data"], found, left_to_learn(config, info["data"], usable))
    lost = lost_in_training(usable, _batch(config, info["data"]))
    first = (*(one for one in (scale, lost) if one), *weakest_symptom((flows.initial, flows.final)))
    decays = bool(lower_decay(config, found, usable))
    symptoms = (*first, *told(found, critical, config.training.optimizer.lr, decays=decays))
    return Summary(
        id=config.id,
        path=config.id,
        name=config.name,
        status=info["status"],
        config=config.plain(),
        flow=flows,
        theory=theory,
        training=_trained(config, recording, info),
        symptoms=symptoms,
        advice=advise(config, info["data"], flows.initial, symptoms, usable, critical),
        history=history_of(entered, analysis.stable_decades, analysis.patience, known=known),
        data=samples_of(info["data"], config.training.loss),
        evaluation=evaluation_of(curves_until(recording, recording["step"][-1]), info.get("evaluation")),
        trainable=trainable_at(config, flows.initial, theory, inputs_of(info["data"])),
        critical_lr=critical,
        jacobian=_stretch(config, info),
        precision=precision_of(info),
    )


def _trained(config: Config, recording: Readings, info: Mapping[str, Any]) -> TrainingResult:
    """Of a run that was interrupted, up to its last evaluation."""
    steps = config.training.steps
    if info["status"] == "interrupted":
        recording = _until_evaluated(recording)
        steps = int(recording[STEP][-1])
    clips = config.training.clip_norm is not None
    return training_result(recording, steps, info["outcome"], info.get("evaluation"), clips)


def _until_evaluated(recording: Readings) -> Readings:
    rows = recording["step"] <= recording[STEP][-1]
    curves = (STEP, *EVALUATED)
    return {name: array if name in curves else array[rows] for name, array in recording.items()}


def _stretch(config: Config, info: Mapping[str, Any]) -> Stretch | None:
    measured = (info.get("measured") or {}).get("jacobian")
    return None if measured is None else stretch_of(config.network(inputs_of(info["data"])), measured)


def symptoms_of(config: Config, usable: Readings, info: Mapping[str, Any]) -> tuple[Symptom, ...]:
    """Those of a record up to its last row that is finite."""
    told_of = info.get("evaluation") or info["data"]
    chance = told_of.get("chance") if config.training.loss == "cross_entropy" else None
    epoch = ceil(info["data"]["samples"] / config.training.batch_size)
    activation = config.model.activation
    return find_symptoms(usable, config.analysis, activation, info["outcome"], chance, epoch)


def samples_of(data: Mapping[str, Any], loss: str) -> Samples:
    """What `data` of a run.json says of the samples; older ones tell the task by chance or loss."""
    classes = data["chance"] is not None if "chance" in data else LOSSES[loss].classes_only or None
    told = None if classes is None else "classification" if classes else "regression"
    sizes = {key: data[key] for key in ("samples", "features", "outputs")}
    return Samples(**sizes, held_out=data.get("samples_test"), task=data.get("task", told))


def flow_at(recording: Readings, row: int, config: Config, law: str | None, known: Known) -> Flow:
    """The flow at a row of the record; `law` is the one that theory names, `known` what it has by layer."""
    arrays, step = _row(recording, row), int(recording["step"][row])
    expected = CHAIN if is_chain(recording) else Expected(law, rules=True)
    flow = fit_flow(arrays, step, config.analysis.stable_decades, expected, known)
    if config.model.readout != "zeros" or flow.step:
        return flow
    return replace(flow, verdict="undetermined", reason=NOTHING_ENTERS, dead_networks=0)


def flow_in(
    summary: Summary, recording: Readings, row: int, config: Config | None, info: Mapping[str, Any]
) -> Flow:
    """The flow at any row of a saved run's record, as its report has it at both ends and its history between.

    `info` is its run.json; norms recorded elsewhere have no `config`.
    """
    step = int(recording["step"][row])
    for flow in (summary.flow.initial, summary.flow.final):
        if flow.step == step:
            return flow
    if config is None:
        return recorded_flow(recording, row, summary.config["data"])
    prediction = _predicted(config, info["data"], recording)
    found = _flow(recording, row, config, prediction, info["data"])
    return _with_cause(found, Theory(scalable=summary.theory.scalable))


def _flow(
    recording: Readings, row: int, config: Config, prediction: Prediction, data: Mapping[str, Any]
) -> Flow:
    """The flow at a row, with the samples that it leaves out; `data` is that of run.json."""
    known = Known.of(prediction, config.training.dtype)
    flow = flow_at(recording, row, config, prediction.law, known)
    return replace(flow, lost_samples=lost_samples(_row(recording, row), _batch(config, data)))


def _batch(config: Config, data: Mapping[str, Any]) -> int:
    samples: int = data["samples"]
    return min(config.training.batch_size, samples)


def _row(recording: Readings, row: int) -> dict[str, Array]:
    return {name: array[row] for name, array in recording.items() if array.ndim == PER_LAYER}


def trainable_at(config: Config, flow: Flow, theory: Theory, inputs: Inputs) -> Trainable:
    """Whether a network trains, from its flow before any update."""
    known = [cosine for cosine in flow.profile.correlation if cosine is not None]
    cosine = known[-1] if known else None
    dead, networks = flow.dead_networks or 0, flow.networks or 1
    if flow.verdict == "overflow" or dead == networks:  # a verdict is dead where most networks are
        return Trainable("untrainable", 0.0, cosine=cosine, reason=STOPPED[flow.verdict])
    alive = trainable_of(config, theory, inputs, decades=flow.log10_ratio, cosine=cosine)
    lost, found = flow.lost_samples, of_those_alive(alive, dead, networks)
    if lost is None or not lost.are_most:
        return found
    return withheld(found, MOST_LOST.format(lost.lost, lost.samples))


def entry_row(recording: Readings, config: Config) -> int:
    """The first row whose gradient enters the hidden layers: row 0, unless the read-out starts at zero.

    What is measured then is still the network as it was drawn, whose first update was the read-out's alone.
    """
    return min(1, len(recording["step"]) - 1) if config.model.readout == "zeros" else 0


def final_row(recording: Readings) -> int:
    """The last row whose delta norms are all finite or 0; row 0 if there is none."""
    usable = (recording["log_delta_norm"] < np.inf).all(axis=(1, 2))
    return int(np.flatnonzero(usable)[-1]) if usable.any() else 0


def _predicted(config: Config, data: Mapping[str, Any], recording: Readings) -> Prediction:
    """The prediction, its cosines from the mean one that was measured at layer 1 before any update."""
    found = recording["correlation"][0, 0] if "correlation" in recording else np.empty(0)
    measured = float(mean_of_known(found)) if np.isfinite(found).any() else None
    return predicted(config, inputs_of(data), measured)


def theory_beside(prediction: Prediction, config: Config, recording: Readings) -> Theory:
    """The prediction, with the distance of the measured ln c from it, the finite-width shift included."""
    if config.model.readout == "zeros":
        theory = theory_of(prediction)
        return replace(theory, reason="; ".join(filter(None, (theory.reason, ALONG))))
    start = recording["log_delta_norm"][0]
    if prediction.c_finite_width is None or not (start < np.inf).all() or not prediction.holds_by(len(start)):
        return theory_of(prediction)  # an overflow has no c, nor has a batch norm that does not settle
    known = Known.of(prediction, config.training.dtype)
    log_c = measure(_row(recording, 0), prediction.settling or 0, known).log_c
    return theory_of(prediction, sigmas(prediction, log_c) if log_c else None)


def _with_causes(flows: Flows, theory: Theory) -> Flows:
    """The flows with what makes their verdicts; after updates theory's network is no more."""
    initial, final = flows.initial, flows.final
    own = theory if final.step == initial.step else Theory(scalable=theory.scalable)
    return Flows(_with_cause(initial, theory), _with_cause(final, own))


def _with_cause(flow: Flow, theory: Theory | None = None) -> Flow:
    return replace(flow, cause=" and ".join(causes(flow, theory)) or None)


def _with_cosines(flow: Flow, prediction: Prediction) -> Flow:
    """A flow before any update with what theory expects of its cosines."""
    layers = np.array(flow.profile.layers, dtype=int) - 1
    if flow.step or not len(prediction.correlation) or not len(layers):
        return flow
    expected = drawn(numbers(prediction.correlation[layers]))
    return replace(flow, profile=replace(flow.profile, correlation_expected=expected))
