"""Sweeps over depth: delta's law is the one that theory expects, whatever the batch; that of dW is not."""

from itertools import product
from math import log

import pytest

from gradflow.analysis.depth_law import DepthLaw, depth_law, first_layer
from gradflow.analysis.intervals import t_quantile
from gradflow.analysis.summarize import summarize
from tests.sampling import each
from tests.studies.lab import run

DEPTHS, SEEDS = (10, 20, 40, 60), 24
NET = f"""
model: {{depth: 10, width: 128, activation: tanh, init: xavier_normal}}
seeds: {SEEDS}
data: {{name: gaussian, samples: 256, features: 64}}
training: {{steps: 0, batch_size: 64, evaluate: 1}}
recording: {{critical_lr: none}}
"""
PHASES = [
    ("tanh", "ordered", "{name: gaussian, sigma_w: 0.9, sigma_b: 0.2}"),
    ("tanh", "critical", "{name: gaussian, sigma_w: 1.193401, sigma_b: 0.1}"),
    ("tanh", "chaotic", "{name: gaussian, sigma_w: 1.5, sigma_b: 0.05}"),
    ("relu", "ordered", "xavier_normal"),
    ("relu", "critical", "he_normal"),
    ("relu", "chaotic", "{name: gaussian, sigma_w: 1.8, sigma_b: 0.0}"),
    ("tanh", "ordered", "{name: orthogonal, gain: 0.8}"),
    ("tanh", "critical", "orthogonal"),
    ("tanh", "chaotic", "{name: orthogonal, gain: 1.5}"),
    ("relu", "critical", "{name: orthogonal, gain: 1.41421356}"),
]
WITHIN = 2.5  # standard errors


def swept(activation: str, init: str, batch: int) -> DepthLaw:
    layers = []
    for depth in DEPTHS:
        changes = (f"activation={activation}", f"init={init}", f"depth={depth}", f"batch_size={batch}")
        config, recording, info = run(NET, *changes)
        layers.append(first_layer(summarize(config, recording, info), recording))
    return depth_law(layers)


@pytest.mark.parametrize(
    ("phase", "batch"),
    each(10, list(product(PHASES, (64, 1)))),
    ids=lambda value: str(value).replace(" ", ""),
)
def test_deltas_law_is_theorys_slope_over_depth(phase: tuple[str, str, str], batch: int) -> None:
    law = swept(phase[0], phase[2], batch)
    assert law.batch_size == batch
    assert law.delta.c
    assert law.delta.c_high
    assert law.c_expected
    error = log(law.delta.c_high / law.delta.c) / t_quantile(0.975, SEEDS - 1)
    assert abs(log(law.delta.c / law.c_expected)) < WITHIN * error
    towards = {"ordered": -1, "critical": 0, "chaotic": 1}[phase[1]]
    assert towards * log(law.c_expected) > -0.02 * (towards == 0)
    assert towards or abs(log(law.c_expected)) < 0.03


def test_a_large_batch_moves_the_law_of_dw_and_not_deltas() -> None:
    """In the chaotic phase the samples of a batch are the less alike the deeper the network."""
    law = swept("tanh", PHASES[2][2], 64)
    assert law.weight_grad.c_low
    assert law.c_expected
    assert law.weight_grad.c_low > law.c_expected * 1.005
    assert law.delta.c == pytest.approx(law.c_expected, abs=0.003)
    assert law.c_theory is not None
    assert abs(law.c_theory - law.c_expected) > 0.002  # c over windows that start within the transient
