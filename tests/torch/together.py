"""One of two processes that train together in several ways: asserts what is recorded, that rank 0 writes."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard

from gradflow.torch import watch
from tests.torch.models import Sequence
from tests.torch.test_mechanics import X, loss_of, stack

place, rank = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)


def alone(*parts: torch.Tensor) -> list:
    """delta means and dW of one process: of the mean over the parts of the batch."""
    single = stack()
    with watch(single, samples=None, quiet=True) as found:
        for part in parts:
            (loss_of(single, part) / len(parts)).backward()
        found.step()
    return [found.rows[0]["delta"], found.rows[0]["dw"]]


first, (mean, dw) = alone(X[0::2])[0], alone(X[0::2], X[1::2])
os.environ |= {"GLOO_SOCKET_IFNAME": "lo"}
dist.init_process_group(
    "gloo", init_method=f"file://{place}/meet", rank=rank, world_size=2, timeout=timedelta(seconds=100)
)


def prepared(model: Any, how: str, **settings: Any) -> Any:
    """A model that trains in both processes."""
    if how != "fsdp":
        return torch.nn.parallel.DistributedDataParallel(model, **settings)
    for block in model.blocks:
        fully_shard(block)
    return fully_shard(model)


def check(how: str, delta: list) -> None:
    model = prepared(stack(), how)
    reduce = "mean" if how == "mean" else "rank0"
    with watch(model, reduce=reduce, samples=None, save=place / "runs" / how) as flow:
        for _ in range(2):
            loss_of(model, X[rank::2]).backward()
            flow.step()
            model.zero_grad()
    assert len(flow.rows) == (2 if rank == 0 or how == "mean" else 0)
    for row in flow.rows:
        assert max(abs(a - b) for a, b in zip(row["delta"], delta, strict=True)) < 1e-5, (how, row, delta)
        assert all(abs(row["dw"][group] - dw[group]) < 1e-5 for group in dw), (how, row, dw)
    if rank == 0:
        assert flow.axis.names == tuple(f"blocks.{i}" for i in range(5)), flow.axis.names
        assert flow.axis.block == "Block"
    dist.barrier()
    assert len(list((place / "runs").glob(f"{how}-*"))) == 1, how


class LayerDrop(Sequence):
    """Passes by a block."""

    dropped: int | None = None

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = x if i == self.dropped else block(x)
        return self.head(x)


def check_dropped(how: str, where: tuple[int, ...]) -> None:
    """A block is passed by at step 1 in the processes `where`, and all train on."""
    single = stack()
    net = LayerDrop(single.stem, list(single.blocks), single.head)
    model = prepared(net, how, find_unused_parameters=True)
    with watch(model, reduce="mean" if how == "mean" else "rank0", quiet=True) as flow:
        for step in range(3):
            net.dropped = 2 if step == 1 and rank in where else None
            loss_of(model, X[rank::2]).backward()
            flow.step()
            model.zero_grad()
    assert [row["step"] for row in flow.rows] == ([0, 2] if rank == 0 or how == "mean" else []), (how, rank)
    dist.barrier()


def check_resumed(how: str) -> None:
    """The first process alone reads of a killed recording of three steps, and all go on at the fourth."""
    name = f"resumed-{how}"
    for killed in (True, False):
        model = prepared(stack(), how)
        flow = watch(model, reduce="mean" if how == "mean" else "rank0", save=place / "runs" / name, every=2)
        flow.start()
        assert flow.steps == (0 if killed else 3), (how, rank, flow.steps)
        for _ in range(3):
            loss_of(model, X[rank::2]).backward()
            flow.step()
            model.zero_grad()
        if killed and flow.saved.stream is not None:
            flow.saved.stream.close()  # unpublished, as a kill leaves it
            flow.saved = None
        dist.barrier()
        flow.close()
    assert [row["step"] for row in flow.rows] == ([3, 4] if rank == 0 or how == "mean" else []), (how, rank)
    dist.barrier()


for how, delta in (("ddp", first), ("mean", mean), ("fsdp", first)):
    check(how, delta)
for how, where in (("mean", (0,)), ("mean", (1,)), ("mean", (0, 1)), ("fsdp", (0, 1))):
    check_dropped(how, where)
for how in ("mean", "fsdp"):
    check_resumed(how)
dist.destroy_process_group()
