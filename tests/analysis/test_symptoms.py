"""Planted failures raise exactly their symptom; records that are well raise none."""

from dataclasses import asdict
from math import ceil
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.rates import OVERSHOOTS
from gradflow.analysis.summary import Symptom, strict
from gradflow.analysis.symptoms import find_symptoms
from gradflow.config.sections import Analysis
from gradflow.data.batches import Batches
from gradflow.nn.activations import (
    Activation,
    Erf,
    HardTanh,
    LeakyRelu,
    Relu,
    Sigmoid,
    Softsign,
    Tanh,
)

ROWS, LAYERS, NETWORKS = 201, 8, 2
EVERY = 10  # steps from one evaluation to the next
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
        "eval_step": np.arange(0, ROWS, EVERY, dtype=float),
        "loss_train": (2.3 * falling + 0 * noise)[::EVERY],
        "log_delta_norm": -3 * per_layer + np.log(falling)[:, None],
        "update_ratio": ratio,
        "saturated": 0.02 * per_layer,
        "dead": 0.1 * per_layer,
    }


def symptoms(
    record: dict[str, Any],
    activation: Activation | None = None,
    chance: float | None = None,
    epoch: int = 1,
    **thresholds: Any,
) -> list[Any]:
    return list(find_symptoms(record, Analysis(**thresholds), activation or Tanh(), FINE, chance, epoch))


def evaluated(step: Any, loss: Any) -> dict[str, Any]:
    """The healthy record, whose losses (evals,) over fixed samples are others."""
    return {
        **healthy(),
        "eval_step": np.asarray(step, float),
        "loss_train": np.outer(loss, np.ones(NETWORKS)),
    }


def at_chance(level: float = 1.0, fall: float = 0.0, steps: int = ROWS - 1, every: int = EVERY) -> list[Any]:
    """That symptom of evaluations that fall by `fall` of chance, 2, in 50 steps to `level` times it."""
    step = np.append(np.arange(0.0, steps, every), steps)
    loss = 2 * (level - fall * (step - steps) / 50)
    found = symptoms(evaluated(step, loss), chance=2.0)
    return [symptom for symptom in found if symptom.name == "loss-at-chance"]


def test_a_record_that_is_well_has_no_symptom() -> None:
    assert symptoms(healthy()) == []


def test_early_layers_that_hardly_move_are_frozen() -> None:
    record = healthy()
    record["update_ratio"][40:, :3] = 1e-7
    record["update_ratio"][-1] = np.nan
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer, found.threshold) == ("frozen-layers", 40, 1, 1e-3)
    assert found.value == pytest.approx(1e-4)


@pytest.mark.parametrize("least", range(3))
def test_the_first_frozen_layer_is_named_whichever_is_the_slowest(least: int) -> None:
    record = healthy()
    record["update_ratio"][:, :3] = 1e-15
    record["update_ratio"][:, least] *= 0.8
    record["update_ratio"][-1] = np.nan
    assert [(found.name, found.layer) for found in symptoms(record)] == [("frozen-layers", 1)]


def test_a_loss_that_stays_where_it_is_has_stalled() -> None:
    record = healthy()
    record["loss_train"][6:] = record["loss_train"][6]
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer) == ("loss-stalled", 100, None)
    assert found.value == pytest.approx(0, abs=1e-12)


def test_a_loss_that_rises_or_swings_without_a_new_low_has_stalled() -> None:
    for after in (1.5, 0.9 + 0.3 * np.cos(np.arange(15))):
        record = healthy()
        record["loss_train"][6:] = np.outer(np.ones(15) * after, np.ones(NETWORKS))
        assert [found.name for found in symptoms(record)] == ["loss-stalled"]


@pytest.mark.parametrize(("end", "said"), [(1.003, ""), (1.3, ", and ends 30% above its lowest")])
def test_a_stalled_loss_that_has_risen_says_how_far(end: float, said: str) -> None:
    (found,) = symptoms(
        evaluated(range(0, 201, 10), np.append(2.3 * np.linspace(1, 0.5, 11), [1.15 * end] * 10))
    )
    assert found.name == "loss-stalled"
    assert found.message == f"the loss has stalled: it falls by less than that share in 50 steps{said}"


@pytest.mark.parametrize("every", [1, 10, 50, 60, 144])
def test_a_slow_but_proper_fall_has_not_stalled_however_rarely_it_is_seen(every: int) -> None:
    """By 1.2% in 50 steps; the batches' losses, which say nothing, rise."""
    for steps in (100, 200, 600):
        step = np.append(np.arange(0, steps, every), steps)
        record = evaluated(step, 2.3 * 0.988 ** (step / 50))
        record["loss"] = np.linspace(2.0, 2.4, ROWS)[:, None] * np.ones(NETWORKS)
        assert symptoms(record) == []
        assert [one.name for one in symptoms(evaluated(step, 2.3 * 0.9999 ** (step / 50)))] == [
            "loss-stalled"
        ]


def test_of_an_older_run_the_minibatches_tell_of_a_stall() -> None:
    record = {name: array for name, array in healthy().items() if name not in ("eval_step", "loss_train")}
    assert symptoms(record) == []
    record["loss"][60:] = record["loss"][60]
    (found,) = symptoms(record, chance=float(record["loss"][60].mean()))
    assert found.name == "loss-stalled"
    assert 50 <= found.step <= 110


def test_a_record_of_few_rows_is_looked_at_by_what_it_has() -> None:
    sparse = {
        name: array[:: 2 if name in ("eval_step", "loss_train") else 20] for name, array in healthy().items()
    }
    sparse |= {name: 1000 * sparse[name] for name in ("step", "eval_step")}
    assert [found.name for found in symptoms(sparse)] == []
    sparse["loss_train"][3:] = sparse["loss_train"][3]
    (found,) = symptoms(sparse)
    assert found.name == "loss-stalled"


def test_a_loss_that_is_nearly_nothing_has_not_stalled() -> None:
    record = healthy()
    record["loss_train"][15:] = 0.01
    assert symptoms(record) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_was_not_finite_once_is_not_judged(value: float) -> None:
    record = healthy()
    record["loss_train"][6:] = record["loss_train"][6]
    record["loss_train"][3, 1] = value
    assert symptoms(record) == []


def test_a_loss_that_stays_where_guessing_is_is_at_chance() -> None:
    (found,) = at_chance(level=1.001)
    assert (found.step, found.layer, found.threshold) == (0, None, 2.0)
    assert found.value == pytest.approx(2.002)
    assert "nothing of the inputs is learnt" in found.message
    record = healthy()
    record["loss_train"][:] = 2.0
    assert [one.name for one in symptoms(record)] == ["loss-stalled"]  # a regression has no chance


def test_the_noise_of_batches_hides_no_chance() -> None:
    """Their losses stray by a tenth; those over fixed samples do not."""
    record = evaluated(np.arange(0, 601, 72), 2 + np.array([0.1, *[0.002] * 8]))
    record["loss"] = 2 + 0.2 * np.random.default_rng(0).standard_normal((ROWS, NETWORKS))
    assert [one.step for one in symptoms(record, chance=2.0) if one.name == "loss-at-chance"] == [72]


@pytest.mark.parametrize(("first", "shown"), [(50, [50]), (150, [150]), (160, [])])
@pytest.mark.parametrize("before", [1.9, 3.0])
def test_a_loss_that_comes_to_chance_is_there_from_then_on(
    before: float, first: int, shown: list[int]
) -> None:
    """For a span of 50 steps at least."""
    record = healthy()
    record["loss_train"][: first // EVERY], record["loss_train"][first // EVERY :] = before, 2.0
    assert [one.step for one in symptoms(record, chance=2.0) if one.name == "loss-at-chance"] == shown


def test_a_loss_below_chance_is_learning_however_slowly() -> None:
    assert not at_chance(level=0.996)
    assert not at_chance(level=0.9985)
    assert at_chance(level=0.9995)  # as the evaluated samples may lie to all others


def test_a_loss_above_chance_is_not_at_chance() -> None:
    """From the band's edge at 1% on, a network has learnt less than nothing: it began or went wrong."""
    assert not at_chance(level=1.012)
    assert at_chance(level=1.008)


@pytest.mark.parametrize(("level", "fall"), [(1.0, 0.015), (0.9925, 0.015), (0.998, 0.012), (1.0, 0.01)])
def test_a_loss_on_its_way_through_chance_is_not_at_chance(level: float, fall: float) -> None:
    assert not at_chance(level=level, fall=fall)


def test_a_loss_that_has_begun_to_leave_chance_is_not_at_chance() -> None:
    record = healthy()
    record["loss_train"][:] = 2.0
    record["loss_train"][-1] = 1.985
    assert not [one for one in symptoms(record, chance=2.0) if one.name == "loss-at-chance"]


@pytest.mark.parametrize(
    ("steps", "every", "shown"),
    [(99, 1, False), (100, 1, True), (100, 37, True), (99, 37, False), (600, 600, True)],
)
def test_a_short_run_is_not_told_that_it_is_at_chance(steps: int, every: int, shown: bool) -> None:
    """Fewer steps than a slow but proper fall takes to leave the band."""
    assert bool(at_chance(steps=steps, every=every)) == shown


@pytest.mark.parametrize("epoch", [1, 2, 20])
def test_a_loss_that_shoots_up_spikes(epoch: int) -> None:
    record = healthy()
    record["loss"][30] *= 8
    (found,) = symptoms(record, epoch=epoch)
    assert (found.name, found.step) == ("loss-spiking", 30)
    assert found.value > found.threshold == 3.0


def test_a_spike_has_a_value_and_a_loss_that_is_not_finite_is_none() -> None:
    record = healthy()
    record["loss"][29], record["loss"][30] = 0.0, 8.0
    record["loss"][20:29] = 0.0
    (found,) = symptoms(record)
    assert (found.name, found.step) == ("loss-spiking", 30)
    assert np.isfinite(found.value)
    record["loss"][30:] = np.inf
    assert "loss-spiking" not in [one.name for one in symptoms(record)]


@pytest.mark.parametrize(("first", "epoch"), [(0, 1), (50, 1), (50, 2), (50, 12)])
def test_a_loss_that_goes_up_and_down_swings(first: int, epoch: int) -> None:
    record = healthy()
    record["loss"][first : first + 30 : 2] *= 1.8
    (found,) = symptoms(record, epoch=epoch)
    assert found.name == "loss-swinging"
    assert abs(found.step - first) <= 2


@pytest.mark.parametrize(("rows", "shown"), [(27, []), (35, ["loss-swinging"])])
def test_a_swing_no_larger_than_the_noise_is_told_by_its_regularity(rows: int, shown: list[str]) -> None:
    """In 201 rows, 29 turns on end are what batches alone do not make; an end row may turn by chance."""
    record = healthy()
    up_and_down = np.arange(ROWS) % 2
    up_and_down[rows:] = np.arange(ROWS - rows) % 6 // 3
    record["loss"] = np.tile(1.0 + up_and_down[:, None], NETWORKS)
    found = [one.name for one in symptoms(record, epoch=20) if one.name != "loss-stalled"]
    assert found == shown


@pytest.mark.parametrize("rare", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 8, 60, 100, 150, 199])
def test_batches_that_differ_are_no_overshoot(batch: int, rare: bool, thorough: bool) -> None:
    """Losses of 200 samples that differ by orders of magnitude, unchanged by any step; few are hard."""
    found = []
    for seed in range(40 if thorough else 13):
        each = np.random.default_rng(seed).standard_normal(200) ** 2
        each[:10] *= 50 if rare else 1
        order = Batches(seed, 200, batch)
        record = healthy()
        record["loss"] = np.array([[each[order.indices(t)].mean()] for t in range(ROWS)])
        found += [one.name for one in symptoms(record, epoch=ceil(200 / batch)) if one.name in OVERSHOOTS]
    assert len(found) <= 1


def test_a_blow_up_is_an_overshoot_whatever_the_batches() -> None:
    record = healthy()
    noise = np.random.default_rng(0).standard_normal((ROWS, NETWORKS))
    record["loss"] = np.exp(np.arange(ROWS)[:, None] / 10 + 3 * noise)
    outcome = {"accuracy_final": None, "diverged_step": ROWS, "diverged_reason": "the loss is inf"}
    found = find_symptoms(record, Analysis(), Tanh(), outcome, None, 20)
    assert "loss-spiking" in [one.name for one in found]


def test_a_gradient_that_changes_by_decades_jumps() -> None:
    record = healthy()
    record["log_delta_norm"][70:, 4] += 4.0
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer) == ("gradient-jump", 70, 5)
    assert found.value == pytest.approx(4 / np.log(10), rel=0.01)


@pytest.mark.parametrize(
    ("change", "loss", "told"), [(-2.4, -1.5, False), (-4.0, -1.5, True), (2.4, 1.0, True), (-2.4, 0.5, True)]
)
def test_a_gradient_that_falls_with_the_loss_jumps_by_what_it_falls_further(
    change: float, loss: float, told: bool
) -> None:
    """Natural logarithms; a decade is 2.3."""
    record = healthy()
    record["log_delta_norm"][1:, 3] += change
    record["loss"][1:] *= np.exp(loss)
    found = [one for one in symptoms(record) if one.name == "gradient-jump"]
    assert [(one.step, one.layer) for one in found] == [(1, 4)] * told


def test_a_jump_is_told_of_the_layer_that_jumps_where_others_are_dead() -> None:
    record = healthy()
    record["log_delta_norm"][:, :3] = -np.inf
    record["log_delta_norm"][70:, 4] += 4.0
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer) == ("gradient-jump", 70, 5)
    assert found.value == pytest.approx(4 / np.log(10), rel=0.01)


def test_a_gradient_that_dies_jumps_by_no_number_of_decades() -> None:
    """Units that die tell of it; of several networks, those with a gradient in both rows are looked at."""
    record = healthy()
    record["log_delta_norm"][70:, 4] = -np.inf
    assert symptoms(record) == []
    record["log_delta_norm"][70:, 4, 1] = -3 + 4.0
    (found,) = symptoms({**record, "log_delta_norm": record["log_delta_norm"][:, :, 1:]})
    assert found.value is not None
    record = healthy()
    record["log_delta_norm"][70:, 4, 0] = -np.inf
    record["log_delta_norm"][70:, 4, 1] += 4.0
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer) == ("gradient-jump", 70, 5)
    assert found.value == pytest.approx(4 / np.log(10), rel=0.01)


@pytest.mark.parametrize(
    "kind", ["all", "first layer", "one network", "back to life", "from the start", "last row"]
)
def test_no_jump_has_a_null_value_whatever_dies(kind: str) -> None:
    record = healthy()
    norms = record["log_delta_norm"]
    norms[50, 3] += 5.0
    where = {
        "all": np.s_[70:], "first layer": np.s_[70:, 0], "one network": np.s_[70:, :, 0],
        "back to life": np.s_[20:30], "from the start": np.s_[:10, 2], "last row": np.s_[-1],
    }  # fmt: skip
    norms[where[kind]] = -np.inf
    (found,) = symptoms(record)
    assert (found.name, found.layer) == ("gradient-jump", 4)
    assert found.value == pytest.approx(5 / np.log(10), rel=0.01)


@pytest.mark.parametrize("batch", [1, 4, 16, 60, 150])
def test_batches_whose_gradients_differ_by_decades_are_no_jump(batch: int) -> None:
    """Norms of 200 samples that span six decades, unchanged by any step."""
    for seed in range(10):
        each = np.exp(4 * np.random.default_rng(seed).standard_normal(200))
        order = Batches(seed, 200, batch)
        norms = np.log([each[order.indices(t)].mean() for t in range(ROWS)])
        record = {**healthy(), "log_delta_norm": np.tile(norms[:, None, None], (1, LAYERS, NETWORKS))}
        assert [one.name for one in symptoms(record, epoch=ceil(200 / batch))] == []


@pytest.mark.parametrize("epoch", [2, 12, 50])
def test_a_jump_beyond_the_noise_of_the_batches_is_told(epoch: int) -> None:
    record = healthy()
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (ROWS, LAYERS, NETWORKS))
    record["log_delta_norm"] += noise
    record["log_delta_norm"][90:, 5] += 9.0
    (found,) = symptoms(record, epoch=epoch)
    assert (found.name, found.step, found.layer) == ("gradient-jump", 90, 6)


def test_what_is_told_at_once_is_what_is_told_from_the_file() -> None:
    record = healthy()
    record["log_delta_norm"][70:, 4] += 4.0
    (found,) = symptoms(record)
    assert Symptom(**strict(asdict(found))) == found


def test_units_that_lose_their_slope_are_saturated() -> None:
    record = healthy()
    record["saturated"][90:, 6] = 0.8
    (found,) = symptoms(record)
    assert (found.name, found.step, found.layer, found.value) == ("saturated-units", 90, 7, 0.8)
    assert "2% at step 0" in found.message


@pytest.mark.parametrize(
    ("fallen", "share", "told"),
    [(1.0, 0.55, True), (0.7, 0.6, False), (0.7, 0.7, True), (0.5, 0.7, False), (0.1, 0.8, True)],
)
def test_as_much_as_the_loss_has_fallen_may_units_saturate(fallen: float, share: float, told: bool) -> None:
    """The half that may not shrinks with the loss, to a quarter at least."""
    record = healthy()
    record["loss"][:], record["loss_train"][:] = 2.3, 2.3
    record["loss"][1:], record["loss_train"][1:] = 2.3 * fallen, 2.3 * fallen
    record["saturated"][90:, 6] = share
    names = [found.name for found in symptoms(record)]
    assert ("saturated-units" in names) == told


def test_what_was_saturated_before_the_loss_fell_is_told() -> None:
    record = healthy()
    record["saturated"][:, 6] = 0.55
    assert [found.step for found in symptoms(record)] == [0]


@pytest.mark.parametrize(("share", "shown"), [(0.6, []), (0.8, ["saturated-units"])])
def test_a_skip_passes_the_gradient_beside_saturated_units(share: float, shown: list[str]) -> None:
    record = healthy()
    record["saturated"][:] = share
    record["log_skip_factor"] = np.zeros_like(record["saturated"])
    assert [one.name for one in symptoms(record)] == shown


@pytest.mark.parametrize("activation", [Relu(), LeakyRelu()])
def test_half_of_the_units_at_slope_0_is_how_relu_works(activation: Activation) -> None:
    record = healthy()
    record["saturated"][:] = 0.9
    assert symptoms(record, activation) == []


@pytest.mark.parametrize(
    ("share", "shown"), [(0.6, []), (0.7, ["saturated-units"]), (0.85, ["saturated-units"])]
)
def test_a_third_of_the_units_at_slope_0_is_how_hard_tanh_works(share: float, shown: list[str]) -> None:
    """P(|z| > 1) = 0.32 for z of variance 1: half of the rest beside them make 0.66."""
    record = healthy()
    record["saturated"][:] = share
    found = symptoms(record, HardTanh())
    assert [one.name for one in found] == shown
    assert all(one.threshold == pytest.approx(0.66, abs=0.005) for one in found)


@pytest.mark.parametrize("activation", [Tanh(), Sigmoid(), Erf(), Softsign(), HardTanh()])
def test_all_that_bend_on_both_sides_saturate(activation: Activation) -> None:
    record = healthy()
    record["saturated"][:] = 0.8
    assert [one.name for one in symptoms(record, activation)] == ["saturated-units"]


def test_units_that_pass_nothing_of_some_batches_are_not_dead() -> None:
    """Of one sample a step, half of the units pass nothing each time; dead ones pass none at all."""
    record = healthy()
    record["dead"][20:60] = 0.9
    assert symptoms(record, Relu(), epoch=200) == []
    assert [one.name for one in symptoms(record, Relu(), epoch=40)] == ["dead-units"]


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
    (found,) = find_symptoms(healthy(), Analysis(), Tanh(), outcome, None, 1)
    assert (found.name, found.step, found.value) == ("non-finite", 7, None)


def test_one_row_alone_shows_nothing() -> None:
    record = {name: array[:1] for name, array in healthy().items()}
    record["update_ratio"][:] = np.nan
    assert symptoms(record) == []


def test_thresholds_are_those_of_the_config() -> None:
    record = healthy()
    record["loss"][30] *= 8
    assert symptoms(record, spike_factor=20.0) == []


def test_branches_that_start_at_zero_have_no_dw_by_design() -> None:
    """At scale 0 no matrix but the stem's gets a gradient; then all do, in proportion to their scales."""
    record = healthy()
    grown = np.minimum(np.arange(ROWS) / 50, 1)[:, None, None]
    record["update_ratio"] = 1e-3 * grown * np.ones((1, LAYERS, NETWORKS))
    record["update_ratio"][:, 0] = 1e-3
    record["update_ratio"][-1] = np.nan
    assert symptoms(record) == []


@pytest.mark.parametrize("layers", [4, 8, 50])
def test_matrices_that_never_move_while_scales_do_are_not_frozen(layers: int) -> None:
    record = healthy()
    record["update_ratio"] = np.zeros((ROWS, layers, NETWORKS))
    record["update_ratio"][:, 0] = 1e-3
    record["update_ratio"][-1] = np.nan
    assert symptoms(record) == []
