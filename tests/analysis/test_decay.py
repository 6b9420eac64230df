"""Weight decay that takes the weights: told by updates and by z, and answered by a lower one."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.critical_rate import CriticalRate
from gradflow.analysis.decay import LEFT, decay_symptom, lower_decay
from gradflow.analysis.rates import DECAYED, told
from gradflow.analysis.summary import Symptom
from gradflow.analysis.symptoms import find_symptoms
from gradflow.config.sections import Analysis
from gradflow.nn.activations import Tanh
from tests.analysis.test_symptoms import FINE, healthy
from tests.small import config

ROWS, LAYERS, NETWORKS = 101, 6, 2
STALL = Symptom("loss-stalled", 50, None, 0.001, 0.01, "the loss has stalled")


def record(share: float = 0.05, end: float = 0.7, every: int = 1, shrinks: bool = True) -> dict[str, Any]:
    """Of updates that take this share of all weights, and a loss that comes down to `end` of the first."""
    step = every * np.arange(ROWS, dtype=float)
    taken = np.full((ROWS, LAYERS, NETWORKS), share)
    taken[-1] = np.nan
    z = (1 - share) ** (2 * step[:, None, None] * shrinks) * np.ones((1, LAYERS, NETWORKS))
    loss = 3 * np.where(step < 20 * every, 1.0, end)[:, None] * np.ones(NETWORKS)
    return {"step": step, "update_ratio": taken, "q": z, "loss": loss}


@pytest.mark.parametrize(("share", "every"), [(0.05, 1), (0.012, 1), (0.003, 10)])
def test_updates_that_take_one_share_of_every_layer_until_most_is_gone_are_those_of_decay(
    share: float, every: int
) -> None:
    found = decay_symptom(record(share, every=every))
    assert found is not None
    assert (found.name, found.step, found.layer, found.threshold) == (DECAYED, 0, None, LEFT)
    assert found.value == pytest.approx((1 - share) ** (100 * every))
    assert f"an update takes {share:.2g} of every layer's" in found.message


def test_it_begins_where_gradients_no_longer_count() -> None:
    begins = record()
    begins["update_ratio"][:30, 2] *= 1.1
    found = decay_symptom(begins)
    assert found is not None
    assert found.step == 30
    assert found.value == pytest.approx(0.95**70)


@pytest.mark.parametrize(
    "fine",
    [
        record(0.005),  # which takes four tenths of them
        record(end=0.05),
        record(shrinks=False),
        record(0.0),
        record() | {"update_ratio": record()["update_ratio"] * np.linspace(1, 1.05, LAYERS)[:, None]},
        {name: array for name, array in record().items() if name != "q"},
        {**record(), "update_ratio": record()["update_ratio"][:, :1]},
        {**record(), "update_ratio": 40 * record()["update_ratio"]},
    ],
)
def test_other_updates_are_not(fine: dict[str, Any]) -> None:
    assert decay_symptom(fine) is None


def test_a_run_that_is_healthy_has_no_such_symptom() -> None:
    names = [one.name for one in find_symptoms(healthy(), Analysis(), Tanh(), FINE, None, 1)]
    assert names == []
    eaten = {**healthy(), "update_ratio": 50 * healthy()["update_ratio"]}
    eaten |= {
        "loss": np.full((201, 2), 2.3),
        "q": 0.95 ** np.arange(402.0)[::2, None, None] * np.ones((1, 8, 2)),
    }
    assert DECAYED in [one.name for one in find_symptoms(eaten, Analysis(), Tanh(), FINE, None, 1)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_decay_that_eats_the_weights_is_to_take_a_tenth_of_them(optimizer: str) -> None:
    decays = config(f"optimizer={optimizer}", "lr=0.1", "optimizer.weight_decay=0.5", "training.steps=100")
    (advice,) = lower_decay(decays, [STALL], record())
    lower = advice.set["training.optimizer.weight_decay"]
    assert (1 - 0.05 * lower / 0.5) ** 100 == pytest.approx(exp(-0.1), rel=0.02)
    assert f"{lower:g} takes a tenth" in advice.message


def test_a_decay_is_left_alone_that_eats_nothing() -> None:
    decays = config("optimizer=sgd", "lr=0.1", "optimizer.weight_decay=0.5", "training.steps=100")
    assert lower_decay(decays, [STALL], record()) != ()
    assert lower_decay(decays, [], record()) == ()
    assert lower_decay(decays, [STALL], record(end=0.05)) == ()
    assert lower_decay(decays, [STALL], record(shrinks=False)) == ()
    assert lower_decay(config("optimizer=sgd"), [STALL], record()) == ()
    assert lower_decay(config("optimizer=rmsprop"), [STALL], record()) == ()


@pytest.mark.parametrize(("lr", "decay"), [(1e-3, 0.5), (0.1, 1e-6)])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weights_that_decay_could_not_have_taken_are_none_of_its_doing(
    optimizer: str, lr: float, decay: float
) -> None:
    keys = [f"optimizer={optimizer}", f"lr={lr}", f"optimizer.weight_decay={decay}", "training.steps=100"]
    assert lower_decay(config(*keys), [STALL], record()) == ()


def test_momentum_takes_as_many_times_more_as_it_adds_up() -> None:
    decays = ["optimizer=sgd", "lr=0.01", "optimizer.weight_decay=0.5", "training.steps=100"]
    assert lower_decay(config(*decays), [STALL], record()) == ()
    assert lower_decay(config(*decays, "momentum=0.9"), [STALL], record()) != ()


def test_beside_it_no_rate_is_called_too_low_for_a_loss_that_stands() -> None:
    symptom, critical = decay_symptom(record()), CriticalRate(2.0, 2.0, direction="gradient", reason=None)
    assert symptom is not None
    assert "times below" in told([STALL], critical, 0.1)[0].message
    assert told([symptom, STALL], critical, 0.1) == (symptom, STALL)
    assert told([STALL], critical, 0.1, decays=True) == (STALL,)
    spike = replace(STALL, name="loss-spiking")
    assert "times above" in told([symptom, spike], critical, 20.0)[1].message
