"""Which law a model follows, by the parts of its layers, or the reason why theory has none."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf, log
from typing import Any

import numpy as np

from gradflow.meanfield.batch import BatchAfter, BatchBefore, BatchPostNorm, BatchPreNorm
from gradflow.meanfield.entering import Entering, Targets
from gradflow.meanfield.expectations import Moments, log_or_minus_inf, tabulated
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.normed import NormAfter, NormBefore
from gradflow.meanfield.plain import PlainField
from gradflow.meanfield.skip import PostNorm, PreNorm, ResidualField
from gradflow.meanfield.sphere import LEAST as SMALLEST_BATCH
from gradflow.nn.model import Model
from gradflow.nn.norms import NO_NORM
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.dense import Dense
from gradflow.nn.parts.norms import Affine, Normalize
from gradflow.nn.parts.skip import Fork, Join

SMALLEST_WIDTH = 16
LARGE_BATCH = 64  # from which on a batch counts as infinite to within a percent of c
CONSTANT = "constant weights are not random: theory predicts random networks only"
NARROW = f"mean field needs wide layers, of {SMALLEST_WIDTH} units or more"
SHIFTED = "the constant bias is so large that it alone decides: theory's integrals do not reach so far"
FEW_SAMPLES = f"batch norm of fewer than {SMALLEST_BATCH} samples has no mean gradient: theory has no c"
SMALL_BATCH = f"batch norm after phi is predicted for batches of {LARGE_BATCH} or more"
MIXED_BIASES = "batch norm after phi is predicted without random biases"
ADDING_UP = (
    "a constant bias adds up along a residual stream or moves what rms divides: theory has no law of it"
)

LAWS: dict[tuple[type[Part], ...], tuple[type[MeanField], type[MeanField]]] = {  # by sample, and by batch
    (Dense, Activate): (PlainField, PlainField),
    (Dense, Normalize, Activate): (NormBefore, BatchBefore),
    (Dense, Activate, Normalize): (NormAfter, BatchAfter),
    (Dense, Join, Fork, Activate): (ResidualField, ResidualField),
    (Dense, Join, Fork, Normalize, Activate): (PreNorm, BatchPreNorm),
    (Dense, Join, Normalize, Fork, Activate): (PostNorm, BatchPostNorm),
}


def law_of(model: Model) -> type[MeanField] | None:
    """The law of what its layers are made of; None if theory has none."""
    laws = LAWS.get(_kinds(model))
    return laws and laws[model.mixes]


def unpredicted(model: Model) -> str | None:
    """Why theory has no law of a model; None if it has one."""
    if law_of(model) is None:
        other = law_of(replace(model, norm=NO_NORM))  # whether it is the norm that has none
        what = f"block {model.block.name}" if other is None else f"norm {model.norm.name}"
        return f"{what} has parts of which theory has no law"
    if model.init.law is None:
        return CONSTANT
    if min(model.sizes[1:]) < SMALLEST_WIDTH:
        return NARROW
    if _bias(model) and not _takes_bias(model):
        return ADDING_UP
    if not Moments(model.activation, _mean(model)).in_reach:
        return SHIFTED
    return _unfit_batch(model) if model.mixes else None


def _unfit_batch(model: Model) -> str | None:
    """Why batch norm is not predicted."""
    if model.shape.batch < SMALLEST_BATCH:
        return FEW_SAMPLES
    if law_of(model) is BatchAfter:
        if model.shape.batch < LARGE_BATCH:
            return SMALL_BATCH
        if model.init.bias_variance(model.sizes[-1]):
            return MIXED_BIASES
    return None


def mean_field(model: Model, q_0: float, targets: Targets | None = None) -> MeanField:
    """The theory of a model on inputs of mean square q_0, which must be one that has a law.

    Without `targets` dLoss/dout is taken for independent of the output.
    """
    sizes = model.sizes
    fans = list(pairwise((*sizes, sizes[-1])))
    gains = {(n, m): n * model.init.variance(n, m) for n, m in {*fans}}  # of very many layers there are few
    biases = {n: model.init.bias_variance(n) or 0.0 for n, _ in gains}
    law, norm = law_of(model), _norm(model)
    assert law is not None, unpredicted(model)
    plain = law is PlainField
    return law(
        Moments(model.activation, _mean(model)) if plain else tabulated(model.activation, _mean(model)),
        model.init.law,
        np.array(sizes[1:]),
        log_or_minus_inf([gains[fan] for fan in fans]),
        log_or_minus_inf([biases[n] for n, _ in fans]),
        log_or_minus_inf(q_0),
        **_skip(model),
        centred=norm is not None and norm.centred,
        eps=norm.eps if norm else 0.0,
        samples=model.shape.batch if model.mixes else 0,
        entering=None if targets is None else _entering(model, targets),
        offset=_bias(model) if _is_subtracted(model) else 0.0,
    )


def _entering(model: Model, targets: Targets) -> Entering | None:
    """What the loss puts into delta; None without a read-out, or with one that starts at zero."""
    if model.zero_readout or not model.shape.readout:
        return None
    n, outputs = model.sizes[-1], model.shape.outputs
    log_gain = float(log_or_minus_inf(n * model.init.variance(n, outputs)))
    log_bias = float(log_or_minus_inf(model.init.bias_variance(n) or 0.0))
    return Entering(model.loss, outputs, targets, log_gain, log_bias)


def _kinds(model: Model) -> tuple[type[Part], ...]:
    """Of what a layer is made; a gamma and beta are 1 and 0 as a network is drawn."""
    return tuple(type(part) for part in model.parts if not isinstance(part, Affine))


def _norm(model: Model) -> Normalize | None:
    """The norm of a layer, if it has one."""
    return next((part for part in model.parts if isinstance(part, Normalize)), None)


def _skip(model: Model) -> dict[str, Any]:
    """What a skip adds: ln of the scale of its branch, and whether that falls with the depth."""
    join = next((part for part in model.parts if isinstance(part, Join)), None)
    if join is None:
        return {}
    return {"log_scale": log(abs(join.scale)) if join.scale else -inf, "by_depth": model.block.by_depth}


def _bias(model: Model) -> float:
    """The constant that biases start at, where the init draws none."""
    return model.bias if model.init.bias_variance(model.sizes[0]) is None else 0.0


def _is_subtracted(model: Model) -> bool:
    """Whether the norm stands between a layer's weights and phi."""
    return law_of(model) in (NormBefore, BatchBefore)


def _takes_bias(model: Model) -> bool:
    """Whether a constant bias shifts every z alike, or is subtracted."""
    norm = _norm(model)
    return model.fork is None and not (_is_subtracted(model) and norm and not norm.centred)


def _mean(model: Model) -> float:
    """The mean of what phi sees."""
    return 0.0 if _is_subtracted(model) else _bias(model)
