"""Parameters in groups (attention, mlp, norm, embedding, other): the norms of their gradients and updates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from math import gcd, log, nan, sqrt

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from gradflow.torch.axis import DepthAxis
from gradflow.torch.calls import bare, kind_of
from gradflow.torch.norms import dense, squares

GROUPS = ("attention", "mlp", "norm", "embedding", "other")
SEEN = 1 << 12  # entries of a parameter, evenly spread, whose update is looked at
_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
_NORM = re.compile(r"norm|(^|\.)(ln|bn)(_|\d|\.|$)", re.IGNORECASE)
_EMBEDDING = re.compile(r"embed|(^|\.)(wte|wpe)(\.|$)", re.IGNORECASE)

ParameterPart = tuple[str, nn.Module | None]  # a group, and the module of the axis that holds it
ParameterParts = dict[ParameterPart, list[nn.Parameter]]


def parts_of(model: nn.Module, axis: DepthAxis) -> ParameterParts:
    """The parameters that are trained, each once, tied ones where they are met first, in order of GROUPS."""
    holders: dict[nn.Module, nn.Module] = {}
    for point in axis.points:
        for module in point.module.modules():
            holders.setdefault(module, point.module)
    found: ParameterParts = {}
    seen: set[int] = set()
    named = dict(model.named_modules())
    for name, module in named.items():
        owner = _owner(name)
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                group = _group(bare(owner), named[owner], module in holders)
                found.setdefault((group, holders.get(module)), []).append(parameter)
    return dict(sorted(found.items(), key=lambda item: GROUPS.index(item[0][0])))


def _owner(name: str) -> str:
    """The name of the module whose weight a parametrization, or what is in one, makes; else the name."""
    return f".{name}".partition(".parametrizations.")[0].removeprefix(".")


def _group(name: str, module: nn.Module, inside: bool) -> str:
    """By the module's class and name; what a block holds beside attention and norms is its mlp."""
    kind = kind_of(module)
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


def gradient_squares(
    parts: ParameterParts, sharded: bool, scale: float = 1.0, unscaled: Collection[int] = ()
) -> dict[str, float]:
    """||dL/dW||^2 of each group, of the loss without its `scale`; nan of one without any gradient.

    The gradients of parameters of the identities `unscaled` are without it already.
    """
    gradients: dict[tuple[str, bool], list[Tensor]] = {
        (group, free): [] for group, _ in parts for free in (False, True)
    }  # by whether they are
    for (group, _), parameters in parts.items():
        for one in parameters:
            if one.grad is not None:
                gradients[group, id(one) in unscaled].append(one.grad)
    held = {key: found for key, found in gradients.items() if found or sharded}
    totals: dict[str, float] = {}
    for (group, free), total in squares(held, sharded).items():
        totals[group] = totals.get(group, 0.0) + (total if free else total / scale**2)
    return {group: totals.get(group, nan) for group, _ in parts}


def log_norms(squared: Mapping[str, float]) -> dict[str, float]:
    """ln of the norms."""
    return {
        group: log(value) / 2 if value > 0 else -torch.inf if value == 0 else value
        for group, value in squared.items()
    }


class Updates:
    """The step of the parameters from here to the next look: ||update|| / ||W||.

    Of a parameter with more than SEEN entries about as many are looked at, evenly spread; each stands for
    as many as there are to it.
    """

    def __init__(self, parts: ParameterParts, sharded: bool) -> None:
        self.parts, self.sharded = parts, sharded
        self.before = {part: _sampled(parameters) for part, parameters in parts.items()}
        self.roots = {part: _roots(parameters) for part, parameters in parts.items()}

    def ratios(self, axis: DepthAxis) -> tuple[dict[str, float], list[float]]:
        """The ratio of each group, and of what each point's module holds; nan of none, or of all 0."""
        steps, held = {}, {}
        for part, parameters in self.parts.items():
            before, roots = self.before[part], self.roots[part]
            pairs = zip(_sampled(parameters), before, roots, strict=True)
            steps[part] = [(after - start) * root for after, start, root in pairs]
            held[part] = [start * root for start, root in zip(before, roots, strict=True)]
        moved, weights = squares(steps, self.sharded), squares(held, self.sharded)

        def ratio(among: Sequence[ParameterPart]) -> float:
            size = sum(weights[part] for part in among)
            return sqrt(sum(moved[part] for part in among) / size) if size > 0 else nan

        groups = dict.fromkeys(group for group, _ in self.parts)
        by_group = {group: ratio([part for part in self.parts if part[0] == group]) for group in groups}
        modules = [point.module for point in axis.points]
        return by_group, [ratio([part for part in self.parts if part[1] is module]) for module in modules]


def _sampled(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """A copy of the entries that are looked at, one tensor for each device and type."""
    return [torch.cat([part for part, _ in parts]) for parts in _looked_at(parameters)]


def _roots(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """For each of these entries the root of how many it stands for."""
    found = []
    for parts in _looked_at(parameters):
        roots = torch.tensor([sqrt(size / max(1, len(part))) for part, size in parts])
        lengths = torch.tensor([len(part) for part, _ in parts])
        found.append(roots.repeat_interleave(lengths).to(parts[0][0].device))
    return found


def _looked_at(parameters: Iterable[nn.Parameter]) -> Iterable[list[tuple[Tensor, int]]]:
    """The entries that are looked at and the number of all, by device and type."""
    found: dict[tuple[torch.device, torch.dtype], list[tuple[Tensor, int]]] = {}
    for parameter in parameters:
        held = dense(parameter)
        part = held.reshape(-1)[:: _stride(held)]
        found.setdefault((part.device, part.dtype), []).append((part, held.numel()))
    return found.values()


def _stride(held: Tensor) -> int:
    """Between two entries that are looked at: prime to the length of a row, so that every column is met."""
    row = held.numel() // len(held) if held.dim() and len(held) else 1
    return next(stride for stride in count(max(1, held.numel() // SEEN)) if gcd(stride, row) == 1)
