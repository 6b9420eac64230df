"""Training in plain NumPy, a batch at a time, as one would write it down, until something is not finite."""

from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.data import Data
from gradflow.data.batches import Batches
from gradflow.nn.optimizers import Sgd
from gradflow.plan import Plan
from gradflow.streams import Purpose, stream

Array = NDArray[Any]


def first_not_finite(plan: Plan, data: Data, arithmetic: Any) -> tuple[float, set[str]]:
    """The first step whose loss or a norm of delta, dW or db is nan or inf, and all that is not finite in it.

    For one network, SGD and a squared error. Parameters are kept in the run's dtype; all else is computed in
    `arithmetic`. The step is inf if every step is finite.
    """
    with np.errstate(all="ignore"):
        return _first(plan, data, arithmetic)


def _first(plan: Plan, data: Data, arithmetic: Any) -> tuple[float, set[str]]:
    seed = plan.seed
    fans = [data.features, *[plan.model.shape.width] * plan.model.shape.depth, data.outputs]
    weights, biases = [], []
    for layer, (fan_in, fan_out) in enumerate(pairwise(fans)):
        weights.append(plan.model.init.draw(stream(seed, Purpose.WEIGHTS, layer), fan_in, fan_out, layer))
        drawn = plan.model.init.draw_bias(stream(seed, Purpose.BIASES, layer), fan_in, fan_out)
        biases.append(np.full(fan_out, plan.model.bias) if drawn is None else drawn)
    weights, biases = ([p.astype(plan.dtype) for p in ps] for ps in (weights, biases))
    assert isinstance(plan.optimizer, Sgd)
    rate = np.asarray(plan.optimizer.lr).astype(arithmetic)
    batches = Batches(seed, data.samples, plan.model.shape.batch)
    for t in range(plan.steps + 1):
        indices = batches.indices(t)
        x, y, *ps = (v.astype(arithmetic) for v in (data.x[indices], data.y[indices], *weights, *biases))
        of_weights, of_biases = ps[: len(weights)], ps[len(weights) :]
        gradients, found = _passes(plan, of_weights, of_biases, x, y)
        bad = {name for name, value in found.items() if not np.isfinite(value).all()}
        if any("activations" not in name for name in bad):
            return t, bad
        for layer, (dw, db) in enumerate(gradients):
            weights[layer] = (weights[layer] - rate * dw).astype(plan.dtype)
            biases[layer] = (biases[layer] - rate * db).astype(plan.dtype)
    return inf, set()


def _passes(
    plan: Plan, weights: list[Array], biases: list[Array], x: Array, y: Array
) -> tuple[list[tuple[Array, Array]], dict[str, Any]]:
    """(dW, db) of every layer, and everything that might not be finite, by its name in a reason."""
    inputs, slopes, a, found = [], [], x, {}
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
        inputs.append(a)
        z = a @ w + b
        hidden = layer < plan.model.shape.depth
        slopes.append(plan.model.activation.derivative(z) if hidden else np.ones_like(z))
        a = plan.model.activation.phi(z) if hidden else z
        found |= {f"the pre-activations of layer {layer + 1}": z, f"the activations of layer {layer + 1}": a}
    found["the loss"] = np.square(a.astype(np.float64) - y).mean(dtype=np.float64)
    delta, gradients = 2 * (a - y) / y.shape[1], []
    for layer in range(plan.model.shape.depth, -1, -1):
        delta = delta * slopes[layer]
        dw, db = inputs[layer].T @ delta / len(x), delta.mean(axis=0)
        gradients.insert(0, (dw, db))
        found[f"the delta of layer {layer + 1}"] = list(map(_norm, delta))
        found[f"the weight gradient of layer {layer + 1}"] = _norm(dw)
        found[f"the bias gradient of layer {layer + 1}"] = _norm(db)
        delta = delta @ weights[layer].T
    return gradients, found


def _norm(v: Array) -> Any:
    """Scaled, so that a square cannot leave float64 where the norm does not."""
    largest = np.abs(v).max()
    return largest * np.sqrt(((v / largest) ** 2).sum()) if largest else largest
