"""summary.json: read if its seal is whole and it is of its run, else made again from the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from msgspec import convert
from msgspec.json import Decoder

from gradflow.store.info import Info, Limits
from gradflow.store.names import is_point
from gradflow.store.seal import read_sealed
from gradflow.store.typed import UNREADABLE, Factor, Rate, Whole, conforms, is_bounded, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gradflow.analysis.cast_losses import CastLosses
    from gradflow.analysis.summary import Flow, Summary
    from gradflow.analysis.summary_parts import Profile
    from gradflow.config import Config
    from gradflow.recording import Recording

Verdict = Literal["vanishing", "stable", "exploding", "dead", "overflow", "undetermined"]
FACTORS = ("c", "c_low", "c_high", "c_finite_width", "weight_factor", "slope_factor", "c_asymptotic")


class _Profile(TypedDict):
    log10_delta: tuple[float | None, ...]


class _Final(TypedDict):  # what documents of older versions have not is not required
    networks: Whole | None
    dead_networks: Whole | None
    saturated: float | None
    c: Factor
    c_low: Factor
    c_high: Factor
    log10_ratio: float | None
    verdict: Verdict
    log10_growth: NotRequired[float | None]
    log10_ratio_sd: NotRequired[float | None]


class _Initial(_Final):
    borderline: bool
    transitions: Whole
    profile: _Profile


class _Flows(TypedDict):
    initial: _Initial
    final: _Final


class _Theory(TypedDict):
    c: Factor
    c_finite_width: Factor
    log10_ratio: float | None
    sigmas: float | None
    log10_last: NotRequired[float | None]
    log10_ratio_sd: NotRequired[float | None]


class _Training(TypedDict):
    loss_initial: float | None
    loss_final: float | None
    loss_final_low: float | None
    loss_final_high: float | None
    accuracy_final: float | None
    diverged_step: Whole | None
    loss_test_final: float | None
    accuracy_train_final: float | None
    r2_train_final: float | None
    r2_test_final: float | None
    minibatch_loss_final: float | None
    evaluations: Whole
    majority: float | None
    clipped_share: NotRequired[float | None]


class _Trainable(TypedDict):
    verdict: Literal["trainable", "untrainable", "unknown"]
    score: float | None
    correlation_depth: float | None


class _Critical(TypedDict, total=False):
    initial: Rate | None


class _Named(TypedDict):
    name: str


class _Network(TypedDict):
    depth: Whole
    width: Whole | list[Whole]
    activation: _Named
    init: _Named
    bias: _Named
    readout: Literal["linear", "zeros", "none"]


class _Rule(_Named):
    lr: Rate


class _Taught(TypedDict):
    steps: Whole
    batch_size: Whole
    loss: str
    optimizer: _Rule
    dtype: str


class _Study(TypedDict):
    """What reports take from a config; to read the whole of one would take the libraries that compute."""

    seed: Whole
    seeds: Whole
    model: _Network
    data: _Named
    training: _Taught
    analysis: Limits


class Brief(TypedDict):
    """What a row of a comparison needs of a summary.json."""

    format: Literal[1]
    id: str
    path: str
    name: str
    status: str
    config: dict[str, Any]
    flow: _Flows
    theory: _Theory
    training: _Training
    symptoms: list[_Named]
    critical_lr: NotRequired[_Critical]
    trainable: NotRequired[_Trainable]


_BRIEF = Decoder(Brief)


def load_summary(folder: Path, info: Info, stamp: str = "") -> Summary | None:
    """What summary.json holds; None if it is missing, damaged, unsealed, of another format or another run's.

    `stamp` is that of the run.json that gave `info`. RunError if it was sealed with another one.
    """
    from gradflow.analysis.summary import Summary  # comparisons do without

    content = read_sealed(folder, stamp)
    if content is None or _brief(content, info) is None:
        return None
    try:
        summary = convert(whole(Summary).decode(content), Summary, from_attributes=True)
    except UNREADABLE:
        return None
    return summary if _is_sound(summary, info) else None


def load_brief(folder: Path, info: Info, stamp: str = "") -> Brief | None:
    """As `load_summary`, of what a row needs alone: several times as fast."""
    content = read_sealed(folder, stamp)
    return None if content is None else _brief(content, info)


def _brief(content: bytes, info: Info) -> Brief | None:
    try:
        brief = _BRIEF.decode(content)
    except UNREADABLE:
        return None
    of_this_run = (brief["id"], brief["status"]) == (info["id"], info["status"])
    return brief if of_this_run and is_bounded(brief["config"]) else None


def _is_sound(summary: Summary, info: Info) -> bool:
    """What types do not say: its config is one, tables are even, a c has its first and last layer, all stand
    in the network, and no factor between norms is negative."""
    config, flows = summary.config, (summary.flow.initial, summary.flow.final)
    history = {name: column for name, column in vars(summary.history).items() if name != "flips"}
    tables = [history, *(_columns(flow.profile) for flow in flows)]
    return (
        (config == info["recorded"] if "recorded" in info else conforms(config, _Study))
        and all(flow.c is None or len(flow.layers) == 2 for flow in flows)
        and all(len(set(map(len, table.values()))) == 1 for table in tables)
        and all(map(is_bounded, (*(advice.set for advice in summary.advice), *_mappings(flows))))
        and all(depth.isdecimal() for flow in flows for depth in flow.c_power_depth)
        and not _has_negative(summary)
        and all(rate is None or rate > 0 for rate in _rates(summary))
        and all(map(_are_shares, summary.precision.formats.values()))
        and _are_curves(vars(summary.evaluation))
        and _is_in_the_network(flows, config)
    )


def _mappings(flows: Sequence[Flow]) -> list[dict[str, float | None]]:
    return [mapping for flow in flows for mapping in (flow.factors, flow.c_power_depth)]


def _has_negative(summary: Summary) -> bool:
    parts = (*vars(summary.flow).values(), summary.theory)
    history = summary.history
    factors = [getattr(part, name, None) for part in parts for name in FACTORS]
    named = [value for part in parts for value in part.factors.values()]
    columns = *history.c, *history.c_low, *history.c_high
    return any(c is not None and c < 0 for c in (*factors, *named, *columns))


def _rates(summary: Summary) -> list[float | None]:
    """All critical learning rates."""
    critical = summary.critical_lr
    ends = critical.initial, critical.initial_lowest, critical.final, critical.final_lowest
    return [*ends, *critical.networks, *critical.networks_final]


def _are_shares(lost: CastLosses) -> bool:
    """Whether what a format loses is told of every layer alike."""
    columns = lost.shares.values()
    return len(set(map(len, columns))) == 1 and all(0 <= share <= 1 for one in columns for share in one)


def _columns(profile: Profile) -> dict[str, Sequence[Any]]:
    """All that a profile has by layer."""
    return {
        **profile.factors,
        **{name: column for name, column in vars(profile).items() if name != "factors"},
    }


def _is_in_the_network(flows: Sequence[Flow], config: dict[str, Any]) -> bool:
    layers = [layer for flow in flows for layer in (*flow.layers, *flow.profile.layers)]
    return not layers or 1 <= min(layers) <= max(layers) <= config["model"]["depth"]


def _are_curves(evaluation: dict[str, Any]) -> bool:
    """Whether each curve has a value for every step, or there is none."""
    curves = [column for column in evaluation.values() if isinstance(column, tuple)]
    return all(len(column) in (0, len(evaluation["steps"])) for column in curves)


def build_summary(path: Path, config: Config, recording: Recording, info: Info) -> Summary:
    """The summary of a run that stands, or will stand, at `path`."""
    if info["status"] == "failed":
        return _of_failed(path, config, info)
    from gradflow.analysis.summarize import summarize

    return summary_at(path, summarize(config, recording, info))


def summary_at(path: Path, summary: Summary) -> Summary:
    """The summary of a run that stands, or will stand, at `path`, with the commands that hold there."""
    return summary.at(str(path), is_point=is_point(path))


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
        theory=Theory(reason="the run failed"),
        training=TrainingResult(steps=config.training.steps),
    )
