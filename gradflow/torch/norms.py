"""Norms of tensors: of each sample of one, of many together; few waits for a device, no square lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

Key = TypeVar("Key")

CHUNK = 256  # values whose squares are added in float32, to an error of 1e-7
TINY, HUGE = 1e-10, 1e15  # norms between which no square in float32 that counts is lost


def log_norms(gradients: Tensor) -> Tensor:
    """ln of the norm of each sample (samples, values), exact where squares would underflow; -inf of zeros."""
    if gradients.dtype != torch.float64 and gradients.device.type != "mps":
        return _norms(gradients).log()
    return scaled_log_norms(gradients)


def scaled_log_norms(gradients: Tensor) -> Tensor:
    """ln of the norm of each sample (samples, values) by way of its largest value; -inf of zeros."""
    wide = gradients if gradients.dtype == torch.float64 else gradients.float()
    largest = wide.abs().amax(dim=1, keepdim=True)
    usable = (largest > 0) & largest.isfinite()
    scaled = wide / torch.where(usable, largest, torch.ones_like(largest))
    logs: Tensor = largest.squeeze(1).log() + scaled.norm(dim=1).log()
    return torch.where(usable.squeeze(1), logs, largest.squeeze(1).log())


def _norms(gradients: Tensor) -> Tensor:
    """The norm of each sample (samples, values) in float64, whose range holds the squares of float32."""
    if gradients.dtype == torch.float32 and gradients.device.type == "cpu":
        quick = _norms_of_chunks(gradients)
        if ((quick > TINY) & (quick < HUGE)).all():  # no device is waited for
            return quick
    exact: Tensor = torch.linalg.vector_norm(gradients, dim=1, dtype=torch.float64)
    return exact


def _norms_of_chunks(gradients: Tensor) -> Tensor:
    """The same, chunks being added in float32, which takes a third of the time."""
    samples, many = len(gradients), gradients.shape[1] // CHUNK
    whole = many * CHUNK
    chunks = torch.linalg.vector_norm(gradients[:, :whole].reshape(samples, many, CHUNK), dim=2)
    rest = torch.linalg.vector_norm(gradients[:, whole:], dim=1, keepdim=True)
    norms: Tensor = torch.linalg.vector_norm(torch.cat([chunks, rest], 1), dim=1, dtype=torch.float64)
    return norms


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """On the CPU, in float64; they are brought there at once, unless they lie on several devices."""
    if len({tensor.device for tensor in tensors}) > 1:
        tensors = [tensor.cpu() for tensor in tensors]
    together: Tensor = torch.stack(list(tensors)).cpu().double()
    return together


def squares(groups: Mapping[Key, Sequence[Tensor]], sharded: bool = False) -> dict[Key, float]:
    """The sum of the squares of all entries of each group, over all processes if they lie on several."""
    if not groups:
        return {}
    totals = stacked([_norm([dense(one) for one in tensors]) for tensors in groups.values()]).square()
    if sharded:
        held = next((one for tensors in groups.values() for one in tensors), totals)
        totals = summed(totals, held.device)
    return dict(zip(groups, totals.tolist(), strict=True))


def summed(values: Tensor, device: torch.device) -> Tensor:
    """The sum over all processes: on the device of what they hold, for NCCL takes nothing from the CPU."""
    total = values.to(device)
    torch.distributed.all_reduce(total)
    return total.cpu()


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    """Of all entries together, 0-d; 0 of none."""
    if not tensors:
        return torch.zeros((), dtype=torch.float64)
    wide = torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    if len({(tensor.device, tensor.dtype) for tensor in tensors}) > 1:
        norms = stacked([torch.linalg.vector_norm(tensor, dtype=wide) for tensor in tensors])
    else:
        norms = torch.stack(list(torch._foreach_norm(list(tensors), 2, dtype=wide)))
    whole: Tensor = torch.linalg.vector_norm(norms)
    return whole


def dense(tensor: Tensor) -> Tensor:
    """The entries that lie here."""
    held = tensor.detach()
    held = held.to_local() if isinstance(held, DTensor) else held
    return real(held.coalesce().values() if held.is_sparse else held)


def real(tensor: Tensor) -> Tensor:
    """Of complex entries their real and imaginary parts, along a last dimension of two."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
