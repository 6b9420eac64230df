"""Activations phi as a table of frozen classes; a file of them ends with the tuple of those it adds."""

from collections import ChainMap

from gradflow.nn.activations.base import Activation
from gradflow.nn.activations.exponential import EXPONENTIAL, Celu, Elu, Selu
from gradflow.nn.activations.expression import Expression
from gradflow.nn.activations.piecewise import (
    PIECEWISE,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyRelu,
    Relu,
    Relu6,
    SquaredRelu,
)
from gradflow.nn.activations.smooth import (
    SMOOTH,
    Erf,
    Gelu,
    Linear,
    Mish,
    Sigmoid,
    Silu,
    Sin,
    Softplus,
    Softsign,
    Tanh,
)

__all__ = [
    "ACTIVATIONS", "ALIASES", "Activation", "Celu", "Elu", "Erf", "Expression", "Gelu", "HardSigmoid",
    "HardSwish", "HardTanh", "LeakyRelu", "Linear", "Mish", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "Sin",
    "Softplus", "Softsign", "SquaredRelu", "Tanh",
]  # fmt: skip

ACTIVATIONS: dict[str, type[Activation]] = {cls.name: cls for cls in (*SMOOTH, *PIECEWISE, *EXPONENTIAL)}

OWN: dict[str, type[Activation]] = {Expression.name: Expression}
CHOICES = ChainMap(OWN, ACTIVATIONS)  # what a config may name, a formula last
ALIASES = {  # the same functions by the names that PyTorch, JAX, Keras and scikit-learn give them
    "swish": "silu",
    "logistic": "sigmoid",
    "identity": "linear",
    "leakyrelu": "leaky_relu",
    "hardtanh": "hard_tanh",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "hard_silu": "hard_swish",
}
