"""Saved runs handed to trackers of experiments by their own clients, a class each.

Each gets the config, the results and the notes of a run, and its curves: what TensorBoard shows, too.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Protocol

from gradflow.analysis.compare import row_of
from gradflow.analysis.differences import Flat
from gradflow.errors import InputError, Problem, RunError, library, named
from gradflow.store.export import scalars
from gradflow.store.notes import all_notes
from gradflow.store.run import Run
from gradflow.units import is_number

Mark = tuple[str, int, float]  # name, step, value
NOWHERE = ("id", "path", "name")  # results that a tracker has no use for
DATABASE = ".db"  # ends the name of a file in which MLflow keeps runs
DESCRIPTION = "mlflow.note.content"  # the tag that MLflow's page shows as the description of a run
RESULT = "result/"  # begins the name of a number that a run has once
CUT_SHORT = {"failed": "FAILED", "interrupted": "KILLED"}  # MLflow's words; a diverged run is a result


@dataclass(frozen=True)
class RunTold:
    """What a tracker is told of a run; `numbers` and `texts` are its results."""

    config: Flat
    numbers: dict[str, float]
    texts: dict[str, str]
    curves: list[Mark]


def told(run: Run, rows: str) -> RunTold:
    """All of it; `rows` are those of the record, as in `chosen`."""
    row = row_of(run.summary).noted(*all_notes(run)[0])
    known = {
        name: value
        for name, value in row.written.items()
        if value not in (None, "", ()) and name not in NOWHERE
    }
    numbers = {f"{RESULT}{name}": float(value) for name, value in known.items() if is_number(value)}
    texts = {name: str(value) for name, value in known.items() if f"{RESULT}{name}" not in numbers}
    return RunTold(row.config, numbers, texts, scalars(run, rows))


class Sink(Protocol):
    """A tracker at a `place`; RunError where it refuses what it is given."""

    place: str

    def has(self, run: Run) -> bool:
        """Whether a run is there already."""

    def remove(self, run: Run) -> None:
        """Take away a run that is there."""

    def add(self, run: Run, rows: str) -> None:
        """Add a run, wholly or not at all."""


def hand_over(sink: Sink, runs: Sequence[Run], rows: str, *, force: bool = False) -> None:
    """Add runs; those that are there already are refused, or replaced with `force`."""
    there = [run.id for run in runs if sink.has(run)]
    if there and not force:
        raise InputError(Problem("is there already: --force replaces it", source=there[0]))
    for run in runs:
        if run.id in there:
            sink.remove(run)
        sink.add(run, rows)


@contextmanager
def _answering(name: str) -> Iterator[None]:
    """What a client raises is an error of a line."""
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:
        message = " ".join(named(error).split())
        raise RunError(f"{name} refused: {message}") from None


def _place(place: Path | None, elsewhere: Sequence[str]) -> str:
    """Where runs go: the file or folder or, as its value may hold a password, the variable that says it."""
    variable = next((name for name in elsewhere if os.environ.get(name)), None)
    if place is None and variable is None:
        raise InputError(f"name a folder with -o, or set {' or '.join(elsewhere)}")
    problem = _no_place(place) if place else None
    if problem:
        raise InputError(Problem(problem, source=str(place)))
    return str(place or variable)


def _no_place(place: Path) -> str | None:
    """Why no tracker can keep runs there."""
    if not place.absolute().parent.is_dir():
        return f"the folder {place.parent} does not exist: make it first"
    if place.suffix != DATABASE and place.exists() and not place.is_dir():
        return "is a file: name a folder"
    return None


class Mlflow:
    """Runs of an MLflow experiment: in a database FILE.db, in a folder as older versions had it, or, without
    a place, where MLFLOW_TRACKING_URI says.
    """

    name: ClassVar[str] = "mlflow"
    elsewhere: ClassVar[tuple[str, ...]] = ("MLFLOW_TRACKING_URI",)
    most: ClassVar[tuple[int, int]] = (100, 1000)  # parameters and metrics of one request
    longest: ClassVar[int] = 6000  # characters of a parameter, such as data that a config holds

    def __init__(self, place: Path | None, project: str) -> None:
        self.place = _place(place, self.elsewhere)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # who exports asks for no other request
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder that was named is meant
        self._mlflow = library("mlflow", self.name, "export --to mlflow")
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        with _answering(self.name):
            self._client = self._mlflow.MlflowClient(_uri(place) if place else None)
            found = self._client.get_experiment_by_name(project)
            self._experiment = found.experiment_id if found else self._client.create_experiment(project)

    def _found(self, run: Run) -> list[Any]:
        with _answering(self.name):
            return list(self._client.search_runs([self._experiment], f"tags.`gradflow.id` = '{run.id}'"))

    def has(self, run: Run) -> bool:
        return bool(self._found(run))

    def remove(self, run: Run) -> None:
        with _answering(self.name):
            for each in self._found(run):
                self._client.delete_run(each.info.run_id)

    def add(self, run: Run, rows: str) -> None:
        known, (begun, ended) = told(run, rows), map(_milliseconds, _times(run))
        tags = {"gradflow.id": run.id, **{f"gradflow.{name}": text for name, text in known.texts.items()}}
        if "note" in known.texts:
            tags[DESCRIPTION] = known.texts["note"]
        with _answering(self.name):
            made = self._client.create_run(self._experiment, begun, tags, run.id).info.run_id
            try:
                self._log(made, known, ended)
                self._client.set_terminated(made, CUT_SHORT.get(run.status, "FINISHED"), ended)
            except BaseException:
                self._client.delete_run(made)
                raise

    def _log(self, made: str, known: RunTold, when: int) -> None:
        entities = self._mlflow.entities
        params = [entities.Param(key, str(value)[: self.longest]) for key, value in known.config.items()]
        points = [(name, 0, value) for name, value in known.numbers.items()] + known.curves
        metrics = [entities.Metric(name, value, when, step) for name, step, value in points]
        for some in _parts(params, self.most[0]):
            self._client.log_batch(made, params=some)
        for some in _parts(metrics, self.most[1]):
            self._client.log_batch(made, metrics=some)


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _uri(place: Path) -> str:
    """A database where a file of databases is named, else a folder."""
    return f"sqlite:///{place.absolute()}" if place.suffix == DATABASE else place.absolute().as_uri()


def _times(run: Run) -> tuple[datetime, datetime]:
    times = run.info["times"]
    return datetime.fromisoformat(times["started"]), datetime.fromisoformat(times["finished"])


def _milliseconds(when: datetime) -> int:
    return round(1000 * when.timestamp())


class Trackio:
    """Runs of a trackio project: in a folder or, without one, where TRACKIO_DIR, TRACKIO_SPACE_ID or
    TRACKIO_SERVER_URL says.
    """

    name: ClassVar[str] = "trackio"
    elsewhere: ClassVar[tuple[str, ...]] = ("TRACKIO_DIR", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")

    def __init__(self, place: Path | None, project: str) -> None:
        self.place = _place(place, self.elsewhere)
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        if place:  # which comes before what the environment says, and is read when trackio is loaded
            for name in self.elsewhere:
                os.environ.pop(name, None)
            os.environ["TRACKIO_DIR"] = str(place.absolute())
        self._trackio, self._project = library("trackio", self.name, "export --to trackio"), project
        if place and Path(self._trackio.TRACKIO_DIR) != place.absolute():
            raise InputError(f"trackio writes to {self._trackio.TRACKIO_DIR} in this process: start another")

    def _found(self, run: Run) -> list[Any]:
        with _answering(self.name):
            try:
                return [each for each in self._trackio.Api().runs(self._project) if each.name == run.id]
            except ValueError:  # no such project
                return []

    def has(self, run: Run) -> bool:
        return bool(self._found(run))

    def remove(self, run: Run) -> None:
        with _answering(self.name):
            for each in self._found(run):
                each.delete()

    def add(self, run: Run, rows: str) -> None:
        known = told(run, rows)
        by_step: dict[int, dict[str, float]] = {}
        for name, step, value in known.curves:
            by_step.setdefault(step, {})[name] = value
        config = {**known.config, **known.numbers, **known.texts}
        with _answering(self.name), redirect_stdout(StringIO()):
            try:
                self._log(run.id, config, by_step)
            except BaseException:
                self.remove(run)
                raise

    def _log(self, name: str, config: dict[str, Any], by_step: dict[int, dict[str, float]]) -> None:
        with _heeding():
            made = self._trackio.init(
                self._project, name=name, config=config, embed=False, auto_log_gpu=False, auto_log_cpu=False
            )
            for step, values in sorted(by_step.items()):
                made.log(values, step=step)
            self._trackio.finish()


@contextmanager
def _heeding() -> Iterator[None]:
    """A client that only warns of what it lost has not done it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lost = [str(one.message) for one in caught if "trackio" in one.filename]
    if lost:
        raise RunError(f"trackio warned: {' '.join(lost[0].split())}")


SINKS: dict[str, type[Mlflow] | type[Trackio]] = {sink.name: sink for sink in (Mlflow, Trackio)}
