"""Which tensors the depth axis takes where a model leaves a choice."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gradflow.errors import InputError
from tests.torch.models import Recurrent, nn, torch
from tests.torch.test_mechanics import recorded

STEPS = 6
SERIES = torch.randn(4, STEPS, 4, generator=torch.Generator().manual_seed(1))


class ReadAtEachStep(nn.Module):
    """A cell over time, or two, of which every state is read out and counts in the loss."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.head = nn.Linear(8, 2)
        self.cells = nn.ModuleList([nn.GRUCell(4 if i == 0 else 8, 8) for i in range(cells)])

    def forward(self, x: Any) -> Any:
        states: list[Any] = [None] * len(self.cells)
        total = torch.zeros(())
        for t in range(x.shape[1]):
            above = x[:, t]
            for i, cell in enumerate(self.cells):
                above = states[i] = cell(above, states[i])
            total = total + self.head(above)
        return total


@pytest.mark.parametrize("cells", [1, 2])
def test_time_is_that_of_the_first_state_and_not_of_what_is_read_out(cells: int) -> None:
    kept = []
    for times in range(8):  # modules lie anywhere in memory
        kept.append((ReadAtEachStep(cells), [bytearray(700 * times) for _ in range(times)]))
        flow = recorded(kept[-1][0], lambda model: model(SERIES).square().mean(), steps=1, axis="time")
        assert flow.axis.names == tuple(f"cells.0[{t}]" for t in range(STEPS))


class Telling(nn.LSTMCell):
    """A cell that gives its output beside its state, as those of other libraries do."""

    def forward(self, x: Any, state: Any) -> Any:
        h, c = super().forward(x, None if state is None else state[1])
        return h, (h, c)


@pytest.mark.parametrize("axis", ["auto", "time"])
@pytest.mark.parametrize("kind", [nn.LSTMCell, Telling])
def test_each_way_through_the_state_of_a_cell_counts_once(kind: Any, axis: str) -> None:
    """c gets a gradient by way of h = o tanh(c) too, which is counted at h."""
    torch.manual_seed(0)
    model = Recurrent(kind(4, 16))
    flow = recorded(model, lambda model: model(SERIES).square().mean(), samples=None, axis=axis, steps=3)
    logs = []
    for series in SERIES:
        states, held = list[Any](), None
        for x in series:
            held = nn.LSTMCell.forward(model.cell, x[None], held)
            states.append(held := tuple(one.clone() for one in held))
            for one in held:
                one.retain_grad()
        model.head(states[-1][0]).square().mean().backward()
        pairs = [[one.grad for one in state if one.grad is not None] for state in states]
        logs.append(torch.stack([torch.cat(pair).norm().log() for pair in pairs]))
    expected = torch.stack(logs).mean(0).tolist()
    for row in flow.rows:
        assert row["delta"] == pytest.approx(expected, abs=1e-5)


class Translator(nn.Module):
    """An encoder and a decoder, whose layers are all given what the encoder gives."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.head = nn.Linear(8, 16), nn.Linear(16, 3)
        self.both = nn.Transformer(16, 2, 2, 4, 32, 0.0, batch_first=True)

    def forward(self, x: Any) -> Any:
        z = self.enter(x)
        return self.head(self.both(z, z[:, :-1]))


WORDS = torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(1))
DECODER = [f"both.decoder.layers.{i}" for i in range(4)]


@pytest.mark.parametrize("names", [DECODER, ["both.encoder.layers.0", DECODER[2]]], ids=["all", "one"])
def test_layers_of_a_decoder_that_are_named_have_their_own_stream(names: list[str]) -> None:
    flow = recorded(Translator(), lambda model: model(WORDS).square().mean(), samples=None, axis=names)
    logs = []
    for words in WORDS:
        model, caught = Translator(), list[Any]()
        for name in names:
            model.get_submodule(name).register_forward_pre_hook(
                lambda module, args, caught=caught: caught.append(args[0])
            )
        gradients = torch.autograd.grad(model(words[None]).square().mean(), caught)
        logs.append(torch.stack([gradient.norm().log() for gradient in gradients]))
    for row in flow.rows:
        assert row["delta"] == pytest.approx(torch.stack(logs).mean(0).tolist(), abs=1e-5)
    assert flow.axis.told.endswith(f"passes by {len({*names} & {*DECODER})} of them")


class Heads(nn.Module):
    """A trunk and two read-outs, of which the loss may look at the first alone."""

    def __init__(self, off: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = [module for _ in range(6) for module in (nn.Linear(16, 16), nn.Tanh())]
        self.trunk, self.used, self.other = nn.Sequential(*layers), nn.Linear(16, 3), nn.Linear(16, 3)
        self.off = off

    def forward(self, x: Any) -> Any:
        z = self.trunk(x)
        used = self.used(z)
        with torch.set_grad_enabled(not self.off):
            return used, self.other(z)


@pytest.mark.parametrize("axis", ["auto", "modules"])
@pytest.mark.parametrize("off", [False, True], ids=["with gradients", "without gradients"])
def test_a_head_that_no_loss_looks_at_is_not_the_read_out(off: bool, axis: str) -> None:
    model, x = Heads(off), torch.randn(4, 16)
    nn.init.zeros_(model.used.weight)
    flow = recorded(model, lambda model: (model(x)[0] - 1).square().mean(), steps=1, axis=axis)
    assert flow.axis.names == tuple(f"trunk.{2 * i}" for i in range(6))
    assert flow.head()["silent"] == "used"
    if axis == "auto":
        assert "; 1 other (other) is not between all of the loss and the input;" in flow.axis.told


def test_a_loss_that_looks_at_no_layer_has_no_chain() -> None:
    class Through(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.act = nn.Linear(4, 4), nn.Tanh()

        def forward(self, x: Any) -> Any:
            return self.act(x * 2), self.unused(x)

    x = torch.randn(4, 4, requires_grad=True)
    with pytest.raises(InputError, match="no chain"):
        recorded(Through(), lambda model: model(x)[0].square().mean())


class Twins(nn.Module):
    """One chain, called for each of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*[module for _ in range(3) for module in (nn.Linear(8, 8), nn.Tanh())])

    def forward(self, x: Any) -> Any:
        return self.layers(x) - self.layers(x + 1)


def test_every_call_that_is_not_on_the_axis_is_told_of() -> None:
    flow = recorded(Twins(), lambda model: model(torch.randn(4, 8)).square().mean(), steps=1)
    assert "; 3 others (layers.0 to layers.4) are not between all of the loss" in flow.axis.told


@pytest.mark.parametrize("frozen", [False, True])
def test_a_block_that_is_named_whose_input_is_the_data_says_so(frozen: bool) -> None:
    model = nn.Sequential(nn.Linear(8, 8), *[Branch(nn.Linear(8, 8)) for _ in range(4)], nn.Linear(8, 3))
    model[0].requires_grad_(False)
    told = "1 needs a gradient: it is the data, or made by frozen modules: leave it out, or name a module"
    if frozen:
        model[1].requires_grad_(False)
        told = r"1 needs a gradient: it is frozen, or called under torch\.no_grad"
    with pytest.raises(InputError, match=told):
        recorded(model, lambda model: model(torch.randn(4, 8)).square().mean(), axis=["1", "2", "3"])


class Branch(nn.Module):
    """x + f(x) of one layer."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return x + torch.tanh(self.layer(x))


@pytest.mark.parametrize("name", ["spectral_norm", "weight_norm", "orthogonal"])
@pytest.mark.parametrize("kind", ["Linear", "Branch"])
def test_weights_that_are_parametrized_change_no_axis(kind: str, name: str) -> None:
    def net() -> Any:
        torch.manual_seed(0)
        parametrized = getattr(torch.nn.utils.parametrizations, name)
        layers = [parametrized(nn.Linear(8, 8)) for _ in range(5)]
        passed = [Branch(layer) if kind == "Branch" else nn.Sequential(layer, nn.Tanh()) for layer in layers]
        return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), *passed, nn.Linear(8, 3))

    watched, alone, x = net(), net(), torch.randn(4, 8)
    flow = recorded(watched, lambda model: model(x).square().mean(), samples=None)
    assert (flow.axis.block, len(flow.axis.names)) == (kind, 5 if kind == "Branch" else 6)
    assert flow.head()["expected_c"] is None
    for _ in range(2):
        alone(x).square().mean().backward()
    for one, other in zip(watched.state_dict().values(), alone.state_dict().values(), strict=True):
        assert torch.equal(one, other)  # what is looked at is left as it is


def test_a_holder_that_is_named_as_what_it_holds_hides_no_chain() -> None:
    class Linear(nn.Module):
        def __init__(self, held: Any) -> None:
            super().__init__()
            self.base_layer, self.down, self.up = held, nn.Linear(8, 2), nn.Linear(2, 8)

        def forward(self, x: Any) -> Any:
            return self.base_layer(x) + self.up(self.down(x))

    adapted = [module for _ in range(6) for module in (Linear(nn.Linear(8, 8)), nn.Tanh())]
    model, x = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), *adapted, nn.Linear(8, 3)), torch.randn(4, 8)
    flow = recorded(model, lambda model: model(x).square().mean())
    assert flow.axis.names == tuple(str(2 * i) for i in range(1, 7))


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_modules_are_known_by_their_whole_names_too(prefix: str) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)])

        def forward(self, x: Any) -> Any:
            return self.module(x)

    names, x = [f"{prefix}{i}" for i in range(3)], torch.randn(4, 4)
    flow = recorded(Holder(), lambda model: model(x).square().mean(), axis=names)
    assert flow.axis.names == ("0", "1", "2")
    with pytest.raises(InputError, match=r"the model has no module 'module\.9'"):
        recorded(Holder(), lambda model: model(x).square().mean(), axis=["module.9", "module.1"])


class Couplings(nn.Module):
    """Half of the stream changes the other half, in turn (RealNVP)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.head = nn.Linear(8, 8), nn.Linear(8, 1)
        self.nets = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(5)])

    def forward(self, x: Any) -> Any:
        x = self.enter(x)
        for net in self.nets:
            one, other = x.chunk(2, dim=1)
            x = torch.cat([other + net(one), one], dim=1)
        return self.head(x)


def test_a_half_of_the_stream_is_not_all_of_it() -> None:
    with pytest.raises(InputError, match="no chain"):
        recorded(Couplings(), lambda model: model(torch.randn(4, 8)).square().mean())


def test_both_halves_of_the_stream_are_all_of_it() -> None:
    class Coupling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(4, 4)

        def forward(self, one: Any, other: Any) -> Any:
            return torch.cat([other + torch.tanh(self.net(one)), one], dim=1)

    class Flow(Couplings):
        def __init__(self) -> None:
            super().__init__()
            self.nets = nn.ModuleList([Coupling() for _ in range(5)])

        def forward(self, x: Any) -> Any:
            x = self.enter(x)
            for net in self.nets:
                streams.append(x)
                x = net(*x.chunk(2, dim=1))
            return self.head(x)

    model, x, streams = Flow(), torch.randn(4, 8), list[Any]()
    flow = recorded(model, lambda model: model(x).square().mean(), samples=None)
    assert [point.places for point in flow.axis.points] == [(0, 1)] * 5
    streams.clear()
    gradients = torch.autograd.grad(model(x).square().mean(), streams)
    expected = [float((4 * gradient).norm(dim=1).log().mean()) for gradient in gradients]
    for row in flow.rows:
        assert row["delta"] == pytest.approx(expected, abs=1e-5)
        assert all(map(math.isnan, row["branch"]))


def test_one_layer_before_the_read_out_is_too_few() -> None:
    model, x = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)), torch.randn(4, 8)
    told = r"too few layers of one kind for a c: all of the gradient passes 0, 2 \(the read-out\); name two"
    with pytest.raises(InputError, match=told):
        recorded(model, lambda model: model(x).square().mean())
    assert recorded(model, lambda model: model(x).square().mean(), axis=["0", "2"]).axis.names == ("0", "2")


@pytest.mark.parametrize("skip", [True, False])
def test_a_stream_is_residual_where_something_passes_it_by(skip: bool) -> None:
    def block() -> Any:
        branch = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU())
        return Branch(branch) if skip else branch

    model = nn.Sequential(nn.Linear(8, 8), *[block() for _ in range(5)], nn.Linear(8, 1))
    flow = recorded(model, lambda model: model(torch.randn(4, 8)).square().mean(), axis="blocks")
    assert flow.axis.block == ("Branch" if skip else "Sequential")
    assert ("(residual stream)" in flow.axis.told) == skip


def test_a_model_without_numbers_is_refused() -> None:
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(4)]).to("meta")
    with pytest.raises(InputError, match=r"the model is on meta, where no number is"):
        recorded(model, lambda model: model(torch.randn(4, 8, device="meta")).square().mean())


@pytest.mark.parametrize("skip", [True, False])
def test_the_blocks_that_are_trained_are_a_chain_however_many_before_them_are_frozen(skip: bool) -> None:
    def block() -> Any:
        layer = nn.Linear(8, 8)
        return Branch(layer) if skip else nn.Sequential(layer, nn.Tanh())

    model = nn.Sequential(nn.Linear(8, 8), *[block() for _ in range(12)], nn.Linear(8, 3))
    model[:10].requires_grad_(False)
    flow = recorded(model, lambda model: model(torch.randn(4, 8)).square().mean())
    assert flow.axis.names == (("11", "12") if skip else ("10.0", "11.0", "12.0"))
