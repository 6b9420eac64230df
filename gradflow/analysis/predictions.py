"""Theory without a run: the prediction for a config layer by layer, and for many points at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot, isfinite, log, sqrt
from typing import Any

import numpy as np

from gradflow.analysis.hindrances import hindrance
from gradflow.analysis.increments import window
from gradflow.analysis.intervals import Estimate
from gradflow.analysis.scales import FAR
from gradflow.analysis.summary import Theory, strict
from gradflow.analysis.trainable import Trainable, assess
from gradflow.arrays import Array
from gradflow.config import Config
from gradflow.data import Data
from gradflow.meanfield import Prediction, Targets, mean_field, phase_table, predict, unpredicted
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.prediction import DEAD, ROUNDING, UNBOUNDED, phase, settled
from gradflow.nn.initializers import Gaussian
from gradflow.nn.model import Model

SAMPLES = 128  # whose pairs stand for all
UNSCALED = (
    "the inputs' root mean square of {:.3g} alone speaks against it, and the networks that tell had inputs "
    "of about 1"
)
MANY = 1e4  # degrees of freedom, times, that are as good as a normal distribution


@dataclass(frozen=True)
class Inputs:
    """What theory needs of the data: n_0, the size of the target, how many samples, the mean square q_0.

    `cosines` are those of pairs of inputs and `targets` what outputs are compared with, None where they are
    not known.
    """

    features: int
    outputs: int
    samples: int
    q_0: float
    cosines: Array | None = field(default=None, compare=False)
    targets: Targets | None = None

    @classmethod
    def of(cls, data: Data) -> Inputs:
        """Those of a data set."""
        given = data.features, data.outputs, data.samples, data.q_0, cosines(data.x)
        return cls(*given, targets_of(data.classes, data.q_y))


def inputs_of(data: Mapping[str, Any]) -> Inputs:
    """The inputs that `data` of a run.json tells."""
    known = "chance" in data  # not in runs of older versions
    targets = targets_of(data["chance"] is not None, data.get("q_y")) if known else None
    return Inputs(data["features"], data["outputs"], data["samples"], data["q_0"], targets=targets)


def targets_of(classes: bool, square: float | None) -> Targets | None:
    """What outputs are compared with: classes, or values of a mean square, which may not be known."""
    if classes:
        return Targets(classes)
    return None if square is None else Targets(classes, square)


def cosines(x: Array) -> Array:
    """The cosines of all pairs of the first samples of x (samples, features) that have a direction."""
    some = x[:SAMPLES]
    norms = np.linalg.norm(some, axis=1)
    unit = some[norms > 0] / norms[norms > 0][:, None]
    return np.asarray((unit @ unit.T)[np.triu_indices(len(unit), 1)])


def predicted(config: Config, inputs: Inputs, cosine_1: float | None = None) -> Prediction:
    """The prediction for a config on such data, over the layers that a fit would take.

    `cosine_1` is the mean cosine of z_1 between samples, where it was measured.
    """
    model, first = config.network(inputs), window(config.model.depth)[0]
    return predict(
        model,
        inputs.q_0,
        first=first,
        targets=inputs.targets,
        cosine=inputs.cosines if inputs.cosines is not None and inputs.cosines.size else None,
        cosine_1=cosine_1,
    )


def sigmas(prediction: Prediction, log_c: Estimate) -> float | None:
    """How far a measured ln c is from the one expected, whose own error widens the standard error.

    The degrees of freedom grow with what of the variance is theory's (Welch 1938).
    """
    if prediction.c_finite_width is None or not log_c.error:
        return None
    error = hypot(log_c.error, prediction.log_c_error or 0.0)
    dof = round(log_c.dof * min((error / log_c.error) ** 4, MANY))
    return replace(log_c, error=error, dof=dof).sigmas_from(log(prediction.c_finite_width))


def theory_of(prediction: Prediction, sigmas: float | None = None) -> Theory:
    """The part of a prediction that a summary keeps, and how far a measured ln c is from it."""
    names = Theory.__dataclass_fields__.keys() & Prediction.__dataclass_fields__.keys() - {"factors"}
    kept = {name: getattr(prediction, name) for name in names}
    return Theory(**kept, **named_factors(prediction.factors), sigmas=sigmas)


def trainable_of(
    config: Config,
    theory: Theory,
    inputs: Inputs,
    *,
    decades: float | None = None,
    cosine: float | None = None,
) -> Trainable:
    """Whether a config trains, by theory or, where they are given, by measured decades and cosine.

    Not known where nothing but the scale of the inputs speaks against it, far above those that networks were
    seen to train on: a first layer that they saturate does not move, and those above train on what it gives.
    Nor where there is a `hindrance`.
    """
    found = _judged(config, theory, decades, cosine)
    if reason := hindrance(config, inputs.samples):
        return replace(found, verdict="unknown", score=None, reason=reason)
    if found.verdict != "untrainable" or inputs.q_0 <= FAR**2:
        return found
    scaled = theory_of(predicted(config, replace(inputs, q_0=1.0)))
    if _judged(config, scaled).verdict != "trainable":
        return found
    return replace(found, verdict="unknown", score=None, reason=UNSCALED.format(sqrt(inputs.q_0)))


def _judged(
    config: Config, theory: Theory, decades: float | None = None, cosine: float | None = None
) -> Trainable:
    depth, xi = config.model.depth, theory.xi_c
    if depth == 1:
        decades = 0.0  # nothing is on the way
    return assess(
        theory.log10_ratio if decades is None else decades,
        theory.jacobian_spread,
        config.training.optimizer.name,
        correlation_depth=None if xi is None else depth / xi,
        cosine=cosine,
        unknown=theory.reason,
    )


def layers_of(prediction: Prediction) -> list[dict[str, Any]]:
    """q, chi (from layer l + 1 to l), log10 of ||delta_l|| / ||delta_L|| and, of known inputs, rho by layer.

    [] without theory.
    """
    depth = len(prediction.q)
    columns = {
        "layer": range(1, depth + 1),
        "q": prediction.q.tolist(),
        "chi": [*prediction.chi_layers.tolist(), None],
        "log10_gradient": prediction.log10_gradient.tolist(),
    }
    if len(prediction.correlation):
        columns["correlation"] = prediction.correlation.tolist()
    return [strict(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=depth > 0)]


def theories(configs: Sequence[Config], inputs: Sequence[Inputs]) -> list[Theory]:
    """Theory for each config on its inputs: Gaussian inits of one network in a table, others one by one."""
    found: dict[int, Theory] = {}
    groups: dict[tuple[Model, float, Targets | None], list[int]] = {}
    for number, (config, given) in enumerate(zip(configs, inputs, strict=True)):
        model = config.network(given)
        tabular = isinstance(model.init, Gaussian) and model.activation.bounded_slope
        if tabular and model.shape.depth > 1 and unpredicted(model) is None:
            network = replace(model, init=Gaussian()), given.q_0, given.targets
            groups.setdefault(network, []).append(number)
        else:
            found[number] = theory_of(predicted(config, given))
    for (model, q_0, targets), numbers in groups.items():
        inits = [init for number in numbers if isinstance(init := configs[number].model.init, Gaussian)]
        found.update(zip(numbers, _tabled(model, q_0, targets, inits), strict=True))
    return [found[number] for number in range(len(configs))]


def _tabled(model: Model, q_0: float, targets: Targets | None, inits: Sequence[Gaussian]) -> list[Theory]:
    sigma_w, sigma_b = np.array([(init.sigma_w, init.sigma_b) for init in inits]).T
    first = window(model.shape.depth)[0]
    table = vars(phase_table(model, sigma_w, sigma_b, q_0=q_0, targets=targets, first=first))
    factors = table.pop("factors")
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    network = mean_field(model, q_0)
    no_critical = {sigma: network.critical(sigma).reason for sigma in {init.sigma_b for init in inits}}
    return [
        _theory_at(
            dict(zip(table, row, strict=True)),
            {name: float(values[k]) for name, values in factors.items()},
            no_critical[init.sigma_b],
            mean_field(replace(model, init=init), q_0),
            first,
        )
        for k, (init, row) in enumerate(zip(inits, rows, strict=True))
    ]


def _theory_at(
    row: dict[str, Any], factors: dict[str, float], no_critical_point: str | None, own: MeanField, first: int
) -> Theory:
    """One point of a table, with the reason of what it has not."""
    log_chi = log(row["chi"]) if row["chi"] > 0 else -np.inf
    settling = settled(own, first)
    kept: dict[str, Any] = {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }
    if row["c"] == 0:
        kept |= dict.fromkeys(("c_finite_width", "log10_ratio_sd", "log10_last", "log_c_error"))
    reasons = (
        DEAD if row["c"] == 0 else "",
        UNBOUNDED if kept["q_star"] is None else "",
        no_critical_point,
        settling.get("reason"),
    )
    return Theory(
        **kept,
        **named_factors({} if row["c"] == 0 else factors),
        xi=-1 / log_chi if abs(log_chi) > ROUNDING else None,
        phase=phase(log_chi),
        settling=settling.get("settling"),
        scalable=own.scalable,
        reason="; ".join(filter(None, reasons)) or None,
    )


def named_factors(factors: Mapping[str, float]) -> dict[str, Any]:
    """The factors as a document holds them: weights and slopes by themselves too."""
    kept = {name: value for name, value in factors.items() if isfinite(value) and value > 0}
    return {"factors": kept, "weight_factor": kept.get("weights"), "slope_factor": kept.get("slopes")}
