"""Runs for the studies: from overrides to what is said about the run, without a run directory."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from gradflow.analysis.known_increments import Known
from gradflow.analysis.predictions import inputs_of, predicted
from gradflow.analysis.summarize import flow_at, summarize, theory_beside
from gradflow.analysis.summary import Flow, Summary, Theory
from gradflow.config import Config, override_key, parse_config
from gradflow.config.overrides import settled
from gradflow.data import Data, Dataset
from gradflow.recording import Recording
from gradflow.training import Training
from gradflow.yaml_events import KeyPath
from gradflow.yaml_file import parse


def study(text: str, *overrides: str) -> Summary:
    """The summary of a run of a YAML text with overrides."""
    return summarize(*run(text, *overrides))


def at_initialization(text: str, *overrides: str) -> tuple[Flow, Theory]:
    """The flow of such a run before any update, and theory beside it."""
    config, recording, info = run(text, *overrides)
    prediction = predicted(config, inputs_of(info["data"]))
    flow = flow_at(recording, 0, config, None, Known.of(prediction, config.training.dtype))
    return flow, theory_beside(prediction, config, recording)


def run(text: str, *overrides: str) -> tuple[Config, Recording, dict[str, Any]]:
    """The config of such a run, its record, and what of a run.json the analysis takes."""
    config, training = train(text, *overrides)
    return config, training.recording, info_of(training)


def train(text: str, *overrides: str) -> tuple[Config, Training]:
    """The config of such a run, and its training when it is over."""
    config = parse_config(parse(text, "study.yaml"), Path(), _in_turn(overrides))
    data = load(config.data)
    training = Training(config.plan(data), data)
    for _ in training:
        pass
    return config, training


def info_of(training: Training) -> dict[str, Any]:
    """What of a run.json the analysis takes."""
    data = training.data
    sizes = {name: getattr(data, name) for name in ("samples", "features", "outputs", "q_0", "q_y", "chance")}
    status = "completed" if training.outcome.diverged_step is None else "diverged"
    measured = {"critical_lr": training.critical.document()}
    outcome = {key: value for key, value in asdict(training.outcome).items() if not key.startswith("stopped")}
    info = {"status": status, "outcome": outcome, "data": sizes, "measured": measured}
    return {**info, "evaluation": asdict(training.evaluated)}


def _in_turn(overrides: tuple[str, ...]) -> list[str]:
    """The overrides, of which a later one replaces what it wipes out, as advice does that follows them."""
    kept: dict[str, KeyPath] = {}
    for override in overrides:
        path = settled(tuple(override_key(override.partition("=")[0]).split(".")))
        kept = {word: other for word, other in kept.items() if other[: len(path)] != path}
        kept[override] = path
    return list(kept)


@cache
def load(dataset: Dataset) -> Data:
    return dataset.load(Path())
