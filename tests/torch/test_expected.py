"""The law of blocks, by where their norms stand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torch.models import nn, torch

from gradflow.torch import watch  # isort: skip


def expected(model: Any, loss_of: Any, axis: Any = "auto") -> tuple[Any, Any]:
    """The law that is expected, and that which was found, at a recorded step."""
    with watch(model, axis=axis, quiet=True) as flow:
        loss_of(model).backward()
        flow.step()
    return flow.head(), flow.flow


class PreNorm(nn.Module):
    """x + f(norm(x))."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.enter, self.leave = nn.LayerNorm(32), nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, x: Any) -> Any:
        return x + self.leave(torch.relu(self.enter(self.norm(x))))


class PostNorm(PreNorm):
    """norm(x + f(x))."""

    def forward(self, x: Any) -> Any:
        return self.norm(x + self.leave(torch.relu(self.enter(x))))


class Bare(PreNorm):
    """x + f(x)."""

    def forward(self, x: Any) -> Any:
        return x + self.leave(torch.relu(self.enter(x)))


def stack(blocks: list[Any]) -> Any:
    return nn.Sequential(nn.Linear(8, 32), *blocks, nn.Linear(32, 3))


def loss(model: Any) -> Any:
    return model(torch.randn(16, 8)).square().mean()


@pytest.mark.parametrize(
    ("block", "words"), [(PreNorm, "pre-norm"), (PostNorm, "post-norm"), (Bare, "blocks without norms")]
)
def test_a_block_is_no_norm_whatever_its_class_is_called(block: Any, words: str) -> None:
    head, _ = expected(stack([block() for _ in range(6)]), loss)
    assert head["block"] == block.__name__
    assert head["expected"].startswith(words)


@pytest.mark.parametrize(
    ("block", "words", "law"),
    [
        (PreNorm, "pre-norm blocks", "power"),
        (PostNorm, "post-norm blocks", "exponential"),
        (Bare, "calls of one module are blocks with shared weights or", None),
    ],
)
def test_blocks_with_shared_weights_have_the_law_of_blocks(block: Any, words: str, law: str | None) -> None:
    torch.manual_seed(0)
    head, flow = expected(stack([block()] * 16), loss)
    assert head["expected"].startswith(words)
    assert head["law"] == (law or "")
    assert law in (None, flow.law)
    assert (flow.law_exponent or 0) > 0.2 if law == "power" else flow.law_exponent is None


class LayerNormCell(nn.Module):
    """A cell whose state has a norm before its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.enter, self.again = nn.LayerNorm(16), nn.Linear(8, 16), nn.Linear(16, 16)

    def forward(self, x: Any, state: Any) -> Any:
        return torch.tanh(self.enter(x) + self.again(self.norm(state)))


class Unrolled(nn.Module):
    """A cell over time from a state that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.begin, self.head = LayerNormCell(), nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        state = self.begin(x[:, 0])
        for t in range(1, x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.head(state)


def test_a_cell_of_modules_is_no_block_with_shared_weights() -> None:
    head, _ = expected(Unrolled(), lambda model: model(torch.randn(16, 12, 8)).square().mean())
    assert (head["block"], head["law"]) == ("LayerNormCell", "")
    assert head["expected"].startswith("over time theory needs to know how the inputs come")


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize(
    ("norm_first", "words", "law"),
    [(True, "pre-norm blocks", "power"), (False, "post-norm blocks", "exponential")],
    ids=["pre-norm", "post-norm"],
)
def test_blocks_of_a_decoder_have_the_law_of_their_own_stream(norm_first: bool, words: str, law: str) -> None:
    """What an encoder gives them has been through a norm, whatever theirs do."""
    torch.manual_seed(0)
    model = nn.Transformer(16, 2, 2, 4, 32, 0.0, batch_first=True, norm_first=norm_first)
    source, target = torch.randn(4, 6, 16), torch.randn(4, 5, 16)
    names = [f"decoder.layers.{i}" for i in range(4)]
    head, flow = expected(model, lambda model: model(source, target).square().mean(), names)
    assert head["expected"].startswith(words)
    assert (head["law"], flow.law) == (law, law)
