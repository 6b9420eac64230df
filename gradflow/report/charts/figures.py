"""The figures by name: which charts there are, and those that belong on the page of a run or of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from gradflow.analysis.summary import Summary
from gradflow.errors import InputError, did_you_mean
from gradflow.report.charts import laws, layers, maps, trainable, training
from gradflow.report.charts.looks import RUNS
from gradflow.report.charts.plot import Drawn
from gradflow.report.charts.study import Study, studies_of
from gradflow.report.several import axes_of

if TYPE_CHECKING:
    from gradflow.store import Run

OF_RUNS: dict[str, Callable[[Sequence[Study]], Drawn | None]] = {
    "flow": layers.flow,
    "heatmap": training.heatmap,
    "factors": layers.factors,
    "course": training.course,
    "loss": training.loss,
    "accuracy": training.accuracy,
    "clipping": training.clipping,
    "squares": layers.squares,
    "correlation": layers.correlation,
    "units": layers.units,
}
OF_SWEEPS: dict[str, Callable[[Sequence[Run]], Drawn | None]] = {
    "map": lambda runs: maps.overview(_summaries(runs)),
    "phase": lambda runs: maps.phase(_summaries(runs)),
    "trainable": lambda runs: trainable.trainable(_summaries(runs)),
    "theory": lambda runs: laws.theory(_summaries(runs)),
    "depth-law": laws.depth_law,
}
FIGURES = (*OF_RUNS, *OF_SWEEPS)
OVERLAID = 24  # lines that one chart can take
NOTHING = {
    "heatmap": "needs two recorded steps with finite norms",
    "clipping": "needs a run of which gradients were clipped",
    "phase": "needs runs that differ in model.init.sigma_w and model.init.sigma_b",
    "trainable": "needs trained runs that differ in two numbers, such as depth and sigma_w",
    "depth-law": "needs runs of several depths",
}


def draw(figure: str, runs: Sequence[Run]) -> Drawn:
    """A figure of some runs, overlaid where there are several. InputError if they have nothing to draw."""
    if figure in OF_SWEEPS:
        chart = OF_SWEEPS[figure](runs)
    elif figure == "heatmap" and len(runs) > 1:
        raise InputError(f"a heat map shows one run, and {len(runs)} are named: name one")
    elif len(runs) > OVERLAID:
        words = f"{len(runs)} lines are too many for one figure: name at most {OVERLAID} runs"
        raise InputError(", or give ".join([words, *_of_many(runs)]))
    else:
        whole = [run for run in runs if run.recording]  # a failed run has nothing to draw
        chart = OF_RUNS[figure](studies_of(whole)) if whole else None
    if chart is None:
        raise InputError(f"there is nothing to draw: {figure} {NOTHING.get(figure, 'needs finite numbers')}")
    return chart


def _of_many(runs: Sequence[Run]) -> list[str]:
    """The options that draw all of these runs, tried here."""
    tried: dict[str, Callable[[], Drawn]] = {"--figure depth-law": partial(draw, "depth-law", runs)}
    for key in axes_of(_summaries(runs))[:1]:
        tried[f"--x {key} --value c"] = partial(over_keys, runs, key, None, "c")
    return [option for option, drawn in tried.items() if _is_drawn(drawn)]


def _is_drawn(drawn: Callable[[], Drawn]) -> bool:
    with suppress(InputError):
        return bool(drawn())
    return False


def run_charts(run: Run) -> dict[str, Drawn]:
    """Every chart of one run that has something to show."""
    if not run.recording:
        return {}
    studies = studies_of([run])
    return _known({name: figure(studies) for name, figure in OF_RUNS.items()})


def sweep_charts(runs: Sequence[Run]) -> dict[str, Drawn]:
    """Every chart of several runs that what differs between them allows."""
    charts = {name: figure(runs) for name, figure in OF_SWEEPS.items()}
    if charts["phase"] is not None:
        del charts["map"]  # it shows the same
    return _known(charts)


def compared_charts(runs: Sequence[Run]) -> dict[str, Drawn]:
    """The charts of runs of no sweep: their gradient norms overlaid too, of as many as there are colours."""
    whole = [run for run in runs if run.recording]
    over = layers.flow(studies_of(whole)) if 0 < len(whole) <= len(RUNS) else None
    return _known({"flow": over}) | sweep_charts(runs)


def over_keys(runs: Sequence[Run], across: str, up: str | None, value: str) -> Drawn:
    """A value of runs over one key, or as a map over two. InputError for an unknown key or value."""
    if value not in maps.VALUES:
        known = ", ".join(maps.VALUES)
        raise InputError(f"--value {value}: choose one of {known}{did_you_mean(value, maps.VALUES)}")
    chart = maps.overview(_summaries(runs), across, up, value)
    if chart is None:
        raise InputError(f"there is nothing to draw: no run has a finite {value}")
    return chart


def _known(charts: dict[str, Drawn | None]) -> dict[str, Drawn]:
    return {name: chart for name, chart in charts.items() if chart is not None}


def _summaries(runs: Sequence[Run]) -> list[Summary]:
    return [run.summary for run in runs]
