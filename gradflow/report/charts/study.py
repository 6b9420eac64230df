"""What the charts of runs draw from: a run's summary, record and prediction, under a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from gradflow.analysis.differences import flat
from gradflow.analysis.increments import counting
from gradflow.analysis.intervals import t_quantile
from gradflow.analysis.predictions import inputs_of, predicted
from gradflow.analysis.steps import row_at
from gradflow.analysis.summary import Summary
from gradflow.analysis.summary_parts import Profile
from gradflow.arrays import Array
from gradflow.meanfield import Prediction
from gradflow.report.charts.lines import MOST, Lines, of_runs
from gradflow.report.charts.looks import FIRST
from gradflow.report.labels import keys_apart, labels, named_apart, number_of_each
from gradflow.store import Run
from gradflow.units import LN10


@dataclass(frozen=True)
class Study:
    """A run to draw: under which label, and at which steps."""

    label: str
    run: Run
    steps: tuple[int, ...]  # the one asked for, or the first and, if another, the last with finite norms

    @cached_property
    def theory(self) -> Prediction | None:
        """What theory predicts, which takes a while; None where it predicts nothing."""
        data = self.run.info["data"]
        if data is None or self.run.summary.theory.c is None:
            return None
        return predicted(self.run.config, inputs_of(data))

    @property
    def profile(self) -> Profile:
        """The layers of the summary, from 1, and what it tells of each at the first step."""
        return self.run.summary.flow.initial.profile

    def row(self, name: str, step: int) -> Array:
        """An array at a step and the profile's layers, (layers, networks), without dead networks."""
        index = int(np.argmin(np.abs(self.run["step"] - step)))
        return self._at_layers(self.run[name][index])[:, counting(self.run["log_delta_norm"][index])]

    def expected_norm(self) -> Array | None:
        """log10 ||delta|| that theory expects at the profile's layers, from the norm measured at the last.

        E ln g of networks of this width: half the sum of ln chi over the layers above, each with its shift.
        """
        start, theory = self.profile.log10_delta[-1], self.theory
        if theory is None or start is None or not len(theory.log10_gradient):
            return None
        shift = np.append(np.cumsum(theory.shifts[::-1])[::-1], 0.0) / LN10
        return self._at_layers(start + theory.log10_gradient + shift)

    def expected_square(self) -> Array | None:
        """log10 q that theory expects at the profile's layers."""
        if self.theory is None or not len(self.theory.q):
            return None
        return self._at_layers(np.log10(self.theory.q))

    def expected_correlation(self) -> Array | None:
        """The mean cosine that theory expects at the profile's layers, from the one measured at the first."""
        values = self.profile.correlation_expected
        return np.array(values, dtype=float) if any(value is not None for value in values) else None

    def _at_layers(self, values: Array) -> Array:
        return np.asarray(values[np.array(self.profile.layers) - 1])


Studies: TypeAlias = Sequence[Study]
Summaries: TypeAlias = Sequence[Summary]


def studies_of(runs: Sequence[Run], step: str | None = None) -> list[Study]:
    """Saved runs, each labelled by what differs from the others. InputError for a step that one has not."""
    called = zip(labels([run.summary for run in runs]), runs, strict=True)
    return [Study(name, run, _steps(run, step)) for name, run in called]


def _steps(run: Run, step: str | None) -> tuple[int, ...]:
    if step is not None:
        return (int(run["step"][row_at(run["step"], step)]),)
    first, last = run.summary.flow.initial.step, run.summary.flow.final.step
    return (first, last) if last > first else (first,)


def lines_of(studies: Studies) -> Lines:
    """A line for each run, under its own name if it has one."""
    if len(studies) == 1:
        return Lines({studies[0].label: FIRST})
    summaries = [study.run.summary for study in studies]
    named = named_apart(summaries) and len(studies) <= MOST
    return of_runs([study.label for study in studies], None if named else numbers_of(summaries))


def numbers_of(summaries: Summaries) -> tuple[str, list[float]] | None:
    """The number in which runs differ alone, by the last part of its key, and that of each."""
    return number_of_each([flat(summary.config) for summary in summaries], keys_apart(summaries))


def spread(values: Array) -> tuple[Array, Array]:
    """The ends of the 95% t interval of the mean of (layers, networks) over networks; nan for one."""
    mean, count = values.mean(axis=1), values.shape[1]
    if count < 2:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = t_quantile(0.975, count - 1) * values.std(axis=1, ddof=1) / np.sqrt(count)
    return mean - half, mean + half
