"""delta at every point of the axis, against autograd of one sample at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.torch.models import BATCH, CASES, of_complex, spectral, torch
from tests.torch.vision import FAMILIES

from gradflow.torch import watch  # isort: skip
from gradflow.torch.calls import flat  # isort: skip

ALL = CASES | FAMILIES
BOUND = {torch.float32: 1e-5, torch.float64: 1e-12}
SINGLE = ("t5 encoder", "llama")  # take their norms' variance in float32, whatever the model's dtype is


def tensors_at(axis: Any, run: Any) -> list[Any]:
    """The tensors of each point in one forward pass that `run` makes, with their gradients kept.

    Where there are several, a cell's h and c, each is made a variable of its own that no other leads to.
    """
    found: list[Any] = []
    hooks = []
    for module, side in dict.fromkeys((point.module, point.side) for point in axis.points):
        places = iter([point.places for point in axis.points if point.module is module])

        def keep(values: Any, places: Any = places) -> Any:
            tensors, wanted = list(flat(values)), next(places)
            own = [tensor.clone() for tensor in tensors] if len(wanted) > 1 else tensors
            found.append([own[place] for place in wanted])
            for tensor in found[-1]:
                tensor.retain_grad()
            return None if own is tensors else tuple(own)

        if side == "input":
            hook = module.register_forward_pre_hook(
                lambda m, a, k, keep=keep: keep((*a, *k.values())), with_kwargs=True
            )
        else:
            hook = module.register_forward_hook(lambda m, a, out, keep=keep: keep(out))
        hooks.append(hook)
    run()
    for hook in hooks:
        hook.remove()
    return found


def deltas(case: Any, axis: Any) -> Any:
    """Mean over samples of ln ||dL/dh|| of the sample's own loss, (points,)."""
    logs = []
    for number in range(BATCH):
        tensors = tensors_at(axis, lambda n=number: case.loss(case.model, case.sample(n)).backward())
        gradients = [[one.grad.flatten() for one in point if one.grad is not None] for point in tensors]
        norms = [torch.cat(point).to(torch.complex128).norm() for point in gradients]  # of none, an error
        logs.append(torch.stack(norms).log())
    return torch.stack(logs).mean(dim=0)


@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_delta_is_that_of_one_sample_at_a_time(name: str, dtype: Any) -> None:
    torch.manual_seed(0)
    case = ALL[name]()
    case.model.to(dtype)
    if case.inputs.is_floating_point():
        case.inputs = case.inputs.to(dtype)
    with watch(case.model, quiet=True) as flow:
        for _ in range(2):  # found in the whole graph, then tapped at its points alone
            case.loss(case.model, case.inputs).backward()
            flow.step()
    assert flow.axis is not None
    assert (flow.axis.block, len(flow.axis.points)) == (case.block, case.points)
    expected, rounding = deltas(case, flow.axis), torch.finfo(torch.float32).eps * (name in SINGLE)
    assert len(flow.rows) == 2
    for row in flow.rows:
        worst = float((torch.tensor(row["delta"], dtype=torch.float64) - expected).abs().max())
        assert worst <= max(BOUND[dtype], rounding), worst


@pytest.mark.parametrize("made", [spectral, of_complex])
def test_delta_of_complex_numbers_is_that_of_their_parts(made: Any) -> None:
    torch.manual_seed(0)
    case, squares = made(), 0.0
    with watch(case.model, quiet=True) as flow:
        for _ in range(2):
            case.loss(case.model, case.inputs).backward()
            squares = sum(float(one.grad.abs().square().sum()) for one in case.model.parameters())
            flow.step()
    assert (flow.axis.block, len(flow.axis.points), len(flow.rows)) == (case.block, case.points, 2)
    for row in flow.rows:
        assert row["delta"] == pytest.approx(deltas(case, flow.axis).tolist(), abs=1e-5)
    groups = [math.exp(2 * value) for value in flow.rows[-1]["dw"].values() if not math.isnan(value)]
    assert sum(groups) == pytest.approx(squares, rel=1e-5)
    assert flow.head()["expected_c"] is None
    inside = tensors_at(flow.axis, lambda: case.loss(case.model, case.inputs).backward())
    q = [float(tensor.detach().abs().square().mean()) for (tensor,) in inside]
    assert flow.rows[-1]["q"] == pytest.approx(q, rel=1e-5)
