"""Networks whose registered layers are no chain: the verdict is that of their stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradflow import load
from tests.torch.models import CASES, Residual, Sequence, Shared, nn, torch

from gradflow.torch import watch  # isort: skip


def flow_of(model: Any, x: Any) -> Any:
    with watch(model, quiet=True) as flow:
        output = model(x)
        getattr(output, "logits", output).square().mean().backward()
        flow.step()
    return flow.flow


def head_first() -> Any:
    layers = [nn.Linear(30 if i == 0 else 64, 64) for i in range(8)]
    blocks = [module for layer in layers for module in (layer, nn.Tanh())]
    return Sequence(nn.Identity(), blocks, nn.Linear(64, 10))


def frozen_first() -> Any:
    model = nn.Sequential(nn.Linear(30, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64),
                          nn.Tanh(), nn.Linear(64, 10))  # fmt: skip
    model[0].requires_grad_(False)
    return model


def scaled_branches(depth: int, scale: float) -> Any:
    branches = [nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.GELU()) for _ in range(depth)]
    return Sequence(nn.Linear(30, 32), [Residual(b, scale, 32) for b in branches], nn.Linear(32, 10))


def exploding() -> Any:
    blocks = [Residual(nn.Sequential(nn.Linear(32, 32), nn.ReLU())) for _ in range(24)]
    for block in blocks:
        nn.init.kaiming_normal_(block.branch[0].weight)
    return Sequence(nn.Linear(30, 32), blocks, nn.Linear(32, 10))


NETWORKS: dict[str, tuple[Callable[[], Any], str, tuple[float, float]]] = {
    "a read-out that is registered first": (head_first, "vanishing", (-2.6, -1.2)),
    "one Linear used twenty times": (Shared, "vanishing", (-6, -3)),
    "a frozen first layer": (frozen_first, "stable", (-0.5, 0)),
    "LayerScale of 1e-6": (lambda: scaled_branches(24, 1e-6), "stable", (-0.01, 0.01)),
    "relu branches without a norm": (exploding, "exploding", (1.5, 6)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_verdict_is_that_of_the_stream(name: str) -> None:
    torch.manual_seed(0)
    model, verdict, (low, high) = NETWORKS[name]
    flow = flow_of(model(), torch.randn(16, 30))
    assert flow.verdict == verdict
    assert low <= flow.log10_ratio <= high


@pytest.mark.parametrize("name", ["resnet, zero-init", "encoder, post-norm", "gpt-2", "llama", "bert", "vit"])
def test_blocks_that_carry_a_stream_are_stable(name: str) -> None:
    torch.manual_seed(0)
    case = CASES[name]()
    flow = flow_of(case.model, case.inputs)
    assert flow.verdict == "stable"
    assert abs(flow.log10_ratio) < 0.9


def silent_readout() -> Any:
    model = scaled_branches(12, 1.0)
    nn.init.zeros_(model.head.weight)
    return model


def test_a_read_out_that_starts_at_zero_is_told_and_not_called_dead(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = silent_readout(), torch.randn(16, 30)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, quiet=True, save=tmp_path / "silent") as flow:
        for _ in range(2):
            loss = (model(x) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            flow.step()
            optimizer.step()
    flows = load(flow.run.path).summary.flow
    first, last = flows.initial, flows.final
    assert (first.verdict, first.dead_networks) == ("undetermined", 0)
    assert first.reason.startswith("the read-out head starts at zero")
    assert (last.verdict, last.reason) == ("stable", None)
    assert 1 < last.c < 1.1


def test_relus_that_are_all_dead_stay_dead() -> None:
    model = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    nn.init.constant_(model[2].bias, -1e3)
    assert flow_of(model, torch.randn(16, 30)).verdict == "dead"


@pytest.mark.parametrize("blocks", [6, 30])
@pytest.mark.parametrize(
    ("norm", "law", "low", "high"), [(True, "power", 0.35, 0.7), (False, "exponential", 0, 0)]
)
def test_the_exponent_of_pre_norm_blocks_is_measured(
    norm: bool, law: str, low: float, high: float, blocks: int
) -> None:
    """relu branches of one matrix: theory has 1/2; without a norm c^L."""

    def branch() -> Any:
        layer = nn.Linear(64, 64)
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        return nn.Sequential(nn.LayerNorm(64) if norm else nn.Identity(), nn.ReLU(), layer)

    torch.manual_seed(0)
    model = Sequence(nn.Linear(30, 64), [Residual(branch()) for _ in range(blocks)], nn.Linear(64, 10))
    flow = flow_of(model, torch.randn(16, 30))
    assert flow.law == law
    assert low <= (flow.law_exponent or 0) <= high


@pytest.mark.parametrize("scale", [None, 16.0])
def test_gradients_that_half_precision_cannot_hold_are_no_death(scale: float | None) -> None:
    torch.manual_seed(0)
    layers = [module for _ in range(20) for module in (nn.Linear(32, 32), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(32, 1)).half()
    scaler = None if scale is None else torch.amp.GradScaler("cpu", init_scale=scale)
    with watch(model, quiet=True, samples=None, scaler=scaler) as flow:
        loss = (model(torch.randn(64, 32).half()) - 1).square().mean()
        (loss if scaler is None else scaler.scale(loss)).backward()
        flow.step()
    assert flow.rows[0]["zero"][0] == 64
    assert flow.flow.verdict == "vanishing"
    assert "where the numbers of float16 end" in flow.flow.reason
