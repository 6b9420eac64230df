"""Small models of every kind, and delta of each sample at each point by one-sample-at-a-time autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install torch")
nn = torch.nn
torch.set_num_threads(1)  # what is small here is slower with more

BATCH, CLASSES = 4, 3


@dataclass
class Case:
    """A model, its inputs, how the loss comes from both, and what is expected of its axis."""

    model: Any
    inputs: Any
    block: str
    points: int
    loss: Callable[[Any, Any], Any]  # of the model and some samples

    def sample(self, number: int) -> Any:
        return self.inputs[number : number + 1]


def supervised(model: Any, inputs: Any, block: str, points: int) -> Case:
    return Case(model, inputs, block, points, lambda model, x: logits_of(model(x)).square().mean())


def logits_of(output: Any) -> Any:
    for name in ("logits", "last_hidden_state"):
        if hasattr(output, name):
            return getattr(output, name)
    return output


class Sequence(nn.Module):
    """Blocks between a stem and a read-out that is registered before them."""

    def __init__(self, stem: Any, blocks: list[Any], head: Any) -> None:
        super().__init__()
        self.head, self.stem, self.blocks = head, stem, nn.ModuleList(blocks)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.flatten(2).mean(2) if x.dim() > 2 else x)


class Residual(nn.Module):
    """z + scale * f(z), with a scale by channel (LayerScale) if it is given."""

    def __init__(self, branch: Any, scale: float | None = None, width: int = 0) -> None:
        super().__init__()
        self.branch = branch
        self.scale = None if scale is None else nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Any) -> Any:
        branch = self.branch(x)
        return x + (branch if self.scale is None else branch * self.scale)


class Dense(nn.Module):
    """All features so far and a few more, as in a DenseNet."""

    def __init__(self, features: int, more: int) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(features), nn.Linear(features, more)

    def forward(self, x: Any) -> Any:
        return torch.cat([x, torch.relu(self.layer(self.norm(x)))], dim=1)


class Shared(nn.Module):
    """One Linear used twenty times."""

    def __init__(self, times: int = 20) -> None:
        super().__init__()
        self.enter, self.again, self.head, self.times = (
            nn.Linear(30, 64), nn.Linear(64, 64), nn.Linear(64, CLASSES), times,
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.enter(x))
        for _ in range(self.times):
            x = torch.tanh(self.again(x))
        return self.head(x)


class Recurrent(nn.Module):
    """A cell over time, read out at the end."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.head = cell, nn.Linear(16, CLASSES)

    def forward(self, x: Any) -> Any:
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.head(state[0] if isinstance(state, tuple) else state)


def convolutions(channels: int, zero: bool) -> Any:
    last = nn.GroupNorm(2, channels)
    if zero:
        nn.init.zeros_(last.weight)
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(2, channels), nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1), last,
    )  # fmt: skip


def mlp() -> Case:
    layers = [module for _ in range(7) for module in (nn.Linear(20, 20), nn.Tanh())]
    return supervised(nn.Sequential(*layers, nn.Linear(20, CLASSES)), torch.randn(BATCH, 20), "Linear", 7)


def encoder(norm_first: bool) -> Case:
    layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True, norm_first=norm_first)
    stack = nn.TransformerEncoder(layer, 5, enable_nested_tensor=False)
    model = nn.Sequential(nn.Linear(8, 16), stack, nn.Linear(16, CLASSES))
    return supervised(model, torch.randn(BATCH, 6, 8), "TransformerEncoderLayer", 5)


def resnet() -> Case:
    blocks = [Residual(convolutions(4, zero=True)) for _ in range(5)]
    model = Sequence(nn.Conv2d(3, 4, 3, padding=1), blocks, nn.Linear(4, CLASSES))
    return supervised(model, torch.randn(BATCH, 3, 6, 6), "Residual", 5)


def layer_scale() -> Case:
    blocks = [Residual(nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 12)), 1e-6, 12) for _ in range(6)]
    model = Sequence(nn.Linear(8, 12), blocks, nn.Linear(12, CLASSES))
    return supervised(model, torch.randn(BATCH, 8), "Residual", 6)


class Spectral(nn.Module):
    """x + f(x), where f multiplies the waves of x by complex weights, a module of its own (FNO)."""

    def __init__(self, channels: int, waves: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, channels, dtype=torch.complex64)
        self.scale = nn.Parameter(torch.randn(waves, dtype=torch.complex64))

    def forward(self, x: Any) -> Any:
        waves = self.mix(torch.fft.rfft(x).movedim(1, 2)).movedim(1, 2) * self.scale
        return x + torch.relu(torch.fft.irfft(waves, n=x.shape[-1]))


def spectral() -> Case:
    model = Sequence(nn.Conv1d(3, 4, 1), [Spectral(4, 5) for _ in range(4)], nn.Linear(4, CLASSES))
    return supervised(model, torch.randn(BATCH, 3, 8), "Spectral", 4)


def of_complex() -> Case:
    layers = [module for _ in range(5) for module in (nn.Linear(8, 8, dtype=torch.complex64), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(8, CLASSES, dtype=torch.complex64))
    inputs = torch.randn(BATCH, 8, dtype=torch.complex64)
    return Case(model, inputs, "Linear", 5, lambda model, x: model(x).abs().square().mean())


def dense_net() -> Case:
    blocks = [Dense(12 + 4 * i, 4) for i in range(5)]
    model = Sequence(nn.Linear(8, 12), blocks, nn.Linear(32, CLASSES))
    return supervised(model, torch.randn(BATCH, 8), "Dense", 5)


def shared() -> Case:
    return supervised(Shared(), torch.randn(BATCH, 30), "Linear", 21)


def recurrent(cell: str) -> Case:
    return supervised(Recurrent(getattr(nn, cell)(8, 16)), torch.randn(BATCH, 9, 8), cell, 9)


SIZES = {
    "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32,
    "vocab_size": 40,
}  # fmt: skip
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def of_hub(model: str, config: str, block: str, points: int = 4, **sizes: Any) -> Case:
    """A model of transformers with random weights."""
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install transformers")
    built = getattr(transformers, model)(getattr(transformers, config)(**sizes))
    images = "image_size" in sizes
    inputs = torch.randn(BATCH, 3, 8, 8) if images else torch.randint(2, 40, (BATCH, 7))
    return supervised(built, inputs, block, points)


CASES: dict[str, Callable[[], Case]] = {
    "mlp": mlp,
    "encoder, pre-norm": lambda: encoder(norm_first=True),
    "encoder, post-norm": lambda: encoder(norm_first=False),
    "resnet, zero-init": resnet,
    "layer scale": layer_scale,
    "dense net": dense_net,
    "shared": shared,
    "rnn cell": lambda: recurrent("RNNCell"),
    "gru cell": lambda: recurrent("GRUCell"),
    "lstm cell": lambda: recurrent("LSTMCell"),
    "gpt-2": lambda: of_hub(
        "GPT2LMHeadModel", "GPT2Config", "GPT2Block", n_embd=16, n_layer=4, n_head=2, vocab_size=40,
        n_positions=16, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=1,
    ),
    "llama": lambda: of_hub("LlamaForCausalLM", "LlamaConfig", "LlamaDecoderLayer", **SIZES),
    "bert": lambda: of_hub("BertForMaskedLM", "BertConfig", "BertLayer", **SIZES, **NO_DROPOUT),
    "t5 encoder": lambda: of_hub(
        "T5EncoderModel", "T5Config", "T5Block", d_model=16, d_kv=8, num_layers=4, num_heads=2, d_ff=32,
        vocab_size=40, dropout_rate=0.0,
    ),
    "vit": lambda: of_hub(
        "ViTForImageClassification", "ViTConfig", "ViTLayer", image_size=8, patch_size=4, num_labels=CLASSES,
        **{key: value for key, value in SIZES.items() if key != "vocab_size"}, **NO_DROPOUT,
    ),
}  # fmt: skip
