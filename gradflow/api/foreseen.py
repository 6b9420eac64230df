"""What theory expects of a network at initialization, as Python has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from gradflow.analysis.predictions import Inputs, layers_of, predicted, theory_of, trainable_of
from gradflow.analysis.summary import Theory
from gradflow.analysis.trainable import Trainable
from gradflow.api.shown import html_of
from gradflow.api.underflow import to_zero
from gradflow.config import Config
from gradflow.errors import library
from gradflow.report.theory_pages import page_of


@dataclass(frozen=True, repr=False)
class Foreseen:
    """Theory's expectation for `config`, the point of a table where `values` has a value for each axis."""

    config: Config
    inputs: Inputs
    values: Mapping[str, Any]

    @classmethod
    def of_all(
        cls, axes: Mapping[str, Sequence[Any]], configs: Sequence[Config], inputs: Sequence[Inputs]
    ) -> list[Foreseen]:
        """One for each config, in the order of the axes crossed."""
        keys = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
        return [cls(*each) for each in zip(configs, inputs, keys, strict=True)]

    @cached_property
    @to_zero
    def theory(self) -> Theory:
        """c, its factors, chi, xi and what else `gradflow theory --json` prints."""
        return theory_of(self._predicted)

    @cached_property
    @to_zero
    def trainable(self) -> Trainable:
        """Whether the network trains at the best of several learning rates, with its score."""
        return trainable_of(self.config, self.theory, self.inputs)

    @cached_property
    @to_zero
    def layers(self) -> list[dict[str, Any]]:
        """A mapping for each layer, from the input on."""
        return layers_of(self._predicted)

    @cached_property
    @to_zero
    def _predicted(self) -> Any:
        return predicted(self.config, self.inputs)

    def __repr__(self) -> str:
        c = self.theory.c_finite_width
        return f"<theory: {self.theory.reason if c is None else f'c = {c:.4g}'}>"

    @to_zero
    def _repr_html_(self) -> str:
        return html_of(page_of(self.config, self.inputs, self.theory, self.layers).blocks)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, a line a layer."""
        return library("pandas", "notebook", "to_pandas").DataFrame(self.layers)
