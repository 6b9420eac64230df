"""`probe`: c at initialization, over copies of a model that are initialized anew; nothing is trained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from inspect import signature
from math import log, sqrt
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from gradflow.api.one_run import OneRun
from gradflow.errors import InputError
from gradflow.outside.recorded import norms_of, plain
from gradflow.outside.save import run_of, save_norms
from gradflow.torch.calls import kind_of, names_of
from gradflow.torch.flow import WatchedFlow
from gradflow.torch.norms import real
from gradflow.torch.saving import place_of, run_name
from gradflow.torch.taps import Chosen
from gradflow.torch.watch import watch

Reset = Callable[[nn.Module], object]
RESETS = ("reset_parameters", "_reset_parameters")
UNLIKE, DEVIATIONS = 1.3, 5.0  # times as large; standard deviations, each 1/sqrt(values), of two draws


def probe(
    model: nn.Module,
    loss_fn: Callable[..., torch.Tensor] | None,
    batch: Any,
    *,
    seeds: int = 4,
    seed: int = 0,
    axis: Chosen = "auto",
    samples: int | None = None,
    batch_dim: int = 0,
    reset: Reset | None = None,
    save: str | Path | None = None,
) -> OneRun:
    """The run of one forward and backward pass of `seeds` copies, each initialized with a seed of its own.

    `batch` is (inputs, targets), and the loss loss_fn(model(inputs), targets); of a mapping it is
    loss_fn(model(**batch)), or without a loss_fn the output's `loss`. Modules are initialized by their
    `reset_parameters`, the inner ones first, and then by the model's `init_weights` (transformers, timm) if
    it has one; anything else by `reset(model)`: weights that are drawn of another size than the model has
    them are told. The model itself is left as it is. InputError for a module that nothing initializes; it
    is named, and for copies whose depth axes differ.
    """
    if seeds < 1:
        raise InputError(f"probe: seeds={seeds}: draw one copy at least")
    flows = []
    for number in range(seed, seed + seeds):
        copy = deepcopy(model)
        with seeded(copy, number):
            (reset or initialize)(copy)
            if reset is None and number == seed and (found := _of_other_sizes(model, copy)):
                _say_of(found)
            settings = {"axis": axis, "samples": samples, "batch_dim": batch_dim, "seed": number}
            flows.append(_passed(copy, loss_fn, batch, **settings))
    return _run(flows, run_name(kind_of(model)), None if save is None else Path(save))


@contextmanager
def seeded(model: nn.Module, seed: int) -> Iterator[None]:
    """Draws of a seed, on the CPU and the model's devices; those after it go on as if there had been none.

    torch.manual_seed would seed all devices of the machine, also those that are not in use yet.
    """
    held = {one.device for one in (*model.parameters(), *model.buffers())}
    with ExitStack() as forks:
        forks.enter_context(torch.random.fork_rng(devices=[]))
        for device in (one for one in held if one.type not in ("cpu", "meta")):
            forks.enter_context(torch.random.fork_rng([device], device_type=device.type))
            state = torch.Generator(device).manual_seed(seed).get_state()
            torch.get_device_module(device).set_rng_state(state, device)
        torch.default_generator.manual_seed(seed)
        yield


def _of_other_sizes(model: nn.Module, copy: nn.Module) -> list[str]:
    """The weights that are drawn larger or smaller than the model has them, with how many times as large."""
    found, redrawn = [], dict(copy.named_parameters(remove_duplicate=False))  # a reset may untie weights
    for name, has in model.named_parameters():
        drawn = redrawn.get(name)
        if drawn is not None and not is_lazy(has) and has.dim() > 1:
            norms = [real(one.detach()).float().norm() for one in (drawn, has)]
            ratio = norms[0] / norms[1]  # nan if both are 0
            if ratio.log().abs() > max(log(UNLIKE), DEVIATIONS / sqrt(has.numel())):
                found.append(f"{name} {float(ratio):.2g} times as large as the model has it")
    return found


def _say_of(found: list[str]) -> None:
    others = f" ({len(found)} such weights)" if len(found) > 1 else ""
    words = f"probe draws {found[0]}{others}: an untrained model then has an initialization of its own"
    print(f"gradflow: {words}: give it with reset=..., or watch the model itself", file=sys.stderr)


def initialize(model: nn.Module) -> None:
    """Draw every parameter anew: those of a module after what it holds, as when it was made."""
    rule: Any = getattr(model, "init_weights", None)
    names, held = names_of(model), list[nn.Module]()
    model.apply(held.append)
    for module in dict.fromkeys(held):
        found = next((getattr(module, each) for each in RESETS if hasattr(module, each)), None)
        if callable(found):
            found()
        elif not callable(rule) and next(module.parameters(recurse=False), None) is not None:
            what = f"{names[module]} ({type(module).__name__})"
            words = f"probe: nothing initializes {what}: give it a method reset_parameters"
            raise InputError(f"{words}, or probe a function, reset=...")
    if callable(rule):
        _follow(rule, model)


def _follow(rule: Callable[..., None], model: nn.Module) -> None:
    """The rule of a model of transformers or timm, or one that is meant for `apply`."""
    for held in (*model.modules(), *model.parameters()):  # transformers passes over what it has marked
        held.__dict__.pop("_is_hf_initialized", None)
    asked = [one for one in signature(rule).parameters.values() if one.default is one.empty]
    of_one = any(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in asked)
    model.apply(rule) if of_one else rule()


def _passed(model: nn.Module, loss_fn: Any, batch: Any, **settings: Any) -> WatchedFlow:
    with watch(model, **settings, what=("delta", "branch", "dw"), quiet=True) as flow:
        loss = _loss(model, loss_fn, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        flow.step(loss=loss)
    return flow


def _loss(model: nn.Module, loss_fn: Any, batch: Any) -> torch.Tensor:
    if isinstance(batch, Mapping):
        output = model(**batch)
        found: torch.Tensor = output.loss if loss_fn is None else loss_fn(output)
        return found
    if loss_fn is None:
        raise InputError("probe: without a loss_fn the batch is a mapping, as models of transformers take")
    inputs, targets = batch
    loss: torch.Tensor = loss_fn(model(inputs), targets)
    return loss


def _run(flows: list[WatchedFlow], name: str, save: Path | None) -> OneRun:
    if not all(flow.rows for flow in flows):
        raise InputError("probe: no sample was recorded: give a batch that is not empty, on rank 0")
    head = flows[0].head()
    _require_one_axis([flow.head()["layers"] for flow in flows])
    norms = norms_of(head, [plain(flow.rows) for flow in flows])
    source = Path(head["source"].replace("watch", "probe"))
    if save is None:
        return OneRun.of(run_of(norms, name, source))
    return OneRun.of(save_norms(*place_of(save), norms, source))


def _require_one_axis(found: list[list[str]]) -> None:
    """InputError for copies whose forward pass is not the same, so that their points are not."""
    other = next((names for names in found if names != found[0]), None)
    if other is not None:
        one, another = (f"{len(names)} points from {names[0]} to {names[-1]}" for names in (found[0], other))
        words = f"probe: the depth axis of one copy has {one}, of another {another}"
        raise InputError(f"{words}: name modules that all of them call with axis=[...]")
