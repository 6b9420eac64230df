"""A whole config as a frozen pydantic model, and what is made of one: plain form, digest, plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from hashlib import sha256
from json import dumps
from typing import Annotated, Any, NamedTuple, Protocol

from annotated_types import Ge, Lt, MinLen, doc
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from gradflow.config.choices import UNFIT, Choice
from gradflow.config.sections import Analysis, AtLeastOne, ModelKeys, RecordingKeys, Section, TrainingKeys
from gradflow.data import DATASETS, Dataset
from gradflow.data.digits import Digits
from gradflow.formats import ADDED, PATHS, ConfigEntry
from gradflow.nn.losses import LOSSES
from gradflow.nn.model import Model as Network
from gradflow.nn.parameters import Shape
from gradflow.plan import Plan, Settings, record_bytes
from gradflow.stopping import Stop

SLUG = 'at most 100 letters, digits, ".", "_" and "-", a letter or a digit first'
NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
NOT_DIGESTED = ("name", "sweep", "analysis")  # they change what is said about a run, not the run

Axes = Annotated[dict[str, Annotated[tuple[Any, ...], MinLen(1)]], MinLen(1)]


def is_slug(text: str) -> bool:
    """Whether `text` can name a run, and so a folder."""
    return re.fullmatch(NAME, text) is not None


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


class Config(Section):
    """A whole config. Choices are instances of their table's classes, lists are tuples."""

    name: Annotated[
        str,
        AfterValidator(_slug),
        WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"}),
        doc("The run's; the file's if not given."),
    ]
    seed: Annotated[
        int, Ge(0), Lt(2**63), doc("Draws weights and batches; network i is network 0 of seed + i.")
    ] = 0
    seeds: Annotated[AtLeastOne, doc("Independent networks, trained side by side, for the interval.")] = 4
    model: Annotated[ModelKeys, doc("The network.")]
    data: Annotated[Dataset, Choice(DATASETS), doc("What it is trained on.")] = Digits()
    training: Annotated[TrainingKeys, doc("The training.")] = TrainingKeys()
    recording: Annotated[RecordingKeys, doc("What is kept of the steps.")] = RecordingKeys()
    analysis: Annotated[Analysis, doc("Thresholds of what is said about a run; the run stays the same.")] = (
        Analysis()
    )
    sweep: Annotated[Axes | None, doc("Keys with a list of values each, crossed, for gradflow sweep.")] = None

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
            precision=self.recording.precision,
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
    if isinstance(value, ConfigEntry):
        if value.bare:
            return value.name
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
