"""The chain rule on one sample: the textbook's scalars by hand, and the links of any network."""

from dataclasses import replace
from math import exp, log10, tanh
from pathlib import Path

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.data.inline import Inline
from gradflow.nn.activations import ACTIVATIONS, HardTanh, Linear, Relu, Sigmoid, Tanh
from gradflow.nn.initializers import Constant, Gaussian, Orthogonal
from gradflow.nn.norms import AnyNorm, BatchNorm, LayerNorm, RmsNorm
from gradflow.plan import Plan
from gradflow.recording import Recording
from gradflow.trace import Chain, check_gradients, trace
from gradflow.training import Training
from tests import small

ONE = Inline(((1.5,),), ((0.2,),), standardize=False).load(Path())


def traced(plan: Plan, data: Data) -> Chain:
    return trace(small.fitted(plan, data), data)


def test_one_neuron_is_the_textbook_by_hand() -> None:
    plan = small.plan(depth=1, width=1, activation=Sigmoid(), init=Constant(0.8), bias=0.1, readout=False)
    chain = traced(plan, ONE)
    z = 0.8 * 1.5 + 0.1
    a = 1 / (1 + exp(-z))
    delta = 2 * (a - 0.2) * a * (1 - a)
    assert chain.neurons is not None
    (neuron,) = chain.neurons
    measured = neuron.w, neuron.b, neuron.z, neuron.a, neuron.slope, neuron.delta, neuron.dw, neuron.db
    assert measured == pytest.approx((0.8, 0.1, z, a, a * (1 - a), delta, delta * 1.5, delta), rel=1e-12)
    assert (chain.x, chain.y, chain.loss) == pytest.approx((1.5, 0.2, (a - 0.2) ** 2), rel=1e-12)
    assert chain.log10_delta_out == pytest.approx(log10(2 * (a - 0.2)), rel=1e-12)


def test_two_layers_are_the_textbook_by_hand() -> None:
    plan = small.plan(depth=2, width=1, activation=Tanh(), init=Constant((0.9, -0.7)), readout=False)
    chain = traced(plan, ONE)
    a1 = tanh(0.9 * 1.5)
    a2 = tanh(-0.7 * a1)
    delta2 = 2 * (a2 - 0.2) * (1 - a2**2)
    delta1 = delta2 * -0.7 * (1 - a1**2)
    assert chain.neurons is not None
    first, second = chain.neurons
    assert (first.a, first.slope, second.a) == pytest.approx((a1, 1 - a1**2, a2), rel=1e-12)
    assert (second.delta, second.dw, second.db) == pytest.approx((delta2, delta2 * a1, delta2), rel=1e-12)
    assert (first.delta, first.dw, first.db) == pytest.approx((delta1, delta1 * 1.5, delta1), rel=1e-12)
    assert [link.layer for link in chain.links] == [2, 1]
    assert chain.links[1].weight_factor == pytest.approx(0.7, rel=1e-12)
    assert chain.links[1].slope_factor == pytest.approx(1 - a1**2, rel=1e-12)
    assert chain.links[1].log10_delta == pytest.approx(log10(abs(delta1)), rel=1e-12)


def test_a_readout_is_one_more_neuron_whose_slope_is_1() -> None:
    plan = small.plan(depth=1, width=1, activation=Tanh(), init=Constant((0.9, 3.0)))
    neurons = traced(plan, ONE).neurons
    assert neurons is not None
    hidden, readout = neurons
    assert readout.z == readout.a == pytest.approx(3 * tanh(1.35), rel=1e-12)
    assert (readout.slope, readout.delta) == (1, pytest.approx(2 * (readout.a - 0.2), rel=1e-12))
    assert hidden.delta == pytest.approx(readout.delta * 3 * hidden.slope, rel=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_local_factors_multiply_up_to_every_delta(name: str) -> None:
    plan = small.plan(depth=7, activation=ACTIVATIONS[name](), init=Gaussian(0.8, 0.1))
    chain = traced(plan, small.data())
    product = 0.0
    for link in chain.links:
        assert link.local_factor == pytest.approx(link.weight_factor * link.slope_factor, rel=1e-12)
        product += log10(link.local_factor)
        assert link.log10_product == pytest.approx(product, abs=1e-11)
        assert link.log10_delta == pytest.approx(chain.log10_delta_out + product, abs=1e-11)
    assert [link.layer for link in chain.links] == [7, 6, 5, 4, 3, 2, 1]


def recording_of_the_first_sample(batch: int) -> tuple[float, Recording]:
    plan, data = small.plan(batch_size=batch, steps=0, width=40), small.data()
    training = Training(plan, data)
    list(training)
    return traced(plan, data).links[-1].log10_delta, training.recording


def test_the_chain_is_that_of_the_run_itself() -> None:
    log10_delta, recording = recording_of_the_first_sample(batch=1)
    assert log10_delta * np.log(10) == pytest.approx(recording["log_delta_norm"][0, 0, 0], rel=1e-14)


def test_no_scalars_where_a_layer_has_more_than_one_neuron() -> None:
    chain = traced(small.plan(), small.data())
    assert (chain.neurons, chain.x, chain.y) == (None, None, None)


@pytest.mark.parametrize(
    "norm", [LayerNorm(), RmsNorm(), RmsNorm("after"), RmsNorm(affine=True), BatchNorm()], ids=str
)
def test_no_scalars_where_a_norm_stands_beside_the_activation(norm: AnyNorm) -> None:
    data = Inline(((1.0,), (2.0,)), ((0.2,), (0.4,)), standardize=False).load(Path())
    plan = small.plan(depth=3, width=1, init=Constant((0.5, -0.9, 2.0, 1.0)), bias=0.1, norm=norm)
    chain = traced(plan, data)
    assert (chain.neurons, chain.x, chain.y) == (None, None, None)
    assert chain.samples == (2 if norm == BatchNorm() else 1)


@pytest.mark.parametrize(
    ("activation", "init", "factor"),
    [(Linear(), Orthogonal(0.5), 0.5), (Linear(), Orthogonal(3.0), 3.0), (Relu(), Constant(3.0), 3.0)],
    ids=["vanishing", "exploding", "one neuron"],
)
def test_the_chain_survives_any_depth(activation: Linear, init: Orthogonal, factor: float) -> None:
    width = 1 if isinstance(init, Constant) else 4
    plan = small.plan(depth=1500, width=width, activation=activation, init=init)
    data = ONE if width == 1 else small.data()
    chain = traced(plan, data)
    assert all(link.local_factor == pytest.approx(factor, rel=1e-9) for link in chain.links[1:])
    assert chain.links[-1].log10_product == pytest.approx(1500 * log10(factor), rel=1e-6)


def test_a_chain_that_ends_in_a_zero_says_so() -> None:
    plan = small.plan(depth=3, width=1, activation=Relu(), init=Constant((1.0, -1.0, 1.0, 1.0)))
    links = traced(plan, ONE).links
    assert [link.log10_delta for link in links] == [-np.inf] * 3


def test_the_loss_has_its_gradient_though_the_last_layer_passes_none() -> None:
    plan = small.plan(depth=1, width=1, activation=HardTanh(), init=Constant((2.0, 3.0)))
    chain = traced(plan, ONE)
    assert chain.links[0].log10_delta == -np.inf
    assert chain.log10_delta_out == pytest.approx(log10(2 * (3 - 0.2)), rel=1e-12)


def test_the_gradient_of_the_loss_is_told_beyond_the_range_of_a_float() -> None:
    plan = small.plan(depth=600, width=1, activation=Relu(), init=Constant(4.0))
    assert traced(plan, ONE).log10_delta_out == pytest.approx(601 * log10(4) + log10(2 * 1.5), rel=1e-12)


def test_the_gradient_check_of_a_plan_is_in_float64_whatever_its_dtype() -> None:
    found = check_gradients(small.plan(dtype="float32"), small.data())
    assert found.passed
    assert found.max_relative_error < 1e-14


def test_the_gradient_check_takes_another_network_for_another_seed() -> None:
    plan = small.plan(init=Gaussian(1.0, 0.3))
    errors = [check_gradients(replace(plan, seed=seed), small.data()).layers for seed in (1, 2)]
    assert errors[0] != errors[1]


def test_the_derivative_of_the_loss_is_worked_out_at_the_last_layer() -> None:
    plan = small.plan(depth=1, width=1, activation=Tanh(), init=Constant((0.9, 3.0)))
    last = traced(plan, ONE).last_layer
    assert last is not None
    a = 3 * tanh(0.9 * 1.5)
    assert (last.loss, last.a, last.y) == ("mse", pytest.approx((a,)), pytest.approx((0.2,)))
    assert last.steps["a - y"] == pytest.approx((a - 0.2,), rel=1e-12)
    assert last.steps["2 (a - y) / n"] == pytest.approx((2 * (a - 0.2),), rel=1e-12)


def test_the_derivatives_of_all_outputs_make_the_norm_that_the_chain_starts_from() -> None:
    chain = traced(small.plan(), small.data())
    assert chain.last_layer is not None
    derivative = [*chain.last_layer.steps.values()][-1]
    assert len(derivative) > 1
    assert log10(np.linalg.norm(derivative)) == pytest.approx(chain.log10_delta_out, abs=1e-12)


def test_outputs_beyond_all_numbers_have_no_derivative_to_work_out() -> None:
    plan = small.plan(depth=1500, width=1, activation=Relu(), init=Constant(3.0))
    assert traced(plan, ONE).last_layer is None


@pytest.mark.parametrize("step", [1, 7, 12])
def test_the_chain_at_a_step_is_that_of_the_run_there(step: int) -> None:
    data = small.data()
    plan = small.fitted(small.plan(batch_size=1, steps=12, seeds=3), data)
    training = Training(plan, data)
    list(training)
    chain = trace(plan, data, step)
    recorded = training.recording["log_delta_norm"][step, :, 0]
    assert chain.step == step
    assert [link.log10_delta * np.log(10) for link in chain.links[::-1]] == pytest.approx(recorded, rel=1e-14)
    assert chain.loss == training.recording["loss"][step, 0]


def test_one_update_of_a_neuron_is_the_textbook_by_hand() -> None:
    plan = small.plan(depth=1, width=1, activation=Linear(), init=Constant(0.8), readout=False, steps=1)
    before, after = traced(plan, ONE), trace(small.fitted(plan, ONE), ONE, 1)
    assert before.neurons is not None
    assert after.neurons is not None
    lr = plan.optimizer.lr
    dw = 2 * (0.8 * 1.5 - 0.2) * 1.5
    assert before.neurons[0].dw == pytest.approx(dw, rel=1e-12)
    assert after.neurons[0].w == pytest.approx(0.8 - lr * dw, rel=1e-12)
    assert after.neurons[0].b == pytest.approx(-lr * dw / 1.5, rel=1e-12)
