"""The contenders of other frameworks: tanh and plain SGD, with the same norms of every layer each step."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.bench.cases import CLASSES, LR, Case, minibatch, weights

Built = tuple[Callable[[], Any], list[float]]


def _torch() -> Any:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return torch


def torch_eager(case: Case) -> Built:
    """Modules, autograd, torch.optim.SGD, and hooks that keep every layer's norms."""
    torch = _torch()
    nn = torch.nn
    drawn = list(weights(case))
    linears = [nn.Linear(*m.shape) for m in drawn]
    for linear, m in zip(linears, drawn, strict=True):
        linear.weight.data = torch.from_numpy(np.ascontiguousarray(m.T))
        linear.bias.data.zero_()
    modules = [part for linear in linears[:-1] for part in (linear, nn.Tanh())]
    model = nn.Sequential(*modules, linears[-1])
    x, y = (torch.from_numpy(v) for v in minibatch(case))
    rule = torch.optim.SGD(model.parameters(), lr=LR)
    flow, statistics = torch.zeros(case.depth), torch.zeros(3, case.depth)

    def keep_delta(i: int) -> Callable[..., None]:
        def hook(module: Any, grad_input: Any, grad_output: Any) -> None:
            flow[i] = torch.linalg.vector_norm(grad_output[0] * case.batch, dim=1).log().mean()

        return hook

    def keep_statistics(i: int) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, a: Any) -> None:
            with torch.no_grad():
                statistics[0, i], statistics[1, i] = a.mean(), a.std()
                statistics[2, i] = (1 - a * a < 0.05).float().mean()

        return hook

    for i in range(case.depth):
        modules[2 * i].register_full_backward_hook(keep_delta(i))
        modules[2 * i + 1].register_forward_hook(keep_statistics(i))
    norms: list[Any] = []

    def step() -> None:
        rule.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        norms[:] = torch._foreach_norm([p.grad for linear in linears[:-1] for p in linear.parameters()])
        rule.step()

    step()
    return step, [float(n.log()) for n in norms[::2]] + flow.tolist()


def torch_blocks(case: Case) -> Built:
    """Layers with skips and norms as a module is written, and a hook on each layer's z for its delta."""
    torch = _torch()
    nn = torch.nn
    norms = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "batch": nn.BatchNorm1d, "none": nn.Identity}
    drawn = list(weights(case))
    linears = [nn.Linear(*m.shape) for m in drawn]
    for linear, m in zip(linears, drawn, strict=True):
        linear.weight.data = torch.from_numpy(np.ascontiguousarray(m.T))
        linear.bias.data.zero_()
    own = {"affine" if case.norm == "batch" else "elementwise_affine": case.affine, "eps": 1e-5}
    between = nn.ModuleList(norms[case.norm](case.width, **own) for _ in range(case.depth))
    x, y = (torch.from_numpy(v) for v in minibatch(case))
    rule = torch.optim.SGD([p for part in (*linears, between) for p in part.parameters()], lr=LR)
    flow, statistics, norms_of = torch.zeros(case.depth), torch.zeros(3, case.depth), list[Any]()

    def keep(i: int, delta: Any) -> None:
        size = torch.linalg.vector_norm(delta * case.batch, dim=1)
        flow[i] = size.square().mean().log() / 2 if case.norm == "batch" else size.log().mean()

    def forward() -> Any:
        z = linears[0](x)
        for i, (norm, linear) in enumerate(zip(between, linears[1:], strict=True)):
            z.register_hook(partial(keep, i))
            a = torch.tanh(norm(z))
            with torch.no_grad():
                statistics[0, i], statistics[1, i] = a.mean(), a.std()
                statistics[2, i] = (1 - a * a < 0.05).float().mean()
            z = linear(a) if case.scale is None or i == case.depth - 1 else z + case.scale * linear(a)
        return z

    def step() -> None:
        rule.zero_grad()
        nn.functional.cross_entropy(forward(), y).backward()
        grads = [p.grad for linear in linears[:-1] for p in linear.parameters()]
        norms_of[:] = torch._foreach_norm(grads)
        rule.step()

    step()
    return step, [float(n.log()) for n in norms_of[::2]] + flow.tolist()


def torch_compile(case: Case) -> Built:
    """The chain rule written out, as one compiled function."""
    torch = _torch()
    w = [torch.from_numpy(m) for m in weights(case)]
    b = [torch.zeros(m.shape[1]) for m in w]
    x, y = (torch.from_numpy(v) for v in minibatch(case))
    targets = torch.nn.functional.one_hot(y, CLASSES).float()

    @torch.compile  # type: ignore[untyped-decorator]
    def compiled(w: list[Any], b: list[Any]) -> Any:
        a, rows = [x], []
        for m, c in zip(w[:-1], b[:-1], strict=True):
            a.append(torch.tanh(torch.addmm(c, a[-1], m)))
        delta = torch.softmax(torch.addmm(b[-1], a[-1], w[-1]), dim=1) - targets
        for i in range(case.depth, -1, -1):
            dw, db = a[i].T @ delta / case.batch, delta.mean(dim=0)
            if i < case.depth:
                out = a[i + 1]
                flow = 0.5 * (delta * delta).sum(dim=1).log().mean()
                saturated = (1 - out * out < 0.05).float().mean()
                rows.append(torch.stack([dw.norm(), db.norm(), flow, out.mean(), out.std(), saturated]))
            if i:
                delta = (delta @ w[i].T) * (1 - a[i] * a[i])
            w[i].sub_(LR * dw)
            b[i].sub_(LR * db)
        return torch.stack(rows[::-1])

    def step() -> Any:
        with torch.no_grad():
            return compiled(w, b)

    rows = step()
    return step, rows[:, 0].log().tolist() + rows[:, 2].tolist()


def jax_jit(case: Case) -> Built:
    """The chain rule as two scans over the hidden layers, compiled, parameters donated."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    multi = "true" if threads != "1" else "false"
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={multi} intra_op_parallelism_threads={threads}"
    import jax
    import jax.numpy as jnp

    drawn = list(weights(case))
    hidden, top = jnp.asarray(np.stack(drawn[:-1])), jnp.asarray(drawn[-1])
    x, y = minibatch(case)
    targets = jnp.eye(CLASSES)[y]
    x = jnp.asarray(x)

    def forward(a: Any, layer: Any) -> Any:
        out = jnp.tanh(a @ layer[0] + layer[1])
        return out, (a, out)

    def backward(u: Any, layer: Any) -> Any:
        m, c, a, out = layer
        delta = u * (1 - out * out)
        dw, db = a.T @ delta / case.batch, delta.mean(axis=0)
        flow = 0.5 * jnp.log((delta * delta).sum(axis=1)).mean()
        saturated = (1 - out * out < 0.05).mean()
        row = jnp.stack([jnp.linalg.norm(dw), jnp.linalg.norm(db), flow, out.mean(), out.std(), saturated])
        return delta @ m.T, (m - LR * dw, c - LR * db, row)

    def whole(state: Any) -> Any:
        w, b, top, top_b = state
        last, (inputs, outputs) = jax.lax.scan(forward, x, (w, b))
        delta = jax.nn.softmax(last @ top + top_b, axis=1) - targets
        layers = (w, b, inputs, outputs)
        _, (w, b, rows) = jax.lax.scan(backward, delta @ top.T, layers, reverse=True)
        top, top_b = top - LR * last.T @ delta / case.batch, top_b - LR * delta.mean(axis=0)
        return (w, b, top, top_b), rows

    compiled = jax.jit(whole, donate_argnums=0)
    state = (hidden, jnp.zeros((case.depth, case.width)), top, jnp.zeros(CLASSES))

    def step() -> Any:
        nonlocal state
        state, rows = compiled(state)
        return jax.block_until_ready(rows)

    rows = np.asarray(step())
    return step, np.log(rows[:, 0]).tolist() + rows[:, 2].tolist()


def numba_jit(case: Case) -> Built:
    """Compiled loops around BLAS products, everything preallocated."""
    from tests.bench.numba_kernels import run

    depth, size = case.depth, case.batch
    *hidden, top = weights(case)
    w = np.stack(hidden)
    b = np.zeros((depth, case.width), np.float32)
    top_b = np.zeros(CLASSES, np.float32)
    x, y = minibatch(case)
    targets = np.eye(CLASSES, dtype=np.float32)[y]
    a = np.empty((depth + 1, size, case.width), np.float32)
    a[0] = x
    delta, u = np.empty_like(a[0]), np.empty_like(a[0])
    dw, rows = np.empty_like(w[0]), np.zeros((depth, 6), np.float32)
    rate = np.float32(LR / size)

    def step() -> None:
        run(w, b, top, top_b, a, targets, u, delta, dw, rows, rate)

    step()
    return step, np.log(rows[:, 0]).tolist() + rows[:, 2].tolist()
