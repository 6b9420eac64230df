"""More than a hundred blow-ups against plain NumPy: the step, the reason, and no word of NumPy's own."""

import gc
import io
import json
from itertools import product
from math import inf
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.initializers import Gaussian
from gradflow.nn.optimizers import Sgd
from gradflow.plan import Plan
from gradflow.training import Training
from tests import small
from tests.promises.calls import as_a_process, gradflow
from tests.promises.plain import first_not_finite
from tests.small import NET

KINDS = ("linear", "relu", "leaky_relu", "elu", "selu", "softplus", "silu", "gelu")
SIZES = ((2, 1.0), (4, 3.0), (8, 1.5))  # depth, sigma_w
RATES = (100.0, 1e4, 1e30)  # in a few steps, before rounding errors have made another trajectory


def plans(dtype: str) -> list[Plan]:
    return [
        small.plan(
            activation=ACTIVATIONS[kind](),
            init=Gaussian(sigma_w, 0.1),
            depth=depth,
            width=4,
            batch_size=3,
            steps=6,
            seed=number,
            optimizer=Sgd(lr=rate),
            dtype=dtype,
        )
        for number, (kind, (depth, sigma_w), rate) in enumerate(product(KINDS, SIZES, RATES))
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_blow_up_is_found_at_its_step_with_its_reason(dtype: str) -> None:
    """Norms beyond the dtype are carried, so that the engine may see a step or two more than plain arithmetic
    in that dtype, but never one more than arithmetic that overflows in parameters and loss alone."""
    blow_ups, exact = 0, 0
    for plan in plans(dtype):
        training = Training(plan, small.data())
        list(training)  # a warning of NumPy's would be an error
        outcome = training.outcome
        step = inf if outcome.diverged_step is None else outcome.diverged_step
        plain, bad = first_not_finite(plan, small.data(), plan.dtype)
        wide, _ = first_not_finite(plan, small.data(), np.longdouble)
        assert plain <= step <= wide, plan
        if step < inf:
            blow_ups += 1
            assert training.recording["step"][-1] == step
            assert outcome.diverged_reason is not None
        exact += plain == wide == step < inf
        if plain == step < inf:
            assert any(str(outcome.diverged_reason).startswith(name) for name in bad), (outcome, bad)
    assert blow_ups >= {"float32": 55, "float64": 45}[dtype]
    assert exact >= 10


@pytest.mark.parametrize("sigma_w", [1.0, 0.1])
@pytest.mark.parametrize("kind", ["silu", "relu"])
@pytest.mark.parametrize("seed", range(3))
def test_a_long_way_to_a_blow_up_ends_at_the_same_step(kind: str, sigma_w: float, seed: int) -> None:
    """Signals that nearly vanish over twelve layers grow for up to forty steps before float64 is left."""
    plan = small.plan(
        activation=ACTIVATIONS[kind](), init=Gaussian(sigma_w, 0.0), depth=12, width=4, batch_size=3,
        steps=40, seed=seed, optimizer=Sgd(lr=1e4),
    )  # fmt: skip
    outcome = small.trained(plan, small.data()).outcome
    step, bad = first_not_finite(plan, small.data(), plan.dtype)
    assert outcome.diverged_step == step
    assert any(str(outcome.diverged_reason).startswith(name) for name in bad), (outcome, bad)


class Left:
    """What only a collection frees, and complains then, as a socket does that was left open."""

    def __init__(self, complaints: list[str]) -> None:
        self.itself, self.complaints = self, complaints

    def __del__(self) -> None:
        self.complaints.append("unclosed")


def test_what_another_test_left_behind_does_not_complain_in_a_command_s_name() -> None:
    complaints: list[str] = []
    gc.disable()
    try:
        Left(complaints)
        with as_a_process((), io.StringIO(), io.StringIO(), {}):
            gc.collect()
            assert not complaints
    finally:
        gc.enable()
    gc.collect()
    assert complaints


def strict(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    "overrides",
    [
        ["lr=1e30"],
        ["lr=1e38", "activation=tanh", "steps=20"],
        ["lr=1e30", "activation=linear", "seeds=1"],
        ["init=gaussian", "init.sigma_w=1e30", "depth=20"],
        ["init=gaussian", "init.sigma_w=1e150", "dtype=float64", "loss=mse"],
        ["init=constant", "init.value=1e300"],
        ["init=orthogonal", "init.gain=1e150"],
        ["activation=elu", "activation.alpha=1e300"],
        ["bias=constant", "bias.value=1e300"],
        ["bias=constant", "bias.value=1e300", "width=16"],  # theory looks at it too
        ["lr=1e4", "optimizer.momentum=0.9", "depth=8", "loss=mse"],
        ["optimizer=adam", "lr=1e38", "depth=8"],
        ["optimizer=rmsprop", "lr=1e38", "depth=8"],
    ],
    ids=" ".join,
)
def test_a_blow_up_is_a_result_with_quiet_streams_and_strict_json(
    tmp_path: Path, overrides: list[str]
) -> None:
    (tmp_path / "net.yaml").write_text(NET.replace("tanh", "relu").replace("steps: 2", "steps: 12"))
    done = gradflow(tmp_path, "run", "net.yaml", "--json", "--quiet", *overrides)
    assert (done.code, done.err) == (0, "")
    document = strict(done.out)
    assert document["status"] == "diverged"
    assert 0 <= document["training"]["diverged_step"] <= 20
    assert document["training"]["diverged_reason"]
    (run,) = (tmp_path / "runs").glob("net-*")
    for name in ("run.json", "summary.json"):
        strict((run / name).read_text())
    for args in (["show", "@1"], ["compare", "@1", "--json"], ["ls", "--json"], ["compare", "@1", "--csv"]):
        shown = gradflow(tmp_path, *args)
        assert (shown.code, shown.err) == (0, "")
        assert args[-1] != "--json" or strict(shown.out)["rows"]
    assert "Diverged at step" in gradflow(tmp_path, "show", "@1").out
    assert gradflow(tmp_path, "run", "net.yaml", "--fail-on-diverged", "--quiet", *overrides).code == 3
