"""gradflow theory: the prediction alone, for one network or for many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from gradflow.analysis.predictions import Inputs, layers_of, predicted, theories, theory_of, trainable_of
from gradflow.analysis.summary import Theory, strict
from gradflow.cli.output import emit, emit_document, emit_page, noting
from gradflow.config import Config
from gradflow.config.axes import split
from gradflow.config.load import load_data, parse_config, read_config
from gradflow.config.overrides import contradiction, refuse_spaces
from gradflow.errors import InputError, Problem
from gradflow.nn.activations import ACTIVATIONS, ALIASES
from gradflow.report.csv_text import csv_of
from gradflow.report.numbers import counted
from gradflow.report.page import Page
from gradflow.report.sentences import entry, widths
from gradflow.report.theory_pages import expected_verdict, point_page, table_page
from gradflow.report.trainable import trainable_sentence
from gradflow.sweeps.points import parse_sweep
from gradflow.units import is_number
from gradflow.yaml_file import Document, parse_value

NO_FILE = {"name": "theory", "model": {"depth": 50, "width": 256, "init": "gaussian"}}
SOURCE = "command line"
UNSAID = ("plain", "none")  # a block and a norm that go without saying


def points(
    words: Sequence[str], quiet: bool = False
) -> tuple[Mapping[str, Sequence[Any]], list[Config], list[Inputs]]:
    """The axes, the config of every point, and what theory needs of its data."""
    refuse_spaces(words)
    from_file = "=" not in words[0]
    overrides, q_0 = without_q0(words[from_file:], from_file)
    path = Path(words[0])
    if from_file:
        _refuse_activation(path)
    document = read_config(path) if from_file else Document(NO_FILE, {}, SOURCE)
    return crossed(document, path.parent if from_file else Path(), overrides, q_0, quiet)


def crossed(
    document: Document,
    base: Path,
    overrides: Sequence[str],
    q_0: float | None,
    quiet: bool = False,
    listed: Collection[str] = (),
) -> tuple[Mapping[str, Sequence[Any]], list[Config], list[Inputs]]:
    """`points` of a document; with a `q_0`, of inputs of that mean square in place of data.

    Keys that are `listed` are axes even if one value is given.
    """
    own = isinstance(document.value, Mapping) and "sweep" in document.value
    swept = own or bool(listed) or any(len(axis.values) > 1 for axis in split(overrides)[1])
    tell = noting(quiet)
    if swept:
        sweep = parse_sweep(document, base, overrides, tell, listed)
        axes, configs = sweep.axes, [point.config for point in sweep.points]
    else:
        axes, configs = {}, [parse_config(document, base, overrides, tell)]
    return axes, configs, _inputs(configs, q_0)


def _refuse_activation(path: Path) -> None:
    """InputError for the name of an activation where a config is meant, unless a file has that name."""
    if str(path) in (*ACTIVATIONS, *ALIASES) and not path.exists():
        raise InputError(Problem(f"is a value, not a config: write activation={path}", source=str(path)))


def without_q0(overrides: Sequence[str], from_file: bool) -> tuple[list[str], float | None]:
    """The overrides of the config, and the q0 that stands in for data where there is no file."""
    given = [override for override in overrides if override.partition("=")[0].strip() == "q0"]
    if from_file:
        if given:
            raise InputError(Problem("comes from the data of the config: leave it out", "q0", SOURCE))
        return list(overrides), None
    values = [parse_value(override.partition("=")[2], "q0") for override in given] or [1.0]
    value = values[-1]
    if any(repr(other) != repr(value) for other in values):
        raise InputError(contradiction(("q0",), given[0], given[-1]))
    if not is_number(value) or not 0 < value < float("inf"):
        raise InputError(Problem("should be a number greater than 0, one for all", "q0", SOURCE))
    return [override for override in overrides if override not in given], float(value)


def _inputs(configs: Sequence[Config], q_0: float | None) -> list[Inputs]:
    """Those of each config's data, each of which is loaded once; with a q0, of as many features as units."""

    @cache
    def of(dataset: Any) -> Inputs:
        return Inputs.of(load_data(dataset))

    if q_0 is not None:
        return [Inputs(config.model.widest, 10, config.training.batch_size, q_0) for config in configs]
    return [of(config.data) for config in configs]


def point_document(config: Config, inputs: Inputs) -> dict[str, Any]:
    """Everything that theory says of one network."""
    prediction = predicted(config, inputs)
    found = theory_of(prediction)
    trains = trainable_of(config, found, inputs)
    return {"theory": strict(vars(found)), "trainable": strict(vars(trains)), "layers": layers_of(prediction)}


def emit_point(config: Config, inputs: Inputs, json: bool, csv: bool) -> None:
    if json:
        emit_document(point_document(config, inputs))
        return
    prediction = predicted(config, inputs)
    found, layers = theory_of(prediction), layers_of(prediction)
    if csv:
        emit(csv_of(layers))
    else:
        emit_page(page_of(config, inputs, found, layers))


def page_of(config: Config, inputs: Inputs, found: Theory, layers: list[dict[str, Any]]) -> Page:
    """The prediction of one network, layer by layer."""
    model = config.plain()["model"]
    sizes = f"{counted(model['depth'], 'hidden layer')}, {widths(model['width'])}"
    words = [
        ("network", f"{sizes}, {entry(model['activation'])}"),
        *((key, entry(model[key])) for key in ("block", "norm") if entry(model[key]) not in UNSAID),
        ("init", entry(model["init"])),
        ("input", f"q_0 = {inputs.q_0:.4g}"),
    ]
    edge, optimizer = config.analysis.stable_decades, config.training.optimizer.name
    told = trainable_sentence(
        trainable_of(config, found, inputs), expected_verdict(found, edge), model["depth"], optimizer
    )
    return point_page(found, layers, words, edge, told)


def emit_table(
    axes: Mapping[str, Sequence[Any]], configs: list[Config], inputs: list[Inputs], json: bool, csv: bool
) -> None:
    found = theories(configs, inputs)
    trains = [trainable_of(*each) for each in zip(configs, found, inputs, strict=True)]
    keys = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if json:
        points = [
            {**key, "theory": vars(one), "trainable": vars(own)}
            for key, one, own in zip(keys, found, trains, strict=True)
        ]
        emit_document(strict({"axes": axes, "points": points}))
    elif csv:
        columns = [{"trainable": own.verdict, "trainable_score": own.score} for own in trains]
        rows = zip(keys, found, columns, strict=True)
        emit(csv_of([{**key, **vars(one), **own} for key, one, own in rows]))
    else:
        emit_page(table_page(axes, found, trains, configs[0].analysis.stable_decades))
