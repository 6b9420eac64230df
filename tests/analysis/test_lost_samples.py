"""Samples whose gradient is exactly 0 at layer 1: counted, told, and no networks that are dead."""

import numpy as np
import pytest

from gradflow.analysis.lost_samples import lost_in_training, lost_samples
from gradflow.analysis.summary_parts import LostSamples
from tests.studies.lab import run, study

OFF = """
seeds: 2
model: {depth: 2, width: 64, activation: relu, init: he_normal, bias: {name: constant, value: -2.0}}
training: {steps: 2, batch_size: 64, optimizer: {name: sgd, lr: 0.01}}
recording: {critical_lr: none}
"""


@pytest.mark.parametrize(
    ("zero", "found"),
    [
        ([0, 0], None),
        ([3, 6], LostSamples(4.5, 8)),
        ([3, 8], LostSamples(3.0, 8)),  # the other network is dead, which is told as such
        ([0, 8], None),
        ([8, 8], None),
        ([np.nan, np.nan], None),  # of norms recorded elsewhere
    ],
)
def test_what_is_lost_is_counted_over_the_networks_that_are_alive(
    zero: list[float], found: LostSamples | None
) -> None:
    assert lost_samples({"zero_delta": np.array([zero, [0, 0]])}, 8) == found


def test_what_nobody_recorded_is_not_lost() -> None:
    assert lost_samples({}, 8) is None
    assert lost_in_training({"step": np.arange(3.0)}, 8) is None


def test_half_of_a_batch_is_not_most_of_it() -> None:
    assert not LostSamples(4.0, 8).are_most
    assert LostSamples(4.5, 8).are_most


@pytest.mark.parametrize(
    ("first_layer", "step"),
    [([[0, 0], [3, 4], [5, 5]], 20), ([[8, 3], [8, 5], [8, 3]], 10), ([[8, 8]] * 3, None)],
)
def test_the_symptom_is_of_the_first_step_at_which_most_samples_are_lost(
    first_layer: list[list[int]], step: int | None
) -> None:
    zero = np.stack([np.array(first_layer, float), np.zeros((3, 2))], axis=1)
    found = lost_in_training({"step": 10 * np.arange(3.0), "zero_delta": zero}, 8)
    assert (found and found.step) == step


def test_a_run_says_on_how_many_samples_its_c_rests() -> None:
    """As its record has it, before and after training; fewer samples than a batch asks for are all of it."""
    config, recording, _ = run(OFF)
    summary = study(OFF)
    for flow, row in ((summary.flow.initial, 0), (summary.flow.final, -1)):
        assert flow.lost_samples == LostSamples(float(recording["zero_delta"][row, 0].mean()), 64)
        assert flow.lost_samples.lost > 55
    assert "lost-samples" in [symptom.name for symptom in summary.symptoms]
    few = study(OFF, "data=gaussian", "data.samples=40", "bias.value=-1")
    assert few.flow.initial.lost_samples is not None
    assert few.flow.initial.lost_samples.samples == min(config.training.batch_size, 40)


def test_where_all_samples_pass_nothing_is_said() -> None:
    summary = study(OFF, "bias=zeros")
    assert summary.flow.initial.lost_samples is None
    assert not summary.symptoms
