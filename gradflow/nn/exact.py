"""The exact path: what left a float's range, or lost its digits, done again for one network, layer by layer.

The quick path works on whole chunks and trusts that squares stay in range. This one carries an exponent per
layer and sample, takes slopes from z, and sums in float64. It runs rarely, so it is written to be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.buffers import A1, A2, Z2
from gradflow.nn.scaling import power_of_two, shared_exponent

if TYPE_CHECKING:
    from gradflow.nn.blocks import Plain
    from gradflow.nn.buffers import Buffers
    from gradflow.nn.stacks import Stack

Array = NDArray[Any]

LOSSY = 1e-6  # ||delta||^2 / ||u||^2 below which quick slopes have lost digits


def square_sum(v: Array) -> float:
    """Sum of squares in float64."""
    flat = v.astype(np.float64).ravel()
    return float(np.dot(flat, flat))


# --- forward ------------------------------------------------------------------------------------------------


def forward(chunk: Plain) -> None:
    """Mend what the quick forward pass of a chunk could not hold, one network at a time."""
    homogeneous = chunk.activation.homogeneous
    for seed in range(chunk.buffers.shape.seeds):
        squares = chunk.z2[:, seed]
        if not chunk.range.holds(squares):
            (_forward_layers if homogeneous else _sum_chunk)(chunk, seed)
        elif homogeneous and not chunk.range.central(squares[-1:]):
            _scale_output(chunk, chunk.hi - 1, seed)


def pass_on_exponent(chunk: Plain) -> None:
    """The exponent of a chunk's input is that of every input within it and of its output."""
    for seed in range(chunk.buffers.shape.seeds):
        _set_exponent(chunk, slice(chunk.lo, chunk.hi), seed, int(chunk.buffers.exponent[chunk.lo, seed]))


def _forward_layers(chunk: Plain, seed: int) -> None:
    for i, layer in enumerate(range(chunk.lo, chunk.hi)):
        z, a = chunk.z[i, seed], chunk.a[i, seed]
        np.matmul(chunk.transposed[i][seed], chunk.inputs[i][seed], out=z)
        chunk.activation.value(z, a, chunk.kept[i, seed])
        _sum_layer(chunk, i, seed)
        _set_exponent(chunk, slice(layer, layer + 1), seed, int(chunk.buffers.exponent[layer, seed]))
        _scale_output(chunk, layer, seed)


def _sum_chunk(chunk: Plain, seed: int) -> None:
    for i in range(chunk.hi - chunk.lo):
        _sum_layer(chunk, i, seed)


def _sum_layer(chunk: Plain, i: int, seed: int) -> None:
    exact, layer = chunk.buffers.sums.exact, chunk.lo + i
    exact[Z2, layer, seed] = square_sum(chunk.z[i, seed]), 0
    exact[A1, layer, seed] = float(chunk.a[i, seed].sum(dtype=np.float64)), 0
    exact[A2, layer, seed] = square_sum(chunk.a[i, seed]), 0


def _scale_output(chunk: Plain, layer: int, seed: int) -> None:
    """Store a layer's output as a 2^-k with its largest entry near 1."""
    a = chunk.a[layer - chunk.lo, seed]
    largest = float(np.abs(a).max())
    if not np.isfinite(largest):
        return
    k = int(np.frexp(largest)[1])
    np.ldexp(a, -k, out=a)
    exponent = int(chunk.buffers.exponent[layer + 1, seed]) + k if largest else 0
    _set_exponent(chunk, slice(layer, layer + 1), seed, exponent)


def _set_exponent(chunk: Plain, layers: slice, seed: int, exponent: int) -> None:
    """The output of `layers` is a 2^-exponent, so its row of ones, which the bias meets, is 2^-exponent."""
    buffers = chunk.buffers
    buffers.exponent[1:][layers, seed] = exponent
    buffers.forward_scaled = True
    largest = np.finfo(buffers.dtype).max / 4  # beyond, the bias is 0, and 0 * inf would be nan
    buffers.a[layers, seed, -1] = min(float(power_of_two(-exponent, np.float64)), float(largest))


# --- backward -----------------------------------------------------------------------------------------------


def start(buffers: Buffers) -> None:
    """Bring delta_out near 1, sample by sample, where its squares leave the range."""
    sums, delta = buffers.sums, buffers.delta_out
    k = shared_exponent(np.abs(delta).max(axis=1, keepdims=True))
    np.ldexp(delta, -k, out=delta)
    sums.out_exponent += k
    buffers.entry_exponent[...] = sums.out_exponent
    sums.scaled = True


def backward(chunk: Plain) -> None:
    """Do the chunk's backward pass again for each network whose norms the quick pass could not hold."""
    for seed in range(chunk.buffers.shape.seeds):
        if not _trustworthy(chunk, seed):
            _backward_layers(chunk, seed)


def _trustworthy(chunk: Plain, seed: int) -> bool:
    """Whether every squared norm is in range, 0 for a reason, or beyond help (not finite on entry)."""
    sums, tiny, phi = chunk.buffers.sums, chunk.range.tiny, chunk.activation
    if not np.isfinite(chunk.top[seed]).all():
        return True
    u2, d2 = chunk.u_norms[:, seed, 0], chunk.d_norms[:, seed, 0]
    above = sums.norms[chunk.hi, 1, seed] if chunk.hi < chunk.buffers.shape.depth else sums.out_norm[seed]
    parent = np.concatenate([d2[1:], above])
    u_fine = (u2 > tiny) & (u2 < chunk.range.huge) | (u2 == 0) & (parent == 0)
    d_fine = (d2 > tiny) & (d2 < chunk.range.huge) | (d2 == 0) & ((u2 == 0) | phi.flat & (u2 > tiny))
    lossy = not phi.exact_quick and bool((d2 < LOSSY * u2).any())
    return bool(u_fine.all() and d_fine.all()) and not lossy


def _backward_layers(chunk: Plain, seed: int) -> None:
    buffers, sums = chunk.buffers, chunk.buffers.sums
    sums.scaled = True
    exponent = buffers.entry_exponent[seed]
    u = chunk.top[seed].astype(np.float64)
    for i in range(chunk.hi - chunk.lo - 1, -1, -1):
        layer = chunk.lo + i
        u, exponent = _normalize(u, exponent)
        _store_norm(chunk, 0, layer, seed, u, exponent)
        z = (chunk.transposed[i][seed] @ chunk.inputs[i][seed]).astype(np.float64)
        delta, exponent = _normalize(*_sloped(u, exponent, *chunk.activation.scaled_derivative(z)))
        _store_norm(chunk, 1, layer, seed, delta, exponent)
        chunk.d[i, seed] = delta
        buffers.delta_exponent[layer, seed] = exponent
        u = (chunk.weights[i][seed] @ chunk.d[i, seed]).astype(np.float64)


def _sloped(u: Array, exponent: Array, slope: Array, powers: Array | None) -> tuple[Array, Array]:
    """delta = u slope 2^powers, with an exponent by which each sample's largest entry is a float."""
    delta = u * slope
    if powers is None:
        return delta, exponent
    size = np.where(delta == 0, np.iinfo(np.int32).min, np.frexp(delta)[1] + powers)
    top = np.where((delta == 0).all(axis=0), 0, size.max(axis=0, keepdims=True))
    return np.ldexp(delta, np.maximum(powers - top, -5000)), exponent + top


def _normalize(v: Array, exponent: Array) -> tuple[Array, Array]:
    k = shared_exponent(np.abs(v).max(axis=0, keepdims=True))
    return np.ldexp(v, -k), exponent + k


def _store_norm(chunk: Plain, kind: int, layer: int, seed: int, v: Array, exponent: Array) -> None:
    sums = chunk.buffers.sums
    sums.norms[layer, kind, seed, 0] = np.einsum("wb,wb->b", v, v)
    sums.norm_exponent[layer, kind, seed] = exponent


def note_exponents(chunk: Plain) -> None:
    """Every layer of a chunk that the quick pass went through has the exponent of its entry."""
    buffers, sums, lo, hi = chunk.buffers, chunk.buffers.sums, chunk.lo, chunk.hi
    if sums.scaled:
        sums.norm_exponent[lo:hi] = buffers.entry_exponent
        buffers.delta_exponent[lo:hi] = buffers.entry_exponent


def enter(chunk: Plain, u: Array) -> None:
    """Bring the u (S, W, B) that goes below a chunk near 1, for each network whose norms have drifted."""
    buffers, sums = chunk.buffers, chunk.buffers.sums
    squares = chunk.d_norms[0]
    if sums.scaled:
        buffers.entry_exponent[...] = buffers.delta_exponent[chunk.lo]
    if chunk.range.central(squares):
        return
    for seed in range(buffers.shape.seeds):
        if not chunk.range.central(squares[seed]):
            k = shared_exponent(np.sqrt(squares[seed]))
            np.multiply(u[seed], power_of_two(-k, u.dtype), out=u[seed])
            buffers.entry_exponent[seed] += k
            sums.scaled = True


# --- gradients ----------------------------------------------------------------------------------------------


def gradient(stack: Stack) -> None:
    """dP = [a; 1] delta^T where deltas or activations carry exponents: scaled to the largest of the batch.

    Leaves the exponents of dW and db, which differ when the activations carry one, in `stack.exponent`.
    """
    exponent = stack.delta_exponent[:, :, 0]  # (k, S, B)
    shared = exponent[..., 0]
    if np.logical_and.reduce(exponent == shared[..., None], None):
        np.matmul(stack.inputs, stack.delta_t, out=stack.g)
        if stack.buffers.forward_scaled:  # the row of ones is 2^-e then
            np.matmul(stack.delta, stack.buffers.ones[: exponent.shape[-1]], out=stack.g[:, :, -1])
        stack.exponent[...] = shared + stack.input_exponent, shared
    else:
        _gradient_layers(stack)


def _gradient_layers(stack: Stack) -> None:
    for i in range(stack.p.shape[0]):
        for seed in range(stack.p.shape[1]):
            exponent = stack.delta_exponent[i, seed, 0]
            delta = stack.delta[i, seed]
            alive = np.abs(delta).max(axis=0) > 0
            top = int(exponent[alive].max()) if alive.any() else 0
            scaled = delta * power_of_two(np.minimum(exponent - top, 0), delta.dtype)
            np.matmul(stack.inputs[i, seed], scaled.T, out=stack.g[i, seed])
            np.matmul(scaled, stack.buffers.ones[: exponent.size], out=stack.g[i, seed, -1])
            stack.exponent[:, i, seed] = top + int(stack.input_exponent[i, seed]), top


def gradient_scale(stack: Stack, batch: int, log_share: Array) -> Array:
    """2^exponent share / B for each row of a stack's gradients, (k, S, fan_in + 1, 1) or (k, S, 1, 1).

    A share may be as small as a gradient is large: their powers of two are added before either is taken.
    """
    k = np.rint(log_share / np.log(2.0)).astype(np.int64)
    share = (np.exp(log_share - k * np.log(2.0)) / batch).astype(stack.g.dtype)
    exponent = stack.exponent + k
    excess = np.maximum(exponent - np.finfo(stack.g.dtype).maxexp // 2, 0)
    if excess.any():  # 2^exponent or a rate times it may be inf, and nan times the gradients that are 0
        np.ldexp(stack.g[:, :, :-1], excess[0, :, :, None, None], out=stack.g[:, :, :-1])
        np.ldexp(stack.g[:, :, -1], excess[1, :, :, None], out=stack.g[:, :, -1])
    weights, bias = power_of_two(exponent - excess, stack.g.dtype)
    scale = weights[:, :, None, None]
    if stack.buffers.forward_scaled:
        scale = np.repeat(scale, stack.g.shape[2], axis=2)
        scale[:, :, -1, 0] = bias
    used: Array = scale * share[:, None, None]
    return used


def sum_gradients(stack: Stack, quantity: int, views: Array) -> None:
    """The squared norms of a quantity of a stack, again in float64 and near 1: 1e-301 has no square."""
    for i, layer in enumerate(range(stack.layers.start, stack.layers.stop)):
        for seed in range(views.shape[1]):
            v = views[i, seed].astype(np.float64)
            k = int(shared_exponent(np.abs(v).max(keepdims=True))[0])
            stack.sums.exact[quantity, layer, seed] = square_sum(np.ldexp(v, -k)), k
