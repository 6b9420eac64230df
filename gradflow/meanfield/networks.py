"""Which law a model follows: one class a block and norm, or the reason why theory has none."""

from __future__ import annotations

from itertools import pairwise
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield.batch import BatchAfter, BatchBefore, BatchPostNorm, BatchPreNorm
from gradflow.meanfield.expectations import Moments, log_or_minus_inf, tabulated
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.normed import NormAfter, NormBefore
from gradflow.meanfield.plain import PlainField
from gradflow.meanfield.skip import PostNorm, PreNorm, ResidualField
from gradflow.meanfield.sphere import LEAST as SMALLEST_BATCH
from gradflow.nn.blocks import Residual
from gradflow.nn.model import Model
from gradflow.nn.norms import NoNorm

Array = NDArray[Any]

SMALLEST_WIDTH = 16
LARGE_BATCH = 64  # from which on a batch counts as infinite to within a percent of c
CONSTANT = "constant weights are not random: theory predicts random networks only"
NARROW = f"mean field needs wide layers (a width of {SMALLEST_WIDTH} or more)"
SHIFTED = "the constant bias is so large that it alone decides: theory's integrals do not reach so far"
FEW_SAMPLES = f"batch norm of fewer than {SMALLEST_BATCH} samples has no mean gradient: theory has no c"
SMALL_BATCH = f"batch norm after phi is predicted for batches of {LARGE_BATCH} or more"
MIXED_BIASES = "batch norm after phi is predicted without random biases"
ADDING_UP = (
    "a constant bias adds up along a residual stream or moves what rms divides: theory has no law of it"
)

BY_SAMPLE: dict[tuple[bool, str | None], type[MeanField]] = {  # by residual, and the place of a norm
    (False, None): PlainField,
    (False, "before"): NormBefore,
    (False, "after"): NormAfter,
    (True, None): ResidualField,
    (True, "before"): PreNorm,
    (True, "after"): PostNorm,
}
BY_BATCH: dict[tuple[bool, str | None], type[MeanField]] = {
    (False, "before"): BatchBefore,
    (False, "after"): BatchAfter,
    (True, "before"): BatchPreNorm,
    (True, "after"): BatchPostNorm,
}


def unpredicted(model: Model) -> str | None:
    """Why theory has no law of a model; None if it has one."""
    if model.init.law is None:
        return CONSTANT
    if min(model.sizes[1:]) < SMALLEST_WIDTH:
        return NARROW
    if _bias(model) and not _takes_bias(model):
        return ADDING_UP
    if not Moments(model.activation, _mean(model)).in_reach:
        return SHIFTED
    return _unfit_batch(model) if normed_by(model) == "batch" else None


def _unfit_batch(model: Model) -> str | None:
    """Why batch norm is not predicted."""
    if model.shape.batch < SMALLEST_BATCH:
        return FEW_SAMPLES
    if _place(model) == "after" and not isinstance(model.block, Residual):
        if model.shape.batch < LARGE_BATCH:
            return SMALL_BATCH
        if model.init.bias_variance(model.sizes[-1]):
            return MIXED_BIASES
    return None


def mean_field(model: Model, q_0: float) -> MeanField:
    """The theory of a model on inputs of mean square q_0, which must be one that has a law."""
    sizes = model.sizes
    fans = list(pairwise((*sizes, sizes[-1])))
    residual, coupled = isinstance(model.block, Residual), normed_by(model) == "batch"
    law = (BY_BATCH if coupled else BY_SAMPLE)[residual, _place(model)]
    plain = law is PlainField
    return law(
        Moments(model.activation, _mean(model)) if plain else tabulated(model.activation, _mean(model)),
        model.init.law,
        np.array(sizes[1:]),
        log_or_minus_inf([n * model.init.variance(n, m) for n, m in fans]),
        log_or_minus_inf([model.init.bias_variance(n) or 0.0 for n, _ in fans]),
        log_or_minus_inf(q_0),
        **_block(model),
        centred=normed_by(model) in ("layer", "batch"),
        eps=0.0 if isinstance(model.norm, NoNorm) else model.norm.eps,
        samples=model.shape.batch if coupled else 0,
    )


def normed_by(model: Model) -> str:
    """The name of the norm; none."""
    return model.norm.name


def _block(model: Model) -> dict[str, Any]:
    """What a residual block adds."""
    if not isinstance(model.block, Residual):
        return {}
    scale = model.block.factor(model.shape.depth)
    by_depth = isinstance(model.block.scale, str)
    return {"log_scale": log(abs(scale)) if scale else -inf, "by_depth": by_depth}


def _place(model: Model) -> str | None:
    """Where the norm stands; None without one."""
    return None if isinstance(model.norm, NoNorm) else model.norm.place


def _bias(model: Model) -> float:
    """The constant that biases start at, where the init draws none."""
    return model.bias if model.init.bias_variance(model.sizes[0]) is None else 0.0


def _takes_bias(model: Model) -> bool:
    """Whether a constant bias shifts every z alike, or is subtracted."""
    return not isinstance(model.block, Residual) and (normed_by(model) != "rms" or _place(model) == "after")


def _mean(model: Model) -> float:
    """The mean of what phi sees."""
    subtracted = _place(model) == "before"
    return 0.0 if subtracted else _bias(model)
