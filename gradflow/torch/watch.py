"""`watch`: c of a PyTorch model while it trains, without a hook on steps that are not recorded."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from torch import nn

from gradflow.errors import InputError, did_you_mean
from gradflow.torch.calls import BatchPart
from gradflow.torch.flow import WatchedFlow, WatchSettings
from gradflow.torch.saving import Saved
from gradflow.torch.taps import Chosen

WHAT = ("delta", "branch", "dw", "update", "clip")
REDUCE = ("rank0", "mean")


def watch(
    model: nn.Module,
    *,
    axis: Chosen = "auto",
    every: int = 1,
    samples: int | None = 16,
    what: str | Sequence[str] = WHAT,
    batch_dim: int = 0,
    scaler: Any = None,
    reduce: str = "rank0",
    save: str | Path | None = None,
    seed: int = 0,
    resume: bool = True,
    quiet: bool = False,
) -> WatchedFlow:
    """Record the gradient flow of a model, every so many steps:

        with watch(model, every=50, save="runs/mine") as flow:
            for x, y in batches:
                loss_fn(model(x), y).backward()
                flow.step()
                optimizer.step()
                optimizer.zero_grad()

    `axis` is auto, blocks, modules or time, or a list of modules or their names. Of the batch, whose axis is
    `batch_dim`, `samples` are looked at (None: all). The loss is a mean over the batch; the scale of a
    GradScaler, passed as `scaler`, is divided out. `save` names the run: its rows stand on the disk at once,
    and a recording of the same name, model and `seed` that was killed goes on, unless `resume` is False. Of
    several processes the first records, or, with reduce="mean", all do. InputError for a choice that is none.
    """
    what = listed(what)
    for one in what:
        _require("what", one, WHAT)
    _require("reduce", reduce, REDUCE)
    some = {} if samples is None else {"samples": samples}
    _require_whole(every=every, batch_dim=batch_dim, seed=seed, **some)
    _require_some(every, samples)
    saved = None if save is None else Saved(Path(save), resume, seed)
    chosen = WatchSettings(axis, every, BatchPart(batch_dim, samples), frozenset(what), reduce, quiet, seed)
    return WatchedFlow(model, chosen, scaler, saved)


def listed(what: str | Sequence[str]) -> list[str]:
    """One word, or several."""
    return [what] if isinstance(what, str) else [*what]


def _require(setting: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        there = f"there are {', '.join(known)}{did_you_mean(word, known)}"
        raise InputError(f"watch: {setting}={word!r}: {there}")


def _require_some(every: int, samples: int | None) -> None:
    if every < 1:
        raise InputError(f"watch: every={every}: record every 1st step at most")
    if samples is not None and samples < 1:
        raise InputError(f"watch: samples={samples}: look at one at least, or at all with None")


def _require_whole(**settings: float) -> None:
    for name, number in settings.items():
        if not isinstance(number, Integral):
            raise InputError(f"watch: {name}={number!r}: give a whole number")
