"""Theory without a run: tables agree with single points, and layers add up."""

from dataclasses import replace
from itertools import product
from math import log10, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.predictions import Inputs, inputs_of, layers_of, predicted, theories, theory_of
from gradflow.analysis.summarize import theory_beside
from gradflow.analysis.summary import Theory
from gradflow.config import Config, parse_config
from gradflow.meanfield import Targets
from gradflow.meanfield.prediction import DEAD
from gradflow.yaml_file import parse

NET = "model: {depth: 30, width: 64, activation: tanh, init: gaussian}"
INPUTS = Inputs(64, 10, 128, 1.0)


def config(*overrides: str) -> Config:
    return parse_config(parse(NET, "net.yaml"), Path(), overrides)


def test_a_table_says_what_single_points_say() -> None:
    configs = [
        config(f"activation={name}", f"sigma_w={sigma_w}", f"sigma_b={sigma_b}", f"depth={depth}")
        for name in ("tanh", "relu", "gelu")
        for depth in (3, 10, 30)
        for sigma_w, sigma_b in ((0.0, 0.0), (0.9, 0.0), (1.5, 0.1), (2.0, 0.5))
    ]
    for one, tabled in zip(configs, theories(configs, [INPUTS] * len(configs)), strict=True):
        assert vars(tabled) == nearly(theory_of(predicted(one, INPUTS)), 1e-8)


def nearly(theory: Theory, error: float) -> dict[str, Any]:
    """What a theory is compared with, its numbers to within an error."""
    return {
        name: pytest.approx(value, rel=error, abs=error) if isinstance(value, float | dict) else value
        for name, value in vars(theory).items()
    }


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("block", ["plain", "residual"])
@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_a_table_of_blocks_says_what_single_points_say(norm: str, block: str, place: str) -> None:
    """Among other things from which layer on a batch norm has settled."""
    parts = f"norm={norm}", f"block={block}", f"norm.place={place}", "activation=relu", "batch_size=64"
    points = product((3, 30), (1.0, 2.0))
    configs = [config(*parts, f"depth={depth}", f"sigma_w={sigma_w}") for depth, sigma_w in points]
    for one, tabled in zip(configs, theories(configs, [INPUTS] * len(configs)), strict=True):
        assert vars(tabled) == nearly(theory_of(predicted(one, INPUTS)), 1e-8)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_table_knows_what_the_loss_sees_of_each_point(loss: str) -> None:
    """Each has its own read-out: of narrow networks with many outputs that tells."""
    inputs = replace(INPUTS, outputs=60, targets=Targets(True))
    configs = [
        config("width=16", "activation=relu", f"loss={loss}", f"sigma_w={sigma_w}", f"sigma_b={sigma_b}")
        for sigma_w in (1.0, 1.4, 2.0)
        for sigma_b in (0.0, 1.0)
    ]
    found = theories(configs, [inputs] * len(configs))
    for one, tabled in zip(configs, found, strict=True):
        assert vars(tabled) == nearly(theory_of(predicted(one, inputs)), 1e-9)
        assert tabled.c_finite_width != pytest.approx(
            theory_of(predicted(one, INPUTS)).c_finite_width, rel=1e-4
        )


def test_each_point_has_theory_on_its_own_inputs() -> None:
    configs, inputs = (
        [config(), config("width=128"), config()],
        [INPUTS, Inputs(128, 10, 128, 4.0), Inputs(2, 10, 128, 2.0)],
    )
    found = theories(configs, inputs)
    for one, given, tabled in zip(configs, inputs, found, strict=True):
        assert tabled.c_finite_width == pytest.approx(
            theory_of(predicted(one, given)).c_finite_width, rel=1e-9
        )
    assert len({theory.c for theory in found}) == 3


def test_a_point_where_no_gradient_passes_has_no_ratio_in_a_table_either() -> None:
    (tabled,) = theories([config("sigma_w=0")], [INPUTS])
    assert (tabled.c, tabled.log10_ratio) == (0, None)


@pytest.mark.parametrize("eps", [1e-5, 0])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("block", ["plain", "residual"])
@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_weights_of_zero_pass_what_a_skip_does(
    name: str, norm: str, block: str, place: str, eps: float
) -> None:
    """Nothing without one; with it all that a norm on the stream, of samples that are all 0, makes of it."""
    parts = [f"activation={name}", f"norm={norm}", f"block={block}", f"norm.place={place}", f"norm.eps={eps}"]
    one = config(*parts, "batch_size=64", "sigma_w=0", "sigma_b=0")
    on_the_stream = sqrt(1 / eps) if eps else 0
    c = {"before": 1, "after": on_the_stream}[place] if block == "residual" else 0
    alone, (tabled,) = theory_of(predicted(one, INPUTS)), theories([one], [INPUTS])
    assert alone.c == tabled.c == pytest.approx(c)
    assert alone.c_finite_width == tabled.c_finite_width == (pytest.approx(c) if c else None)
    assert (DEAD in (alone.reason or "")) == (DEAD in (tabled.reason or "")) == (c == 0)


@pytest.mark.parametrize(("name", "c"), [("relu", 0), ("tanh", sqrt(1e5))])
def test_inputs_of_zero_under_batch_norm_pass_what_the_slope_at_zero_does(name: str, c: float) -> None:
    one = config(f"activation={name}", "norm=batch", "batch_size=64")
    found = theory_of(predicted(one, Inputs(64, 10, 128, 0.0)))
    assert found.c == pytest.approx(c, rel=0.05)


def test_points_without_a_table_keep_their_place() -> None:
    configs = [config("init=xavier_normal"), config("sigma_w=2"), config("width=8")]
    found = theories(configs, [INPUTS] * len(configs))
    assert found[0].c == pytest.approx(theory_of(predicted(configs[0], INPUTS)).c)
    assert found[1].phase == "chaotic"
    assert found[2].c is None
    assert found[2].reason is not None


@pytest.mark.parametrize(
    ("change", "q_0"), [(("init=xavier_normal", "depth=80", "width=128"), 1.0), (("sigma_w=1.2",), 3.4e6)]
)
def test_the_ratio_has_the_first_layers_that_c_leaves_out(change: tuple[str, ...], q_0: float) -> None:
    one = config(*change)
    found = theory_of(predicted(one, Inputs(64, 10, 128, q_0)))
    assert found.c_finite_width is not None
    assert found.log10_ratio is not None
    assert found.log10_ratio < -1 < (one.model.depth - 1) * log10(found.c_finite_width)


def test_layers_count_from_the_input_and_their_steps_multiply_to_the_ratio() -> None:
    layers = layers_of(predicted(config("sigma_w=1.5"), INPUTS))
    assert [row["layer"] for row in layers] == list(range(1, 31))
    assert layers[-1]["log10_gradient"] == 0
    assert layers[-1]["chi"] is None
    total = sum(log10(row["chi"]) / 2 for row in layers[:-1])
    assert layers[0]["log10_gradient"] == pytest.approx(total)
    assert layers_of(predicted(config("width=8"), INPUTS)) == []


@pytest.mark.parametrize(("bad", "known"), [(None, True), (np.nan, False), (np.inf, False)])
def test_an_overflow_has_no_distance_from_what_theory_expects(bad: float | None, known: bool) -> None:
    """Though the networks that did not overflow would give one."""
    log_delta = np.arange(30.0)[:, None] * np.array([0.04, 0.05, 0.06])
    if bad is not None:
        log_delta[4, 0] = bad
    found = beside(config("sigma_w=1.2"), log_delta)
    assert found.c is not None
    assert (found.sigmas is not None) == known


DATA = {"features": 64, "outputs": 10, "samples": 128, "q_0": 1.0}


def beside(one: Config, log_delta: Any) -> Theory:
    """Theory beside measured norms (layers, networks)."""
    return theory_beside(predicted(one, inputs_of(DATA)), one, {"log_delta_norm": log_delta[None]})


def test_a_batch_norm_is_compared_over_the_layers_in_which_it_has_settled() -> None:
    """Before that it explodes faster, here planted; one that does not settle in time is compared nowhere."""
    batch = ["norm=batch", "batch_size=64"]
    one = config(*batch, "activation=relu", "model.depth=40")
    expected = theory_of(predicted(one, inputs_of(DATA)))
    assert expected.settling == 14
    rate = np.where(np.arange(1, 40) < 14, 1.6, expected.c_finite_width)
    steps = np.log(rate)[:, None] + 0.01 * np.random.default_rng(0).standard_normal((39, 8))
    log_delta = np.append(np.cumsum(steps[::-1], axis=0)[::-1], np.zeros((1, 8)), axis=0)
    found = beside(one, log_delta)
    assert abs(found.sigmas) < 2.5
    for name, depth in (("relu", 14), ("linear", 40)):
        late = config(*batch, f"activation={name}", f"model.depth={depth}")
        unsettled = beside(late, log_delta[:depth])
        assert unsettled.c is not None
        assert unsettled.sigmas is None
        assert "batch norm's c holds" in unsettled.reason


def test_the_cosine_goes_on_from_the_one_that_was_measured_in_layer_1() -> None:
    one = config("sigma_w=1.2", "sigma_b=0.3")
    whole = predicted(one, Inputs(64, 10, 128, 1.0, np.array([0.3]))).correlation
    resumed = predicted(one, inputs_of(DATA), cosine_1=float(whole[0])).correlation
    np.testing.assert_allclose(resumed, whole, rtol=1e-12)
    assert whole[0] < whole[-1] < 1
