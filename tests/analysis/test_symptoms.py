"""Planted failures raise exactly their symptom; records that are well raise none."""

from typing import Any

import numpy as np
import pytest

from gradflow.analysis.symptoms import find_symptoms
from gradflow.config.schema import Analysis
from gradflow.nn.activations import Activation, Relu, Tanh

ROWS, LAYERS, NETWORKS = 201, 8, 2
FINE = {"accuracy_final": 0.9, "diverged_step": None, "diverged_reason": None}


def healthy() -> dict[str, Any]:
    """A record of a network that learns: the loss falls with some noise, nothing else moves much."""
    noise = np.random.default_rng(0).standard_normal((ROWS, NETWORKS))
    per_layer = np.ones((ROWS, LAYERS, NETWORKS))
    falling = np.exp(-np.arange(ROWS) / 60)[:, None]
    ratio = 1e-3 * per_layer
    ratio[-1] = np.nan
    return {
        "step": np.arange(ROWS, dtype=float),
        "loss": 2.3 * falling * (1 + 0.05 * noise),
        "log_delta_norm": -3 * per_layer + np.log(falling)[:, None],
        "update_ratio": ratio,
        "saturated": 0.02 * per_layer,
        "dead": 0.1 * per_layer,
    }


def symptoms(record: dict[str, Any], activation: Activation | None = None, **thresholds: Any) -> list[Any]:
    return list(find_symptoms(record, Analysis(**thresholds), activation or Tanh(), FINE))


def test_a_record_that_is_well_has_no_symptom() -> None:
    assert symptoms(healthy()) == []


def test_early_layers_that_hardly_move_are_frozen() -> None:
    record = healthy()
    record["update_ratio"][40:, :3] = 1e-7
    record["update_ratio"][-1] = np.nan
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer, found.threshold) == ("frozen-layers", 40, 1, 1e-3)
    assert found.value == pytest.approx(1e-4)


def test_a_loss_that_stays_where_it_is_has_stalled() -> None:
    record = healthy()
    record["loss"][60:] = record["loss"][60]
    (found,) = symptoms(record)
    assert (found.name, found.layer) == ("loss-stalled", None)
    assert 50 <= found.step <= 110


def test_a_record_of_few_rows_is_looked_at_by_what_it_has() -> None:
    sparse = {name: array[::20] for name, array in healthy().items()}
    assert [found.name for found in symptoms({**sparse, "step": 1000 * sparse["step"]})] == []
    sparse["loss"][3:] = sparse["loss"][3]
    (found,) = symptoms({**sparse, "step": 1000 * sparse["step"]})
    assert found.name == "loss-stalled"


def test_a_loss_that_is_nearly_nothing_has_not_stalled() -> None:
    record = healthy()
    record["loss"][150:] = 0.01
    assert symptoms(record) == []


def test_a_loss_that_shoots_up_spikes() -> None:
    record = healthy()
    record["loss"][30] *= 8
    (found,) = symptoms(record)
    assert (found.name, found.step) == ("loss-spiking", 30)
    assert found.value > found.threshold == 3.0


def test_a_loss_that_goes_up_and_down_swings() -> None:
    record = healthy()
    record["loss"][50:80:2] *= 1.8
    (found,) = symptoms(record)
    assert found.name == "loss-swinging"
    assert abs(found.step - 50) <= 2


def test_a_gradient_that_changes_by_decades_jumps() -> None:
    record = healthy()
    record["log_delta_norm"][70:, 4] += 4.0
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer) == ("gradient-jump", 70, 5)
    assert found.value == pytest.approx(4 / np.log(10), rel=0.01)


def test_units_that_lose_their_slope_are_saturated() -> None:
    record = healthy()
    record["saturated"][90:, 6] = 0.8
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer, found.value) == ("saturated-units", 90, 7, 0.8)
    assert "2% at step 0" in found.message


def test_half_of_the_units_at_slope_0_is_how_relu_works() -> None:
    record = healthy()
    record["saturated"][:] = 0.6
    assert symptoms(record, Relu()) == []


def test_units_that_die_are_counted_against_step_0() -> None:
    record = healthy()
    record["dead"][20:, 2] = 0.9
    (found,) = symptoms(record, Relu())
    assert (found.name, found.step, found.layer, found.value) == ("dead-units", 20, 3, 0.9)
    assert found.threshold == pytest.approx(0.1 + 0.25)
    record["dead"][:] = 0.9  # from the start: the flow's verdict tells that
    assert symptoms(record, Relu()) == []


@pytest.mark.parametrize("rows", [1, 4])
def test_what_passes_is_no_symptom(rows: int) -> None:
    record = healthy()
    record["saturated"][90 : 90 + rows] = 0.8
    assert symptoms(record) == []
    assert [found.name for found in symptoms(record, patience=rows)] == ["saturated-units"]


def test_a_blow_up_names_its_step() -> None:
    outcome = {"accuracy_final": None, "diverged_step": 7, "diverged_reason": "the loss is nan"}
    (found,) = find_symptoms(healthy(), Analysis(), Tanh(), outcome)
    assert (found.name, found.step, found.value) == ("non-finite", 7, None)


def test_one_row_alone_shows_nothing() -> None:
    record = {name: array[:1] for name, array in healthy().items()}
    record["update_ratio"][:] = np.nan
    assert symptoms(record) == []


def test_thresholds_are_those_of_the_config() -> None:
    record = healthy()
    record["loss"][30] *= 8
    assert symptoms(record, spike_factor=20.0) == []
