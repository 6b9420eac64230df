import tracemalloc
from pathlib import Path

import pytest

from gradflow.config import Config, parse_config
from gradflow.config.memory import memory_bytes, physical_memory, size
from gradflow.training import Training
from gradflow.yaml_file import parse

NET = "model: {depth: 50, width: 128, activation: tanh, init: xavier_normal}\ntraining: {steps: 1}"


def config(*overrides: str) -> Config:
    return parse_config(parse(NET, "net.yaml"), Path(), overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("width=16", "depth=300", "optimizer=adam"),
        ("clip_norm=1", "seeds=1"),
        ("dtype=float64", "batch_size=999"),
    ],
)
def test_the_estimate_is_near_what_training_allocates(overrides: tuple[str, ...]) -> None:
    found = config(*overrides)
    data = found.data.load(Path())
    tracemalloc.start()
    plan = found.plan(data)
    list(Training(plan, data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.7 < peak / memory_bytes(plan) < 1.3


@pytest.mark.parametrize("every", [1, 10])
def test_the_record_of_every_kept_row_counts(every: int) -> None:
    def needed(steps: int) -> int:
        found = config(f"steps={steps}", f"every={every}")
        return memory_bytes(found.plan(found.data.load(Path())))

    row = 8 * (4 * (50 * 13 + 2) + 1)  # four networks: 13 quantities a layer, loss, clip share; the step
    evaluation = 8 * (4 * 4 + 1)  # loss and accuracy on training and on held-out samples; the step
    assert needed(1000) - needed(0) == 1000 / every * row + 1000 / 20 * evaluation


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.0 B"),
        (999, "999 B"),
        (4_200_000_000_000, "4.2 TB"),
        (24e9, "24 GB"),
        (10**300, "1,000,000,000,000 EB"),
    ],
)
def test_sizes_have_a_unit(count: int, text: str) -> None:
    assert size(count) == text


def test_this_machine_has_memory() -> None:
    assert 10**8 < physical_memory() < 10**15
