"""Phase tables against single predictions."""

from dataclasses import replace

import numpy as np
import pytest

from gradflow.meanfield.phases import phase_table
from gradflow.meanfield.prediction import predict
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.initializers import Gaussian
from gradflow.nn.model import Model
from tests.meanfield.networks import model_of


def tanh(depth: int) -> Model:
    return model_of(ACTIVATIONS["tanh"](), Gaussian(), (64,) * (depth + 1))


SIGMA_W, SIGMA_B = np.array([0.4, 1.45, 5.0]), np.array([0.0, 0.8])


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "selu", "sigmoid", "sin"])
def test_each_cell_is_the_prediction_of_that_point(name: str) -> None:
    activation = ACTIVATIONS[name]()
    model = model_of(activation, Gaussian(), (9, *[64] * 30))
    table = phase_table(model, SIGMA_W[:, None], SIGMA_B[None, :], q_0=0.7, first=6)
    for i, sigma_w in enumerate(SIGMA_W):
        for j, sigma_b in enumerate(SIGMA_B):
            init = Gaussian(sigma_w=float(sigma_w), sigma_b=float(sigma_b))
            one = predict(replace(model, init=init), 0.7, first=6)
            for field in (
                "c",
                "c_finite_width",
                "log10_ratio",
                "c_asymptotic",
                "chi",
                "chi_parallel",
                "q_star",
                "critical_sigma_w",
                "correlation_star",
                "xi_c",
            ):
                expected = getattr(one, field)
                cell = getattr(table, field)[i, j]
                assert cell == pytest.approx(
                    np.nan if expected is None else expected, rel=1e-9, abs=1e-9, nan_ok=True
                )


def test_lists_of_one_length_are_a_list_of_points() -> None:
    table = phase_table(tanh(20), SIGMA_B + 1, SIGMA_B, first=6)
    assert table.c.shape == (2,)
    assert (np.diff(table.c) > 0).all()


def test_weights_of_zero_pass_nothing() -> None:
    table = phase_table(tanh(20), np.array(0.0), np.array(0.1), first=6)
    assert table.c == 0
    assert table.chi == 0


def test_one_layer_has_an_asymptote_but_no_c() -> None:
    table = phase_table(
        tanh(1),
        np.array([1.5]),
        np.array([0.0]),
        first=1,
    )
    assert np.isnan(table.c[0])
    assert table.c_asymptotic[0] > 1
