"""gradflow theory: the prediction alone, for one network or for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradflow.analysis.predictions import Inputs, layers_of, predicted, theories, theory_of, trainable_of
from gradflow.analysis.summary import strict
from gradflow.analysis.trainable import Trainable
from gradflow.cli.tables import emit_table
from gradflow.config import Config
from gradflow.config.load import read_config
from gradflow.config.overrides import refuse_spaces
from gradflow.errors import InputError, Problem
from gradflow.nn.activations import ACTIVATIONS, ALIASES
from gradflow.report.theory_pages import page_of, table_page
from gradflow.sweeps.theory_points import NO_FILE, crossed, without_q0
from gradflow.telling.lines import noting
from gradflow.yaml_file import COMMAND_LINE, Document

if TYPE_CHECKING:
    from gradflow.report.page import Page


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


def emit_point(config: Config, inputs: Inputs, json: bool, csv: bool, md: bool) -> None:
    """What theory says of one network, or its layers as CSV."""

    def document() -> dict[str, Any]:
        return point_document(config, inputs) if json else {"rows": layers_of(predicted(config, inputs))}

    def page(room: int | None) -> Page:
        prediction = predicted(config, inputs)
        return page_of(config, inputs, theory_of(prediction), layers_of(prediction))

    emit_table(document, page, json, csv, md)


def emit_points(
    axes: Mapping[str, Sequence[Any]], configs: list[Config], inputs: list[Inputs], json: bool, csv: bool,
    md: bool,
) -> None:  # fmt: skip
    """What theory says of each point: a table or a map."""
    found = theories(configs, inputs)
    trains = [trainable_of(*each) for each in zip(configs, found, inputs, strict=True)]
    keys = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    points = list(zip(keys, found, trains, strict=True))

    def document() -> dict[str, Any]:
        if not json:
            return {"rows": [{**key, **vars(one), **_told(own)} for key, one, own in points]}
        rows = [{**key, "theory": vars(one), "trainable": vars(own)} for key, one, own in points]
        plain: dict[str, Any] = strict({"axes": axes, "points": rows})
        return plain

    def page(room: int | None) -> Page:
        return table_page(axes, found, trains, configs[0].analysis.stable_decades)

    emit_table(document, page, json, csv, md)


def _told(trains: Trainable) -> dict[str, Any]:
    return {"trainable": trains.verdict, "trainable_score": trains.score}
