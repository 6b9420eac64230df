"""Signs that a run will diverge, planted into records that show none."""

from typing import Any

import numpy as np
import pytest

from gradflow.analysis.early_warning import signs, warned
from gradflow.analysis.summary import TrainingResult
from gradflow.analysis.summary_parts import Warned
from gradflow.report.learning import warning_sentence

ROWS, LAYERS, NETWORKS, EVERY = 60, 4, 2, 2
AT = 40  # the row that a sign is planted at
STEP = AT * EVERY


def calm() -> dict[str, Any]:
    """A loss that falls by a tenth a row with noise, gradients as they come and updates of a hundredth."""
    rng = np.random.default_rng(1)
    loss = 2.0 * 0.9 ** np.arange(ROWS)[:, None] * np.exp(rng.normal(0, 0.2, (ROWS, NETWORKS)))
    return {
        "step": EVERY * np.arange(ROWS, dtype=float),
        "loss": loss,
        "log_weight_grad_norm": rng.normal(-3, 0.3, (ROWS, LAYERS, NETWORKS)),
        "update_ratio": np.full((ROWS, LAYERS, NETWORKS), 0.01),
    }


def test_a_calm_run_gives_no_sign() -> None:
    assert signs(calm()) == {}
    assert warned(calm(), None) is None


def test_a_loss_three_times_what_it_was_is_a_sign() -> None:
    record = calm()
    record["loss"][AT:] = 20.0
    assert signs(record) == {"loss": STEP}


@pytest.mark.parametrize("growth", [0.5, 1.0, 30.0])
def test_a_gradient_that_grows_in_one_layer_of_one_network_is_a_sign(growth: float) -> None:
    record = calm()
    record["log_weight_grad_norm"][AT:, 2, 1] = -1 + growth * np.arange(ROWS - AT)
    (name, step) = signs(record).popitem()
    assert name == "gradient"
    assert STEP < step <= STEP + EVERY * (4 / growth + 1)


def test_a_gradient_that_grows_over_the_whole_run_is_none() -> None:
    """As that of a network that leaves a plateau."""
    record = calm()
    record["log_weight_grad_norm"] += np.linspace(0, 6, ROWS)[:, None, None]
    assert signs(record) == {}


@pytest.mark.parametrize(("times", "told"), [(4.0, False), (8.0, False), (10.0, True), (1e6, True)])
def test_the_first_rows_of_which_little_is_known_must_rise_nine_times(times: float, told: bool) -> None:
    record = calm()
    record["loss"][1] = times * record["loss"][0]
    assert signs(record) == ({"loss": EVERY} if told else {})


def test_an_update_of_half_a_layer_is_a_sign() -> None:
    record = calm()
    record["update_ratio"][AT, 1, 0] = 0.6
    record["update_ratio"][-1] = np.nan  # which no update follows
    assert signs(record) == {"update": STEP}


def test_what_a_sign_is_held_against_lies_before_it() -> None:
    """A record that is cut off behind a sign gives the same."""
    record = calm()
    record["loss"][AT:] *= 300
    cut = {name: array[: AT + 1] for name, array in record.items()}
    assert signs(cut) == signs(record) == {"loss": STEP}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_shows_at_the_divergence_alone_is_no_warning(bad: float) -> None:
    record = calm()
    record["loss"][-1] = bad
    record["log_weight_grad_norm"][-1] = bad
    assert warned(record, (ROWS - 1) * EVERY) == Warned()


def test_the_lead_is_that_of_the_first_sign() -> None:
    record = calm()
    record["update_ratio"][AT - 3, 0, 0] = 2.0
    record["loss"][AT:] = 1e9
    assert warned(record, STEP + 10) == Warned(loss=STEP, update=STEP - 6, lead=16)


def test_the_report_says_when_it_was_first_seen() -> None:
    told = TrainingResult(100, diverged_step=90, warned=Warned(gradient=80, update=74, lead=16))
    assert warning_sentence(told) == (
        "The record showed it 16 steps before: an update of half a layer's weights at step 74, a gradient "
        "ten times what it was at step 80."
    )
    assert warning_sentence(TrainingResult(100, diverged_step=90, warned=Warned())) == (
        "Nothing in the record showed it before."
    )
    assert warning_sentence(TrainingResult(100)) == ""
