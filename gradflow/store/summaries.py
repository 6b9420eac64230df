"""summary.json: read if it is whole and of its run, else made again from the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from gradflow.errors import RunError
from gradflow.store.conform import checker
from gradflow.store.names import FORMAT, SUMMARY
from gradflow.store.reading import read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gradflow.analysis.summary import Summary
    from gradflow.config import Config
    from gradflow.recording import Recording
    from gradflow.store.info import Info

VERDICTS = ("vanishing", "stable", "exploding", "dead", "overflow", "undetermined")

# a summary.json is numbers by layer and by step, for the most part; inside a text a quote is escaped, so that
# neither of these can stand there
_PROFILE, _DELTA, _AFTER = '"profile": {', '"log10_delta": [', ', "symptoms": ['


class _Profile(TypedDict):
    log10_delta: tuple[float | None, ...]


class _Final(TypedDict):
    c: float | None
    c_low: float | None
    c_high: float | None
    log10_ratio: float | None
    verdict: str


class _Initial(_Final):
    borderline: bool
    transitions: int
    profile: _Profile


class _Flows(TypedDict):
    initial: _Initial
    final: _Final


class _Theory(TypedDict):
    c: float | None
    c_finite_width: float | None
    log10_ratio: float | None
    sigmas: float | None


class _Training(TypedDict):
    loss_final: float | None
    loss_final_low: float | None
    loss_final_high: float | None
    accuracy_final: float | None
    diverged_step: int | None
    loss_test_final: float | None
    accuracy_train_final: float | None
    r2_train_final: float | None
    r2_test_final: float | None
    minibatch_loss_final: float | None
    evaluations: int
    majority: float | None


class _Choice(TypedDict):
    name: str


class _Network(TypedDict):
    depth: int
    width: int
    activation: _Choice
    init: _Choice
    bias: _Choice
    readout: str


class _Taught(TypedDict):
    steps: int
    batch_size: int
    loss: str
    optimizer: _Choice
    dtype: str


class _Limits(TypedDict):
    stable_decades: float


class _Study(TypedDict):
    """What reports take from a config; to read the whole of one would take the libraries that compute."""

    seed: int
    seeds: int
    model: _Network
    data: _Choice
    training: _Taught
    analysis: _Limits


class Brief(TypedDict):
    """What a row of a comparison needs of a summary.json."""

    id: str
    path: str
    name: str
    status: str
    config: dict[str, Any]
    flow: _Flows
    theory: _Theory
    training: _Training


def load_summary(folder: Path, info: Info) -> Summary | None:
    """What summary.json holds; None if it is missing, damaged, of another format, or not of this run."""
    from gradflow.analysis.summary import Summary, summary_from  # comparisons do without

    document = _load(folder, info, Summary, str)
    if document is None or not _is_sound(document, info):
        return None
    return summary_from({"format": FORMAT, **document})


def load_brief(folder: Path, info: Info) -> Brief | None:
    """As `load_summary`, of what a row needs alone: several times as fast."""
    brief: Brief | None = _load(folder, info, Brief, _shortened)
    return brief


def _load(folder: Path, info: Info, hint: Any, prepare: Callable[[str], str]) -> Any:
    try:
        document: Any = read_json(folder / SUMMARY, prepare)
    except RunError:
        return None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        return None
    if not checker(hint)(document):
        return None
    verdicts = {document["flow"][row]["verdict"] for row in ("initial", "final")}
    of_this_run = (document["id"], document["status"]) == (info["id"], info["status"])
    return document if of_this_run and verdicts <= {*VERDICTS} else None


def _is_sound(document: dict[str, Any], info: Info) -> bool:
    """What types do not say: its config is one, tables are even, and a c has its first and last layer."""
    config = document["config"]
    known = config == info["recorded"] if "recorded" in info else checker(_Study)(config)
    history = {name: column for name, column in document["history"].items() if name != "flips"}
    flows = [*document["flow"].values()]
    tables = [history, *(flow["profile"] for flow in flows)]
    fitted = all(flow["c"] is None or len(flow["layers"]) == 2 for flow in flows)
    even = all(len(set(map(len, table.values()))) == 1 for table in tables)
    return known and fitted and even and _are_curves(document["evaluation"])


def _are_curves(evaluation: dict[str, Any]) -> bool:
    """Whether each curve has a value for every step, or there is none."""
    curves = [column for column in evaluation.values() if isinstance(column, list)]
    return all(len(column) in (0, len(evaluation["steps"])) for column in curves)


def _shortened(text: str) -> str:
    """A summary.json up to training, and of its two profiles log10_delta of the first alone."""
    head, after, _ = text.partition(_AFTER)
    before, *profiles = head.split(_PROFILE)
    if not after or len(profiles) != 2:
        return text
    (first, _, between), (_, _, rest) = (profile.partition("}") for profile in profiles)
    delta = first.partition(_DELTA)[2].partition("]")[0]
    kept = f"{_DELTA}{delta}]" if delta else first
    return f"{before}{_PROFILE}{kept}}}{between}{_PROFILE}}}{rest}}}"


def build_summary(path: Path, config: Config, recording: Recording, info: Info) -> Summary:
    """The summary of a run that stands, or will stand, at `path`."""
    if info["status"] == "failed":
        return _of_failed(path, config, info)
    from gradflow.analysis.summarize import summarize

    return summarize(config, recording, info).at(str(path))


def _of_failed(path: Path, config: Config, info: Info) -> Summary:
    from gradflow.analysis.summary import Flow, Flows, Summary, Theory, TrainingResult

    flow = Flow(step=0, reason=info["reason"])
    return Summary(
        id=info["id"],
        path=str(path),
        name=config.name,
        status="failed",
        config=config.plain(),
        flow=Flows(flow, flow),
        theory=Theory(reason=info["reason"]),
        training=TrainingResult(steps=config.training.steps),
    )
