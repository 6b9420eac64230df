"""Plans, data and a config small enough to be trained in a moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.config import Config, parse_config
from gradflow.data import Data
from gradflow.nn.activations import Tanh
from gradflow.nn.initializers import Gaussian
from gradflow.nn.losses import Mse
from gradflow.nn.optimizers import Sgd
from gradflow.training import Plan, Training
from gradflow.yaml_file import parse

NET = """\
name: net
seeds: 2
model: {depth: 3, width: 8, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 4, classes: 3}
training: {steps: 2, batch_size: 8}
"""
PLAN = Plan(
    depth=4,
    width=5,
    activation=Tanh(),
    init=Gaussian(1.2, 0.2),
    bias=0.0,
    readout=True,
    loss=Mse(),
    optimizer=Sgd(lr=0.1),
    steps=6,
    batch_size=4,
    clip_norm=None,
    dtype="float64",
    seed=3,
    seeds=1,
    every=1,
)


def config(*overrides: str) -> Config:
    """A small config with some keys changed."""
    text = "model: {depth: 6, width: 32, activation: tanh, init: xavier_normal}"
    return parse_config(parse(text, "small.yaml"), Path(), overrides)


def plan(**changes: Any) -> Plan:
    """A small plan with some fields changed."""
    return replace(PLAN, **changes)


def data(
    samples: int = 10, features: int = 3, outputs: int = 2, classes: bool = False, seed: int = 0
) -> Data:
    """Gaussian inputs with random targets, or random classes; nothing held out."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, features))
    y = (
        np.eye(outputs)[rng.integers(0, outputs, samples)]
        if classes
        else rng.standard_normal((samples, outputs))
    )
    return Data(x, y, classes, x[:0], y[:0])


def trained(plan: Plan, data: Data) -> Training:
    training = Training(plan, data)
    list(training)
    return training
