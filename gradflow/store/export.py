"""Saved runs as tidy tables for other tools: `runs`, a line a run, `layers`, a line a layer of a row,
`steps`, a line a network of a row, and `evaluations`, a line a network of an evaluation.

JSON, Parquet and TensorBoard's event files are made here; CSV is a text that report makes inert.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from io import BytesIO
from itertools import chain
from json import dumps
from math import isfinite, prod
from operator import attrgetter
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np

from gradflow.analysis.compare import row_of
from gradflow.analysis.differences import LAYER_NAME, layer_names, split
from gradflow.analysis.steps import row_at, steps_to_loss
from gradflow.analysis.summary import strict
from gradflow.arrays import Array
from gradflow.errors import InputError, Problem, library
from gradflow.evaluation import EVALUATED, STEP
from gradflow.nn.parts.factors import factors_of
from gradflow.recording import LATER_PER_NETWORK, per_layer
from gradflow.store.info import instant
from gradflow.store.notes import all_notes
from gradflow.store.output import write_output
from gradflow.store.run import Run

Columns = dict[str, list[Any] | Array]
TableOfRun = dict[str, Array]

OVER_TRAINING = {"minibatch_loss": "loss", "c": "c", "log10_ratio": "log10_ratio"}  # tag -> in a History
OWN = ("run", "row", "step", "seed", "layer")
PARQUET = ("parquet", "export --to parquet")  # the extra, and what needs it
_EVENTS = re.compile(r"events\.out\.tfevents\.[0-9]+\.gradflow")
ROWS = ("first,last", "first", "last", "all")
BY_LAYER = ("log_delta_norm", "log_weight_grad_norm", "update_ratio")  # what TensorBoard shows of every layer


def runs_table(runs: Sequence[Run], losses: Sequence[float] = ()) -> Columns:
    """The row that compare has of each run, notes included, with every key of its config; None for none.

    Before the keys stand the steps to each of some losses: see `steps_to_loss`.
    """
    rows = [row_of(run.summary).noted(*all_notes(run)[0]) for run in runs]
    reached = {
        f"steps_to_loss_{loss:g}": [steps_to_loss(run.recording, loss) for run in runs] for loss in losses
    }
    values, keys = (_by_name([*map(attrgetter(part), rows)]) for part in ("written", "config"))
    return {**values, **reached, **keys}


def _by_name(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """A column for each name that any row has."""
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain.from_iterable(rows))}


def layers_table(runs: Sequence[Run], rows: str) -> Columns:
    """run, row, step, seed, layer (from 1, at the input), keys that differ, the arrays by layer.

    Beside a layer stands its name, where one of the runs was recorded elsewhere.
    """
    recorded = [run for run in runs if run.recording]
    names = per_layer(factors_of(name for run in recorded for name in run.recording))
    names = (*names, *_watched(recorded, (*names, *LATER_PER_NETWORK, "step")))
    columns = (*names, *LATER_PER_NETWORK)
    where = (*OWN, *((LAYER_NAME,) if any(layer_names(run.summary.config) for run in recorded) else ()))
    return _table(recorded, lambda run: _layers(run, rows, columns), where, columns)


def steps_table(runs: Sequence[Run], rows: str) -> Columns:
    """run, row, step, seed, keys that differ, the minibatch's loss, what clipping left, and evaluations."""
    recorded = [run for run in runs if run.recording]
    columns = ("loss", *LATER_PER_NETWORK, *EVALUATED)
    return _table(recorded, lambda run: _steps(run, rows), OWN[:-1], columns)


def evaluations_table(runs: Sequence[Run]) -> Columns:
    """run, step, seed, keys that differ, then losses, accuracies and R2 of the network; nan for none."""
    evaluated = [run for run in runs if STEP in run.recording]
    return _table(evaluated, _evaluations, ("run", "step", "seed"), EVALUATED)


def _table(
    runs: Sequence[Run], lines_of: Callable[[Run], TableOfRun], where: Sequence[str], columns: Sequence[str]
) -> Columns:
    """The lines of all runs: `where` each stands, the keys that differ, and columns."""
    configs = [row_of(run.summary).config for run in runs]
    keys = [key for key in split(configs)[1] if key not in OWN]  # seed is that of the network
    parts = []
    for run, config in zip(runs, configs, strict=True):
        lines = lines_of(run)
        told = {"run": run.id, **{key: config.get(key) for key in keys}}
        parts.append(lines | {name: _repeated(value, lines["step"].size) for name, value in told.items()})
    names = (*where, *keys, *columns)
    return {name: np.concatenate([part[name] for part in parts]) if parts else [] for name in names}


def _steps(run: Run, rows: str) -> TableOfRun:
    """What is by network at some rows of the record; nan where it was not evaluated, or not recorded."""
    recording, kept = run.recording, chosen(run["step"], rows)
    shape = len(kept), recording["loss"].shape[1]
    columns = {name: np.full(shape, np.nan) for name in ("loss", *LATER_PER_NETWORK, *EVALUATED)}
    for name in {"loss", *LATER_PER_NETWORK} & recording.keys():
        columns[name][:] = recording[name][kept]
    if STEP in recording:
        _, there, taken = np.intersect1d(recording["step"][kept], recording[STEP], return_indices=True)
        for name in {*EVALUATED} & recording.keys():
            columns[name][there] = recording[name][taken]
    row, seed = _places(shape)
    flat = {name: values.reshape(-1) for name, values in columns.items()}
    return {**_at(run, recording["step"][kept], row, seed), "row": kept[row], **flat}


def _evaluations(run: Run) -> TableOfRun:
    recording = run.recording
    row, seed = _places(recording["loss_train"].shape)
    unknown = np.full(row.size, np.nan)
    found = {name: recording[name].reshape(-1) if name in recording else unknown for name in EVALUATED}
    return {**_at(run, recording[STEP], row, seed), **found}


def _places(shape: Sequence[int]) -> list[Array]:
    """The index along each axis, of all values one after the other."""
    return [axis.reshape(-1) for axis in np.indices(tuple(shape))]


def _at(run: Run, steps: Array, row: Array, seed: Array) -> TableOfRun:
    """The step and the seed of lines that stand at these rows of some steps, and networks."""
    return {"step": steps[row].astype(int), "seed": np.array(run.seeds)[seed]}


def _watched(runs: Sequence[Run], known: Sequence[str]) -> list[str]:
    """The further columns of models that were watched, such as branch_ratio and log_dw_attention."""
    watched = [run.recording for run in runs if "watched" in run.summary.config["data"]]
    return [name for name in dict.fromkeys(name for each in watched for name in each) if name not in known]


def _layers(run: Run, rows: str, names: Sequence[str]) -> TableOfRun:
    """An array that a run has not, as of another block, is nan; one by network is alike in all layers."""
    recording = run.recording
    _, layers, seeds = recording["log_delta_norm"].shape
    kept = chosen(recording["step"], rows)
    shape = len(kept), seeds, layers
    row, seed, layer = _places(shape)
    columns = {name: _column(recording.get(name), kept, shape) for name in names}
    called = np.array(layer_names(run.summary.config) or [None] * layers, dtype=object)[layer]
    places = {"row": kept[row], "layer": layer + 1, LAYER_NAME: called}
    return {**_at(run, recording["step"][kept], row, seed), **places, **columns}


def _column(array: Array | None, rows: Array, shape: tuple[int, ...]) -> Array:
    """An array (steps, layers, seeds) or (steps, seeds) at some rows, as values by row, seed and layer."""
    if array is None:
        return np.full(prod(shape), np.nan)
    values = array[rows].transpose(0, 2, 1) if array.ndim == len(shape) else array[rows][..., None]
    return np.broadcast_to(values, shape).reshape(-1)


def _repeated(value: Any, times: int) -> Array:
    column = np.empty(times, dtype=object)
    column[:] = [value] * times
    return column


def chosen(steps: Collection[float] | Array, rows: str) -> Array:
    """The rows of a record of these steps that "first,last", "all" or the number of a step means.

    InputError for another word, and for a step that was not recorded.
    """
    if rows.isdecimal():
        return np.array([row_at(steps, rows, "--rows")])
    if rows not in ROWS:
        raise InputError(f"--rows {rows}: there are {'; '.join(ROWS)}, or the number of a step")
    count = len(steps)
    ends = [place for name, place in (("first", 0), ("last", count - 1)) if name in rows]
    return np.arange(count) if rows == "all" else np.unique(ends)


def parquet_bytes(columns: Columns) -> bytes:
    """One table as a Parquet file; what is not finite or missing is null."""
    arrow, parquet = (library(name, *PARQUET) for name in ("pyarrow", "pyarrow.parquet"))
    content = BytesIO()
    parquet.write_table(arrow.table({name: _plain(values) for name, values in columns.items()}), content)
    return content.getvalue()


def write_tensorboard(folder: Path, runs: Sequence[Run], rows: str, *, force: bool = False) -> None:
    """Event files, a folder a run: losses, c and log10_ratio, and the norms and update ratio of every layer.

    Values are means over networks. InputError if `folder` has such a run already, and with `force` if there
    is anything else in its place than event files of ours, which are replaced.
    """
    library("tensorboardX", "tensorboard", "export --to tensorboard")
    old = {run.id: _event_files(folder / run.id, force) for run in runs}
    for run in runs:
        place, content = folder / run.id, _events(run, rows)
        make_folder(place)
        written = place / f"events.out.tfevents.{instant(run.info).timestamp():.0f}.gradflow"
        write_output(written, content, force=force)
        for path in old[run.id] - {written}:
            path.unlink()


def _event_files(place: Path, force: bool) -> set[Path]:
    """What stands where a run's event file will be."""
    there = set(place.iterdir()) if place.is_dir() else set()
    if there and not force:
        message = "is there already: --force replaces it, or choose another folder"
        raise InputError(Problem(message, source=str(place)))
    if not all(map(_EVENTS.fullmatch, (path.name for path in there))):
        raise InputError(Problem("holds more than event files: choose another folder", source=str(place)))
    return there


def _events(run: Run, rows: str) -> bytes:
    """An event file; the library's own writer leaves half of one and a traceback on a full disk."""
    event_of = import_module("tensorboardX.proto.event_pb2").Event
    scalar = import_module("tensorboardX.summary").scalar
    when = instant(run.info).timestamp()
    events = [event_of(wall_time=when, file_version="brain.Event:2")]
    events += [
        event_of(wall_time=when, step=step, summary=scalar(tag, value))
        for tag, step, value in scalars(run, rows)
    ]
    return b"".join(_record(event.SerializeToString()) for event in events)


def _record(content: bytes) -> bytes:
    """A TFRecord: the length, the content, and the masked crc of each."""
    crc = import_module("tensorboardX.record_writer").masked_crc32c
    length = pack("<Q", len(content))
    return length + pack("<I", crc(length)) + content + pack("<I", crc(content))


def scalars(run: Run, rows: str) -> list[tuple[str, int, float]]:
    """(tag, step, value) of each curve of a run, means over networks; what is not finite is left out."""
    history, evaluation, recording = run.summary.history, run.summary.evaluation, run.recording
    curves = [(tag, history.steps, getattr(history, name)) for tag, name in OVER_TRAINING.items()]
    curves += [
        (name, evaluation.steps, values) for name in EVALUATED if (values := getattr(evaluation, name))
    ]
    found = [(tag, step, value) for tag, steps, values in curves
             for step, value in zip(steps, values, strict=True)]  # fmt: skip
    for row in chosen(recording["step"], rows) if recording else ():
        step = int(recording["step"][row])
        for name in BY_LAYER:
            with np.errstate(invalid="ignore"):
                means = recording[name][row].mean(axis=1).tolist()
            found += [(f"{name}/layer_{i:04d}", step, value) for i, value in enumerate(means, start=1)]
    return [one for one in found if one[2] is not None and isfinite(one[2])]


def lists(columns: Columns) -> list[list[Any]]:
    """The columns as lists of plain values."""
    return [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]


def json_text(tables: dict[str, Columns]) -> str:
    """Tables as one JSON document, a list of objects each; numbers that are not finite are null."""
    document = {
        name: [dict(zip(columns, line, strict=True)) for line in zip(*lists(columns), strict=True)]
        for name, columns in tables.items()
    }
    return dumps(strict(document), allow_nan=False) + "\n"


def make_folder(path: Path) -> None:
    """The folder that the user named with -o, made if its parent is there. InputError if it cannot be one."""
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError:
        raise InputError(Problem("is a file: name a folder", source=str(path))) from None
    except OSError as error:
        message = f"cannot be made: {error.strerror}: make its parent, or choose another"
        raise InputError(Problem(message, source=str(path))) from None


def _plain(values: list[Any] | Array) -> list[Any]:
    """Plain values, None where a number is not finite; a column of several types as texts."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    clean = [None if isinstance(v, float) and not isfinite(v) else v for v in listed]
    kinds = {type(value) for value in clean if value is not None}
    if kinds <= {int, float}:
        return [value if value is None or kinds == {int} else float(value) for value in clean]
    if len(kinds) == 1 and kinds <= {str, bool}:
        return clean
    return [None if value is None else str(value) for value in clean]
