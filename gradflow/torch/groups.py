"""Parameters in groups (attention, mlp, norm, embedding, other): the norms of their gradients and updates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import log, nan, sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from gradflow.errors import RunError
from gradflow.torch.axis import DepthAxis
from gradflow.torch.calls import bare

GROUPS = ("attention", "mlp", "norm", "embedding", "other")
SEEN = 1 << 13  # entries of a parameter, evenly spread, whose update is looked at
_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
_NORM = re.compile(r"norm|(^|\.)(ln|bn)(_|\d|\.|$)", re.IGNORECASE)
_EMBEDDING = re.compile(r"embed|(^|\.)(wte|wpe)(\.|$)", re.IGNORECASE)

Groups = dict[str, list[nn.Parameter]]


def groups_of(model: nn.Module, axis: DepthAxis) -> Groups:
    """The parameters that are trained, each once, tied ones where they are met first."""
    blocks = {module: "" for point in axis.points for module in point.module.modules()}
    found: Groups = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                found.setdefault(_group(bare(name), module, module in blocks), []).append(parameter)
    return {group: found[group] for group in GROUPS if group in found}


def _group(name: str, module: nn.Module, inside: bool) -> str:
    """By the module's class and name; what a block holds beside attention and norms is its mlp."""
    kind = type(module).__name__
    if _NORM.search(kind) or _NORM.search(name.rpartition(".")[2]):
        return "norm"
    if isinstance(module, nn.Embedding) or _EMBEDDING.search(name):
        return "embedding"
    if _ATTENTION.search(name) or _ATTENTION.search(kind):
        return "attention"
    return "mlp" if inside and not kind.startswith("Conv2") else "other"


def is_sharded(model: nn.Module) -> bool:
    """Whether parameters lie in parts on several processes (FSDP2), so that all must add their norms."""
    return any(isinstance(parameter, DTensor) for parameter in model.parameters())


def squares(tensors: Sequence[Tensor], sharded: bool = False) -> float:
    """Sum of the squares of all entries of some tensors, over all processes if they lie on several."""
    local = [_dense(tensor) for tensor in tensors]
    norms = [norm.cpu() for norm in _norms(local)] if local else [torch.zeros(())]
    total = torch.stack(norms).double().square().sum()
    if sharded:
        torch.distributed.all_reduce(total)
    return float(total)


def _norms(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    wide = torch.float64 if tensors[0].dtype == torch.float64 else torch.float32
    same = len({(tensor.device, tensor.dtype) for tensor in tensors}) == 1
    if same:
        norms: Sequence[Tensor] = torch._foreach_norm(list(tensors), 2, dtype=wide)
        return [torch.stack(list(norms)).norm()]
    return [torch.linalg.vector_norm(tensor, dtype=wide) for tensor in tensors]


def _dense(tensor: Tensor) -> Tensor:
    """The entries that lie here."""
    held = tensor.detach()
    held = held.to_local() if isinstance(held, DTensor) else held
    return held.coalesce().values() if held.is_sparse else held


def gradient_squares(groups: Groups, sharded: bool) -> dict[str, float]:
    """||dL/dW||^2 of each group; nan of one without any gradient. RunError if none has one."""
    found = {}
    if not any(parameter.grad is not None for parameters in groups.values() for parameter in parameters):
        raise RunError("no parameter has a gradient: call step() before zero_grad()")
    for group, parameters in groups.items():
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        total = squares(gradients, sharded)
        found[group] = total if gradients or sharded else nan
    return found


def log_norms(squared: Mapping[str, float], scale: float) -> dict[str, float]:
    """ln of the norms, of the loss that was not scaled."""
    return {
        group: log(value) / 2 - log(scale) if value > 0 else -torch.inf if value == 0 else value
        for group, value in squared.items()
    }


class Updates:
    """The step of the parameters from here to the next look: ||update|| / ||W|| of each group.

    Of a parameter with more than SEEN entries as many are looked at, evenly spread.
    """

    def __init__(self, groups: Groups, sharded: bool) -> None:
        self.groups, self.sharded = groups, sharded
        self.before = {group: _parts(parameters) for group, parameters in groups.items()}

    def ratios(self) -> dict[str, float]:
        """The ratio of each group; nan of weights that are all 0."""
        return {group: self._ratio(group, parameters) for group, parameters in self.groups.items()}

    def _ratio(self, group: str, parameters: Iterable[nn.Parameter]) -> float:
        before = self.before[group]
        steps = torch._foreach_sub(_parts(parameters, copy=False), before)
        weights = squares(before, self.sharded)
        moved = squares(steps, self.sharded)
        return sqrt(moved / weights) if weights > 0 else nan


def _parts(parameters: Iterable[nn.Parameter], copy: bool = True) -> list[Any]:
    found = []
    for parameter in parameters:
        held = _dense(parameter).reshape(-1)
        part = held[:: max(1, held.numel() // SEEN)]
        found.append(part.clone() if copy else part)
    return found
