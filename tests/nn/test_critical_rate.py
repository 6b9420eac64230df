"""The critical learning rate of real networks, against a fine scan along the same steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.critical_rates import CriticalRates
from gradflow.nn import critical_rate
from gradflow.nn.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from gradflow.training import Training
from tests import small

Array = NDArray[Any]

KINDS = {
    "plain": ["depth=8"],
    "relu": ["activation=relu", "init=he_normal", "depth=20"],
    "residual, layer norm": ["block=residual", "norm=layer", "depth=12"],
    "batch norm": ["norm=batch", "depth=5"],
    "widths": ["depth=3", "width=[12, 20, 8]"],
    "clipped": ["depth=5", "clip_norm=0.05"],
}


BASE = {"data": "gaussian", "data.samples": "64", "training.steps": "1", "batch_size": "32", "seeds": "2"}


def measured(*overrides: str, when: str = "initial") -> tuple[Training, Array]:
    """A training of one step, and the critical learning rates of its networks."""
    keys = {**BASE, **dict(one.split("=", 1) for one in overrides), "recording.critical_lr": when}
    config = small.config(*(f"{key}={value}" for key, value in keys.items()))
    data = config.data.load(Path())
    training = Training(config.plan(data), data)
    list(training)
    return training, training.critical.found.get(0, np.empty(0))


ONE_LINE = [("adam", kind) for kind in KINDS] + [("sgd", "residual, layer norm"), ("sgd", "batch norm")]


def higher(overrides: list[str], factor: float) -> list[bool]:
    """Whether each network's loss is higher after a step of so many times its own critical rate.

    Seen in the run's own second row, on the same batch.
    """
    overrides, found = ["batch_size=64", *overrides], []
    for network, rate in enumerate(measured(*overrides)[1]):
        before, after = measured(*overrides, f"lr={factor * rate}")[0].recording["loss"][:, network]
        found.append(bool(after > before))
    return found


@pytest.mark.parametrize(("optimizer", "kind"), ONE_LINE)
def test_a_step_beyond_it_leaves_a_higher_loss_and_one_below_a_lower_one(optimizer: str, kind: str) -> None:
    """Where there is one line, that of the first step."""
    overrides = [f"optimizer={optimizer}", *KINDS[kind]]
    assert higher(overrides, 0.85) == [False, False]
    assert higher(overrides, 1.15) == [True, True]


@pytest.mark.parametrize("kind", ["plain", "widths", "clipped"])
def test_a_second_line_finds_that_the_loss_grows_steeper(kind: str) -> None:
    """So that the critical rate lies below the return of the first step."""
    assert higher(KINDS[kind], 0.85) == [False, False]
    assert not all(higher(KINDS[kind], 1.15))


@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_of_the_training_changes(kind: str) -> None:
    with_it, _ = measured(*KINDS[kind])
    without, _ = measured(*KINDS[kind], when="none")
    assert without.critical.found == {}
    for name, array in without.recording.items():
        np.testing.assert_array_equal(array, with_it.recording[name])
    held = with_it.state()
    for name, array in without.state().items():
        np.testing.assert_array_equal(array, held[name])


def test_a_stack_finds_what_each_network_finds_alone() -> None:
    _, both = measured()
    for seed in (0, 1):
        _, alone = measured(f"seed={seed}", "seeds=1")
        np.testing.assert_allclose(both[seed], alone[0], rtol=1e-3)


def test_a_clipped_step_bears_a_longer_rate() -> None:
    _, clipped = measured("clip_norm=1e-3")
    _, plain = measured()
    assert (clipped > plain).all()


MOMENTUM = ["optimizer=sgd", "optimizer.momentum=0.9"]


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("m", [0.0, 0.5, 0.9, 0.99])
def test_beyond_the_edge_a_quadratic_loss_blows_up_with_momentum(m: float, nesterov: bool) -> None:
    """Of sharpness 1, where plain descent bears 2."""
    edge = 2 * Sgd(momentum=m, nesterov=nesterov).edge
    ends = []
    for lr in (0.98 * edge, 1.02 * edge):
        optimizer, p, velocity = Sgd(lr=lr, momentum=m, nesterov=nesterov), np.ones(1), np.zeros(1)
        for t in range(1, 4001):
            g = p.copy()
            optimizer.step(g, p, (velocity,), t, 1.0)
            p -= g
            if abs(p[0]) > 1e9:
                break
        ends.append(abs(p[0]))
    assert ends[0] < 1e-6
    assert ends[1] > 1e6


@pytest.mark.parametrize("kind", ["plain", "residual, layer norm", "batch norm"])
def test_with_momentum_a_second_line_only_lowers_the_first(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first alone is that of the gradient, times what velocity bears."""
    two = measured(*MOMENTUM, *KINDS[kind])[1]
    monkeypatch.setattr(critical_rate, "walk_of", lambda *_: 0)
    one, plain = measured(*MOMENTUM, *KINDS[kind])[1], measured(*KINDS[kind])[1]
    np.testing.assert_allclose(one / plain, 1.9**0.5 if "norm" in kind else 1.9**-0.5, rtol=1e-5)
    assert (two <= one * (1 + 1e-6)).all()
    assert (two < 0.9 * one).any() or "norm" in kind


@pytest.mark.parametrize(
    ("optimizer", "direction"),
    [
        (Sgd(), "gradient"),
        (Sgd(momentum=0.9), "velocity of the gradient"),
        (Adam(), "adam's first step"),
        (AdamW(), "adamw's first step"),
        (RmsProp(), "rmsprop's first step"),
    ],
)
def test_the_direction_is_told(optimizer: Optimizer, direction: str) -> None:
    found = CriticalRates("none", small.PLAN.model, 1, optimizer, None, 3).document()
    assert found == {
        "initial": None,
        "final": None,
        "direction": direction,
        "reason": "recording.critical_lr is none",
    }
