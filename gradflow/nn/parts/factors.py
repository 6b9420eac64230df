"""Factors by name: what a kind of part multiplies ||delta|| by, as the record and as pages call it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.dense import Dense
from gradflow.nn.parts.norms import Normalize
from gradflow.nn.parts.skip import Fork

PARTS: tuple[type[Part], ...] = (
    Dense,
    Activate,
    Normalize,
    Fork,
)  # in the order in which pages show their factors
LABELS = {part.factor: part.label for part in PARTS}
OF_LAYER_ABOVE = {Dense.label}  # between layers l and l + 1 stands the tensor of l + 1; the others are of l
FIRST_NAMES = {"weight_factor": Dense.label, "slope_factor": Activate.label}  # in documents
_PREFIX, _SUFFIX = "log_", "_factor"


def array_of(factor: str) -> str:
    """The name of a factor's array in the record, of natural logs."""
    return f"{_PREFIX}{factor}{_SUFFIX}"


def in_order(factors: Iterable[str]) -> list[str]:
    """Each factor once, in the order of pages; parts that the table does not have come last."""
    found = dict.fromkeys(factors)
    return [*(factor for factor in LABELS if factor in found), *(one for one in found if one not in LABELS)]


def factor_arrays(names: Iterable[str]) -> dict[str, str]:
    """Of the names of arrays those of factors, by what pages call them: {"weights": "log_weight_factor"}."""
    return {LABELS.get(factor, factor): array_of(factor) for factor in factors_of(names)}


def factors_of(names: Iterable[str]) -> list[str]:
    """The factors whose arrays are among these names, in the order of pages."""
    arrays = (name for name in names if name.startswith(_PREFIX) and name.endswith(_SUFFIX))
    return in_order(name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for name in arrays)


def is_chain(names: Iterable[str]) -> bool:
    """Whether layers are weights and slopes alone, without a skip, a norm or another part."""
    return factor_arrays(names).keys() <= {*FIRST_NAMES.values()}


def two_of(factors: Mapping[str, Any], unknown: Any = None) -> dict[str, Any]:
    """The two factors of a plain chain under the names that documents had for them before others came."""
    return {name: factors.get(label, unknown) for name, label in FIRST_NAMES.items()}
