"""Plans, data and a config small enough to be trained in a moment."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.config import Config, parse_config
from gradflow.data import Data
from gradflow.nn.activations import Tanh
from gradflow.nn.initializers import Gaussian
from gradflow.nn.losses import Mse
from gradflow.nn.model import Model
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parameters import Shape
from gradflow.plan import Plan, Settings
from gradflow.training import Training
from gradflow.yaml_file import parse

NET = """\
name: net
seeds: 2
model: {depth: 3, width: 8, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 4, classes: 3}
training: {steps: 2, batch_size: 8}
"""
PLAN = Plan(
    model=Model(Shape(3, 5, 4, 2, batch=4), Tanh(), Mse(), Gaussian(1.2, 0.2), 0.0),
    optimizer=Sgd(lr=0.1),
    steps=6,
    clip_norm=None,
    dtype="float64",
    seed=3,
    seeds=1,
    every=1,
)


OWN = {field.name for field in fields(Settings)}
SIZES = {field.name for field in fields(Shape)} - {"seeds"}


def config(*overrides: str) -> Config:
    """A small config with some keys changed."""
    text = "model: {depth: 6, width: 32, activation: tanh, init: xavier_normal}"
    return parse_config(parse(text, "small.yaml"), Path(), overrides)


def plan(**changes: Any) -> Plan:
    """A small plan, made for `data()`, with some fields of its own, its model or the shape changed."""
    return changed(PLAN, **changes)


def changed(plan: Plan, **changes: Any) -> Plan:
    """A plan with some fields of its own, its model or the shape changed; batch_size is the shape's batch."""
    if "batch_size" in changes:
        changes["batch"] = changes.pop("batch_size")
    model = plan.model
    own, of_shape = ({key: changes.pop(key) for key in [*changes] if key in names} for names in (OWN, SIZES))
    shape = replace(model.shape, **of_shape)
    return replace(plan, model=replace(model, shape=shape, **changes), **own)


def fitted(plan: Plan, data: Data) -> Plan:
    """The plan for data of other sizes."""
    batch = min(plan.model.shape.batch, data.samples)
    return changed(plan, features=data.features, outputs=data.outputs, batch=batch)


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
    training = Training(fitted(plan, data), data)
    list(training)
    return training
