"""Theory without a run: the prediction for a config layer by layer, and for many points at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.flow import window
from gradflow.analysis.summary import Number, Theory, strict
from gradflow.meanfield import Prediction, critical_point, phase_table, predict
from gradflow.meanfield.expectations import tabulated
from gradflow.meanfield.prediction import DEAD, ROUNDING, SMALLEST_WIDTH, UNBOUNDED, phase
from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Gaussian
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.dense import Dense

if TYPE_CHECKING:
    from gradflow.config import Config

Array = NDArray[Any]


@dataclass(frozen=True)
class Inputs:
    """What theory needs of the data: n_0, the size of the target, and the mean square q_0."""

    features: int
    outputs: int
    q_0: float


def inputs_of(data: Mapping[str, Any]) -> Inputs:
    """The inputs that `data` of a run.json tells."""
    return Inputs(data["features"], data["outputs"], data["q_0"])


def predicted(config: Config, inputs: Inputs) -> Prediction:
    """The prediction for a config on such data, over the layers that a fit would take."""
    model = config.model
    return predict(
        model.activation,
        model.init,
        depth=model.depth,
        width=model.widest,
        features=inputs.features,
        outputs=inputs.outputs,
        readout=model.readout != "none",
        q_0=inputs.q_0,
        bias=model.bias.value,
        first=window(model.depth)[0],
    )


def theory_of(prediction: Prediction, sigmas: float | None = None) -> Theory:
    """The part of a prediction that a summary keeps, and how far a measured ln c is from it."""
    names = Theory.__dataclass_fields__.keys() & Prediction.__dataclass_fields__.keys()
    theory = Theory(**{name: getattr(prediction, name) for name in names}, sigmas=sigmas)
    return replace(theory, factors=theory.factors or _factors(theory.weight_factor, theory.slope_factor))


def _factors(weights: Number, slopes: Number) -> dict[str, Number]:
    """Those of a plain chain, by name; {} where nothing is predicted."""
    return {} if weights is None else {Dense.label: weights, Activate.label: slopes}


def layers_of(prediction: Prediction) -> list[dict[str, Any]]:
    """q, chi (from layer l + 1 to l) and log10 of ||delta_l|| / ||delta_L|| by layer; [] without theory."""
    if not prediction.q.size:
        return []
    chi = [*prediction.chi_layers.tolist(), None]
    rows = zip(prediction.q.tolist(), chi, prediction.log10_gradient.tolist(), strict=True)
    return [
        strict({"layer": layer, "q": q, "chi": chi, "log10_gradient": gradient})
        for layer, (q, chi, gradient) in enumerate(rows, start=1)
    ]


def theories(configs: Sequence[Config], inputs: Sequence[Inputs]) -> list[Theory]:
    """Theory for each config on its inputs: Gaussian inits of one network in a table, others one by one."""
    found: dict[int, Theory] = {}
    groups: dict[tuple[Activation, int, int, float], list[int]] = {}
    for number, (config, given) in enumerate(zip(configs, inputs, strict=True)):
        model = config.model
        tabular = isinstance(model.init, Gaussian) and given.features == model.widest >= SMALLEST_WIDTH
        tabular = tabular and model.activation.bounded_slope
        if tabular and model.depth > 1:
            groups.setdefault((model.activation, model.depth, model.widest, given.q_0), []).append(number)
        else:
            found[number] = theory_of(predicted(config, given))
    for (activation, depth, width, q_0), numbers in groups.items():
        inits = [init for number in numbers if isinstance(init := configs[number].model.init, Gaussian)]
        found.update(zip(numbers, _tabled(activation, inits, depth, width, q_0), strict=True))
    return [found[number] for number in range(len(configs))]


def _tabled(
    activation: Activation, inits: Sequence[Gaussian], depth: int, width: int, q_0: float
) -> list[Theory]:
    sigma_w, sigma_b = np.array([(init.sigma_w, init.sigma_b) for init in inits]).T
    first = window(depth)[0]
    table = phase_table(activation, sigma_w, sigma_b, depth=depth, width=width, q_0=q_0, first=first)
    names = (
        "c", "c_finite_width", "log10_ratio", "c_asymptotic", "chi", "chi_parallel", "q_star",
        "critical_sigma_w",
    )  # fmt: skip
    columns = [getattr(table, name).tolist() for name in names]
    moments = tabulated(activation)
    return [
        _theory_at(
            dict(zip(names, row, strict=True)), init.sigma_w, critical_point(moments, init.sigma_b).reason
        )
        for init, row in zip(inits, zip(*columns, strict=True), strict=True)
    ]


def _theory_at(row: dict[str, float], sigma_w: float, no_critical_point: str | None) -> Theory:
    """One point of a table, with the reason of what it has not."""
    log_chi = log(row["chi"]) if row["chi"] > 0 else -np.inf
    kept: dict[str, Any] = {name: value if isfinite(value) else None for name, value in row.items()}
    dead = row["c"] == 0
    if dead:
        kept["c_finite_width"] = None
    else:  # Var W = sigma_w^2 / n, so that the weights pass sigma_w from a layer to one as wide
        kept |= {"weight_factor": sigma_w, "slope_factor": row["c"] / sigma_w}
        kept["factors"] = _factors(sigma_w, row["c"] / sigma_w)
    reasons = DEAD if dead else "", UNBOUNDED if kept["q_star"] is None else "", no_critical_point
    return Theory(
        **kept,
        xi=-1 / log_chi if abs(log_chi) > ROUNDING else None,
        phase=phase(log_chi),
        reason="; ".join(filter(None, reasons)) or None,
    )
