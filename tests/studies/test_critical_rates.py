"""What the critical learning rate is worth: training below it falls, above it blows up or swings.

Half of it and four times it are trained for sixty steps, four networks at a time. Falls: the losses of the
last quarter of the steps are below 0.98 of the first, and no network diverges. Blows up or swings: one
diverges, or the loss comes to stand 30% above the first.
"""

from pathlib import Path

import numpy as np

from gradflow.config import parse_config
from gradflow.training import Training
from gradflow.yaml_file import parse

NET = """
model: {depth: 10, width: 32, activation: tanh, init: xavier_normal}
seeds: 4
training: {steps: 60}
recording: {critical_lr: initial}
"""
RELU = ("activation=relu", "init=he_normal")
NETS = {
    "tanh 2": ("depth=2", "width=64"),
    "tanh 5": ("depth=5",),
    "tanh 10": ("depth=10",),
    "tanh 20": ("depth=20",),
    "tanh orthogonal 40": ("depth=40", "init=orthogonal"),
    "tanh residual 80": ("depth=80", "width=16", "block=residual", "block.scale=1/sqrt(depth)"),
    "relu 2": ("depth=2", "width=16", *RELU),
    "relu 5": ("depth=5", *RELU),
    "relu 10": ("depth=10", *RELU),
    "relu 20": ("depth=20", *RELU),
    "relu layer norm 40": ("depth=40", "norm=layer", *RELU),
    "gelu 10": ("depth=10", "activation=gelu", "init=he_normal"),
    "tanh teacher 3": ("depth=3", "data=teacher"),
    "relu residual 80": ("depth=80", "block=residual", "norm=layer", *RELU),
}
OPTIMIZERS = {
    "sgd": ("optimizer=sgd",),
    "momentum": ("optimizer=sgd", "optimizer.momentum=0.9"),
    "adam": ("optimizer=adam",),
}
CASES = [(optimizer, net) for optimizer in OPTIMIZERS for net in NETS]
QUICK = [("sgd", "relu 5"), ("momentum", "tanh 5"), ("adam", "tanh 5")]
MISSED = 0.1  # of the cases, at most


def training(*overrides: str) -> Training:
    config = parse_config(parse(NET, "net.yaml"), Path(), overrides)
    data = config.data.load(Path())
    found = Training(config.plan(data), data)
    list(found)
    return found


def critical(*overrides: str) -> float:
    """The median of the networks."""
    rates = training(*overrides, "training.steps=0").critical.found[0]
    return float(np.exp(np.median(np.log(rates))))


def ends(*overrides: str) -> tuple[bool, bool]:
    """Whether a training falls, and whether it blows up or swings."""
    found = training(*overrides)
    loss = found.recording["loss"].mean(axis=1)
    if found.outcome.diverged_step is not None:
        return False, True
    return bool(loss[-len(loss) // 4 :].mean() < 0.98 * loss[0]), bool(loss.max() > 1.3 * loss[0])


def holds(optimizer: str, net: str) -> tuple[bool, bool]:
    """At half of it the loss falls; at four times it blows up or swings."""
    overrides = (*OPTIMIZERS[optimizer], *NETS[net])
    rate = critical(*overrides)
    return ends(*overrides, f"lr={rate / 2!r}")[0], ends(*overrides, f"lr={4 * rate!r}")[1]


def test_half_of_it_trains_and_four_times_it_does_not(thorough: bool) -> None:
    cases = CASES if thorough else QUICK
    missed = [case for case in cases if holds(*case) != (True, True)]
    assert len(missed) <= MISSED * len(cases), missed
