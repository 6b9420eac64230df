"""Training as a textbook would write it: one sample and one layer at a time, in extended precision.

Shares with the engine only phi, its slope (which extended precision holds far below float64), and the random
draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.data import Data
from gradflow.evaluation import EVALUATED, STEP
from gradflow.nn.losses import Mse
from gradflow.nn.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from gradflow.plan import Plan
from gradflow.recording import Recording, per_layer
from gradflow.streams import Purpose, stream

Array = NDArray[Any]
Row = dict[str, Any]
LONG = np.longdouble
PER_LAYER = per_layer(("weight", "slope"))
LOGS = {name for name in PER_LAYER if name.startswith("log_")}
COUNTS = {"saturated", "dead", "zero_delta"}


@dataclass
class Layer:
    """W (fan_in, fan_out) and b, and what an optimizer remembers of them."""

    w: Array
    b: Array
    memory: dict[str, Array] = field(default_factory=dict)


def train(plan: Plan, data: Data) -> dict[str, Array]:
    """The recording of every row; ends with the first that is not finite."""
    with np.errstate(all="ignore"):
        networks = [_network(plan, data, plan.seed + i) for i in range(plan.seeds)]
        rows = []
        for t in range(plan.steps + 1):
            rows.append([_row(plan, data, network, plan.seed + i, t) for i, network in enumerate(networks)])
            if not all(_finite(row) for row in rows[-1]):
                break
        names = rows[0][0]
        record = {
            name: np.array([[row[name] for row in step] for step in rows], np.float64) for name in names
        }
    record = {name: v if v.ndim == 2 else np.moveaxis(v, 1, 2) for name, v in record.items()}
    record["step"] = np.arange(len(rows), dtype=np.float64)
    return record


def evaluate(plan: Plan, data: Data, steps: list[int], parts: dict[str, list[int]]) -> dict[str, Array]:
    """Loss, and accuracy or R2, after so many updates, over rows of the training and the held-out samples."""
    networks = [(plan.seed + i, _network(plan, data, plan.seed + i)) for i in range(plan.seeds)]
    found: dict[str, list[list[float]]] = {}
    with np.errstate(all="ignore"):
        for t in range(plan.steps + 1):
            for part, rows in parts.items() if t in steps else ():
                values = [_scores(plan, data, network, part, rows) for _, network in networks]
                for name in values[0]:
                    found.setdefault(f"{name}_{part}", []).append([one[name] for one in values])
            for seed, network in networks if t < plan.steps else ():
                _row(plan, data, network, seed, t)
    return {name: np.array(values, np.float64) for name, values in found.items()}


def step(rule: Optimizer, g: Array, p: Array, memory: dict[str, Array], t: int) -> Array:
    """What update t = 1, 2, ... subtracts from p for the gradient g, by the papers' formulas."""
    if isinstance(rule, Sgd):
        g = g + rule.weight_decay * p
        if rule.momentum == 0:
            return rule.lr * g
        v = memory["v"] = rule.momentum * memory.get("v", 0 * g) + g
        return rule.lr * (g + rule.momentum * v if rule.nesterov else v)
    if isinstance(rule, RmsProp):
        v = memory["v"] = rule.alpha * memory.get("v", 0 * g) + (1 - rule.alpha) * g**2
        return rule.lr * g / (np.sqrt(v) + rule.eps)
    assert isinstance(rule, Adam)
    decoupled = isinstance(rule, AdamW)
    g = g if decoupled else g + rule.weight_decay * p
    m = memory["m"] = rule.beta1 * memory.get("m", 0 * g) + (1 - rule.beta1) * g
    v = memory["v"] = rule.beta2 * memory.get("v", 0 * g) + (1 - rule.beta2) * g**2
    m_hat, v_hat = m / (1 - rule.beta1**t), v / (1 - rule.beta2**t)
    return rule.lr * (m_hat / (np.sqrt(v_hat) + rule.eps) + (rule.weight_decay * p if decoupled else 0))


def batch(seed: int, samples: int, size: int, t: int) -> list[int]:
    """Minibatch t: the endless row of shuffled epochs, `size` samples at a time."""
    epochs = ((t + 1) * size - 1) // samples + 1
    row = [i for epoch in range(epochs) for i in stream(seed, Purpose.BATCHES, epoch).permutation(samples)]
    return row[t * size : (t + 1) * size]


def _network(plan: Plan, data: Data, seed: int) -> list[Layer]:
    shape = plan.model.shape
    fans = [(data.features, shape.width)] + [(shape.width, shape.width)] * (shape.depth - 1)
    fans += [(shape.width, data.outputs)] * shape.readout
    layers = []
    for number, (fan_in, fan_out) in enumerate(fans):
        w = plan.model.init.draw(stream(seed, Purpose.WEIGHTS, number), fan_in, fan_out, number)
        b = plan.model.init.draw_bias(stream(seed, Purpose.BIASES, number), fan_in, fan_out)
        b = np.full(fan_out, plan.model.bias) if b is None else b
        if plan.model.zero_readout and number == shape.depth:
            w, b = 0 * w, 0 * b
        layers.append(Layer(w.astype(plan.dtype).astype(LONG), b.astype(plan.dtype).astype(LONG)))
    return layers


def _row(plan: Plan, data: Data, network: list[Layer], seed: int, t: int) -> Row:
    indices = batch(seed, data.samples, min(plan.model.shape.batch, data.samples), t)
    x, y = (v[indices].astype(plan.dtype).astype(LONG) for v in (data.x, data.y))
    samples = [_Sample(plan, network, x[i], y[i]) for i in range(len(x))]
    row = _statistics(plan, samples) | _backward_norms(plan, samples)
    depth = plan.model.shape.depth
    row["correlation"] = _correlation(samples, depth) if t in (0, plan.steps) else [np.nan] * depth
    gradients = [_gradient(samples, layer) for layer in range(len(network))]
    row["log_weight_grad_norm"] = [_log_norm(w) for w, _ in gradients[: plan.model.shape.depth]]
    row["log_bias_grad_norm"] = [_log_norm(b) for _, b in gradients[: plan.model.shape.depth]]
    row["update_ratio"] = [np.nan] * plan.model.shape.depth
    row["clip_share"] = np.nan
    if t < plan.steps and _finite(row):
        row["update_ratio"] = _update(plan, network, gradients, t + 1)[: plan.model.shape.depth]
        row["clip_share"] = _clip_share(plan, gradients)
    return row


def _scores(plan: Plan, data: Data, network: list[Layer], part: str, rows: list[int]) -> dict[str, float]:
    x, y = (data.x, data.y) if part == "train" else (data.x_test, data.y_test)
    x, y = (v[rows].astype(plan.dtype).astype(LONG) for v in (x, y))
    samples = [_Sample(plan, network, x[i], y[i]) for i in range(len(x))]
    scores = {"loss": float(np.mean([sample.loss for sample in samples]))}
    outputs = np.array([sample.inputs[-1] for sample in samples])
    if data.classes:
        return scores | {"accuracy": float(np.mean(outputs.argmax(axis=1) == y.argmax(axis=1)))}
    spread = float(((y - y.mean(axis=0)) ** 2).sum())
    return scores | {"r2": 1 - float(((outputs - y) ** 2).sum()) / spread if spread else np.nan}


class _Sample:
    """One sample's way through the network and back: z, a, phi'(z), u, delta of every hidden layer."""

    def __init__(self, plan: Plan, network: list[Layer], x: Array, y: Array) -> None:
        self.inputs, self.z, self.slope = [x], [], []
        for number, layer in enumerate(network):
            z = np.array([sum(layer.w[:, j] * self.inputs[-1]) + layer.b[j] for j in range(len(layer.b))])
            hidden = number < plan.model.shape.depth
            self.z.append(z)
            self.slope.append(plan.model.activation.derivative(z))
            self.inputs.append(plan.model.activation.phi(z) if hidden else z)
        self.loss, self.delta_out = _loss(plan, self.inputs[-1], y)
        u, self.u, self.delta = self.delta_out, [], []
        if plan.model.shape.readout:
            u = network[-1].w @ u
        for number in range(plan.model.shape.depth - 1, -1, -1):
            self.u.insert(0, u)
            self.delta.insert(0, self.slope[number] * u)
            u = network[number].w @ self.delta[0]
        self.deltas = self.delta + [self.delta_out] * plan.model.shape.readout


def _loss(plan: Plan, out: Array, y: Array) -> tuple[Any, Array]:
    if isinstance(plan.model.loss, Mse):
        loss = sum((out - y) ** 2) / len(y)
        return (loss if loss <= np.finfo(np.float64).max else loss * np.inf), 2 * (out - y) / len(y)
    softmax = np.exp(out - out.max()) / sum(np.exp(out - out.max()))
    return -(sum(y * (out - out.max())) - np.log(sum(np.exp(out - out.max())))), softmax - y


def _statistics(plan: Plan, samples: list[_Sample]) -> Row:
    z, a, slope = (
        np.array([values(sample)[: plan.model.shape.depth] for sample in samples])  # (B, layers, W)
        for values in (lambda s: s.z, lambda s: s.inputs[1:], lambda s: s.slope)
    ) if plan.model.shape.depth else ((), (), ())  # fmt: skip
    return {
        "loss": np.mean([sample.loss for sample in samples]),
        "q": (z**2).mean(axis=(0, 2)),
        "activation_mean": a.mean(axis=(0, 2)),
        "activation_std": np.sqrt(((a - a.mean(axis=(0, 2), keepdims=True)) ** 2).mean(axis=(0, 2))),
        "saturated": (np.abs(slope) < 0.05 * plan.model.activation.steepest).mean(axis=(0, 2)),
        "dead": (slope == 0).all(axis=0).mean(axis=1) * plan.model.activation.flat,
    }


def _backward_norms(plan: Plan, samples: list[_Sample]) -> Row:
    zero = np.array([[not d.any() for d in sample.delta] for sample in samples])  # (B, layers)
    reach = zero.sum(axis=1)
    kept = [sample for sample, r in zip(samples, reach, strict=True) if r == reach.min()]
    layers = range(plan.model.shape.depth)
    log_u = np.array([np.mean([_log_norm(s.u[layer]) for s in kept]) for layer in layers])
    log_delta = np.array([np.mean([_log_norm(s.delta[layer]) for s in kept]) for layer in layers])
    above = np.append(log_delta[1:], np.mean([_log_norm(s.delta_out) for s in kept]))
    return {
        "log_delta_norm": log_delta,
        "log_weight_factor": log_u - above,
        "log_slope_factor": log_delta - log_u,
        "zero_delta": zero.sum(axis=0),
    }


def _gradient(samples: list[_Sample], layer: int) -> tuple[Array, Array]:
    w = sum(np.outer(sample.inputs[layer], sample.deltas[layer]) for sample in samples) / len(samples)
    return w, sum(sample.deltas[layer] for sample in samples) / len(samples)


def _correlation(samples: list[_Sample], depth: int) -> list[float]:
    """The mean cosine of z over pairs of samples, each pair looked at; of those that have a direction."""
    found = []
    for layer in range(depth):
        z = [s.z[layer] for s in samples if s.z[layer].any()]
        pairs = [(a, b) for i, a in enumerate(z) for b in z[:i]]
        cosines = [(a @ b) / np.sqrt((a @ a) * (b @ b)) for a, b in pairs]
        found.append(float(np.mean(cosines)) if cosines else np.nan)
    return found


def _clip_share(plan: Plan, gradients: list[tuple[Array, Array]]) -> Any:
    norm = np.sqrt(sum((w**2).sum() + (b**2).sum() for w, b in gradients))
    return min(1, plan.clip_norm / norm) if plan.clip_norm is not None else 1


def _update(plan: Plan, network: list[Layer], gradients: list[tuple[Array, Array]], t: int) -> list[float]:
    share = _clip_share(plan, gradients)
    rule, ratios = replace(plan.optimizer, lr=plan.optimizer.lr * plan.share(t)), []
    for layer, (w, b) in zip(network, gradients, strict=True):
        p, g = np.vstack([layer.w, layer.b]), np.vstack([w, b]) * share
        moved = step(rule, g, p, layer.memory, t)
        ratios.append(np.sqrt((moved[:-1] ** 2).sum() / (layer.w**2).sum()))
        p = (p - moved).astype(np.float64).astype(LONG)
        layer.w, layer.b = p[:-1], p[-1]
    return ratios


def _log_norm(v: Array) -> Any:
    return np.log((v**2).sum()) / 2


def _finite(row: Row) -> bool:
    norms = [row[name] for name in ("log_delta_norm", "log_weight_grad_norm", "log_bias_grad_norm")]
    return bool(np.isfinite(row["loss"]) and all((np.asarray(norm) < np.inf).all() for norm in norms))


def assert_agrees(
    measured: Recording, expected: Mapping[str, Any], rel: float = 1e-9, logs: float = 1e-9
) -> None:
    """Counts are equal, natural logs agree to `logs`, all else to `rel`; evaluations are not looked at."""
    rows = {name: array for name, array in measured.items() if name not in (STEP, *EVALUATED)}
    assert set(rows) == set(expected) == {"step", "loss", "clip_share", *PER_LAYER}
    for name, array in rows.items():
        if name in LOGS:
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=logs, err_msg=name)
        else:
            exact = name in COUNTS or name == "step"
            tolerance = 0 if exact else rel
            np.testing.assert_allclose(array, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
