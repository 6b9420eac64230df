"""What is timed: each contender is a function that builds a training step of given sizes and returns it.

All take the same network: L hidden tanh layers of width W on W features, a read-out to 10 classes, batch B, float32,
cross-entropy, SGD. A contender imports its own framework, so that one process holds one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

Step = Callable[[], Any]
CLASSES = 10


def gemm(depth: int, width: int, batch: int, **_: Any) -> Step:
    """Only the matrix products of a step: three a layer, read-out included, dX of layer 1 left out."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((width, width), np.float32) / width**0.5 for _ in range(depth)]
    weights.append(rng.standard_normal((width, CLASSES), np.float32))
    a = [rng.standard_normal((width, batch), np.float32) for _ in range(depth + 1)]
    z = [np.empty((w.shape[1], batch), np.float32) for w in weights]
    grads = [np.empty_like(w) for w in weights]
    up = [np.empty((width, batch), np.float32) for _ in range(depth + 1)]
    forward = [(w.T, x, out) for w, x, out in zip(weights, a, z, strict=True)]
    back = [
        (weights[i], z[i], up[i], a[i], z[i].T, grads[i]) for i in range(depth, -1, -1)
    ]

    def step() -> None:
        for w, x, out in forward:
            np.dot(w, x, out)
        for i, (w, delta, u, x, delta_t, g) in enumerate(back):
            np.dot(x, delta_t, g)
            if i < depth:
                np.dot(w, delta, u)

    return step


def engine(
    depth: int, width: int, batch: int, record: bool = True, activation: str = "tanh", optimizer: str = "sgd", seeds: int = 1
) -> Step:
    """gradflow's own step: forward, backward, update and, with `record`, the row of the record."""
    from gradflow.nn.activations import ACTIVATIONS
    from gradflow.nn.buffers import Buffers
    from gradflow.nn.initializers import Gaussian
    from gradflow.nn.losses import LOSSES
    from gradflow.nn.network import Network
    from gradflow.nn.optimizers import OPTIMIZERS
    from gradflow.nn.parameters import Shape
    from gradflow.recording import Recorder

    act, rule = ACTIVATIONS[activation](), replace(OPTIMIZERS[optimizer](), lr=1e-4)
    shape = Shape(width, width, depth, CLASSES, batch, True, seeds)
    buffers = Buffers(shape, act, np.float32)
    network = Network(shape, act, LOSSES["cross_entropy"](), rule, buffers)
    network.parameters.draw(range(seeds), Gaussian(sigma_w=STABLE.get(activation, 1.0)), 0.0)
    rng = np.random.default_rng(0)
    buffers.x[..., :-1] = rng.standard_normal((seeds, batch, width))
    buffers.y[...] = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, (seeds, batch))]
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

    return step


STABLE = {"relu": 2**0.5, "gelu": 1.98, "silu": 2.0, "sigmoid": 4.0}
CONTENDERS: dict[str, Callable[..., Step]] = {"gemm": gemm, "engine": engine}
