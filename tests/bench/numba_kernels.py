"""The loops of the numba contender: one pass over an array does all that is wanted of it."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

compiled = numba.njit(fastmath=True, error_model="numpy")


@compiled
def activate(a: Any, bias: Any, row: Any) -> None:
    total, squares, flat = np.float32(0), np.float32(0), 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            v = np.tanh(a[i, j] + bias[j])
            a[i, j] = v
            total += v
            squares += v * v
            flat += 1 - v * v < np.float32(0.05)
    row[3] = total / a.size
    row[4] = np.sqrt(squares / a.size - row[3] * row[3])
    row[5] = flat / a.size


@compiled
def differentiate(u: Any, a: Any, delta: Any, bias: Any, db: Any, row: Any, rate: Any) -> None:
    flow = np.float32(0)
    db[:] = 0
    for i in range(a.shape[0]):
        squares = np.float32(0)
        for j in range(a.shape[1]):
            v = u[i, j] * (1 - a[i, j] * a[i, j])
            delta[i, j] = v
            squares += v * v
            db[j] += v
        flow += np.log(squares)
    squares = np.float32(0)
    for j in range(a.shape[1]):
        squares += db[j] * db[j]
        bias[j] -= rate * db[j]
    row[1] = np.sqrt(squares) / a.shape[0]
    row[2] = np.float32(0.5) * flow / a.shape[0]


@compiled
def descend(m: Any, dw: Any, row: Any, size: Any, rate: Any) -> None:
    squares = np.float32(0)
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            squares += dw[i, j] * dw[i, j]
            m[i, j] -= rate * dw[i, j]
    row[0] = np.sqrt(squares) / size


@compiled
def run(
    w: Any,
    b: Any,
    top: Any,
    top_b: Any,
    a: Any,
    targets: Any,
    u: Any,
    delta: Any,
    dw: Any,
    rows: Any,
    rate: Any,
) -> None:
    db = np.empty(w.shape[2], np.float32)
    for i in range(w.shape[0]):
        np.dot(a[i], w[i], a[i + 1])
        activate(a[i + 1], b[i], rows[i])
    z = np.dot(a[-1], top) + top_b
    for i in range(z.shape[0]):
        z[i] = np.exp(z[i] - z[i].max())
        z[i] /= z[i].sum()
    z -= targets
    np.dot(z, top.T, u)
    top -= rate * np.dot(a[-1].T, z)
    top_b -= rate * z.sum(axis=0)
    for i in range(w.shape[0] - 1, -1, -1):
        differentiate(u, a[i + 1], delta, b[i], db, rows[i], rate)
        np.dot(a[i].T, delta, dw)
        if i > 0:
            np.dot(delta, w[i].T, u)
        descend(w[i], dw, rows[i], a.shape[1], rate)
