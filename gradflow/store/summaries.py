"""summary.json: read if its seal is whole and it is of its run, else made again from the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from gradflow.errors import RunError
from gradflow.store.conform import checker
from gradflow.store.names import FORMAT, SUMMARY
from gradflow.store.reading import parse_json
from gradflow.store.seal import read_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gradflow.analysis.summary import Summary
    from gradflow.config import Config
    from gradflow.recording import Recording
    from gradflow.store.info import Info

FACTORS = ("c", "c_low", "c_high", "c_finite_width")
OTHER_FACTORS = ("weight_factor", "slope_factor", "c_asymptotic")  # of which a row needs none
VERDICTS = ("vanishing", "stable", "exploding", "dead", "overflow", "undetermined")

# a summary.json is numbers by layer and by step, for the most part; inside a text a quote is escaped, so that
# neither of these can stand there
_PROFILE, _DELTA, _AFTER = '"profile": {', '"log10_delta": [', ', "advice": ['
_FACTORS = '"factors": {'


class _Profile(TypedDict):
    log10_delta: tuple[float | None, ...]


class _Growth(TypedDict, total=False):  # which documents of older versions have not
    log10_growth: float | None


class _Clipping(TypedDict, total=False):  # nor this
    clipped_share: float | None


class _Final(_Growth):
    networks: int | None
    dead_networks: int | None
    saturated: float | None
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


class _Training(_Clipping):
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


class _Named(TypedDict):
    name: str


class _Network(TypedDict):
    depth: int
    width: int
    activation: _Named
    init: _Named
    bias: _Named
    readout: str


class _Taught(TypedDict):
    steps: int
    batch_size: int
    loss: str
    optimizer: _Named
    dtype: str


class _Limits(TypedDict):
    stable_decades: float


class _Study(TypedDict):
    """What reports take from a config; to read the whole of one would take the libraries that compute."""

    seed: int
    seeds: int
    model: _Network
    data: _Named
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
    symptoms: list[_Named]


def load_summary(folder: Path, info: Info, stamp: str = "") -> Summary | None:
    """What summary.json holds; None if it is missing, damaged, unsealed, of another format or another run's.

    `stamp` is that of the run.json that gave `info`. RunError if it was sealed with another one.
    """
    from gradflow.analysis.summary import Summary, summary_from  # comparisons do without

    document = _load(folder, info, stamp, Summary, str)
    if document is None or not _is_sound(document, info):
        return None
    return summary_from({"format": FORMAT, **document})


def load_brief(folder: Path, info: Info, stamp: str = "") -> Brief | None:
    """As `load_summary`, of what a row needs alone: several times as fast."""
    brief: Brief | None = _load(folder, info, stamp, Brief, _shortened)
    return brief


def _load(folder: Path, info: Info, stamp: str, hint: Any, prepare: Callable[[str], str]) -> Any:
    content = read_sealed(folder, stamp)
    try:
        document: Any = content and parse_json(content, folder / SUMMARY, prepare)
    except RunError:
        return None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        return None
    if not checker(hint)(document) or not _are_factors(document, FACTORS):
        return None
    verdicts = {document["flow"][row]["verdict"] for row in ("initial", "final")}
    of_this_run = (document["id"], document["status"]) == (info["id"], info["status"])
    return document if of_this_run and verdicts <= {*VERDICTS} else None


def _are_factors(document: dict[str, Any], names: Sequence[str]) -> bool:
    """Whether no factor between norms is negative."""
    parts = (*document["flow"].values(), document["theory"])
    return all((part.get(name) or 0) >= 0 for part in parts for name in names)


def _is_sound(document: dict[str, Any], info: Info) -> bool:
    """What types do not say: its config is one, tables are even, a c has its first and last layer, all stand
    in the network, and no c of the history is negative."""
    config = document["config"]
    known = config == info["recorded"] if "recorded" in info else checker(_Study)(config)
    history = {name: column for name, column in document["history"].items() if name != "flips"}
    flows = [*document["flow"].values()]
    tables = [history, *(_columns(flow["profile"]) for flow in flows)]
    fitted = all(flow["c"] is None or len(flow["layers"]) == 2 for flow in flows)
    even = all(len(set(map(len, table.values()))) == 1 for table in tables)
    positive = _are_factors(document, OTHER_FACTORS) and _is_history(history)
    curves = _are_curves(document["evaluation"])
    return known and fitted and even and positive and curves and _is_in_the_network(flows, config)


def _columns(profile: dict[str, Any]) -> dict[str, list[Any]]:
    """All that a profile has by layer."""
    return {**profile["factors"], **{name: column for name, column in profile.items() if name != "factors"}}


def _is_in_the_network(flows: list[dict[str, Any]], config: dict[str, Any]) -> bool:
    layers = [layer for flow in flows for layer in (*flow["layers"], *flow["profile"]["layers"])]
    return not layers or 1 <= min(layers) <= max(layers) <= config["model"]["depth"]


def _is_history(columns: dict[str, list[float | None]]) -> bool:
    return (
        min((c for name in ("c", "c_low", "c_high") for c in columns[name] if c is not None), default=0) >= 0
    )


def _are_curves(evaluation: dict[str, Any]) -> bool:
    """Whether each curve has a value for every step, or there is none."""
    curves = [column for column in evaluation.values() if isinstance(column, list)]
    return all(len(column) in (0, len(evaluation["steps"])) for column in curves)


def _shortened(text: str) -> str:
    """A summary.json up to its symptoms, and of its two profiles log10_delta of the first alone."""
    head, after, _ = text.partition(_AFTER)
    before, *profiles = head.split(_PROFILE)
    if not after or len(profiles) != 2:
        return text
    (first, between), (_, rest) = map(_cut, profiles)
    delta = first.partition(_DELTA)[2].partition("]")[0]
    kept = f"{_DELTA}{delta}]" if delta else first
    return f"{before}{_PROFILE}{kept}}}{between}{_PROFILE}}}{rest}}}"


def _cut(text: str) -> tuple[str, str]:
    """The inside of a profile and what follows it; its factors have braces of their own."""
    start = text.find(_FACTORS)
    inner = text.find("}", start) + 1 if 0 <= start < text.find("}") else 0
    end = text.find("}", inner)
    return text[:end], text[end + 1 :]


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
