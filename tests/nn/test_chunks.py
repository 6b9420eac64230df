"""Where a chunk of layers ends changes nothing: what goes past it is copied, or kept where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradflow.nn.activations import Relu, Tanh
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.gradcheck import check
from gradflow.nn.initializers import Gaussian
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.norms import NO_NORM, AnyNorm, LayerNorm, RmsNorm
from gradflow.nn.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from gradflow.recording import Recorder
from tests.nn.test_blocks import BLOCKS, model_and_batch

Array = np.ndarray[Any, Any]
every_block = pytest.mark.parametrize(("block", "norm"), BLOCKS.values(), ids=BLOCKS)
QUICK = {name: kind for name, kind in BLOCKS.items() if name != "rezero"}  # a branch of 0 is done again


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk is one layer, as those of wide networks are."""
    monkeypatch.setattr("gradflow.nn.memory.CHUNK_BYTES", 1)


def trained(
    model: Model,
    x: Array,
    y: Array,
    dtype: str,
    rule: Optimizer = Sgd(lr=0.1),  # noqa: B008 - frozen
) -> tuple[Network, dict[str, Array]]:
    """A network after three steps, and the record of them."""
    memory = Memory(model, np.dtype(dtype))
    network, recorder = Network(memory, rule), Recorder(memory, rule, 3)
    model.draw(network.parameters, range(1))
    memory.x[0, :, :-1], memory.y[0] = x, y
    with np.errstate(all="ignore"):
        for row in range(3):
            network.forward(record=True)
            network.backward(record=True)
            recorder.row(row, network.log_share, 0.1)
        return network, recorder.flush(3)


def same_in_chunks_of_one(
    args: tuple[Model, Array, Array], dtype: str, rule: Optimizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, record = trained(*args, dtype, rule)
    monkeypatch.setattr("gradflow.nn.memory.CHUNK_BYTES", 1)
    small, again = trained(*args, dtype, rule)
    assert (len(large.chunks), len(small.chunks)) == (1, 7)
    assert large.memory.gradients is not None  # so that it is updated at once, and the other chunk by chunk
    assert small.memory.gradients is None
    for ours, theirs in zip(large.flat, small.flat, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name, array in record.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


@pytest.mark.parametrize(("block", "norm"), QUICK.values(), ids=QUICK)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_chunks_of_one_layer_give_the_bits_of_larger_ones(
    block: Plain, norm: AnyNorm, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = model_and_batch(Tanh(), Gaussian(1.2, 0.1), block, norm, depth=7, width=8)
    same_in_chunks_of_one(args, dtype, Sgd(lr=0.1), monkeypatch)


RULES = [Sgd(lr=0.1, momentum=0.9, weight_decay=0.1), Adam(), AdamW(weight_decay=0.1), RmsProp()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_networks_that_are_updated_at_once_have_the_bits_of_those_updated_by_chunks(
    rule: Optimizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    norm = LayerNorm("before", 1e-5, True)
    args = model_and_batch(Tanh(), Gaussian(1.2, 0.1), norm=norm, depth=7, width=8)
    same_in_chunks_of_one(args, "float64", rule, monkeypatch)


@pytest.mark.usefixtures("single")
@every_block
def test_gradients_are_right_where_a_chunk_is_one_layer(block: Plain, norm: AnyNorm) -> None:
    assert check(*model_and_batch(Tanh(), Gaussian(1e-8), block, norm, depth=9)).passed


@pytest.mark.usefixtures("single")
@pytest.mark.parametrize(
    ("block", "norm"),
    [
        (Residual(1e-130, True), LayerNorm("before", 1e-5, True)),  # the branch is beyond any quick form
        (Residual(1e6), NO_NORM),
        (Residual(1e2, True), RmsNorm("after", 1e-5)),
    ],
    ids=repr,
)
def test_what_goes_past_a_chunk_is_whole_where_the_chunk_is_done_again(block: Plain, norm: AnyNorm) -> None:
    assert check(*model_and_batch(Relu(), Gaussian(1.2, 0.1), block, norm, depth=12)).passed


@pytest.mark.usefixtures("single")
def test_tensors_of_a_part_take_no_exponent_of_an_earlier_step() -> None:
    """The first layer's delta is scaled after the gradients of the second, which carry no exponent."""
    block, norm = Residual(1e40, True), LayerNorm("before", 1e-5, True)
    model, x, y = model_and_batch(Tanh(), Gaussian(1.2, 0.1), block, norm, depth=2, width=8)
    found = []
    for sizes in ([1.0], [2.0**450, 1.0]):
        memory = Memory(model, np.dtype(np.float64))
        network = Network(memory, Sgd(lr=0.1))
        for size in sizes:
            model.draw(network.parameters, range(1))
            memory.x[0, :, :-1], memory.y[0] = x, size * y
            network.forward(record=False)
            network.backward(record=False)
        found.append(network.parameters.flat)
    np.testing.assert_array_equal(*found)
