"""The share of the learning rate in each update, against PyTorch's schedulers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradflow.nn.schedules import SCHEDULES, ConstantRate, Cosine, Schedule, Warmup

WARMUPS = [Warmup(steps) for steps in (7, 1, 500)]
ALL = [ConstantRate(), *WARMUPS, Cosine(), Cosine(5, 0.1), Cosine(0, 0.3), Cosine(29)]


def shares(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.share(t, steps) for t in range(1, steps + 1)]


def pytorchs(steps: int, make: Any) -> list[float]:
    """The rates that a scheduler gives the updates of a run."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_a_share_is_above_0_and_at_most_1(schedule: Schedule) -> None:
    for steps in (30, 31, 400):
        assert all(0 < share <= 1 for share in shares(schedule, steps))


def test_every_schedule_of_the_table_is_tried() -> None:
    assert {schedule.name for schedule in ALL} == set(SCHEDULES)


@pytest.mark.parametrize("warmup", [2, 10, 25, 60])
def test_a_warm_up_is_pytorchs_linear_one(warmup: int) -> None:
    def linear(schedulers: Any, optimizer: Any) -> Any:
        return schedulers.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)

    np.testing.assert_allclose(shares(Warmup(warmup), 40), pytorchs(40, linear), rtol=1e-12)


@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_a_cosine_is_pytorchs_annealing(steps: int, final: float) -> None:
    def annealing(schedulers: Any, optimizer: Any) -> Any:
        return schedulers.CosineAnnealingLR(optimizer, steps, eta_min=final)

    np.testing.assert_allclose(shares(Cosine(0, final), steps), pytorchs(steps, annealing), rtol=1e-10)


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("warmup", [2, 10, 39])
def test_a_cosine_after_a_warm_up_is_pytorchs_sequence(warmup: int) -> None:
    def both(schedulers: Any, optimizer: Any) -> Any:
        first = schedulers.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)
        then = schedulers.CosineAnnealingLR(optimizer, 40 - warmup, eta_min=0.2)
        return schedulers.SequentialLR(optimizer, [first, then], [warmup])

    np.testing.assert_allclose(shares(Cosine(warmup, 0.2), 40), pytorchs(40, both), rtol=1e-10)


def test_the_first_update_after_a_warm_up_has_the_whole_rate() -> None:
    found = shares(Cosine(4, 0.0), 12)
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert found[-1] == pytest.approx((1 + np.cos(7 / 8 * np.pi)) / 2)
