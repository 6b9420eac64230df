"""The flat buffer of a stack of networks, and what is drawn into it."""

from dataclasses import replace

import numpy as np
import pytest

from gradflow.nn.activations import Tanh
from gradflow.nn.initializers import Gaussian, XavierNormal
from gradflow.nn.losses import Mse
from gradflow.nn.memory import layout, layout_bytes
from gradflow.nn.model import Model
from gradflow.nn.parameters import HUGE_PAGE, Parameters, Shape, aligned, together

SHAPE = Shape(features=3, width=5, depth=4, outputs=2, batch=7, seeds=2)


def test_views_cover_the_flat_buffer_once() -> None:
    p = Parameters(SHAPE, np.float64)
    for number, layer in enumerate(p):
        layer += number + 1
    counts = [layer.size for layer in p]
    assert sum(counts) == p.flat.size == SHAPE.seeds * SHAPE.parameters
    assert sorted(p.flat) == sorted(np.repeat(np.arange(1, 6), counts))


@pytest.mark.parametrize(
    ("depth", "readout", "runs"),
    [(1, False, [1]), (1, True, [1, 1]), (2, True, [1, 1, 1]), (9, False, [1, 8]), (9, True, [1, 8, 1])],
)
def test_the_first_layer_and_the_readout_are_runs_of_their_own(
    depth: int, readout: bool, runs: list[int]
) -> None:
    shape = Shape(5, 5, depth, 5, 7, readout)  # though all tensors have one shape
    p = Parameters(shape, np.float32)
    assert [len(run) for run in p.runs] == runs == [len(layers) for layers in shape.runs]
    assert [layer for layers in shape.runs for layer in layers] == list(range(depth + readout))


def test_networks_of_any_depth_have_their_size_at_once() -> None:
    shape = replace(SHAPE, depth=10**30)
    assert shape.parameters == SHAPE.parameters + (10**30 - SHAPE.depth) * 6 * 5
    assert layout_bytes(layout(Model(shape, Tanh(), Mse(), XavierNormal(), 0.0), np.float32)) > 10**30


@pytest.mark.parametrize("readout", [True, False])
def test_layers_have_the_shapes_of_their_fans(readout: bool) -> None:
    shape = Shape(3, 5, 4, 2 if readout else 5, 7, readout, 2)
    layers = list(Parameters(shape, np.float32))
    assert [(p.shape[1] - 1, p.shape[2]) for p in layers] == shape.fans
    assert len(layers) == 4 + readout
    assert all(p.shape[0] == 2 and p.dtype == np.float32 for p in layers)


def test_a_network_is_the_same_beside_others() -> None:
    both, alone = Parameters(SHAPE, np.float64), Parameters(Shape(3, 5, 4, 2, 7), np.float64)
    both.draw(range(8, 10), Gaussian(1.0, 0.5), 0.0)
    alone.draw(range(9, 10), Gaussian(1.0, 0.5), 0.0)
    for ours, theirs in zip(both, alone, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[0])
        assert (ours[0] != ours[1]).all()


def test_single_precision_is_double_precision_rounded() -> None:
    double, single = Parameters(SHAPE, np.float64), Parameters(SHAPE, np.float32)
    for p in (double, single):
        p.draw(range(2), XavierNormal(), 0.1)
    np.testing.assert_array_equal(single.flat, double.flat.astype(np.float32))


def test_the_bias_of_the_config_counts_unless_the_initialization_has_its_own() -> None:
    p = Parameters(SHAPE, np.float64)
    p.draw(range(2), XavierNormal(), 0.25)
    assert all((layer[:, -1] == 0.25).all() for layer in p)
    p.draw(range(2), Gaussian(1.0, 0.0), 0.25)
    assert all((layer[:, -1] == 0).all() for layer in p)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 7, 9)])
def test_arrays_start_on_a_cache_line(shape: tuple[int, ...]) -> None:
    for dtype in (np.float32, np.float64):
        array = aligned(shape, dtype)
        assert (array.shape, array.dtype, array.ctypes.data % 64) == (shape, dtype, 0)


@pytest.mark.parametrize("large", [False, True])
def test_arrays_in_one_piece_of_memory_keep_apart(large: bool) -> None:
    layouts = [((3, 5), np.float32), ((7,), np.bool_), ((1 + 300_000 * large,), np.float64)]
    arrays = together(layouts)
    for number, (array, (shape, dtype)) in enumerate(zip(arrays, layouts, strict=True)):
        assert (array.shape, array.dtype, array.ctypes.data % 64) == (shape, dtype, 0)
        array.fill(number)
    assert all((array == number).all() for number, array in enumerate(arrays) if array.dtype != np.bool_)
    assert (arrays[0].ctypes.data % HUGE_PAGE == 0) >= large
