"""The figures by name: which charts there are, and those that belong on the page of a run or of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from gradflow.analysis.outcome import outcome
from gradflow.analysis.summary import Summary
from gradflow.errors import InputError, did_you_mean
from gradflow.report.charts import laws, layers, maps, trainable, training
from gradflow.report.charts.looks import RUNS
from gradflow.report.charts.plot import Drawn
from gradflow.report.charts.study import Study, numbers_of, studies_of
from gradflow.report.learning import quality_of
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
OF_SWEEPS: dict[str, Callable[[Sequence[Run], Sequence[Run]], Drawn | None]] = {  # runs, those seen beside
    "map": lambda runs, all: maps.overview(_summaries(runs), among=_summaries(all)),
    "phase": lambda runs, all: maps.phase(_summaries(runs), among=_summaries(all)),
    "trainable": lambda runs, all: trainable.trainable(_summaries(runs)),
    "theory": lambda runs, all: laws.theory(_summaries(runs)),
    "depth-law": lambda runs, all: laws.depth_law(runs),
}
FIGURES = (*OF_RUNS, *OF_SWEEPS)
AT_STEPS = ("flow", "factors", "squares", "correlation", "units")  # figures that show any step
OVERLAID, SHADED = 24, 400  # lines that one chart can take: with names, and coloured by a number
NOTHING = {
    "heatmap": "needs two recorded steps with finite norms",
    "clipping": "needs a run of which gradients were clipped",
    "phase": "needs runs that differ in model.init.sigma_w and model.init.sigma_b",
    "trainable": "needs trained runs that differ in two numbers, such as depth and sigma_w",
    "depth-law": "needs runs of several depths",
}


def draw(figure: str, runs: Sequence[Run], step: str | None = None, among: Sequence[Run] = ()) -> Drawn:
    """A figure of some runs, overlaid where there are several. InputError if they have nothing to draw.

    `among` are the runs of all figures that have their colours in common.
    """
    if step is not None and figure not in AT_STEPS:
        raise InputError(f"--step is of no use here: {figure} is no figure of one step")
    if figure in OF_SWEEPS:
        chart = OF_SWEEPS[figure](runs, among)
    elif figure == "heatmap" and len(runs) > 1:
        raise InputError(f"a heat map shows one run, and {len(runs)} are named: name one, or give --facet")
    else:
        chart = _overlaid(OF_RUNS[figure], runs, step)
    if chart is None:
        raise InputError(f"there is nothing to draw: {figure} {NOTHING.get(figure, 'needs finite numbers')}")
    return chart


def _overlaid(
    figure: Callable[[Sequence[Study]], Drawn | None], runs: Sequence[Run], step: str | None
) -> Drawn | None:
    shaded = len(runs) <= SHADED and numbers_of(_summaries(runs)) is not None
    if len(runs) > OVERLAID and not shaded:
        words = f"{len(runs)} lines are too many for one figure: name at most {OVERLAID} runs"
        raise InputError(", or give ".join([words, *_of_many(runs)]))
    whole = [run for run in runs if run.recording]  # a failed run has nothing to draw
    return figure(studies_of(whole, step)) if whole else None


def recorded(runs: Sequence[Run]) -> list[str]:
    """The arrays by layer that any of the runs has recorded."""
    return list(
        dict.fromkeys(name for run in runs for name, array in run.recording.items() if array.ndim == 3)
    )


def of_array(name: str, runs: Sequence[Run], over: Sequence[str], step: str | None = None) -> Drawn:
    """An array of the record over `layer`, over `step` with a line a layer, or over both as a map.

    InputError if there is nothing to draw, or several runs where one is meant.
    """
    quantity = layers.Quantity.of(name)
    if "step" not in over:
        chart = _overlaid(lambda studies: layers.by_layer(studies, quantity), runs, step)
    elif len(runs) > 1:
        raise InputError(f"over steps one run is shown, and {len(runs)} are named: name one, or give --facet")
    else:
        title = f"{quantity.called} over layers and steps"
        drawn = partial(training.cells_of, name=name, what=quantity.title, title=title)
        chart = (drawn if "layer" in over else partial(training.by_step, quantity=quantity))(
            *studies_of(runs)
        )
    if chart is None:
        raise InputError(f"there is nothing to draw: {name} needs finite numbers, over steps two of them")
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
    """Every chart of several runs that what differs between them allows, and what they came to if trained."""
    charts = {name: _of_sweep(figure, runs) for name, figure in OF_SWEEPS.items()}
    if charts["phase"] is not None:
        del charts["map"]  # it shows the same
    if any(run.summary.training.steps for run in runs):
        charts["map-loss"] = _of_sweep(_map_of("loss_final"), runs)
    quality = quality_of([outcome(run.summary) for run in runs])
    if quality and not (charts["trainable"] and len(axes_of(_summaries(runs))) == 2):  # which shows the same
        charts[f"map-{quality.title.lower()}"] = _of_sweep(_map_of(quality.name), runs)
    return _known(charts)


def _map_of(value: str) -> Callable[[Sequence[Run], Sequence[Run]], Drawn | None]:
    """The figure of a value over what differs, with the critical line where that is sigma_w and sigma_b."""

    def drawn(runs: Sequence[Run], among: Sequence[Run]) -> Drawn | None:
        summaries = _summaries(runs)
        return maps.phase(summaries, value) or maps.overview(summaries, value=value)

    return drawn


def _of_sweep(figure: Callable[..., Drawn | None], runs: Sequence[Run]) -> Drawn | None:
    """A figure; None where one cannot show all of the runs."""
    with suppress(InputError):
        return figure(runs, runs)
    return None


def compared_charts(runs: Sequence[Run]) -> dict[str, Drawn]:
    """The charts of runs of no sweep: their gradient norms overlaid too, of as many as there are colours."""
    whole = [run for run in runs if run.recording]
    over = layers.flow(studies_of(whole)) if 0 < len(whole) <= len(RUNS) else None
    return _known({"flow": over}) | sweep_charts(runs)


def over_keys(
    runs: Sequence[Run], across: str, up: str | None, value: str, among: Sequence[Run] = ()
) -> Drawn:
    """A value of runs over one key, or as a map over two. InputError for an unknown key or value."""
    if value not in maps.VALUES:
        known = ", ".join(maps.VALUES)
        raise InputError(f"--value {value}: choose one of {known}{did_you_mean(value, maps.VALUES)}")
    chart = maps.overview(_summaries(runs), across, up, value, _summaries(among))
    if chart is None:
        raise InputError(f"there is nothing to draw: no run has a finite {value}")
    return chart


def _known(charts: dict[str, Drawn | None]) -> dict[str, Drawn]:
    return {name: chart for name, chart in charts.items() if chart is not None}


def _summaries(runs: Sequence[Run]) -> list[Summary]:
    return [run.summary for run in runs]
