"""What the charts of runs draw from: a run's summary, record and prediction, under a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.differences import flat
from gradflow.analysis.intervals import t_quantile
from gradflow.analysis.steps import row_at
from gradflow.analysis.summary import Summary
from gradflow.report.charts.lines import MOST, Lines, of_runs
from gradflow.report.labels import keys_apart, labels, named_apart, number_of_each
from gradflow.units import LN10

if TYPE_CHECKING:
    from gradflow.meanfield import Prediction
    from gradflow.store import Run

Array = NDArray[Any]

BY_LAYER = 3  # dimensions of an array that has layers


@dataclass(frozen=True)
class Study:
    """A run to draw."""

    label: str
    summary: Summary
    recording: Mapping[str, Array]
    predict: Callable[[], Prediction | None]
    at: int | None = None  # the step that is asked for

    @cached_property
    def theory(self) -> Prediction | None:
        """What theory predicts, which takes a while; None where it predicts nothing."""
        return self.predict()

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers of the summary's profile, from 1."""
        return self.summary.flow.initial.profile.layers

    @property
    def recorded(self) -> list[str]:
        """The arrays (steps, layers, networks) of the record."""
        return [name for name, array in self.recording.items() if array.ndim == BY_LAYER]

    @property
    def steps(self) -> tuple[int, ...]:
        """The first step and the last with finite norms, one if they are the same; or the one asked for."""
        if self.at is not None:
            return (self.at,)
        first, last = self.summary.flow.initial.step, self.summary.flow.final.step
        return (first, last) if last > first else (first,)

    def row(self, name: str, step: int) -> Array:
        """An array at a step and the profile's layers, (layers, networks), without dead networks."""
        index = int(np.argmin(np.abs(self.recording["step"] - step)))
        alive = np.isfinite(self.recording["log_delta_norm"][index]).all(axis=0)
        kept = alive if alive.any() else np.ones_like(alive)
        return np.asarray(self.recording[name][index][np.array(self.layers) - 1][:, kept])

    def expected_norm(self) -> Array | None:
        """log10 ||delta|| that theory expects at the profile's layers, from the norm measured at the last.

        E ln g of networks of this width: half the sum of ln chi over the layers above, each with its shift.
        """
        start = self.summary.flow.initial.profile.log10_delta[-1]
        if self.theory is None or start is None or not len(self.theory.log10_gradient):
            return None
        shift = np.append(np.cumsum(self.theory.shifts[::-1])[::-1], 0.0) / LN10
        return self._at_layers(start + self.theory.log10_gradient + shift)

    def expected_square(self) -> Array | None:
        """log10 q that theory expects at the profile's layers."""
        if self.theory is None or not len(self.theory.q):
            return None
        return self._at_layers(np.log10(self.theory.q))

    def expected_correlation(self) -> Array | None:
        """The mean cosine that theory expects at the profile's layers, from the one measured at the first."""
        values = self.summary.flow.initial.profile.correlation_expected
        return np.array(values, dtype=float) if any(value is not None for value in values) else None

    def _at_layers(self, values: Array) -> Array:
        return np.asarray(values[np.array(self.layers) - 1])


def lines_of(studies: Sequence[Study]) -> Lines:
    """A line for each of several runs, under its own name if it has one."""
    summaries = [study.summary for study in studies]
    named = named_apart(summaries) and len(studies) <= MOST
    return of_runs([study.label for study in studies], None if named else numbers_of(summaries))


def numbers_of(summaries: Sequence[Summary]) -> tuple[str, list[float]] | None:
    """The number in which runs differ alone, by the last part of its key, and that of each."""
    return number_of_each([flat(summary.config) for summary in summaries], keys_apart(summaries))


def spread(values: Array) -> tuple[Array, Array]:
    """The ends of the 95% t interval of the mean of (layers, networks) over networks; nan for one."""
    mean, count = values.mean(axis=1), values.shape[1]
    if count < 2:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = t_quantile(0.975, count - 1) * values.std(axis=1, ddof=1) / np.sqrt(count)
    return mean - half, mean + half


def studies_of(runs: Sequence[Run], step: str | None = None) -> list[Study]:
    """Saved runs, each labelled by what differs from the others, with theory's prediction for its config.

    InputError for a step that one of them did not record.
    """
    called = zip(labels([run.summary for run in runs]), runs, strict=True)
    return [
        Study(name, run.summary, run.recording, partial(_theory, run), _step(run, step))
        for name, run in called
    ]


def _step(run: Run, step: str | None) -> int | None:
    return None if step is None else int(run["step"][row_at(run["step"], step)])


def _theory(run: Run) -> Prediction | None:
    from gradflow.analysis.predictions import inputs_of, predicted

    data = run.info["data"]
    if data is None or run.summary.theory.c is None:
        return None
    return predicted(run.config, inputs_of(data))
