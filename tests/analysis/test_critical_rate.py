"""How a run's learning rate stands to the critical one, in words, symptoms and advice."""

from typing import Any

import pytest

from gradflow.analysis.critical_rate import OLDER, CriticalRate, critical_of, of_shares, standing
from gradflow.analysis.rates import learning_rates, told
from gradflow.analysis.summary import Symptom
from gradflow.report.learning import critical_sentence
from tests.analysis.test_rates import BLOW_UP, SPIKE, record
from tests.small import config

STALL = Symptom("loss-stalled", 100, None, 0.001, 0.01, "the loss has stalled")


def rates(*networks: float | None, **other: Any) -> CriticalRate:
    found = {"initial": list(networks), "final": None, "direction": "gradient", "reason": None, **other}
    return critical_of({"measured": {"critical_lr": found}})


@pytest.mark.parametrize(
    ("lr", "critical", "words"),
    [
        (0.3, 0.029, "10 times above"),
        (1e-6, 0.004, "4,000 times below"),
        (0.01, 0.029, "0.34 of"),
        (1.0, 0.25, "4 times above"),
        (1e-12, 1.0, "1e+12 times below"),
        (0.05, 0.05, "close to"),
        (5.0, 4.93, "close to"),
        (1e-6, 4.93, "4,900,000 times below"),
    ],
)
def test_a_rate_stands_above_below_or_in_between(lr: float, critical: float, words: str) -> None:
    assert standing(lr, critical) == words


@pytest.mark.parametrize(
    ("networks", "middle", "lowest"),
    [
        ([0.1], 0.1, 0.1),
        ([0.1, 0.9, 0.2], 0.2, 0.1),
        ([0.1, 0.4], 0.2, 0.1),
        ([None, 0.3], 0.3, 0.3),
        ([None, None], None, None),
        ([], None, None),
    ],
)
def test_the_median_is_of_logarithms_over_the_networks_that_have_one(
    networks: list[float | None], middle: float | None, lowest: float | None
) -> None:
    found = rates(*networks)
    assert found.initial == pytest.approx(middle)
    assert found.initial_lowest == lowest


def test_whole_gradients_bear_the_share_of_the_rate_that_clipping_left_of_them() -> None:
    whole = of_shares(rates(200.0, None, 300.0), [0.01, 0.5, 0.003])
    assert whole.networks == pytest.approx((2.0, None, 0.9))
    assert (whole.initial, whole.initial_lowest) == pytest.approx((1.8**0.5, 0.9))
    assert of_shares(CriticalRate(), [0.5]).initial is None
    assert of_shares(rates(2.0, 3.0, 4.0), [0.0, float("nan"), 0.5]).networks == (None, None, 2.0)
    assert of_shares(rates(2.0), [0.0]).initial is None


def test_a_run_of_an_older_version_has_none_and_says_so() -> None:
    assert critical_of({}) == CriticalRate(reason=OLDER)
    assert critical_sentence(CriticalRate(), 0.1) == ""


def test_the_report_tells_where_the_loss_comes_back() -> None:
    one = critical_sentence(rates(0.029, direction="adam's first step"), 0.3)
    assert one == (
        "The loss first comes back at lr 0.0290 along adam's first step: lr 0.3 is 10 times above it."
    )
    several = critical_sentence(rates(0.1, 0.4, final=[0.2, 0.2]), 0.02)
    assert several == (
        "The loss first comes back at lr 0.200 (0.100 in the lowest network) along the gradient: lr 0.02 is "
        "10 times below it. At the end it does at lr 0.200."
    )


@pytest.mark.parametrize(
    ("symptom", "lr", "adds"),
    [
        (SPIKE, 0.3, "lr 0.3 is 10 times above the critical 0.03"),
        (BLOW_UP, 0.3, "lr 0.3 is 10 times above the critical 0.03"),
        (STALL, 1e-5, "lr 1e-05 is 3,000 times below the critical 0.03"),
        (SPIKE, 0.01, ""),
        (STALL, 0.01, ""),
        (Symptom("dead-units", 3, 1, 0.5, 0.3, "units"), 0.3, ""),
    ],
)
def test_symptoms_tell_it_where_it_explains_them(symptom: Symptom, lr: float, adds: str) -> None:
    (found,) = told([symptom], rates(0.03), lr)
    assert found.message == (f"{symptom.message}; {adds}" if adds else symptom.message)


@pytest.mark.parametrize(
    ("overrides", "critical", "advised"),
    [
        (["lr=0.3"], rates(0.029), 0.007),
        (["lr=0.3"], rates(0.029, 0.4), 0.007),  # so that the lowest network trains too
        (["optimizer=adam", "lr=0.3"], rates(0.04), 0.005),
        (["lr=0.3"], CriticalRate(), 0.03),
        (["lr=0.001"], rates(0.029), 0.0001),  # which the critical one does not explain
    ],
)
def test_what_overshoots_is_brought_to_a_share_of_the_critical_rate(
    overrides: list[str], critical: CriticalRate, advised: float
) -> None:
    (advice,) = learning_rates(config(*overrides), [SPIKE, BLOW_UP], record(0.01, 40.0), critical)
    assert advice.set == {"training.optimizer.lr": advised}


@pytest.mark.parametrize("moved", [1e-7, 5e-4])
def test_what_stalls_far_below_it_is_brought_there_too(moved: float) -> None:
    (advice,) = learning_rates(config("lr=1e-6"), [STALL], record(moved, 1.0), rates(0.004))
    assert advice.set == {"training.optimizer.lr": 0.001}
    assert "4,000 times below" in advice.message
    assert list(learning_rates(config("lr=2e-3"), [STALL], record(moved, 1.0), rates(0.004))) == []
