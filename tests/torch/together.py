"""One of two processes that train together in three ways: asserts what it records, and that rank 0 writes."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard

from gradflow.torch import watch
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
dist.init_process_group("gloo", init_method=f"file://{place}/meet", rank=rank, world_size=2)


def check(how: str, delta: list) -> None:
    model = stack()
    if how == "fsdp":
        for block in model.blocks:
            fully_shard(block)
        fully_shard(model)
    else:
        model = torch.nn.parallel.DistributedDataParallel(model)
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


for how, delta in (("ddp", first), ("mean", mean), ("fsdp", first)):
    check(how, delta)
dist.destroy_process_group()
