"""The law of blocks, by where their norms stand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torch.models import nn, torch

from gradflow.torch import watch  # isort: skip


def expected(model: Any, loss: Any, axis: Any = "auto") -> tuple[Any, Any]:
    """The law that is expected, and that which was found, at a recorded step."""
    with watch(model, axis=axis, quiet=True) as flow:
        loss(model).backward()
        flow.step()
    return flow.head(), flow.flow


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
