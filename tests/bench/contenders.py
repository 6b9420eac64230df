"""Who is timed: each contender builds a training step and returns it with the norms of its first step.

A contender imports its own framework, and runs in its own process. The norms are, of every hidden layer,
ln ||dL/dW|| of the batch mean, then the mean over samples of ln ||delta||.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import frameworks
from tests.bench.cases import CLASSES, LR, Case, minibatch, weights

NETWORKS = 4  # of a whole run

Step = Callable[[], Any]
Built = tuple[Step, list[float]]


def gemm(case: Case) -> Built:
    """Only the matrix products of a step: three a layer, read-out included, dX of layer 1 left out."""
    w = list(weights(case))
    rng = np.random.default_rng(0)
    a = [rng.standard_normal((case.width, case.batch), np.float32) for _ in w]
    z = [np.empty((m.shape[1], case.batch), np.float32) for m in w]
    grads = [np.empty_like(m) for m in w]
    up = [np.empty((case.width, case.batch), np.float32) for _ in w]
    forward = [(m.T, x, out) for m, x, out in zip(w, a, z, strict=True)]
    back = [(w[i], z[i], up[i], a[i], z[i].T, grads[i], i > 0) for i in range(case.depth, -1, -1)]

    def step() -> None:
        for m, x, out in forward:
            np.dot(m, x, out)
        for m, delta, u, x, delta_t, g, below in back:
            np.dot(x, delta_t, g)
            if below:
                np.dot(m, delta, u)

    return step, []


def engine(case: Case, record: bool = True, watched: bool = False) -> Built:
    """gradflow's own step: forward, backward, update and, with `record`, the row of the record.

    If it is `watched`, each is a row at which low precision is looked at.
    """
    from gradflow.nn.activations import ACTIVATIONS
    from gradflow.nn.blocks import Plain, Residual
    from gradflow.nn.initializers import HeNormal
    from gradflow.nn.losses import LOSSES
    from gradflow.nn.low_precision import Watch
    from gradflow.nn.memory import Memory
    from gradflow.nn.model import Model
    from gradflow.nn.network import Network
    from gradflow.nn.norms import NORMS
    from gradflow.nn.optimizers import OPTIMIZERS
    from gradflow.nn.parameters import Shape
    from gradflow.plan import block_rows
    from gradflow.recording import Recorder

    act, rule = ACTIVATIONS[case.activation](), replace(OPTIMIZERS[case.optimizer](), lr=LR)
    shape = Shape(case.width, case.width, case.depth, CLASSES, case.batch, True, case.seeds)
    block = Plain() if case.scale is None else Residual(case.scale)
    norm = NORMS[case.norm](**({"affine": True} if case.affine else {}))
    loss = LOSSES["cross_entropy"]()
    memory = Memory(Model(shape, act, loss, HeNormal(), 0.0, block, norm), np.float32)
    network = Network(memory, rule)
    if case.affine:  # gamma and beta
        memory.model.draw(network.parameters, range(case.seeds))
    for p, m in zip(network.parameters, weights(case), strict=True):
        p[:, :-1] = m
    x, y = minibatch(case)
    memory.x[..., :-1] = x
    memory.y[...] = np.eye(CLASSES, dtype=np.float32)[y]
    rows, row = block_rows(shape), 0
    recorder = Recorder(memory, rule, rows)

    def step() -> None:
        nonlocal row
        network.forward(record)
        network.backward(record, met=Watch(memory).meet if watched else None)
        if record:
            recorder.row(row, network.log_share, network.rule.lr)
            row += 1
            if row == rows:
                recorder.flush(rows)
                row = 0

    if not record:
        return step, []
    network.forward(record)
    network.backward(record)
    recorder.row(0, network.log_share, network.rule.lr)
    block = recorder.flush(1)
    return step, [float(v) for name in ("weight_grad", "delta") for v in block[f"log_{name}_norm"][0, :, 0]]


def plain(case: Case) -> Built:
    """The engine's step of the same layers without skips and norms."""
    return engine(replace(case, scale=None, norm="none", affine=False))[0], []


class _Blocks:
    """A step of a whole run: a block of rows of all networks, on as many cores as there are."""

    def __init__(self, case: Case) -> None:
        from gradflow.crew import Crew
        from gradflow.execution.processes import workers_for
        from gradflow.side_by_side import Crews

        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
        plan, data = _planned(case)
        workers = workers_for(plan, None)
        self.crew = Crews(plan, data, workers) if workers > 1 else Crew(plan, data)
        self.steps, self.last = self.crew.rows * plan.seeds, plan.steps  # of one network each
        self.row = 0

    def __call__(self) -> None:
        self.crew.run(self.row, self.crew.rows, self.last, evaluated=self.row == 0)
        self.row += self.crew.rows


def _planned(case: Case) -> tuple[Any, Any]:
    """The plan and the data of a run of four such networks that has no end."""
    from gradflow.config import parse_config
    from gradflow.yaml_file import parse

    text = f"""
name: bench
seeds: {NETWORKS}
model: {{depth: {case.depth}, width: {case.width}, activation: {case.activation}, init: xavier_normal}}
data: {{name: gaussian, samples: {2 * case.batch}, features: {case.width}, classes: {CLASSES}}}
training:
  {{steps: 1000000000, batch_size: {case.batch}, evaluate: 1000000000, optimizer: {{name: sgd, lr: {LR}}}}}
recording: {{every: 1000000000, critical_lr: none}}
"""
    config = parse_config(parse(text, "bench.yaml"), Path())
    data = config.data.load(Path())
    return config.plan(data), data


def whole_run(case: Case) -> Built:
    """Four networks trained as a run trains them: a step is that of one of them."""
    return _Blocks(case), []


def naive(case: Case) -> Built:
    """The same in NumPy as it is usually written: samples in rows, fresh arrays, norms by np.linalg."""
    w = list(weights(case))
    b = [np.zeros(m.shape[1], np.float32) for m in w]
    x, y = minibatch(case)
    targets = np.eye(CLASSES, dtype=np.float32)[y]
    rows: list[tuple[float, ...]] = []

    def step() -> None:
        rows.clear()
        a = [x]
        for m, c in zip(w[:-1], b[:-1], strict=True):
            a.append(np.tanh(a[-1] @ m + c))
        z = a[-1] @ w[-1] + b[-1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        delta = e / e.sum(axis=1, keepdims=True) - targets
        for i in range(case.depth, -1, -1):
            dw, db = a[i].T @ delta / case.batch, delta.mean(axis=0)
            if i < case.depth:
                rows.append(_row(dw, db, delta, a[i + 1]))
            if i:
                delta = (delta @ w[i].T) * (1 - a[i] ** 2)
            w[i] -= LR * dw
            b[i] -= LR * db

    step()
    return step, [float(np.log(r[0])) for r in rows[::-1]] + [float(r[2]) for r in rows[::-1]]


def _row(dw: Any, db: Any, delta: Any, a: Any) -> tuple[float, ...]:
    flow = np.log(np.linalg.norm(delta, axis=1)).mean()
    saturated = (1 - a**2 < 0.05).mean()
    return np.linalg.norm(dw), np.linalg.norm(db), flow, a.mean(), a.std(), saturated


ALL_CORES = f"{NETWORKS} networks, all cores"
CONTENDERS: dict[str, Callable[[Case], Built]] = {
    "gemm": gemm,
    "engine": engine,
    "engine, no record": partial(engine, record=False),
    "engine, plain": plain,
    "engine, watched": partial(engine, watched=True),
    "naive numpy": naive,
    ALL_CORES: whole_run,
    "torch eager": frameworks.torch_eager,
    "torch eager, blocks": frameworks.torch_blocks,
    "torch.compile": frameworks.torch_compile,
    "jax jit": frameworks.jax_jit,
    "numba": frameworks.numba_jit,
}
NEEDS = {
    "torch eager": ["torch"],
    "torch eager, blocks": ["torch"],
    "torch.compile": ["torch"],
    "jax jit": ["jax"],
    "numba": ["numba", "scipy"],
}


OF_BLOCKS = ["engine, plain", "engine", "torch eager, blocks"]
OF_PRECISION = ["engine", "engine, watched"]
OF_SIZES = [name for name in CONTENDERS if name not in {OF_BLOCKS[0], OF_BLOCKS[-1], OF_PRECISION[-1]}]


def installed(names: Iterable[str]) -> list[str]:
    """Those of the contenders whose frameworks are here."""
    return [name for name in names if all(find_spec(need) for need in NEEDS.get(name, []))]
