"""The learning rate that is advised, from the first updates and where the loss ended."""

from typing import Any

import numpy as np
import pytest

from gradflow.analysis.critical_rate import NOT_MEASURED, CriticalRate
from gradflow.analysis.rates import end_of, fitted_rate, learning_rates, left_to_learn, safe_rate
from gradflow.analysis.summary import Symptom
from gradflow.nn.optimizers import Adam, Sgd
from tests.small import config

ROWS, LAYERS, NETWORKS = 41, 6, 2
SPIKE = Symptom("loss-spiking", 3, None, 9.0, 3.0, "")
BLOW_UP = Symptom("non-finite", 9, None, None, None, "")


def record(moved: float, end: float) -> dict[str, Any]:
    """Of a loss that goes from 2 to `end` times that, with updates of the share `moved` of the weights."""
    ratio = np.full((ROWS, LAYERS, NETWORKS), moved)
    ratio[:, 0] /= 100  # one layer that moves less
    ratio[-1] = np.nan
    loss = 2 * np.linspace(1, end, ROWS)[:, None] * np.ones(NETWORKS)
    loss[-ROWS // 4 :] = 2 * end
    return {"step": np.arange(ROWS), "loss": loss, "update_ratio": ratio}


def rate(
    lr: float, moved: float, end: float, *symptoms: Symptom, critical: CriticalRate = NOT_MEASURED
) -> float | None:
    advice = list(learning_rates(config(f"lr={lr}"), symptoms, record(moved, end), critical))
    assert all(
        one.lever == "optimizer" and f"{one.set['training.optimizer.lr']:g}" in one.message for one in advice
    )
    return advice[0].set["training.optimizer.lr"] if advice else None


@pytest.mark.parametrize("moved", [1e-3, 1e-2, 0.05])
@pytest.mark.parametrize("end", [0.01, 0.5, 0.99, 1.3])
def test_usual_steps_are_left_alone(moved: float, end: float) -> None:
    assert rate(0.1, moved, end) is None


@pytest.mark.parametrize(
    ("lr", "moved", "advised"), [(0.1, 0.45, 0.002), (0.03, 0.13, 0.002), (1.0, 12.0, 8e-4)]
)
def test_steps_that_change_all_weights_are_shortened_to_a_hundredth_of_them(
    lr: float, moved: float, advised: float
) -> None:
    assert rate(lr, moved, 0.9) == advised
    assert rate(lr, moved, 0.05) is None  # it has learnt all the same


@pytest.mark.parametrize(
    ("lr", "moved", "advised"), [(1e-6, 6e-8, 0.02), (1e-9, 1e-12, 1.0), (1e-4, 5e-6, 0.02)]
)
def test_steps_that_change_nothing_are_lengthened_to_a_thousandth(
    lr: float, moved: float, advised: float
) -> None:
    assert rate(lr, moved, 1.0) == advised
    assert rate(lr, moved, 0.8) is None  # it learns, slowly


@pytest.mark.parametrize("end", [0.6, 1.0, 40.0, np.nan])
def test_steps_that_overshoot_and_end_high_are_ten_times_shorter(end: float) -> None:
    assert rate(0.3, 0.01, end, SPIKE) == 0.03


@pytest.mark.parametrize(("lr", "moved", "advised"), [(0.3, 2.0, 0.002), (1.0, 0.2, 0.05)])
def test_steps_that_overshoot_are_as_short_as_the_first_updates_ask_for(
    lr: float, moved: float, advised: float
) -> None:
    assert rate(lr, moved, 2.0, SPIKE) == rate(lr, moved, 2.0) == advised
    assert rate(lr, moved, 2.0, SPIKE, BLOW_UP) == lr / 10  # nothing is known of what a blow-up would ask


KNOWN = CriticalRate(5.2, 1.69, direction="gradient", reason=None)


@pytest.mark.parametrize("moved", [0.3, 40.0, 3e17])
def test_a_known_critical_rate_tells_more_than_how_much_the_first_updates_change(moved: float) -> None:
    assert rate(100.0, moved, 0.9, critical=KNOWN) == 0.4
    assert rate(100.0, moved, 0.9, SPIKE, critical=KNOWN) == 0.4
    assert rate(100.0, moved, 0.05, critical=KNOWN) is None  # it has learnt all the same


@pytest.mark.parametrize("end", [0.5, 1.0])
def test_a_safe_part_of_the_critical_rate_is_advised_no_longer_once_it_is_taken(end: float) -> None:
    assert rate(0.01, 1e-3, 1.0, critical=KNOWN) == 0.4
    assert rate(0.4, 0.3, end, critical=KNOWN) is None
    assert rate(0.01, 0.3, end, critical=KNOWN) is None  # and none is raised whose steps change much
    assert rate(0.4, 0.3, 0.9, SPIKE, critical=KNOWN) == 0.04
    assert rate(0.4, 0.3, 0.4, SPIKE, critical=KNOWN) is None


def test_weights_that_were_overwritten_do_not_tell_how_long_the_first_step_was() -> None:
    wild = record(12.0, 2.0)
    wild["update_ratio"][1:4] *= 1e17
    (advice,) = learning_rates(config("lr=1.0"), (), wild)
    assert advice.set == {"training.optimizer.lr": 8e-4}


@pytest.mark.parametrize("end", [0.001, 0.1, 0.45])
def test_first_steps_that_spike_and_then_train_well_are_left_alone(end: float) -> None:
    assert rate(0.3, 0.01, end, SPIKE) is None
    assert rate(0.3, 0.01, end, SPIKE, BLOW_UP) == 0.03


def test_short_steps_of_a_short_run_or_of_weights_that_pass_nothing_are_no_fault_of_the_rate() -> None:
    still = record(1e-7, 1.0)
    assert list(learning_rates(config(), (), still)) != []
    assert list(learning_rates(config(), (), still, passes=False)) == []
    assert list(learning_rates(config(), (), {name: array[-8:] for name, array in still.items()})) == []


def test_a_loss_that_starts_at_0_has_no_end_in_parts_of_it() -> None:
    nothing = {**record(1e-3, 1.0), "loss": np.zeros((ROWS, NETWORKS))}
    assert np.isnan(end_of(nothing))
    assert end_of({"loss": np.array([[0.0], [1.0]])}) == np.inf
    assert list(learning_rates(config(), (), nothing)) == []


@pytest.mark.parametrize("schedule", ["constant", "cosine", "{name: cosine, warmup: 3, final: 0.5}"])
def test_a_run_without_updates_has_no_rate_to_change(schedule: str) -> None:
    alone = {name: array[-1:] for name, array in record(1.0, 1.0).items()} | {"step": np.zeros(1)}
    assert list(learning_rates(config("steps=0", f"schedule={schedule}"), (), alone)) == []


@pytest.mark.parametrize(("left", "advised"), [(None, None), (0.9, None), (1.0, None), (1.05, 0.4)])
def test_steps_far_below_the_critical_rate_are_too_short_for_a_loss_that_ends_above_guessing(
    left: float | None, advised: float | None
) -> None:
    slow = record(1e-3, 0.8)
    found = list(learning_rates(config("lr=0.01"), (), slow, KNOWN, left=left))
    assert [one.set["training.optimizer.lr"] for one in found] == ([] if advised is None else [advised])
    assert list(learning_rates(config("lr=0.3"), (), slow, KNOWN, left=left)) == []
    assert list(learning_rates(config("lr=0.01"), (), slow, KNOWN, left=left, passes=False)) == []


def test_what_is_left_to_learn_is_told_in_parts_of_a_guess() -> None:
    slow = record(1e-3, 0.8)
    known = {"chance": 2.0, "q_y": 0.5}
    assert left_to_learn(config(), known, slow) == pytest.approx(0.8)
    assert left_to_learn(config("data=teacher"), known, slow) == pytest.approx(3.2)
    assert left_to_learn(config(), {"q_y": 0.5}, slow) is None
    fitted = {**slow, "r2_train": np.array([[-3.0, -2.0], [0.6, 0.8]])}
    assert left_to_learn(config("data=teacher"), known, fitted) == pytest.approx(0.3)
    same = {**slow, "r2_train": np.full((2, 2), np.nan)}  # of targets that are all the same
    assert left_to_learn(config("data=teacher"), known, same) is None
    assert left_to_learn(config(), known, {name: array[-8:] for name, array in slow.items()}) is None


@pytest.mark.parametrize("steps", [20, 1000])
def test_the_updates_of_a_warm_up_count_as_if_made_with_the_whole_rate(steps: int) -> None:
    warming = record(0.01, 1.0)
    warming["update_ratio"] *= np.minimum(1, np.arange(1, ROWS + 1) / steps)[:, None, None]
    (constant,) = learning_rates(config("lr=0.1"), (), {**record(0.3, 1.0)})
    assert list(learning_rates(config("schedule=warmup", f"schedule.steps={steps}"), (), warming)) == []
    warming["update_ratio"] *= 30
    scheduled = config("lr=0.1", "schedule=warmup", f"schedule.steps={steps}")
    (advised,) = learning_rates(scheduled, (), warming)
    assert advised.set == constant.set


@pytest.mark.parametrize(
    ("lr", "fitted"), [(0.4, 0.4), (0.004, 0.004), (0.0039, 0.08), (0.41, 0.08), (1e-9, 0.08), (1e9, 0.08)]
)
def test_a_rate_beyond_the_critical_one_or_far_below_is_fitted_to_it(lr: float, fitted: float) -> None:
    """0.4 in the median of the networks, 0.32 in the one that bears least."""
    critical = CriticalRate(0.4, 0.32, reason=None)
    assert fitted_rate(Sgd(lr=lr), critical) == fitted


def test_a_safe_rate_is_a_quarter_of_the_critical_one_of_sgd_and_an_eighth_of_others() -> None:
    critical = CriticalRate(0.4, 0.32, reason=None)
    assert safe_rate(Sgd(lr=1.0), critical) == 0.08
    assert safe_rate(Adam(lr=1.0), critical) == 0.04
    assert safe_rate(Sgd(lr=1.0), NOT_MEASURED) is None
    assert fitted_rate(Sgd(lr=7.0), NOT_MEASURED) == 7.0
