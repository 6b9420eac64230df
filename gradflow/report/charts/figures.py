"""The figures by name: which charts there are, and those that belong on the page of a run or of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from gradflow.analysis.outcome import outcome
from gradflow.analysis.pivot import VALUES, MapValue
from gradflow.analysis.summary import Summary
from gradflow.errors import InputError, NothingToDraw, did_you_mean
from gradflow.report.charts import laws, training
from gradflow.report.charts.layers import COSINE, NORM, SQUARE, UNITS, Quantity, factors, over_layers
from gradflow.report.charts.looks import RUNS
from gradflow.report.charts.maps import overview, phase
from gradflow.report.charts.plot import Drawn
from gradflow.report.charts.study import Studies, Summaries, numbers_of, studies_of
from gradflow.report.learning import quality_of
from gradflow.report.several import axes_of
from gradflow.store import Run

Runs: TypeAlias = Sequence[Run]

OF_RUNS: dict[str, Callable[[Studies], Drawn]] = {
    "flow": partial(over_layers, "Gradient norm by layer", [NORM]),
    "heatmap": lambda some: training.heatmap(some, NORM, "Gradient norm"),
    "factors": factors,
    "course": training.course,
    "loss": training.loss,
    "accuracy": training.accuracy,
    "clipping": training.clipping,
    "squares": partial(over_layers, "Pre-activations by layer, q = mean z²", [SQUARE]),
    "correlation": partial(over_layers, "How alike samples are: mean cosine of z by layer", [COSINE]),
    "units": partial(over_layers, "Saturated and dead units by layer", UNITS),
}
OF_SWEEPS: dict[str, Callable[[Runs, Runs], Drawn]] = {  # runs, those seen beside
    "map": lambda runs, all: overview(_summaries(runs), _summaries(all)),
    "phase": lambda runs, all: phase(_summaries(runs), _summaries(all)),
    "trainable": lambda runs, _: laws.trainable(_summaries(runs)),
    "theory": lambda runs, _: laws.theory(_summaries(runs)),
    "depth-law": lambda runs, _: laws.depth_law(runs),
}
FIGURES = (*OF_RUNS, *OF_SWEEPS)
AT_STEPS = ("flow", "factors", "squares", "correlation", "units")  # figures that show any step
OVERLAID, SHADED = 24, 400  # lines that one chart can take: with names, and coloured by a number


def draw(figure: str, runs: Runs, step: str | None = None, among: Runs = ()) -> Drawn:
    """A figure of some runs, overlaid where there are several. InputError if they have nothing to draw.

    `among` are the runs of all figures that have their colours in common.
    """
    if step is not None and figure not in AT_STEPS:
        raise InputError(f"--step is of no use here: {figure} is no figure of one step")
    if figure in OF_SWEEPS:
        return OF_SWEEPS[figure](runs, among or runs)
    if figure == "heatmap" and len(runs) > 1:
        raise InputError(f"a heat map shows one run, and {len(runs)} are named: name one, or give --facet")
    return _overlaid(OF_RUNS[figure], runs, step)


def _overlaid(figure: Callable[[Studies], Drawn], runs: Runs, step: str | None) -> Drawn:
    shaded = len(runs) <= SHADED and numbers_of(_summaries(runs)) is not None
    if len(runs) > OVERLAID and not shaded:
        others = {"--figure depth-law": partial(draw, "depth-law", runs)}
        for key in axes_of(_summaries(runs))[:1]:
            others[f"--x {key} --value c"] = partial(over_keys, runs, key, None, "c")
        words = f"{len(runs)} lines are too many for one figure: name at most {OVERLAID} runs"
        raise InputError(", or give ".join([words, *_those(others)]))
    whole = [run for run in runs if run.recording]  # a failed run has nothing to draw
    return figure(studies_of(whole, step))


def recorded(runs: Runs) -> dict[str, list[str]]:
    """The arrays that any of the runs has recorded for each network, with what they can be drawn over."""
    arrays = {name: array for run in runs for name, array in run.recording.items()}
    over = {3: ["layer", "step"], 2: ["step"]}
    return {name: over[array.ndim] for name, array in arrays.items() if array.ndim in over}


def of_array(name: str, runs: Runs, over: Sequence[str], step: str | None = None) -> Drawn:
    """An array of the record over `layer`, over `step` with a line a layer, or over both as a map.

    One without layers is drawn over `step` with a line a run. InputError if there is nothing to draw, or
    several runs where one is meant.
    """
    quantity = Quantity.of(name, mapped=len(over) == 2)
    if "step" not in over:
        return _overlaid(partial(over_layers, f"{quantity.called} by layer", [quantity]), runs, step)
    if "layer" not in recorded(runs)[name]:
        drawn = partial(training.without_layers, quantity=quantity, called=quantity.called)
        return _overlaid(drawn, runs, step)
    if len(runs) > 1:
        raise InputError(f"over steps one run is shown, and {len(runs)} are named: name one, or give --facet")
    figure = training.heatmap if "layer" in over else training.by_step
    return figure(studies_of(runs), quantity, quantity.called)


def over_keys(runs: Runs, across: str, up: str | None, value: str, among: Runs = ()) -> Drawn:
    """A value of runs over one key, or as a map over two. InputError for an unknown key or value."""
    if value not in VALUES:
        raise InputError(f"--value {value}: choose one of {', '.join(VALUES)}{did_you_mean(value, VALUES)}")
    return overview(_summaries(runs), _summaries(among or runs), VALUES[value], across, up)


def run_charts(run: Run) -> dict[str, Drawn]:
    """Every chart of one run that has something to show."""
    studies = studies_of([run] if run.recording else [])
    return _those({name: partial(figure, studies) for name, figure in OF_RUNS.items()})


def sweep_charts(runs: Runs) -> dict[str, Drawn]:
    """Every chart of several runs that what differs between them allows, and what they came to if trained."""
    summaries = _summaries(runs)
    charts = _those({name: partial(figure, runs, runs) for name, figure in OF_SWEEPS.items()})
    if "phase" in charts:
        charts.pop("map", None)  # it shows the same
    results = {"loss": "loss_final"} if any(one.training.steps for one in summaries) else {}
    quality = quality_of([outcome(one) for one in summaries])
    if quality and not ("trainable" in charts and len(axes_of(summaries)) == 2):  # which shows the same
        results[quality.title.lower()] = quality.name
    maps = {f"map-{name}": partial(_map_of, summaries, VALUES[value]) for name, value in results.items()}
    return charts | _those(maps)


def _map_of(summaries: Summaries, value: MapValue) -> Drawn:
    """A value over what differs, with the critical line where that is sigma_w and sigma_b."""
    try:
        return phase(summaries, summaries, value)
    except NothingToDraw:
        return overview(summaries, summaries, value)


def compared_charts(runs: Runs) -> dict[str, Drawn]:
    """The charts of runs of no sweep: their gradient norms overlaid too, of as many as there are colours."""
    whole = studies_of([run for run in runs if run.recording])
    over = {"flow": partial(OF_RUNS["flow"], whole)} if len(whole) <= len(RUNS) else {}
    return _those(over) | sweep_charts(runs)


def _those(figures: Mapping[str, Callable[[], Drawn]]) -> dict[str, Drawn]:
    """Those figures that have something to show, and can show all of the runs."""
    charts = {}
    for name, figure in figures.items():
        with suppress(InputError):
            charts[name] = figure()
    return charts


def _summaries(runs: Runs) -> list[Summary]:
    return [run.summary for run in runs]
