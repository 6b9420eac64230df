"""Which passes through a model make up a step, and which of them are apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torch.models import nn, torch
from tests.torch.test_mechanics import WIDTH, recorded

X, Y = (torch.randn(6, WIDTH, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def chain(readout: int = 1, activation: Any = nn.Tanh) -> Any:
    torch.manual_seed(0)
    layers = [module for _ in range(5) for module in (nn.Linear(WIDTH, WIDTH), activation())]
    return nn.Sequential(*layers, nn.Linear(WIDTH, readout))


def contrast(one: Any, other: Any) -> Any:
    return (one - 1).square().mean() + (other + 1).square().mean()


def own_delta(model: Any, *passes: Any) -> Any:
    """Mean over all samples of ln of the norm at each Linear of a chain, by autograd."""
    caught: list[list[Any]] = []
    outputs = []
    for x in passes:
        caught.append([])
        for module in model:
            x = module(x)
            if isinstance(module, nn.Linear):
                caught[-1].append(x)
        outputs.append(x)
    flat = [tensor for tensors in caught for tensor in tensors[:-1]]
    gradients = iter(torch.autograd.grad(contrast(*outputs), flat))
    per_pass = [torch.stack([next(gradients) for _ in tensors[:-1]]) for tensors in caught]
    both = torch.cat(per_pass, dim=1) * sum(map(len, passes))
    return both.norm(dim=2).log().mean(dim=1).tolist()


@pytest.mark.parametrize("shared", [False, True])
def test_passes_that_share_only_the_casts_of_weights_are_two(shared: bool) -> None:
    def loss(model: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=shared):
            return contrast(model(X), model(Y))

    model = chain()
    flow = recorded(model, loss, samples=None)
    assert flow.axis.names == ("0", "2", "4", "6", "8")
    for row in flow.rows:
        assert (row["batch"], row["backwards"]) == (12, 2)
        assert row["delta"] == pytest.approx(own_delta(model, X, Y), abs=0.05)


class Twins(nn.Module):
    """One chain, called for each of two inputs in one call of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.net = chain()

    def forward(self, one: Any, other: Any) -> Any:
        return self.net(one), self.net(other)


def test_two_passes_in_one_call_of_the_model_count_once_each() -> None:
    model = Twins()
    flow = recorded(model, lambda model: contrast(*model(X, Y)), samples=None, steps=3)
    assert flow.axis.names == tuple(f"net.{2 * i}" for i in range(5))
    for row in flow.rows:
        assert (row["batch"], row["backwards"]) == (12, 2)
        assert row["delta"] == pytest.approx(own_delta(model.net, X, Y), abs=1e-5)
