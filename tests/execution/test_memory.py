"""What a run takes at most, of all that NumPy and Python allocate, over what it cannot do without.

Data, evaluation and theory take up to 25 MB, whatever the network: these here are larger.
"""

import tracemalloc
from math import prod
from pathlib import Path

import numpy as np
import pytest

from gradflow.config import Config, parse_config
from gradflow.execution.execute import execute
from gradflow.nn.memory import layout
from gradflow.plan import record_bytes, stack_size
from gradflow.yaml_file import parse
from tests.sampling import rarely

NET = "name: net\nmodel: {depth: 50, width: 256, activation: tanh, init: xavier_normal}\ntraining: {steps: 1}"
MOST = 1.3


def needed(config: Config) -> int:
    """Bytes of parameters with the optimizer's arrays, of what a pass keeps of all layers, of the record."""
    plan = config.plan(config.data.load(Path()))
    model = plan.model.sized(seeds=min(plan.seeds, stack_size(plan.model)))
    arrays = layout(model, np.dtype(plan.dtype), plan.clip_norm is not None).items()
    kept = sum(prod(shape) * np.dtype(kind).itemsize for name, (shape, kind) in arrays if "/" in name)
    return plan.state_bytes + kept + record_bytes(plan)


@pytest.mark.parametrize(
    "overrides",
    [
        ("depth=30", "activation=relu"),
        *map(rarely, [
            (("seeds=4",),),
            (("seeds=2", "optimizer=adam"),),
            (("dtype=float64", "seeds=2"),),
            (("block=residual", "norm=layer"),),
        ]),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_run_that_keeps_checkpoints_takes_little_more_than_what_it_holds(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    config = parse_config(parse(NET, "net.yaml"), Path(), overrides)
    execute(parse_config(parse(NET, "net.yaml"), Path(), ["depth=3", "width=16"]), tmp_path)  # loads all
    tracemalloc.start()
    execute(config, tmp_path, interval=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.9 < peak / needed(config) < MOST
