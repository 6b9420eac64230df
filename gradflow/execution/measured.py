"""What a run tells of its weights and gradients themselves, as run.json holds it."""

from __future__ import annotations

from math import isfinite

from gradflow.config import Config
from gradflow.data import Data
from gradflow.errors import InputError
from gradflow.plan import Plan
from gradflow.store.info import CriticalInfo, JacobianInfo, MeasuredInfo, PrecisionInfo
from gradflow.store.typed import document_of
from gradflow.training import Training


def measured_of(config: Config, training: Training, data: Data) -> MeasuredInfo:
    """The critical learning rate and, if the config asks for them, the Jacobian of the networks as drawn and
    what low precision would lose of them."""
    measured = MeasuredInfo(critical_lr=document_of(training.critical.document(), CriticalInfo))
    if config.recording.jacobian:
        measured["jacobian"] = _jacobian(training.plan, data)
    if config.recording.precision:
        measured["precision"] = _precision(training, data)
    return measured


def _precision(training: Training, data: Data) -> PrecisionInfo:
    """As row 0 told or, of a training that went on from a later one, anew."""
    from gradflow.analysis.low_precision import summarize_casts  # few configs ask for it
    from gradflow.trace import casts

    plan = training.plan
    found = summarize_casts(training.casts or casts(plan, data), plan.model.shape.batch)
    return document_of(found.document()["precision"], PrecisionInfo)


def _jacobian(plan: Plan, data: Data) -> JacobianInfo:
    """Its moments or, where z leaves float64, the reason."""
    from gradflow.trace import q_0_of_spectra, spectra  # few configs ask for it

    q_0 = q_0_of_spectra(data)
    try:
        rows = [one.moments for one in spectra(plan, data)]
    except InputError as error:
        reason = error.problems[0].message
        return JacobianInfo(q_0=q_0, log_mean=[], variance=[], largest=[], reason=reason)
    log_mean, variance, largest = (
        [value if isfinite(value) else None for value in column] for column in zip(*rows, strict=True)
    )
    return JacobianInfo(q_0=q_0, log_mean=log_mean, variance=variance, largest=largest, reason=None)
