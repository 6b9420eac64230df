"""What is said about a run, as plain data: the document of summary.json, read without numpy or pydantic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from math import isfinite, log
from typing import Any

from gradflow.analysis.cast_losses import Precision
from gradflow.analysis.commands import command_for
from gradflow.analysis.critical_rate import NOT_MEASURED, CriticalRate
from gradflow.analysis.differences import RECORDED
from gradflow.analysis.summary_parts import LostSamples, Profile, Rounding, Samples, Stopped, Stretch, Warned
from gradflow.analysis.trainable import Trainable

SUMMARY_FORMAT = 1

Number = float | None  # None: not defined; the reason stands beside it
Numbers = tuple[Number, ...]


@dataclass(frozen=True)
class Weakest:
    """The one layer that decides the ratio: its factor lies beyond what the spread of the others allows.

    `factor` is ||delta_l|| / ||delta_{l+1}|| at l = `layer`, in a chain the weights of layer l + 1 times
    the slopes of layer l; `cause` is the one that makes it and `cause_layer` where that stands. `allowed` is
    the factor up to which the others' spread reaches. What follows is that of the layers without it.
    """

    layer: int
    factor: Number  # None beyond what a float holds
    allowed: Number
    cause: str | None = None  # a factor, as weights | slopes, or those that share it; None: not recorded
    cause_layer: int | None = None
    name: str | None = None  # of a layer that was recorded elsewhere
    c_without: Number = None
    c_without_low: Number = None
    c_without_high: Number = None
    verdict_without: str = "undetermined"

    @property
    def called(self) -> str:
        """The layer in a sentence: layer 31, or its own name if that is more than a number."""
        name = self.name or f"{self.layer:,}"
        return f"layer {name}" if name[0].isdigit() else name

    @property
    def by(self) -> str:
        """The cause in words: the weights of layer 32; "" where it is not known."""
        if self.cause is None or self.cause_layer is None:
            shared = "weights and slopes" if self.cause == "both" else self.cause
            return f"{shared} alike" if shared else ""
        return f"the {self.cause} of layer {self.cause_layer:,}"


@dataclass(frozen=True)
class Flow:
    """How the gradient flows through the layers at one step: c, its 95% interval, and the verdict.

    `c` is the geometric mean of ||delta_l|| / ||delta_{l+1}|| over `layers` (first, last); `log10_ratio` is
    log10 of ||delta_1|| / ||delta_L||, over all `transitions` = L - 1. Of `networks`, `dead_networks` pass no
    gradient to the first layer: they are left out of what is measured, and the verdict is dead if they are
    most; so are the others' `lost_samples`. `saturated` is the share of saturated unit x sample in the layer
    that has most of them.
    `factors` are geometric means over `layers` of what the parts of a layer multiply ||delta|| by, by name;
    their product is c unless a branch passes nothing. `law` is exponential (c^l), power (l^-k), stretched
    (exp(-k sqrt l)) or bounded; with `law_exponent` k, which plain chains do without, it makes
    `c_power_depth`. `rounding` says by how much c and the ratio are those of this dtype alone, where that is
    more than their last digits. `exact`: every factor of every network is c to six digits, as the textbook
    has it, so that c^(L - 1) is the ratio. `log10_growth` is that of the root mean square of z from layer 1
    to layer L.
    """

    step: int
    c: Number = None
    c_low: Number = None
    c_high: Number = None
    interval: str | None = None  # "t over seeds" | "t over layers" | "newey-west"
    layers: tuple[int, ...] = ()
    log10_ratio: Number = None
    log10_ratio_low: Number = None
    log10_ratio_high: Number = None
    transitions: int = 0
    verdict: str = "undetermined"  # vanishing | stable | exploding | dead | overflow | undetermined
    borderline: bool = False
    reason: str | None = None
    law: str | None = None  # exponential | power | stretched | bounded; None too where it cannot be told
    law_exponent: Number = None
    factors: dict[str, Number] = field(default_factory=dict)
    weight_factor: Number = None
    slope_factor: Number = None
    efold_layers: Number = None
    networks: int | None = None
    dead_networks: int | None = None
    saturated: Number = None
    log10_growth: Number = None
    log10_ratio_sd: Number = None  # of it between the networks, as measured; None of one alone
    weakest: Weakest | None = None
    cause: str | None = None  # of a verdict that c makes: width, or factors as "weights and slopes"
    c_power_depth: dict[str, Number] = field(default_factory=dict)
    exact: bool = False
    rounding: Rounding | None = None  # where it makes digits that are shown
    lost_samples: LostSamples | None = None  # left out of what is measured
    profile: Profile = field(default_factory=Profile)

    @property
    def log_c(self) -> Number:
        """ln c, also where c itself is beyond what a float holds: 0, or None."""
        if self.c:
            return log(self.c)
        beyond = self.c == 0 or self.verdict == "exploding"
        return (-1 if self.c == 0 else 1) / self.efold_layers if self.efold_layers and beyond else None


@dataclass(frozen=True)
class Theory:
    """Mean-field theory's prediction at initialization; what it cannot predict is None, with the reason."""

    c: Number = None  # finite depth, over the same layers as the measured c
    c_finite_width: Number = None  # c exp(-own / (4 n)): what a network of this width is expected to show
    c_asymptotic: Number = None
    chi: Number = None
    chi_parallel: Number = None
    q_star: Number = None
    xi: Number = None
    phase: str | None = None  # ordered | critical | chaotic
    critical_sigma_w: Number = None
    sigmas: Number = None  # of measured ln c from ln c_finite_width, as a normal quantile
    weight_factor: Number = None  # c = weight factor x slope factor
    slope_factor: Number = None
    factors: dict[str, Number] = field(default_factory=dict)  # as a Flow's
    law: str | None = None  # of the gradient by depth: exponential | power | stretched | bounded
    log10_ratio: Number = None  # as a Flow's: over all transitions, those outside the fit included
    log10_ratio_sd: Number = None  # of one network, on one sample
    log_c_error: Number = None  # how far ln c_finite_width may be off
    log10_last: Number = None  # of what slopes and a norm make of the delta that enters layer L
    reason: str | None = None
    settling: int | None = None  # the layer from which batch norm's c holds
    scalable: bool | None = None  # whether the scale of the weights makes a difference to c
    correlation_star: Number = None  # what the cosine of two samples comes to
    xi_c: Number = None  # layers in which it comes closer by a factor of e; None where it does not so
    jacobian_spread: Number = None  # that to first order in 1 / width, over the width
    jacobian_variance: Number = None  # of the squared singular values of dz_L / dz_1, over their mean squared

    @property
    def expected_c(self) -> Number:
        """The c that networks of this width are to show or, where that is not known, wide ones."""
        return self.c if self.c_finite_width is None else self.c_finite_width


@dataclass(frozen=True)
class TrainingResult:
    """How training went, means over networks with the t intervals of the losses at both ends.

    `loss_*`, `accuracy_train_*` and `r2_train_*` are over the evaluated training samples, `*_test_*` over the
    held-out ones, `accuracy_final` too; None where the row was not evaluated, as in runs of older versions.
    """

    steps: int
    loss_initial: Number = None
    loss_final: Number = None
    loss_final_low: Number = None
    loss_final_high: Number = None
    accuracy_final: Number = None
    diverged_step: int | None = None
    diverged_reason: str | None = None
    loss_initial_low: Number = None
    loss_initial_high: Number = None
    loss_test_initial: Number = None
    loss_test_initial_low: Number = None
    loss_test_initial_high: Number = None
    loss_test_final: Number = None
    loss_test_final_low: Number = None
    loss_test_final_high: Number = None
    accuracy_train_initial: Number = None
    accuracy_train_final: Number = None
    accuracy_test_initial: Number = None
    accuracy_test_final: Number = None
    r2_train_initial: Number = None
    r2_train_final: Number = None
    r2_test_initial: Number = None
    r2_test_final: Number = None
    minibatch_loss_initial: Number = None  # over the minibatch of the row alone
    minibatch_loss_final: Number = None
    evaluations: int = 0
    majority: Number = None  # the share of the largest class in the samples of `accuracy_final`
    clipped_share: Number = None  # of the recorded updates with clip_norm; None without
    clip_share_median: Number = None  # of a clipped gradient, what was left of it
    warned: Warned | None = None  # of a run that did not diverge
    stopped: Stopped | None = None  # of one that `training.stop` ended before its last step


@dataclass(frozen=True)
class Symptom:
    """Something that went wrong in training: where it was first seen, and the threshold that it crossed."""

    name: str
    step: int
    layer: int | None
    value: Number
    threshold: Number
    message: str


@dataclass(frozen=True)
class Advice:
    """One thing to change: the keys to set, the command that does it, and the c that is then expected."""

    lever: str  # data | initialization | activation | depth | batch | optimizer | architecture
    set: dict[str, Any]
    predicted_c: Number
    command: str | None
    torch: str | None
    message: str
    source: str = "theory"  # of the c that is expected: or "measurement"


@dataclass(frozen=True)
class Flip:
    """A change of the verdict during training that lasted, and the step at which it was first seen."""

    step: int
    before: str
    after: str


@dataclass(frozen=True)
class History:
    """How the flow moved during training: at most 200 rows of the record, the first and the last in."""

    steps: tuple[int, ...] = ()
    c: Numbers = ()
    c_low: Numbers = ()
    c_high: Numbers = ()
    log10_ratio: Numbers = ()
    loss: Numbers = ()  # of the minibatches, mean over networks
    flips: tuple[Flip, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The curves over fixed samples, means over networks, at most 200 of their steps; () where there is none.

    Every so many steps, `samples_*` of `of_*` samples of a part are evaluated. `majority_*` is the share of
    the largest class in them, the accuracy of guessing it always; None if there are no classes.
    """

    every: int | None = None
    samples_train: int = 0
    samples_test: int = 0
    of_train: int = 0
    of_test: int = 0
    majority_train: Number = None
    majority_test: Number = None
    steps: tuple[int, ...] = ()
    loss_train: Numbers = ()
    loss_test: Numbers = ()
    accuracy_train: Numbers = ()
    accuracy_test: Numbers = ()
    r2_train: Numbers = ()
    r2_test: Numbers = ()


@dataclass(frozen=True)
class Flows:
    """The flow before any update and at the last row whose delta norms are finite."""

    initial: Flow
    final: Flow


@dataclass(frozen=True)
class Summary:
    """Everything that is said about a run."""

    id: str
    path: str
    name: str
    status: str  # completed | diverged | failed
    config: dict[str, Any]
    flow: Flows
    theory: Theory
    training: TrainingResult
    symptoms: tuple[Symptom, ...] = ()
    advice: tuple[Advice, ...] = ()
    history: History = History()
    data: Samples | None = None  # of a run that failed, and of norms recorded elsewhere
    evaluation: Evaluation = Evaluation()
    trainable: Trainable = field(default_factory=Trainable)
    critical_lr: CriticalRate = NOT_MEASURED
    jacobian: Stretch | None = None  # where recording.jacobian asks for it
    precision: Precision = field(default_factory=Precision)  # where recording.precision does

    def document(self) -> dict[str, Any]:
        """The JSON document: plain values, numbers that are not finite as None."""
        document: dict[str, Any] = strict({"format": SUMMARY_FORMAT, **asdict(self)})
        return document

    def at(self, path: str, *, is_point: bool = False) -> Summary:
        """The same summary, found at `path`, maybe as a point of a sweep: its commands start from the config
        there, if it has one.

        It has none if it was recorded elsewhere, or is interrupted and so not yet there.
        """
        has_config = self.config["data"]["name"] != RECORDED and self.status != "interrupted"
        advice = tuple(
            replace(one, command=command_for(path, one.set, is_point=is_point) if has_config else None)
            for one in self.advice
        )
        return replace(self, path=path, advice=advice)


def strict(value: Any) -> Any:
    """A value as strict JSON holds it: tuples as lists, numbers that are not finite as None."""
    if isinstance(value, dict):
        return {str(key): strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
