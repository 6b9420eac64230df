"""Small models of the families of image networks, built as those of torchvision and timm are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.torch.models import BATCH, CLASSES, Case, nn, supervised, torch

TINY = 1e-6  # of ConvNeXt's LayerScale


class ChannelsLast(nn.Module):
    """Moves the channels of images (N, C, H, W) to the end, or back."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1)


class ConvNextBlock(nn.Module):
    """z + LayerScale * branch; the branch is one Sequential."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width), ChannelsLast(), nn.LayerNorm(width),
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width),
        )  # fmt: skip
        self.layer_scale = nn.Parameter(torch.full((width, 1, 1), TINY))

    def forward(self, x: Any) -> Any:
        return x + self.layer_scale * self.block(x).permute(0, 3, 1, 2)


def conv_next() -> Case:
    """Two stages, each a Sequential, as the way between them and the classifier are."""
    stages = [nn.Sequential(*(ConvNextBlock(width) for _ in range(3))) for width in (4, 8)]
    down = nn.Sequential(nn.GroupNorm(1, 4), nn.Conv2d(4, 8, 2, stride=2))
    head = nn.Sequential(nn.Flatten(), nn.LayerNorm(8), nn.Linear(8, CLASSES))
    stem = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.GroupNorm(1, 4))
    model = nn.Sequential(stem, stages[0], down, stages[1], nn.AdaptiveAvgPool2d(1), head)
    return supervised(model, torch.randn(BATCH, 3, 8, 8), "ConvNextBlock", 6)


class SwinBlock(nn.Module):
    """Pre-norm attention within windows, which every other block shifts, then an MLP."""

    def __init__(self, width: int, window: int, shift: int) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Any) -> Any:
        n, size, _, width = x.shape
        across, window = size // self.window, self.window
        z = torch.roll(self.norm1(x), (-self.shift, -self.shift), (1, 2))
        z = z.view(n, across, window, across, window, width).transpose(2, 3).reshape(-1, window**2, width)
        z, _ = self.attention(z, z, z, need_weights=False)
        z = z.view(n, across, across, window, window, width).transpose(2, 3).reshape(n, size, size, width)
        x = x + torch.roll(z, (self.shift, self.shift), (1, 2))
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Four patches into one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Any) -> Any:
        parts = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return self.reduction(self.norm(torch.cat(parts, -1)))


def swin() -> Case:
    patches = nn.Sequential(nn.Conv2d(3, 8, 2, stride=2), ChannelsLast(), nn.LayerNorm(8))
    stages = [nn.Sequential(*(SwinBlock(width, 2, i % 2) for i in range(2))) for width in (8, 16)]
    head = nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES))
    model = nn.Sequential(patches, stages[0], PatchMerging(8), stages[1], head)
    return supervised(model, torch.randn(BATCH, 3, 8, 8), "SwinBlock", 4)


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Any) -> Any:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class MixerBlock(nn.Module):
    """Mixes patches, then channels."""

    def __init__(self, patches: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens, self.channels = Mlp(patches, 2 * patches), Mlp(width, 2 * width)

    def forward(self, x: Any) -> Any:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


def mixer() -> Case:
    stem = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), ChannelsLast(), nn.Flatten(1, 2))
    blocks = nn.Sequential(*(MixerBlock(4, 8) for _ in range(5)))
    model = nn.Sequential(stem, blocks, nn.LayerNorm(8), nn.Flatten(), nn.Linear(32, CLASSES))
    return supervised(model, torch.randn(BATCH, 3, 8, 8), "MixerBlock", 5)


class Bottleneck(nn.Module):
    """A residual block of any width, whose branch may be without a norm and scaled (NFNet)."""

    def __init__(self, before: int, width: int, stride: int, free: bool) -> None:
        super().__init__()
        norms = [nn.Identity() if free else nn.GroupNorm(1, channels) for channels in (2, 2, width)]
        convs = [nn.Conv2d(before, 2, 1), nn.Conv2d(2, 2, 3, stride, 1), nn.Conv2d(2, width, 1)]
        parts = [part for pair in zip(convs, norms, strict=True) for part in (*pair, nn.ReLU())]
        self.branch = nn.Sequential(*parts[:-1])
        same = before == width and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(before, width, 1, stride))
        self.gain = nn.Parameter(torch.zeros(())) if free else None
        if not free:
            nn.init.zeros_(norms[-1].weight)

    def forward(self, x: Any) -> Any:
        if self.gain is not None:
            return self.shortcut(x) + 0.2 * self.gain * self.branch(nn.functional.relu(x))
        return torch.relu(self.shortcut(x) + self.branch(x))


def bottlenecks(free: bool) -> Case:
    """Stages of three blocks, the first of which changes the width."""
    stages = [
        nn.Sequential(
            *(Bottleneck(before if i == 0 else width, width, 1 if i else 2, free) for i in range(3))
        )
        for before, width in ((4, 8), (8, 16))
    ]
    stem, pool = nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1)
    model = nn.Sequential(stem, *stages, pool, nn.Flatten(), nn.Linear(16, CLASSES))
    return supervised(model, torch.randn(BATCH, 3, 8, 8), "Bottleneck", 6)


class Translator(nn.Module):
    """An encoder whose output every block of a decoder takes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(8, 16), nn.Linear(16, CLASSES)
        self.both = nn.Transformer(16, 2, 4, 3, 32, 0.0, batch_first=True)

    def forward(self, x: Any) -> Any:
        z = self.embed(x)
        return self.head(self.both(z, z[:, :4].detach()))


class Taking(nn.Module):
    """A block of an encoder, or of a decoder if it is given what the encoder made, as in T5."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x: Any, memory: Any = None) -> Any:
        x = x + torch.tanh(self.layer(self.norm(x)))
        return x if memory is None else x * torch.sigmoid(memory)


class OneClassInBoth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(8, 8), nn.Linear(8, CLASSES)
        self.encoder, self.decoder = (nn.ModuleList(Taking() for _ in range(3)) for _ in range(2))

    def forward(self, x: Any) -> Any:
        memory, z = self.embed(x), x
        for block in self.encoder:
            memory = block(memory)
        for block in self.decoder:
            z = block(z, memory)
        return self.head(z)


FAMILIES: dict[str, Callable[[], Case]] = {
    "convnext": conv_next,
    "swin": swin,
    "mixer": mixer,
    "resnet of bottlenecks": lambda: bottlenecks(free=False),
    "nfnet": lambda: bottlenecks(free=True),
    "one class in both": lambda: supervised(OneClassInBoth(), torch.randn(BATCH, 8), "Taking", 3),
    "encoder and decoder": lambda: supervised(
        Translator(), torch.randn(BATCH, 6, 8), "TransformerEncoderLayer", 4
    ),
}
