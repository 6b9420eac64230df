"""c at initialization over copies of a model, beside what theory expects."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gradflow.errors import InputError
from gradflow.store.export import layers_table
from tests.torch.models import CASES, Shared, encoder, nn, torch
from tests.torch.test_mechanics import WIDTH, stack

from gradflow.torch import probe, watch  # isort: skip
from gradflow.torch.expected import MORE, OTHERS  # isort: skip
from gradflow.torch.probe import initialize  # isort: skip

BATCH = torch.randn(16, 128), torch.randint(0, 10, (16,))


def plain(*passed: Any, depth: int = 20) -> Any:
    layers = [module for _ in range(depth) for module in (nn.Linear(128, 128), *(make() for make in passed))]
    return nn.Sequential(*layers, nn.Linear(128, 10))


def leaky() -> Any:
    return nn.LeakyReLU(0.5)


def low_elu() -> Any:
    return nn.ELU(0.3)


class Mlp(nn.Module):
    """A chain that the rule of a class of its own initializes, or a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.head = nn.ModuleList(nn.Linear(128, 128) for _ in range(10)), nn.Linear(128, 10)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x)


@pytest.mark.parametrize(
    "activation", [nn.Tanh, nn.ReLU, nn.SiLU, nn.GELU, nn.SELU, nn.ELU, low_elu, nn.ReLU6, leaky, nn.Softplus]
)
def test_a_plain_chain_has_the_c_that_theory_expects(activation: Any) -> None:
    run = probe(plain(activation), nn.CrossEntropyLoss(), BATCH, seeds=6)
    flow, expected = run.summary.flow.initial, run.summary.theory.c
    error = math.log(flow.c_high / flow.c_low) / 2
    assert error < 0.05
    assert abs(math.log(flow.c / expected)) < error + 0.01  # a mean of logs is below the log of a mean
    assert (flow.interval, flow.networks) == ("t over seeds", 6)


def narrow() -> Any:
    return nn.Hardtanh(-0.1, 0.1)


def smooth() -> Any:
    return nn.Softplus(0.2)


def norm() -> Any:
    return nn.LayerNorm(128)


@pytest.mark.parametrize(
    "passed", [(narrow,), (smooth,), (nn.ReLU, norm), (nn.Tanh, nn.Dropout)],
    ids=["hardtanh", "softplus", "layer norm", "dropout"],
)  # fmt: skip
def test_a_chain_that_theory_does_not_know_has_no_c_and_no_advice_of_a_plain_one(passed: Any) -> None:
    summary = probe(plain(*passed), nn.CrossEntropyLoss(), BATCH, seeds=2).summary
    assert summary.theory.c is None
    assert summary.theory.reason == MORE
    assert not summary.advice


def of_its_own(name: str) -> Any:
    """A Function in Python that has the name of an activation, and multiplies instead."""

    class Doubling(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            return 2 * x

        @staticmethod
        def backward(context: Any, gradient: Any) -> Any:
            return 2 * gradient

    class Passed(nn.Module):
        def forward(self, x: Any) -> Any:
            return function.apply(x)

    function: Any = type(name, (Doubling,), {})
    return Passed()


@pytest.mark.parametrize("name", ["LeakyRelu", "Elu", "Hardtanh", "Softplus", "Tanh", "View"])
def test_a_function_of_the_users_is_not_the_activation_of_its_name(name: str) -> None:
    passed = [lambda: of_its_own(name), *([nn.Tanh] if name == "View" else [])]
    summary = probe(plain(*passed, depth=6), nn.CrossEntropyLoss(), BATCH, seeds=1).summary
    assert (summary.theory.c, summary.theory.reason) == (None, MORE)


class Masked(nn.Linear):  # type: ignore[misc]  # a class of Any
    """A Linear of which half of the weights count."""

    def forward(self, x: Any) -> Any:
        return nn.functional.linear(x, self.weight * (torch.arange(x.shape[1]) % 2), self.bias)


def test_weights_that_a_layer_does_not_use_as_they_are_have_no_expected_c() -> None:
    layers = [module for _ in range(6) for module in (Masked(128, 128), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(128, 10))
    summary = probe(model, nn.CrossEntropyLoss(), BATCH, seeds=1).summary
    assert (summary.theory.c, summary.theory.reason) == (None, OTHERS)
    assert not summary.advice


def convolutions() -> Any:
    layers = [module for _ in range(12) for module in (nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 10)), torch.randn(8, 4, 4, 4)


def blocks_without_a_skip() -> Any:
    blocks = [nn.Sequential(nn.Linear(128, 128), nn.LayerNorm(128), nn.Tanh()) for _ in range(40)]
    return nn.Sequential(*blocks, nn.Linear(128, 10)), BATCH[0][:8]


@pytest.mark.parametrize("made", [convolutions, blocks_without_a_skip])
def test_a_chain_of_others_has_neither_law_nor_branches_to_scale(made: Any) -> None:
    def steep(model: Any) -> None:
        for weight in (each for each in model.parameters() if each.dim() > 1):
            nn.init.normal_(weight, std=0.5)

    model, inputs = made()
    run = probe(model, nn.CrossEntropyLoss(), (inputs, BATCH[1][:8]), seeds=2, reset=steep)
    assert run.summary.flow.initial.verdict == "exploding"
    assert (run.summary.theory.reason, "law" in run.summary.config["data"]) == (OTHERS, False)
    assert not run.summary.advice


def test_layers_that_are_skipped_by_name_are_no_plain_chain() -> None:
    run = probe(plain(nn.Tanh, depth=8), nn.CrossEntropyLoss(), BATCH, seeds=2, axis=["0", "4", "8", "12"])
    assert run.summary.theory.c is None


def test_what_is_found_is_shown_as_any_run(tmp_path: Path) -> None:
    with watch(plain(nn.Tanh, depth=3), quiet=True, save=tmp_path / "mine") as flow:
        nn.CrossEntropyLoss()(flow.model(BATCH[0]), BATCH[1]).backward()
        flow.step()
    assert len(flow.run.to_pandas()) == 3
    run = probe(plain(nn.Tanh, depth=3), nn.CrossEntropyLoss(), BATCH, seeds=2)
    assert "gradflow.torch.probe" in run.text
    assert "<dt>" in run._repr_html_()
    assert len(run.to_pandas()) == 3 * 2
    assert dict(run.to_xarray().sizes)["seed"] == 2


def test_weights_scaled_as_advised_bring_c_near_one() -> None:
    def scaled(model: Any) -> None:
        torch.manual_seed(3)
        for module in model:
            if isinstance(module, nn.Linear):
                module.reset_parameters()
                module.weight.data.mul_(float(advice.torch.rpartition("(")[2][:-1]))

    loss = nn.CrossEntropyLoss()
    (advice,) = probe(plain(nn.ReLU), loss, BATCH, seeds=2).summary.advice
    assert probe(plain(nn.ReLU), loss, BATCH, seeds=2, reset=scaled).summary.flow.initial.c == pytest.approx(
        1, abs=0.1
    )


def test_the_model_itself_is_left_as_it_is() -> None:
    model = plain(nn.Tanh, depth=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    probe(model, nn.CrossEntropyLoss(), BATCH, seeds=2)
    assert torch.equal(torch.rand(1), first)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


class _Größe(Mlp):
    pass


def test_the_class_of_a_model_may_have_any_name() -> None:
    run = probe(_Größe(), nn.CrossEntropyLoss(), BATCH, seeds=2)
    assert (run.id[:5], run.summary.config["data"]["watched"]) == ("Gr-e-", "_Größe")
    with watch(_Größe(), quiet=True) as flow:
        nn.CrossEntropyLoss()(flow.model(BATCH[0]), BATCH[1]).backward()
        flow.step()
    assert flow.report().startswith("Gr-e-")


def test_the_same_seeds_give_the_same_run() -> None:
    one, other = (probe(plain(nn.Tanh, depth=4), nn.CrossEntropyLoss(), BATCH, seeds=2) for _ in range(2))
    assert one.id == other.id
    assert one["log_delta_norm"].shape == (1, 4, 2)
    assert (one["log_delta_norm"][..., 0] != one["log_delta_norm"][..., 1]).all()


def test_devices_that_the_model_is_not_on_draw_on_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    for device in (torch.cuda, torch.mps, torch.xpu):
        name = "manual_seed" if device is torch.mps else "manual_seed_all"
        monkeypatch.setattr(device, name, seeds.append)
    model, before = plain(nn.Tanh, depth=3), torch.get_rng_state()
    probe(model, nn.CrossEntropyLoss(), BATCH, seeds=2)
    assert seeds == []
    assert torch.equal(torch.get_rng_state(), before)


def test_copies_are_told_apart_by_their_seeds() -> None:
    run = probe(plain(nn.Tanh, depth=4), nn.CrossEntropyLoss(), BATCH, seeds=3, seed=5)
    assert list(dict.fromkeys(layers_table([run], "first")["seed"])) == [5, 6, 7]


def test_no_copy_and_no_sample_are_refused() -> None:
    with pytest.raises(InputError, match="probe: seeds=0: draw one copy at least"):
        probe(plain(nn.Tanh, depth=3), nn.CrossEntropyLoss(), BATCH, seeds=0)
    for samples in (0, -1):
        with pytest.raises(InputError, match=f"samples={samples}: look at one at least, or at all with None"):
            probe(plain(nn.Tanh, depth=3), nn.CrossEntropyLoss(), BATCH, samples=samples)


def test_an_empty_batch_is_refused() -> None:
    told = "probe: no sample was recorded: give a batch that is not empty"
    with pytest.raises(InputError, match=told):
        probe(plain(nn.Tanh, depth=3), lambda output, _: output.sum(), (BATCH[0][:0], BATCH[1][:0]))


def test_a_module_that_nothing_initializes_is_named() -> None:
    model = stack()
    model.blocks[1].gain = nn.Parameter(torch.ones(WIDTH))
    data = torch.randn(4, WIDTH), torch.randint(0, 3, (4,))
    with pytest.raises(InputError, match=r"nothing initializes blocks\.1 \(Block\).*reset=\.\.\."):
        probe(model, nn.CrossEntropyLoss(), data)

    def reset(model: Any) -> None:
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)

    assert probe(model, nn.CrossEntropyLoss(), data, reset=reset, seeds=2).summary.flow.initial.c


class Reset(Mlp):
    def reset_parameters(self) -> None:
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)


class Inside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Reset()

    def forward(self, x: Any) -> Any:
        return self.inner(x)


class Applied(Mlp):
    def init_weights(self, module: Any) -> None:
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


class Partly(Mlp):
    def init_weights(self, mode: str = "") -> None:
        assert mode == ""
        self.head.weight.data.uniform_(-0.1, 0.1)


@pytest.mark.parametrize("made", [Reset, Inside, Applied])
def test_the_rule_of_a_module_counts_more_than_those_of_what_it_holds(made: Any) -> None:
    flow = probe(made(), nn.CrossEntropyLoss(), BATCH, seeds=3).summary.flow.initial
    assert flow.c == pytest.approx(1, abs=0.1)


def test_a_transformer_is_drawn_as_it_is_made() -> None:
    model = nn.Transformer(32, 2, 1, 1, 64, 0.0, batch_first=True, norm_first=False)
    drawn = deepcopy(model)
    initialize(drawn)
    for (name, made), weight in zip(model.named_parameters(), drawn.parameters(), strict=True):
        assert weight.std().item() == pytest.approx(made.std().item(), rel=0.15), name


def test_what_the_rule_of_a_model_leaves_out_is_drawn_too() -> None:
    copies = []
    for seed in range(2):
        torch.manual_seed(seed)
        copies.append(Partly())
        copies[-1].load_state_dict(copies[0].state_dict())
        initialize(copies[-1])
    for one, other in zip(*(copy.parameters() for copy in copies), strict=True):
        assert not torch.equal(one, other)
    assert 0.09 < float(copies[0].head.weight.detach().abs().max()) <= 0.1


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    [
        (lambda: encoder(True).model, (4, 6, 8), "pre-norm blocks: their norms follow a power"),
        (lambda: encoder(False).model, (4, 6, 8), "post-norm blocks: their norms follow c^L"),
        (Shared, (4, 30), "over time theory needs to know how the inputs come"),
    ],
    ids=["pre-norm", "post-norm", "over time"],
)  # fmt: skip
def test_blocks_have_the_law_that_theory_knows(model: Any, inputs: Any, words: str) -> None:
    run = probe(model(), lambda z, y: z.square().mean(), (torch.randn(inputs), None), seeds=2)
    assert run.summary.theory.c is None
    assert run.summary.theory.reason.startswith(words)


class Basic(nn.Module):
    """A ResNet's block: the norms are inside the branch."""

    def __init__(self) -> None:
        super().__init__()
        parts = (nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.branch = nn.Sequential(*parts, nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))

    def forward(self, x: Any) -> Any:
        return torch.relu(x + self.branch(x))


def test_blocks_with_norms_inside_their_branches_follow_a_power() -> None:
    blocks = [Basic() for _ in range(24)]
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.Flatten(), nn.Linear(200, 5))
    data = torch.randn(16, 3, 5, 5), torch.randint(0, 5, (16,))
    summary = probe(model, nn.CrossEntropyLoss(), data, seeds=3).summary
    assert summary.theory.reason.startswith(
        "blocks with norms inside their branches: their norms follow a power"
    )
    assert (summary.config["data"]["law"], summary.flow.initial.law) == ("power", "power")


@pytest.mark.parametrize("name", ["gpt-2", "llama", "bert", "vit"])
def test_models_of_transformers_are_initialized_by_their_own_rule(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    key = "pixel_values" if case.inputs.is_floating_point() else "input_ids"
    batch = {key: case.inputs}
    run = probe(case.model, lambda out: out.logits.square().mean(), batch, seeds=3, save=tmp_path / "p")
    assert run["log_delta_norm"].shape == (1, 4, 3)
    assert len(set(run["log_delta_norm"][0, 0])) == 3
    assert (tmp_path / run.id / "summary.json").exists()
    kind = "post-norm" if name == "bert" else "pre-norm"
    assert run.summary.theory.reason.startswith(kind)


def test_copies_of_different_axes_are_refused() -> None:
    class Either(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other, self.head = stack().blocks, stack().blocks, nn.Linear(WIDTH, 10)

        def forward(self, x: Any) -> Any:
            for block in self.one if torch.rand(()) < 0.5 else self.other:
                x = block(x)
            return self.head(x)

    batch = torch.randn(4, WIDTH), torch.randint(0, 10, (4,))
    told = (
        r"one copy has 4 points from (one|other)\.1 .*, of another 4 points .*: name modules that all of them"
    )
    with pytest.raises(InputError, match=told):
        probe(Either(), nn.functional.cross_entropy, batch, seeds=8)


@pytest.mark.parametrize("own", [True, False])
def test_an_initialization_that_probe_does_not_know_is_told(own: bool, capsys: Any) -> None:
    model = plain(nn.ReLU, depth=12)
    for weight in (each for each in model.parameters() if own and each.dim() > 1):
        nn.init.kaiming_normal_(weight)
    probe(model, nn.CrossEntropyLoss(), BATCH, seeds=2)
    told = capsys.readouterr().err
    words = "gradflow: probe draws 0.weight 0.41 times as large as the model has it (13 such weights): "
    assert told.startswith(words) if own else not told
    assert told.count("give it with reset=...") == own


class Reassigned(nn.Linear):
    """Whose reset makes a new parameter, which is tied to none."""

    def reset_parameters(self) -> None:
        self.weight = nn.Parameter(torch.randn(self.out_features, self.in_features) / 4)
        nn.init.zeros_(self.bias)


def test_weights_that_a_reset_unties_are_compared_by_name(capsys: Any) -> None:
    layers = [part for _ in range(5) for part in (Reassigned(16, 16), nn.Tanh())]
    layers[4].weight = layers[0].weight
    batch = torch.randn(8, 16), torch.randint(4, (8,))
    assert probe(nn.Sequential(*layers, nn.Linear(16, 4)), nn.CrossEntropyLoss(), batch, seeds=2).summary
    assert not capsys.readouterr().err


def test_weights_that_are_zero_or_not_there_yet_are_compared_too(capsys: Any) -> None:
    model = nn.Sequential(nn.LazyLinear(128), nn.Tanh(), *plain(nn.Tanh, depth=3))
    probe(model, nn.CrossEntropyLoss(), BATCH, seeds=1)
    assert not capsys.readouterr().err
    nn.init.zeros_(model[2].weight)
    probe(model, nn.CrossEntropyLoss(), BATCH, seeds=1)
    assert "probe draws 2.weight inf times as large as the model has it: " in capsys.readouterr().err


class Functional(nn.Module):
    """A block whose norm is no module."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.norm, self.layer = norm, nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        return x + torch.relu(self.layer(self.norm(x)))


@pytest.mark.parametrize(
    ("norm", "law"),
    [
        (lambda x: nn.functional.rms_norm(x, (16,)), None),
        (lambda x: nn.functional.layer_norm(x, (16,)), None),
        (lambda x: x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt(), None),
        (lambda x: x, "exponential"),
    ],
    ids=["rms_norm", "layer_norm", "rsqrt", "none"],
)
def test_norms_that_are_functions_give_no_law(norm: Any, law: Any, tmp_path: Path) -> None:
    stem = nn.Linear(128, 16), nn.LayerNorm(16)
    model = nn.Sequential(*stem, *[Functional(norm) for _ in range(6)], nn.LayerNorm(16), nn.Linear(16, 10))
    summary = probe(model, nn.CrossEntropyLoss(), BATCH, seeds=2, save=tmp_path / "mine").summary
    assert summary.config["data"]["law"] == law
    assert summary.theory.reason.startswith("blocks with norms that are" if law is None else "blocks without")
    assert summary.flow.initial.law in (None, law)  # it is not taken for c^L, of so few blocks
