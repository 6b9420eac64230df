"""Data far from scale 1, and outputs far beyond their targets."""

from math import inf, log, nan

import pytest

from gradflow.analysis.scales import can_standardize, far_scales, scale_symptom, starts_far_off
from gradflow.analysis.summary import Symptom
from tests.small import config

FINE = {"samples": 50, "features": 3, "outputs": 10, "q_0": 1.0, "q_y": 1.0}


def symptom(name: str = "loss-spiking", step: int = 1) -> Symptom:
    return Symptom(name, step, None, 1.0, 1.0, "")


@pytest.mark.parametrize(
    ("q_0", "q_y", "far"),
    [
        (1.0, 1.0, {}), (64.0, 2.0, {}), (0.02, 1.0, {}), (0.0, 0.0, {}), (1.0, None, {}),
        (4e6, 1.0, {"inputs": 2000.0}), (1.0, 4e10, {"targets": 2e5}), (1e-6, 1.0, {"inputs": 1e-3}),
        (121.0, None, {"inputs": 11.0}), (1e4, 1e-6, {"inputs": 100.0, "targets": 1e-3}),
    ],
)  # fmt: skip
def test_a_scale_is_far_from_ten_times_or_a_tenth_on(
    q_0: float, q_y: float | None, far: dict[str, float]
) -> None:
    assert far_scales({**FINE, "q_0": q_0, "q_y": q_y}) == pytest.approx(far)


def test_runs_of_before_know_the_scale_of_their_inputs_alone() -> None:
    before = {key: value for key, value in FINE.items() if key != "q_y"}
    assert far_scales({**before, "q_0": 4e6}) == {"inputs": 2000.0}
    assert not starts_far_off(config("data=teacher"), before, 1e30)


@pytest.mark.parametrize(
    "name", ["loss-spiking", "loss-swinging", "gradient-jump", "saturated-units", "dead-units", "non-finite"]
)
def test_large_numbers_are_named_where_the_first_steps_go_wrong(name: str) -> None:
    found = scale_symptom({**FINE, "q_0": 4e6, "q_y": 4e10}, [symptom(step=40), symptom(name, 2)])
    assert found is not None
    assert (found.name, found.step, found.threshold) == ("data-scale", 2, 10.0)
    assert found.value == pytest.approx(2e5)
    for words in ("targets", "inputs 2e+03", "standardize"):
        assert words in found.message


def test_a_scale_is_not_named_where_all_goes_well_or_goes_wrong_late() -> None:
    far = {**FINE, "q_0": 4e6}
    assert scale_symptom(far, []) is None
    assert scale_symptom(far, [symptom(step=20)]) is None
    assert scale_symptom(far, [symptom("loss-stalled", 0)]) is None
    assert scale_symptom(FINE, [symptom()]) is None


@pytest.mark.parametrize(
    ("left", "late", "named"),
    [
        (0.05, "dead-units", False), (0.15, "dead-units", True), (0.15, "loss-stalled", False),
        (0.45, None, False), (0.55, None, True), (7.0, None, True),
    ],
)  # fmt: skip
def test_large_numbers_are_named_where_much_is_left_to_learn_in_the_end(
    left: float, late: str | None, named: bool
) -> None:
    """As under adam, whose steps do not grow with the gradients: nothing bursts at first."""
    far, symptoms = {**FINE, "q_y": 4e10}, [symptom(late, 50)] if late else []
    found = scale_symptom(far, symptoms, left)
    assert (found is not None) == named
    assert found is None or (found.step, found.value) == (50 if late else 0, pytest.approx(2e5))
    assert scale_symptom(FINE, symptoms, left) is None
    assert scale_symptom(far, symptoms, None) is None


def test_small_numbers_are_named_where_nothing_happens() -> None:
    found = scale_symptom({**FINE, "q_0": 1e-8}, [symptom("loss-stalled", 0)])
    assert found is not None
    assert (found.value, found.threshold) == (pytest.approx(1e-4), 0.1)
    assert scale_symptom({**FINE, "q_0": 1e-8}, [symptom("loss-spiking", 0)]) is None


@pytest.mark.parametrize(
    ("loss", "far"), [(2.3, False), (22.0, False), (24.0, True), (1e13, True), (nan, True)]
)
def test_a_first_cross_entropy_beyond_ten_times_chance_is_of_the_initialization(
    loss: float, far: bool
) -> None:
    assert log(10) * 10 == pytest.approx(23.03, abs=0.01)
    assert starts_far_off(config(), FINE, loss) == far


@pytest.mark.parametrize(("loss", "far"), [(4.0, False), (390.0, False), (401.0, True), (inf, True)])
def test_a_first_squared_error_is_measured_by_its_targets(loss: float, far: bool) -> None:
    assert starts_far_off(config("data=teacher"), {**FINE, "q_y": 4.0}, loss) == far


@pytest.mark.parametrize(
    ("overrides", "samples", "can"),
    [
        (["data=digits", "data.standardize=false"], 50, True),
        (["data=digits", "data.standardize=false"], 1, False),
        (["data=digits"], 50, False),
        (["data=gaussian"], 50, False),
    ],
)
def test_only_what_is_not_standardized_can_be(overrides: list[str], samples: int, can: bool) -> None:
    assert can_standardize(config(*overrides), {**FINE, "samples": samples}) == can
