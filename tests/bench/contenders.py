"""Who is timed: each contender builds a training step and returns it with the norms of its first step.

A contender imports its own framework, and runs in its own process. The norms are ln ||dL/dW|| of every hidden layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tests.bench.cases import CLASSES, LR, Case, minibatch, weights

Step = Callable[[], Any]
Built = tuple[Step, list[float]]


def gemm(case: Case) -> Built:
    """Only the matrix products of a step: three a layer, read-out included, dX of layer 1 left out."""
    w = weights(case)
    rng = np.random.default_rng(0)
    a = [rng.standard_normal((case.width, case.batch), np.float32) for _ in w]
    z = [np.empty((m.shape[1], case.batch), np.float32) for m in w]
    grads = [np.empty_like(m) for m in w]
    up = [np.empty((case.width, case.batch), np.float32) for _ in w]
    forward = [(m.T, x, out) for m, x, out in zip(w, a, z, strict=True)]
    last = case.depth
    back = [(w[i], z[i], up[i], a[i], z[i].T, grads[i], i > 0) for i in range(last, -1, -1)]

    def step() -> None:
        for m, x, out in forward:
            np.dot(m, x, out)
        for m, delta, u, x, delta_t, g, below in back:
            np.dot(x, delta_t, g)
            if below:
                np.dot(m, delta, u)

    return step, []


def engine(case: Case, record: bool = True) -> Built:
    """gradflow's own step: forward, backward, update and, with `record`, the row of the record."""
    from gradflow.nn.activations import ACTIVATIONS
    from gradflow.nn.buffers import Buffers
    from gradflow.nn.losses import LOSSES
    from gradflow.nn.network import Network
    from gradflow.nn.optimizers import OPTIMIZERS
    from gradflow.nn.parameters import Shape
    from gradflow.recording import Recorder

    act, rule = ACTIVATIONS[case.activation](), replace(OPTIMIZERS[case.optimizer](), lr=LR)
    shape = Shape(case.width, case.width, case.depth, CLASSES, case.batch, True, case.seeds)
    buffers = Buffers(shape, act, np.float32)
    network = Network(shape, act, LOSSES["cross_entropy"](), rule, buffers)
    for p, m in zip(network.parameters, weights(case), strict=True):
        p[:, :-1] = m
    x, y = minibatch(case)
    buffers.x[..., :-1] = x
    buffers.y[...] = np.eye(CLASSES, dtype=np.float32)[y]
    recorder = Recorder(buffers, rule, 64)
    row = 0

    def step() -> None:
        nonlocal row
        network.forward(record)
        network.backward(record)
        if record:
            recorder.row(row, network.share)
            row += 1
            if row == 64:
                recorder.flush(64)
                row = 0

    if not record:
        return step, []
    network.forward(True)
    network.backward(True)
    recorder.row(0, network.share)
    return step, list(map(float, recorder.flush(1)["log_weight_grad_norm"][0, :, 0]))


def engine_bare(case: Case) -> Built:
    """The engine with its recording off."""
    return engine(case, record=False)


CONTENDERS: dict[str, Callable[[Case], Built]] = {
    "gemm": gemm,
    "engine": engine,
    "engine, no record": engine_bare,
}
