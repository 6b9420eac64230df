"""The schema of a config: every key with its type, bounds and default, as frozen pydantic models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from hashlib import sha256
from json import dumps
from typing import Annotated, Any, NamedTuple, Protocol

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gradflow.config.biases import BIASES, Bias, Zeros
from gradflow.config.choices import AUTO, UNFIT, AutoOr, Choice, OneOf, OrListOf
from gradflow.critical_rates import AUTO as CRITICAL_AUTO
from gradflow.critical_rates import WHEN
from gradflow.data import DATASETS, Dataset
from gradflow.data.digits import Digits
from gradflow.formats import ADDED
from gradflow.nn.activations import CHOICES, Activation
from gradflow.nn.blocks import BLOCKS, Plain
from gradflow.nn.initializers import ALIASES, INITIALIZERS, Initializer
from gradflow.nn.losses import LOSSES
from gradflow.nn.model import Model as Network
from gradflow.nn.norms import NO_NORM, NORMS, AnyNorm
from gradflow.nn.optimizers import OPTIMIZERS, Optimizer, Sgd
from gradflow.nn.parameters import Shape
from gradflow.nn.schedules import SCHEDULES, ConstantRate, Schedule
from gradflow.plan import Plan, Settings, record_bytes
from gradflow.stopping import Stop

SLUG = 'at most 100 letters, digits, ".", "_" and "-", a letter or a digit first'
NOT_DIGESTED = ("name", "sweep", "analysis")  # they change what is said about a run, not the run
PATHS = ("path", "test_path")  # keys of data that name a file, which counts by its sha256

LARGEST = 2**53  # from here on a record, which is float64, could not tell a step from the next

AtLeastOne = Annotated[int, Ge(1)]
Count = Annotated[int, Ge(1), Lt(LARGEST)]  # of what takes no memory that would bound it


def is_slug(text: str) -> bool:
    """Whether `text` can name a run, and so a folder."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text) is not None


def _slug(text: str) -> str:
    if not is_slug(text):
        raise PydanticCustomError(UNFIT, f"should be {SLUG}")
    return text


class Sizes(Protocol):
    """What a network needs to know of its data."""

    @property
    def samples(self) -> int: ...
    @property
    def features(self) -> int: ...
    @property
    def outputs(self) -> int: ...


class _Any(NamedTuple):
    samples: int = 1
    features: int = 1
    outputs: int = 1


_ANY = _Any()


class Section(BaseModel):
    """A mapping of the config: no key but the named ones, no value converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelKeys(Section):
    """The network."""

    depth: AtLeastOne
    width: Annotated[AtLeastOne | tuple[AtLeastOne, ...], OrListOf()]
    activation: Annotated[Activation, Choice(CHOICES)]
    init: Annotated[Initializer, Choice(INITIALIZERS, ALIASES)]
    bias: Annotated[Bias, Choice(BIASES)] = Zeros()
    readout: Annotated[str, OneOf(("linear", "zeros", "none"))] = "linear"
    block: Annotated[Plain, Choice(BLOCKS)] = Plain()
    norm: Annotated[AnyNorm, Choice(NORMS)] = NO_NORM

    @property
    def widest(self) -> int:
        """The width of the widest hidden layer."""
        return max(self.width) if isinstance(self.width, tuple) else self.width

    def widths_of(self, depth: int) -> tuple[int, ...]:
        """Of so many hidden layers, the last width again where there are more than are listed."""
        widths = self.width if isinstance(self.width, tuple) else (self.width,)
        return (*widths[:depth], *widths[-1:] * (depth - len(widths)))


class StopKeys(Section):
    """What ends a training before its last step, whichever comes first: see `Stop`."""

    loss: Annotated[float, Gt(0)] | None = None  # over the evaluated training samples, at most
    accuracy: Annotated[float, Gt(0), Le(1)] | None = None  # over held-out samples, at least
    plateau: Count | None = None  # evaluations in a row without a lower loss over held-out samples


class TrainingKeys(Section):
    """The training."""

    steps: Annotated[int, Ge(0), Lt(LARGEST)] = 100
    batch_size: Count = 128
    loss: Annotated[str, OneOf(LOSSES)] = Field(default="")  # until the data is known, whose kind decides
    optimizer: Annotated[Optimizer, Choice(OPTIMIZERS)] = Sgd()
    schedule: Annotated[Schedule, Choice(SCHEDULES)] = Field(default=ConstantRate(), json_schema_extra=ADDED)
    clip_norm: Annotated[float, Gt(0)] | None = None
    dtype: Annotated[str, OneOf(("float32", "float64"))] = "float32"
    # steps from one evaluation to the next
    evaluate: Annotated[int | str, AutoOr()] = Field(default=AUTO, json_schema_extra=ADDED)
    stop: StopKeys = Field(default=StopKeys(), json_schema_extra=ADDED)


class RecordingKeys(Section):
    """What is kept of the steps."""

    every: Count = 1
    # when the critical learning rate is measured: auto at row 0 where that is cheap, initial, both ends, none
    critical_lr: Annotated[str, OneOf(WHEN)] = Field(default=CRITICAL_AUTO, json_schema_extra=ADDED)
    # whether the singular values of dz_L / dz_1 are measured, before any update
    jacobian: bool = Field(default=False, json_schema_extra=ADDED)
    # whether it is measured what low precision would lose of delta and activations, before any update
    precision: bool = Field(default=False, json_schema_extra=ADDED)


class Analysis(Section):
    """Thresholds of what is said about a run."""

    stable_decades: Annotated[float, Gt(0)] = 1.0  # |log10_ratio| up to which a network is called stable
    patience: Count = 5  # rows in a row that a symptom must show before it counts
    frozen_ratio: Annotated[float, Gt(0), Lt(1)] = 1e-3  # early layers' update ratio over the last layers'
    stall_share: Annotated[float, Gt(0), Lt(1)] = 0.01  # of the loss, by which it should fall, or pass chance
    stall_steps: Count = 50  # steps in which it should
    spike_factor: Annotated[float, Gt(1)] = 3.0  # the loss over its median of the steps before
    swing_share: Annotated[float, Gt(0)] = 0.3  # of the loss, by which it goes up and down step by step
    jump_decades: Annotated[float, Gt(0)] = 1.0  # of a delta norm from one row to the next
    saturated_share: Annotated[float, Gt(0), Le(1)] = 0.5  # of unit x sample
    dead_growth: Annotated[float, Gt(0), Le(1)] = 0.25  # of units, since step 0
    clipped_share: Annotated[float, Gt(0), Le(1)] = 0.9  # of the updates


class Config(Section):
    """A whole config. Choices are instances of their table's classes, lists are tuples."""

    name: Annotated[str, AfterValidator(_slug)]
    seed: Annotated[int, Ge(0), Lt(2**63)] = 0
    seeds: AtLeastOne = 4
    model: ModelKeys
    data: Annotated[Dataset, Choice(DATASETS)] = Digits()
    training: TrainingKeys = TrainingKeys()
    recording: RecordingKeys = RecordingKeys()
    analysis: Analysis = Analysis()
    sweep: Annotated[dict[str, Annotated[tuple[Any, ...], MinLen(1)]], MinLen(1)] | None = None

    def plain(self) -> dict[str, Any]:
        """The config as plain YAML values, every default spelt out: reading it back gives the same digest."""
        plain: dict[str, Any] = _plain(self)
        if self.sweep is None:
            del plain["sweep"]
        return plain

    @property
    def digest(self) -> str:
        """sha256 (64 hex) of what decides the run: the plain config as canonical JSON.

        Without `name`, `sweep` and `analysis`, and without keys added after format 1 while at their default;
        a data file counts by its sha256, not by its path.
        """
        return _digest(self._digested())

    @property
    def stem(self) -> str:
        """The digest without the number of steps: of runs that are each other's beginnings.

        Unless the schedule spans them all: see `Schedule.spans`.
        """
        kept = self._digested()
        kept["training"] = {key: value for key, value in kept["training"].items() if key != "steps"}
        return _digest(kept)

    def _digested(self) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(self, _is_of_format_1)
        kept = {key: value for key, value in plain.items() if key not in NOT_DIGESTED}
        kept["data"] = {key: value for key, value in kept["data"].items() if key not in PATHS}
        return kept

    @property
    def id(self) -> str:
        """The name of the run's folder: NAME-<first 8 hex of the digest>."""
        return f"{self.name}-{self.digest[:8]}"

    def network(self, data: Sizes) -> Network:
        """One network, before it is drawn, on data of these sizes."""
        model, batch = self.model, min(self.training.batch_size, data.samples)
        readout, loss = model.readout != "none", LOSSES[self.training.loss]()
        shape = Shape(data.features, model.width, model.depth, data.outputs, batch, readout)
        zeros = model.readout == "zeros"
        bias = model.bias.start()
        return Network(shape, model.activation, loss, model.init, bias, model.block, model.norm, zeros)

    def plan(self, data: Sizes) -> Plan:
        """What training needs of the config and of the sizes of its data."""
        return Plan(model=self.network(data), **vars(self.settings))

    @property
    def record_bytes(self) -> int:
        """What the record takes at most, whatever the data."""
        return record_bytes(self.plan(_ANY))

    @property
    def settings(self) -> Settings:
        """What training needs of the config but its network."""
        training = self.training
        return Settings(
            optimizer=training.optimizer,
            steps=training.steps,
            clip_norm=training.clip_norm,
            dtype=training.dtype,
            seed=self.seed,
            seeds=self.seeds,
            every=self.recording.every,
            evaluate=training.evaluate if isinstance(training.evaluate, int) else None,
            schedule=training.schedule,
            stop=Stop(**dict(training.stop)),
            critical_lr=self.recording.critical_lr,
        )


def _digest(plain: dict[str, Any]) -> str:
    text = dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()


def _plain(value: Any, keep: Callable[[Any, str], bool] = lambda owner, key: True) -> Any:
    """Plain YAML values of the keys that `keep` (of the section or entry, and the key) keeps.

    An entry that is `bare` is its name: so it was written when its key knew no other.
    """
    if isinstance(value, Section):
        keys: Iterable[str] = type(value).model_fields
        return {key: _plain(getattr(value, key), keep) for key in keys if keep(value, key)}
    if getattr(value, "bare", False):
        return value.name
    if is_dataclass(value):
        keys = ("name", *(field.name for field in fields(value)))
        return {key: _plain(getattr(value, key), keep) for key in keys if keep(value, key)}
    if isinstance(value, dict):
        return {key: _plain(inner, keep) for key, inner in value.items()}
    return [_plain(inner, keep) for inner in value] if isinstance(value, tuple) else value


def _is_of_format_1(owner: Any, key: str) -> bool:
    """Whether a key was there from the first, or says more than its default.

    A later one is marked `field(metadata=ADDED)` in a table, `Field(json_schema_extra=ADDED)` in a section.
    """
    if isinstance(owner, Section):
        found = type(owner).model_fields[key]
        return found.json_schema_extra != ADDED or getattr(owner, key) != found.default
    kept = {one.name: one for one in fields(owner) if one.metadata == ADDED}
    return key not in kept or getattr(owner, key) != kept[key].default
