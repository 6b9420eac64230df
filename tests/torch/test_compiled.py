"""Compiled models are recorded as they were written; on the steps between they stay compiled."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.torch.models import torch
from tests.torch.test_mechanics import REFERENCE, X, delta, loss_of, recorded, stack

from gradflow.torch import watch  # isort: skip


def compiled_blocks(model: Any, backend: str) -> Any:
    for i, block in enumerate(model.blocks):
        model.blocks[i] = torch.compile(block, backend=backend)
    return model


def compiled_in_place(model: Any, backend: str) -> Any:
    model.compile(backend=backend)
    return model


COMPILED = {
    "the model": lambda model, backend: torch.compile(model, backend=backend),
    "in place": compiled_in_place,
    "block by block": compiled_blocks,
}


USUAL = [("eager", "the model"), ("aot_eager", "block by block")]  # inductor compiles for minutes
ALL = [(backend, how) for backend in ("eager", "aot_eager", "inductor") for how in COMPILED]


@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_a_compiled_model_is_recorded_as_it_was_written(thorough: bool) -> None:
    for backend, how in ALL if thorough else USUAL:
        require_as_written(backend, how)


def require_as_written(backend: str, how: str) -> None:
    torch._dynamo.reset()
    model = COMPILED[how](stack(), backend)
    loss_of(model).backward()  # it is compiled here
    model.zero_grad()
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    flow = recorded(model, samples=None, every=2, steps=4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs > 0  # nothing is compiled anew
    assert [row["step"] for row in flow.rows] == [0, 2]
    for row in (0, 1):
        assert delta(flow, row) == pytest.approx(REFERENCE, abs=1e-5)
    assert (flow.axis.names[0], flow.axis.block, flow.head()["watched"]) == ("blocks.0", "Block", "Sequence")


def test_a_loss_that_is_compiled_as_a_whole_is_recorded_as_it_was_written() -> None:
    torch._dynamo.reset()
    model = stack()
    compiled = torch.compile(lambda x: loss_of(model, x), backend="eager")
    flow = recorded(model, lambda _: compiled(X), samples=None, every=2, steps=4)
    for row in (0, 1):
        assert delta(flow, row) == pytest.approx(REFERENCE, abs=1e-5)


INSIDE = """
import torch
from tests.torch.test_mechanics import Residual, Sequence, nn, loss_of, watch
layers = [Residual(nn.Linear(12, 12)) for _ in range(12)]
model = Sequence(nn.Linear(12, 12), layers, nn.Linear(12, 3))
with watch(model, every=2, quiet=True) as flow:
    compiled = torch.compile(model, backend="eager")
    for _ in range(4):
        loss_of(compiled).backward()
        flow.step()
print(len(flow.rows), len(flow.axis.names))
"""


def test_a_model_that_is_compiled_while_it_is_watched_is_not_compiled_again_and_again() -> None:
    found = subprocess.run([sys.executable, "-c", INSIDE], capture_output=True, text=True, timeout=120)
    assert (found.stdout, found.returncode) == ("2 12\n", 0), found.stderr
    assert "recompile" not in found.stderr


def stance() -> str:
    """How compiled models run."""
    return str(torch._dynamo.eval_frame._stance.stance)


@pytest.mark.parametrize("own", ["default", "eager_on_recompile"])
def test_the_stance_of_the_compiler_is_brought_back(own: str) -> None:
    model, seen = torch.compile(stack(), backend="eager"), []
    with torch.compiler.set_stance(own), watch(model, quiet=True, every=2) as flow:
        for _ in range(3):
            seen.append(stance())
            loss_of(model).backward()
            flow.step()
        seen.append(stance())
    assert seen == ["force_eager", own, "force_eager", own]
    assert stance() == "default"


def test_a_recording_that_ends_leaves_another_its_stance() -> None:
    models = [torch.compile(stack(seed=seed), backend="eager") for seed in (0, 1)]
    flows = [watch(model, quiet=True, every=2).start() for model in models]
    for _ in range(3):
        for model, flow in zip(models, flows, strict=True):
            loss_of(model).backward()
            flow.step()
    for flow in flows:
        flow.close()
        assert [row["step"] for row in flow.rows] == [0, 2]
    assert stance() == "default"
