"""Forty activations as formulas, beside the class or the PyTorch function that they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.nn.activations import ACTIVATIONS, Activation

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Same:
    """A formula, and what it is: an activation of the table, or an expression of torch's F and z."""

    text: str
    name: str = ""
    torch: str = ""
    kinks: tuple[float, ...] = ()

    @property
    def activation(self) -> Activation:
        return ACTIVATIONS[self.name]() if self.name else Theirs(self.torch, self.kinks)


@dataclass(frozen=True)
class Theirs(Activation):
    """A function of PyTorch, with the slope that autograd gives it."""

    name = "theirs"
    code: str
    at: tuple[float, ...] = ()

    @property
    def splits(self) -> tuple[float, ...]:
        return self.at

    @property
    def homogeneous(self) -> bool:  # type: ignore[override]
        """Whether it scales with z."""
        z = np.array([-3.0, -1.0, 0.5, 2.0])
        return bool((self.phi(4 * z) == 4 * self.phi(z)).all())

    def phi(self, z: Array) -> Array:
        import torch
        from torch.nn import functional

        a = eval(self.code, {"F": functional, "torch": torch}, {"z": torch.tensor(z)})
        return np.asarray(a.numpy())

    def derivative(self, z: Array) -> Array:
        import torch
        from torch.nn import functional

        tensor = torch.tensor(z, requires_grad=True)
        a = eval(self.code, {"F": functional, "torch": torch}, {"z": tensor})
        return np.asarray(torch.autograd.grad(a.sum(), tensor)[0].numpy())


FORTY = [
    Same("z", "linear"),
    Same("tanh(z)", "tanh"),
    Same("(exp(z) - exp(-z)) / (exp(z) + exp(-z))", "tanh"),
    Same("2 / (1 + exp(-2 * z)) - 1", "tanh"),
    Same("1 / (1 + exp(-z))", "sigmoid"),
    Same("exp(z) / (1 + exp(z))", "sigmoid"),
    Same("0.5 * z * (1 + erf(z / sqrt(2)))", "gelu"),
    Same("z / (1 + exp(-z))", "silu"),
    Same("z * tanh(log1p(exp(z)))", "mish"),
    Same("z * exp(z) * (exp(z) + 2) / (exp(z) * (exp(z) + 2) + 2)", "mish"),
    Same("log(1 + exp(z))", "softplus"),
    Same("z / (1 + abs(z))", "softsign", kinks=(0.0,)),
    Same("erf(z)", "erf"),
    Same("sin(z)", "sin"),
    Same("max(z, 0)", "relu", kinks=(0.0,)),
    Same("(z + abs(z)) / 2", "relu", kinks=(0.0,)),
    Same("where(z > 0, z, 0.01 * z)", "leaky_relu", kinks=(0.0,)),
    Same("min(max(z, 0), 6)", "relu6", kinks=(0.0, 6.0)),
    Same("relu(z) ** 2", "squared_relu", kinks=(0.0,)),
    Same("clip(z, -1, 1)", "hard_tanh", kinks=(-1.0, 1.0)),
    Same("clip(z + 3, 0, 6) / 6", "hard_sigmoid", kinks=(-3.0, 3.0)),
    Same("z * min(max(z + 3, 0), 6) / 6", "hard_swish", kinks=(-3.0, 3.0)),
    Same("where(z > 0, z, exp(z) - 1)", "elu", kinks=(0.0,)),
    Same("max(0, z) + min(0, expm1(z))", "celu", kinks=(0.0,)),
    Same("1.0507009873554805 * where(z <= 0, 1.6732632423543772 * expm1(z), z)", "selu", kinks=(0.0,)),
    Same("z - tanh(z)", torch="F.tanhshrink(z)"),
    Same("where(abs(z) > 0.5, z - 0.5 * sign(z), 0)", torch="F.softshrink(z)", kinks=(-0.5, 0.5)),
    Same("log(sigmoid(z))", torch="F.logsigmoid(z)"),
    Same("-log1p(exp(-z))", torch="F.logsigmoid(z)"),
    Same("0.5 * z * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z**3)))", torch="F.gelu(z, approximate='tanh')"),
    Same("z * sigmoid(1.702 * z)", torch="z * torch.sigmoid(1.702 * z)"),
    Same("max(z, 0.25 * z)", torch="F.leaky_relu(z, 0.25)", kinks=(0.0,)),
    Same("exp(-z**2 / 2)", torch="torch.exp(-z**2 / 2)"),
    Same("z * exp(-abs(z))", torch="z * torch.exp(-z.abs())", kinks=(0.0,)),
    Same("sign(z) * log1p(abs(z))", torch="torch.sign(z) * torch.log1p(z.abs())", kinks=(0.0,)),
    Same("atan(pi * z / 2)", torch="torch.atan(torch.pi * z / 2)"),
    Same("asinh(z)", torch="torch.asinh(z)"),
    Same("z / sqrt(1 + z^2)", torch="z / torch.sqrt(1 + z**2)"),
    Same("z + sin(z)**2", torch="z + torch.sin(z)**2"),
    Same("(sqrt(z**2 + 1) - 1) / 2 + z", torch="(torch.sqrt(z**2 + 1) - 1) / 2 + z"),
    Same("min(abs(z - 0.3), 2)", torch="torch.clamp((z - 0.3).abs(), max=2.0)", kinks=(-1.7, 0.3, 2.3)),
    Same("1.7159 * tanh(2 / 3 * z)", torch="1.7159 * torch.tanh(2 / 3 * z)"),
]  # fmt: skip
