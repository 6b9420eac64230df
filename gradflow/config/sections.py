"""The sections of a config: their keys, with type, bounds, default and a sentence, as frozen models."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, doc
from pydantic import BaseModel, ConfigDict, Field

from gradflow.config.biases import BIASES, Bias, Zeros
from gradflow.config.choices import AUTO, AutoOr, Choice, OneOf, OrListOf
from gradflow.critical_rates import AUTO as CRITICAL_AUTO
from gradflow.critical_rates import WHEN
from gradflow.formats import ADDED, CLIPPED_SHARE, FROZEN_RATIO, LASTING, STABLE_DECADES
from gradflow.nn.activations import ALIASES as ACTIVATION_ALIASES
from gradflow.nn.activations import CHOICES, Activation
from gradflow.nn.blocks import BLOCKS, Plain
from gradflow.nn.initializers import ALIASES, INITIALIZERS, Initializer
from gradflow.nn.losses import LOSSES
from gradflow.nn.norms import NO_NORM, NORMS, AnyNorm
from gradflow.nn.optimizers import OPTIMIZERS, Optimizer, Sgd
from gradflow.nn.schedules import SCHEDULES, ConstantRate, Schedule

LARGEST = 2**53  # from here on a record, which is float64, could not tell a step from the next

AtLeastOne = Annotated[int, Ge(1)]
AboveZero = Annotated[float, Gt(0)]
UpToOne = Annotated[float, Gt(0), Le(1)]
BelowOne = Annotated[float, Gt(0), Lt(1)]
Count = Annotated[int, Ge(1), Lt(LARGEST)]  # of what takes no memory that would bound it


class Section(BaseModel):
    """A mapping of the config: no key but the named ones, no value converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelKeys(Section):
    """The network."""

    depth: Annotated[AtLeastOne, doc("How many hidden layers; a read-out comes after them.")]
    width: Annotated[
        AtLeastOne | tuple[AtLeastOne, ...],
        OrListOf(),
        doc("Units of each hidden layer, or a list with a number for each."),
    ]
    activation: Annotated[Activation, Choice(CHOICES, ACTIVATION_ALIASES), doc("phi of each hidden layer.")]
    init: Annotated[Initializer, Choice(INITIALIZERS, ALIASES), doc("What all weights are drawn from.")]
    bias: Annotated[
        Bias, Choice(BIASES), doc("How biases start, unless the init draws them (gaussian, torch_default).")
    ] = Zeros()
    readout: Annotated[
        str,
        OneOf(("linear", "zeros", "none")),
        doc("The last matrix: drawn as the others, zero at the start, or none: the loss stands on a_L."),
    ] = "linear"
    block: Annotated[Plain, Choice(BLOCKS), doc("How a layer's output joins its input.")] = Plain()
    norm: Annotated[AnyNorm, Choice(NORMS), doc("What each layer is normalized by.")] = NO_NORM

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

    loss: Annotated[AboveZero | None, doc("Over the evaluated training samples, at most.")] = None
    accuracy: Annotated[UpToOne | None, doc("Over held-out samples, at least.")] = None
    plateau: Annotated[
        Count | None, doc("Evaluations in a row without a lower loss over held-out samples.")
    ] = None


class TrainingKeys(Section):
    """The training."""

    steps: Annotated[int, Ge(0), Lt(LARGEST), doc("Updates; 0 studies initialization alone.")] = 100
    batch_size: Annotated[Count, doc("Samples of an update, at most those that there are.")] = 128
    # empty until the data is known
    loss: Annotated[
        str, OneOf(LOSSES), doc("What is minimized; if not given, as classes or values want it.")
    ] = Field(default="")
    optimizer: Annotated[Optimizer, Choice(OPTIMIZERS), doc("How a gradient becomes an update.")] = Sgd()
    schedule: Annotated[
        Schedule, Choice(SCHEDULES), doc("The share of the learning rate in each update.")
    ] = Field(default=ConstantRate(), json_schema_extra=ADDED)
    clip_norm: Annotated[
        AboveZero | None, doc("The norm that a gradient of all parameters is scaled down to.")
    ] = None
    dtype: Annotated[str, OneOf(("float32", "float64")), doc("What training computes in.")] = "float32"
    evaluate: Annotated[
        int | str, AutoOr(), doc("Steps from one evaluation on fixed samples to the next.")
    ] = Field(default=AUTO, json_schema_extra=ADDED)
    stop: Annotated[
        StopKeys, doc("What ends the training early, at an evaluation, whichever comes first.")
    ] = Field(default=StopKeys(), json_schema_extra=ADDED)


class RecordingKeys(Section):
    """What is kept of the steps."""

    every: Annotated[Count, doc("Steps from one recorded row to the next; first and last are kept.")] = 1
    critical_lr: Annotated[
        str, OneOf(WHEN), doc("Where the critical learning rate is measured; auto: at step 0, where cheap.")
    ] = Field(default=CRITICAL_AUTO, json_schema_extra=ADDED)
    jacobian: Annotated[
        bool, doc("Whether the singular values of dz_L / dz_1 are measured before the first update.")
    ] = Field(default=False, json_schema_extra=ADDED)
    precision: Annotated[
        bool, doc("Whether what low precision would lose is measured before the first update.")
    ] = Field(default=False, json_schema_extra=ADDED)


class Analysis(Section):
    """Thresholds of what is said about a run."""

    stable_decades: Annotated[
        AboveZero, doc("Decades from delta_L to delta_1, up or down, up to which a network is stable.")
    ] = STABLE_DECADES
    patience: Annotated[Count, doc("Rows in a row that a symptom must show before it counts.")] = LASTING
    frozen_ratio: Annotated[
        BelowOne, doc("Frozen: the early layers' update ratio over the last layers'.")
    ] = FROZEN_RATIO
    stall_share: Annotated[
        BelowOne, doc("Stalled: the share of the loss by which it should fall, or pass chance.")
    ] = 0.01
    stall_steps: Annotated[Count, doc("Stalled: the steps in which it should.")] = 50
    spike_factor: Annotated[float, Gt(1), doc("A spike: the loss over its median of the steps before.")] = 3.0
    swing_share: Annotated[
        AboveZero, doc("Swings: the share of the loss by which it goes up and down step by step.")
    ] = 0.3
    jump_decades: Annotated[AboveZero, doc("A jump: of a delta norm from one row to the next.")] = 1.0
    saturated_share: Annotated[UpToOne, doc("Saturated: the share of unit x sample.")] = 0.5
    dead_growth: Annotated[UpToOne, doc("Dying units: their share, since step 0.")] = 0.25
    clipped_share: Annotated[UpToOne, doc("Clipped: the share of the updates.")] = CLIPPED_SHARE
