"""The networks that theory is asked about: the points of a document and of overrides, and their inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gradflow.analysis.predictions import Inputs
from gradflow.config import Config
from gradflow.config.axes import split
from gradflow.config.load import begin, load_data, parse_config, untold
from gradflow.config.overrides import contradiction
from gradflow.errors import InputError, Problem
from gradflow.sweeps.points import SECTION, parse_sweep
from gradflow.units import is_number
from gradflow.yaml_file import COMMAND_LINE, Document, parse_value

NO_FILE = {"name": "theory", "model": {"depth": 50, "width": 256, "init": "gaussian"}}


def crossed(
    document: Document,
    base: Path,
    overrides: Sequence[str],
    q_0: float | None,
    tell: Callable[[str], None] = untold,
    listed: Collection[str] = (),
) -> tuple[Mapping[str, Sequence[Any]], list[Config], list[Inputs]]:
    """The axes of a document, the config of every point, and what theory needs of its data.

    With a `q_0` it is of inputs of that mean square in place of data. Keys that are `listed` are axes even if
    one value is given.
    """
    plain, typed, _ = split(overrides)
    own = begin(document, plain)[0].at(SECTION)  # of the file, or typed
    if own or listed or any(len(axis.values) > 1 for axis in typed):
        sweep = parse_sweep(document, base, overrides, tell, listed)
        axes, configs = sweep.axes, [point.config for point in sweep.points]
    else:
        axes, configs = {}, [parse_config(document, base, overrides, tell)]
    return axes, configs, _inputs(configs, q_0)


def without_q0(overrides: Sequence[str], from_file: bool) -> tuple[list[str], float | None]:
    """The overrides of the config, and the q0 that stands in for data where there is no file."""
    given = [override for override in overrides if override.partition("=")[0].strip() == "q0"]
    if from_file:
        if given:
            raise InputError(Problem("comes from the data of the config: leave it out", "q0", COMMAND_LINE))
        return list(overrides), None
    values = [parse_value(override.partition("=")[2], "q0") for override in given] or [1.0]
    value = values[-1]
    if any(repr(other) != repr(value) for other in values):
        raise InputError(contradiction(("q0",), given[0], given[-1]))
    if not is_number(value) or not 0 < value < float("inf"):
        raise InputError(Problem("should be a number greater than 0, one for all", "q0", COMMAND_LINE))
    return [override for override in overrides if override not in given], float(value)


def _inputs(configs: Sequence[Config], q_0: float | None) -> list[Inputs]:
    """Those of each config's data, each of which is loaded once; with a q0, of as many features as units."""

    @cache
    def of(dataset: Any) -> Inputs:
        return Inputs.of(load_data(dataset))

    if q_0 is not None:
        return [Inputs(config.model.widest, 10, config.training.batch_size, q_0) for config in configs]
    return [of(config.data) for config in configs]
