"""Each update rule against its paper's formulas, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradflow.nn.optimizers import OPTIMIZERS, Adam, AdamW, Optimizer, RmsProp, Sgd
from tests import oracle

Array = np.ndarray[Any, Any]
RULES: list[Optimizer] = [
    Sgd(0.3), Sgd(0.3, 0.9), Sgd(0.3, 0.9, True), Sgd(0.3, weight_decay=0.2), Sgd(0.3, 0.9, True, 0.2),
    Adam(0.1), Adam(0.1, 0.5, 0.8, 1e-3, 0.2),
    Adam(0.1, 0.0, 0.0), AdamW(0.1), AdamW(0.1, weight_decay=0.2), RmsProp(0.1), RmsProp(0.1, 0.5, 1e-2),
]  # fmt: skip
each = pytest.mark.parametrize("rule", RULES, ids=repr)


def followed(rule: Optimizer, gradients: Array, scale: float, dtype: Any = np.float64) -> Array:
    """Parameters after each step, (steps, N)."""
    p = np.linspace(-1, 1, gradients.shape[1]).astype(dtype)
    state = tuple(np.zeros_like(p) for _ in range(rule.slots))
    path = []
    for t, gradient in enumerate(gradients, start=1):
        g = (gradient / scale).astype(dtype)
        rule.step(g, p, state, t, scale)
        p -= g
        path.append(p.copy())
    return np.array(path)


@each
@pytest.mark.parametrize("scale", [1.0, 1 / 128])
def test_every_step_is_the_papers(rule: Optimizer, scale: float) -> None:
    gradients = np.random.default_rng(0).standard_normal((30, 12)) * np.geomspace(1e-9, 1e3, 12)
    p, memory = np.linspace(-1, 1, 12), {}
    path = followed(rule, gradients, scale)
    for t, g in enumerate(gradients, start=1):
        p = p - oracle.step(rule, g, p, memory, t)
        np.testing.assert_allclose(path[t - 1], p, rtol=1e-11, atol=1e-13)


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient() -> None:
    path = followed(Adam(0.1), np.array([[1e-3, -5.0, 1e4]]), 1.0)
    np.testing.assert_allclose(path[0], [-1 - 0.1, 0 + 0.1, 1 - 0.1], rtol=1e-4)


@each
def test_single_precision_state_gives_single_precision_steps(rule: Optimizer) -> None:
    gradients = np.random.default_rng(1).standard_normal((5, 6))
    single = followed(rule, gradients, 0.25, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, followed(rule, gradients, 0.25), atol=1e-5)


@each
def test_a_rule_said_to_be_proportional_steps_by_rate_times_gradient(rule: Optimizer) -> None:
    gradients = np.random.default_rng(2).standard_normal((4, 6))
    moves = np.diff(np.vstack([np.linspace(-1, 1, 6), followed(rule, gradients, 1.0)]), axis=0)
    assert rule.proportional == np.allclose(-moves, rule.lr * gradients)


def test_no_gradient_moves_nothing_but_what_decays() -> None:
    for cls in OPTIMIZERS.values():
        np.testing.assert_array_equal(followed(cls(lr=0.1), np.zeros((3, 4)), 1.0)[-1], np.linspace(-1, 1, 4))
    decayed = followed(AdamW(0.1, weight_decay=0.5), np.zeros((1, 4)), 1.0)[0]
    np.testing.assert_allclose(decayed, np.linspace(-1, 1, 4) * (1 - 0.1 * 0.5))
    decayed = followed(Sgd(0.1, weight_decay=0.5), np.zeros((1, 4)), 1.0)[0]
    np.testing.assert_allclose(decayed, np.linspace(-1, 1, 4) * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_the_weight_decay_of_sgd_is_pytorchs(momentum: float, nesterov: bool) -> None:
    torch = pytest.importorskip("torch")
    gradients = np.random.default_rng(3).standard_normal((20, 7))
    p = torch.linspace(-1, 1, 7, dtype=torch.float64, requires_grad=True)
    keys = {"momentum": momentum, "nesterov": nesterov and momentum > 0, "weight_decay": 0.3}
    theirs, path = torch.optim.SGD([p], lr=0.1, **keys), []
    for gradient in gradients:
        p.grad = torch.tensor(gradient)
        theirs.step()
        path.append(p.detach().numpy().copy())
    np.testing.assert_allclose(followed(Sgd(0.1, **keys), gradients, 1.0), path, rtol=1e-12, atol=1e-14)
