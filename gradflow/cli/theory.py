"""gradflow theory: the prediction alone, for one network or for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from gradflow.analysis.predictions import Inputs, layers_of, predicted, theories, theory_of, trainable_of
from gradflow.analysis.summary import strict
from gradflow.cli.output import emit, emit_document, emit_page
from gradflow.config import Config
from gradflow.config.load import read_config
from gradflow.config.overrides import refuse_spaces
from gradflow.errors import InputError, Problem
from gradflow.nn.activations import ACTIVATIONS, ALIASES
from gradflow.report.csv_text import csv_of
from gradflow.report.theory_pages import page_of, table_page
from gradflow.sweeps.theory_points import NO_FILE, crossed, without_q0
from gradflow.telling.lines import noting
from gradflow.yaml_file import COMMAND_LINE, Document


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
    document = read_config(path) if from_file else Document(NO_FILE, {}, COMMAND_LINE)
    return crossed(document, path.parent if from_file else Path(), overrides, q_0, noting(quiet))


def _refuse_activation(path: Path) -> None:
    """InputError for the name of an activation where a config is meant, unless a file has that name."""
    if str(path) in (*ACTIVATIONS, *ALIASES) and not path.exists():
        raise InputError(Problem(f"is a value, not a config: write activation={path}", source=str(path)))


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
