"""What makes a verdict: weights, slopes, or the width alone."""

from dataclasses import replace
from math import exp, log

import pytest

from gradflow.analysis.summary import Flow, Theory
from gradflow.analysis.verdict import causes, divided_out
from gradflow.report.sentences import cause_sentence
from tests.studies.lab import at_initialization, study

NET = """
model: {depth: 400, width: 32, activation: relu, init: he_normal}
data: {name: gaussian, samples: 32, features: 32}
training: {steps: 0, batch_size: 8}
recording: {critical_lr: none}
"""


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ((), ("width",)),
        (("activation=leaky_relu", "init=he_uniform"), ("width",)),
        (("activation=linear", "init=lecun_normal", "width=16"), ("width",)),
        (("init=gaussian", "sigma_w=1.4142"), ("width",)),
        (("width=64",), ("width",)),
        (("init=orthogonal", "gain=1.41421"), ("width",)),
        (("init=xavier_normal",), ("slopes",)),
        (("activation=tanh", "init=gaussian", "sigma_w=0.8"), ("weights",)),
        (("activation=sigmoid", "init=xavier_normal", "depth=40"), ("slopes",)),
        (("init=gaussian", "sigma_w=2.5"), ("weights",)),
        (("width=512", "depth=40"), ()),
        (("depth=20",), ()),
    ],
)
def test_the_width_is_the_cause_where_wide_layers_would_pass_all(
    changes: tuple[str, ...], cause: tuple[str, ...]
) -> None:
    flow, theory = at_initialization(NET, *changes)
    assert causes(flow, theory) == cause
    assert ("the width is to blame" in cause_sentence(flow, "relu", theory)) == (cause == ("width",))


@pytest.mark.parametrize("gain", [0.3, 1.4, 5.0])
@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        (("norm=layer", "activation=sigmoid"), "slopes"),
        (("norm=layer", "norm.place=after"), "norm"),
        (("norm=batch", "training.batch_size=64"), "norm"),
    ],
)
def test_a_scale_of_the_weights_that_a_norm_divides_out_is_no_cause(
    changes: tuple[str, ...], cause: str, gain: float
) -> None:
    net = ("width=64", "depth=30", "data.samples=128", *changes, f"init.gain={gain}")
    flow, theory = at_initialization(NET, *net)
    assert causes(flow, theory) == (cause,)
    factors = {name: value for name, value in flow.factors.items() if value is not None}
    assert divided_out(flow, theory) == pytest.approx(flow.c and flow.c / factors["slopes"])
    assert "weights and norm, which divides their scale out, pass 1." in cause_sentence(flow, "", theory)


def test_under_a_norm_behind_an_activation_that_bends_the_weights_are_a_cause() -> None:
    net = ("activation=tanh", "norm=layer", "norm.place=after", "width=128", "depth=30", "init.gain=4")
    flow, theory = at_initialization(NET, *net)
    assert causes(flow, theory) == ("weights",)
    assert divided_out(flow, theory) is None
    assert "divides" not in cause_sentence(flow, "tanh", theory)


def flow(c: float, verdict: str = "vanishing") -> Flow:
    ratio = 95 * log(c) / log(10)
    factors: dict[str, float | None] = {"weights": 1.4, "slopes": c / 1.4}
    return Flow(0, c=c, layers=(6, 101), log10_ratio=ratio, verdict=verdict, factors=factors)


def test_the_width_is_no_cause_of_less_than_half_or_of_the_other_way() -> None:
    for shift, cause in ((-0.06, "width"), (-0.04, "slopes"), (0.06, "slopes")):
        theory = Theory(c=0.9, c_finite_width=0.9 * exp(shift))
        assert causes(flow(exp(-0.1)), theory) == (cause,)
    assert causes(flow(exp(-0.1)), Theory()) == ("slopes",)
    assert causes(replace(flow(exp(-0.1)), verdict="stable"), Theory()) == ()


def test_a_run_that_the_width_makes_vanish_says_so_and_is_advised_to_be_wider() -> None:
    summary = study(NET)
    assert summary.flow.initial.cause == "width"
    advice = summary.advice[0]
    assert advice.set == {"model.width": 512}
    assert advice.predicted_c == pytest.approx(exp(-1.25 / 512), rel=1e-3)
    assert "he_normal with gain 1.47" in advice.message  # sqrt 2 exp(1.25 / 32)
    wider, _ = at_initialization(NET, "width=512", "seeds=2")
    assert wider.verdict == "stable"
