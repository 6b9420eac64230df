"""run.json: what a run is, when and by what it was made, and the sha256 of every array; written last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta
from msgspec.json import Decoder

from gradflow.store.names import DIGEST, FORMAT, RUN, is_id
from gradflow.store.reading import damaged, parse_json, read_bytes
from gradflow.store.typed import MOST, UNREADABLE, Rate, Whole
from gradflow.version import __version__, is_newer

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.errors import RunError

Status = Literal["completed", "diverged", "failed", "interrupted"]  # the last has no run.json yet


class Times(TypedDict):
    """ISO 8601 in UTC, and the seconds of computing: fewer than lie between if the run was interrupted."""

    started: str
    finished: str
    seconds: float


class Versions(TypedDict):
    """What computed the run; `threads` are those that BLAS may use."""

    gradflow: str
    numpy: str
    blas: str
    threads: Whole


class ArrayInfo(TypedDict):
    """Shape and sha256 (of the bytes, little-endian float64 in C order) of an array of recording.npz."""

    shape: list[Whole]
    sha256: str


class StoppedInfo(TypedDict):
    """The step at which `training.stop` ended a training, and why."""

    step: Whole
    reason: str


class OutcomeInfo(TypedDict):
    """How training ended; `stopped` is missing where it was not ended early."""

    accuracy_final: float | None
    diverged_step: Whole | None
    diverged_reason: str | None
    stopped: NotRequired[StoppedInfo]


class DataInfo(TypedDict):
    """What the analysis needs to know of the data; `sha256` is of the user's file, if there is one.

    Missing from runs of older versions are `chance`, the loss of guessing classes by their frequency, `q_y`,
    the mean square of targets to regress on, `task`, `standardize` (null where the data set has no such key)
    and `samples_test`, the number held out.
    """

    samples: Whole
    features: Whole
    outputs: Whole
    q_0: float
    sha256: str | None
    chance: NotRequired[float | None]
    q_y: NotRequired[float | None]
    task: NotRequired[Literal["classification", "regression"]]
    standardize: NotRequired[bool | None]
    samples_test: NotRequired[Whole]


class EvaluationInfo(TypedDict):
    """What was evaluated: every so many steps, on how many samples of each part; see `Evaluated`."""

    every: Whole
    samples_train: Whole
    samples_test: Whole
    of_train: Whole
    of_test: Whole
    majority_train: float | None
    majority_test: float | None
    chance: float | None


class CriticalInfo(TypedDict):
    """The critical learning rate of each network, at both ends; null where it was not measured.

    That of a network is null where it is not defined, for the reason that is given of the first of them;
    `direction` tells the step along which it is looked for.
    """

    initial: list[Rate | None] | None
    final: list[Rate | None] | None
    direction: str
    reason: str | None


class JacobianInfo(TypedDict):
    """The squared singular values of dz_L / dz_1 of each network at training sample 0, of mean square q_0.

    `log_mean` is ln of their mean, null where nothing passes; variance and largest are those over the mean.
    Empty lists with a reason where float64 does not hold z.
    """

    q_0: float
    log_mean: list[float | None]
    variance: list[float | None]
    largest: list[float | None]
    reason: str | None


class CastInfo(TypedDict):
    """What a cast to one format loses: shares of entries by layer, means over networks, of delta and of a.

    `loss_scale` has the lowest and highest k of 2^k that keep both of delta under 1%; null where none does.
    """

    delta_underflow: list[float]
    delta_overflow: list[float]
    a_underflow: list[float]
    a_overflow: list[float]
    loss_scale: Annotated[list[Whole], Meta(min_length=2, max_length=2)] | None


class PrecisionInfo(TypedDict):
    """Of each format what it loses of the networks as drawn, on minibatch 0."""

    float16: CastInfo
    bfloat16: CastInfo
    float8_e4m3fn: CastInfo
    float8_e5m2: CastInfo


class MeasuredInfo(TypedDict):
    """What was measured from weights and gradients themselves; all but the first where that is asked for."""

    critical_lr: CriticalInfo
    jacobian: NotRequired[JacobianInfo]
    precision: NotRequired[PrecisionInfo]


class StateInfo(TypedDict):
    """What state.npz holds: the networks after `step` updates, in a `format`, with the seal of its arrays.

    `stem` is the digest of the config without its steps, which a longer run has too.
    """

    format: Whole
    step: Whole
    stem: str
    sha256: str


class _Model(TypedDict):
    depth: Whole


class _Norms(TypedDict):
    """`order`, how the layers' order was found, is missing from runs of older versions, `seeds` where those
    of the networks count on from the first.

    A training that was watched tells its model, its depth axis, its blocks' class and what theory expects:
    `weights`, of a plain chain, are ln sqrt(n <W^2>) of each layer, of n inputs; `law` is missing
    where there are no blocks, and null where theory does not know that of the blocks.
    """

    name: Literal["recorded"]
    path: str
    kind: Literal["delta", "weight"]
    layers: list[str]
    order: NotRequired[str]
    axis: NotRequired[str]
    block: NotRequired[str]
    expected: NotRequired[str]
    expected_c: NotRequired[float]
    weights: NotRequired[list[float]]
    law: NotRequired[Literal["power", "exponential"] | None]
    seeds: NotRequired[list[Whole]]
    silent: NotRequired[str]
    watched: NotRequired[str]


class _Steps(TypedDict):
    steps: Whole


class Limits(TypedDict):
    """What reports take from a config's `analysis`."""

    stable_decades: float


class Recorded(TypedDict):
    """What is known of norms recorded elsewhere, in the place of a config."""

    name: str
    seed: NotRequired[Whole]
    seeds: Whole
    model: _Model
    data: _Norms
    training: _Steps
    analysis: Limits


class Info(TypedDict):
    """The document. A failed run has a `reason`, no arrays and maybe no data; a recorded one's data is 0.

    `evaluation` is missing where nothing was evaluated, as from runs of older versions; `delta` where it is a
    sample's: with batch norm `log_delta_norm` is ln of the root mean square of the batch's; `measured`
    in runs of older versions; `state` where none was kept.
    """

    format: Literal[1]
    id: str
    digest: str
    status: Status
    reason: str | None
    times: Times
    versions: Versions
    arrays: Annotated[dict[str, ArrayInfo], Meta(max_length=MOST)]
    outcome: OutcomeInfo
    data: DataInfo | None
    recorded: NotRequired[Recorded]
    evaluation: NotRequired[EvaluationInfo]
    delta: NotRequired[Literal["batch"]]
    measured: NotRequired[MeasuredInfo]
    state: NotRequired[StateInfo]


_DECODER = Decoder(Info)


def load_info(folder: Path) -> Info:
    """The run.json of a run directory. RunError if it is missing, damaged or of another format."""
    return parse_info(read_bytes(folder / RUN), folder / RUN)


def parse_info(content: bytes, path: Path) -> Info:
    """As `load_info`, of what was read from a run.json."""
    try:
        info = _DECODER.decode(content)
    except UNREADABLE:
        raise _refused(parse_json(content, path), path) from None
    if not _is_sound(info):
        raise damaged(path, "is damaged")
    return info


def _refused(document: Any, path: Path) -> RunError:
    """What is wrong with a document that has not the form of an Info."""
    if not isinstance(document, dict):
        return damaged(path, "is damaged")
    versions = document.get("versions")
    author = versions.get("gradflow") if isinstance(versions, dict) else None
    if document.get("format", FORMAT) != FORMAT:
        remedy = f"this version of gradflow reads format {FORMAT}"
        by = f", by gradflow {author}" if is_newer(author) else ""
        return damaged(path, f"is of format {str(document['format'])[:20]!r}{by}", remedy)
    return (
        of_newer(path, str(author), "is not understood") if is_newer(author) else damaged(path, "is damaged")
    )


def of_newer(path: Path, author: str, what: str) -> RunError:
    """The error of what a later version of gradflow has written, and this one cannot read."""
    remedy = f"this is {__version__}: upgrade it, or run the config again with --force"
    return damaged(path, f"{what}, and was written by gradflow {author}", remedy)


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(info: Info) -> datetime:
    """When a run was finished."""
    return datetime.fromisoformat(info["times"]["finished"])


def _is_sound(info: Info) -> bool:
    """What types do not say: times have a zone, names cannot be paths, a finished run has data and arrays."""
    try:
        zones = [datetime.fromisoformat(info["times"][key]).tzinfo for key in ("started", "finished")]
    except ValueError:
        return False
    finished = info["status"] != "failed"
    return (
        None not in zones
        and info["status"] != "interrupted"
        and is_id(info["id"])
        and DIGEST.fullmatch(info["digest"]) is not None
        and info["id"].endswith(info["digest"][:8])
        and (not finished or (bool(info["arrays"]) and info["data"] is not None))
        and ("recorded" not in info or _is_whole(info["recorded"]))
    )


def _is_whole(recorded: Recorded) -> bool:
    data = recorded["data"]
    told = len(data.get("seeds", ()))
    return len(data["layers"]) == recorded["model"]["depth"] > 0 and told in (0, recorded["seeds"])
