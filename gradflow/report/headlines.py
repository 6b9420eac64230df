"""The headline of a flow: the verdict with its numbers, who and what it is of, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from gradflow.analysis.summary import Evaluation, Flow, Number, TrainingResult, Weakest
from gradflow.analysis.summary_parts import LostSamples
from gradflow.analysis.verdict import BOUNDED, log_over
from gradflow.report.numbers import count, counted, factor, norm, number, power, spread, with_error
from gradflow.units import LN10

LEARNT = 0.1  # of what a guess without the inputs leaves to learn


def verdict_sentence(flow: Flow) -> str:
    """The verdict with its numbers: vanishing: each layer passes 0.707 of the gradient; ... c^50 = 3e-8.

    Where most networks are dead it leads with that, and where one layer alone makes the verdict, with it.
    """
    if flow.log_c is None:
        return f"{flow.verdict}: {flow.reason or 'no factor can be fitted'}"
    one = flow.weakest
    if one is not None and _leads(one, flow):
        return f"{flow.verdict}: {_measured_over(flow)}{_alone(one)} of the gradient; {_without(one)}"
    depth = depth_of(flow)
    over = counted(depth, "factor" if depth == flow.transitions else "layer")
    whole = f"over {over} {law_of(flow, str(depth))} = {power_of(flow, depth)}"
    each = _each(flow) if flow.law_exponent is None else f"the gradient {way_of(flow)}"
    return f"{flow.verdict}: {_measured_over(flow)}{each}; {whole}"


def _each(flow: Flow) -> str:
    """What each layer does; of a wide interval, with both of its ends."""
    ends = spread(flow.c, flow.c_low, flow.c_high)
    c = number(flow.c) if ends else c_of(flow, with_error)
    interval = f" (95%: {ends})" if ends else ""
    if flow.verdict == "exploding":
        return f"each layer multiplies the gradient by {c}{interval}"
    return f"each layer passes {c} of the gradient{interval}"


def c_of(flow: Flow, shown: Callable[[Number, Number, Number], str] = factor) -> str:
    """c with its interval, or the power of ten where a float does not hold it: 3e-420."""
    if flow.c or flow.log_c is None:
        return shown(flow.c, flow.c_low, flow.c_high)
    return power(flow.log_c / LN10)


def _measured_over(flow: Flow) -> str:
    """Which networks a mean is over, and which samples of a batch, where most of them are left out."""
    lost, alive = flow.lost_samples, _survivors(flow)
    if lost is None or not lost.are_most:
        return alive
    return f"{alive.removesuffix(', ')}{' and' if alive else 'over'} the {kept_of(lost)}, "


def kept_of(lost: LostSamples) -> str:
    """Samples of a batch that are left, mean over networks: 3.5 of 128 samples whose gradient is not 0."""
    return f"{lost.samples - lost.lost:,.4g} of {count(lost.samples)} samples whose gradient is not 0"


def _survivors(flow: Flow) -> str:
    """What a mean is over where networks are dead, these first where they are most; "" where none is."""
    dead, networks = flow.dead_networks or 0, flow.networks or 0
    alive = count(networks - dead)
    if flow.verdict == "dead":
        are = "is" if networks - dead == 1 else "are"
        return f"{count(dead)} of {count(networks)} networks are dead; over the {alive} that {are} alive, "
    return f"over the {alive_of(flow)}, " if dead else ""


def alive_of(flow: Flow) -> str:
    """How many networks the means of a flow are over, where some are dead: 3 of 4 networks alive."""
    networks = flow.networks or 0
    return f"{count(networks - (flow.dead_networks or 0))} of {count(networks)} networks alive"


def _leads(one: Weakest, flow: Flow) -> bool:
    """Whether the headline names the layer: the verdict is another without it."""
    return one.verdict_without != flow.verdict != "dead"


def _alone(one: Weakest) -> str:
    """The layer that decides, with its factor: layer 31 alone passes 0.004."""
    return f"{one.called} alone passes {_size(one.factor)}"


def _size(factor: Number) -> str:
    """A factor, or that a float does not hold it."""
    return norm(factor) if factor else "over 1e308" if factor is None else "under 1e-308"


def _without(one: Weakest) -> str:
    return f"without it c = {factor(one.c_without, one.c_without_low, one.c_without_high)}"


def weakest_sentence(flow: Flow) -> str:
    """The layer that alone decides the ratio, its cause, and what is left without it; "" if none does."""
    one = flow.weakest
    if one is None:
        return ""
    cause = f", by {one.by}" if one.by else ""
    reach = f"the others' spread reaches to {_size(one.allowed)}"
    then = "still" if one.verdict_without == flow.verdict else "then"
    if _leads(one, flow):  # and so has told its factor and what is left
        return f"One layer decides: {one.called}{cause} ({reach}); without it {one.verdict_without}."
    return (
        f"One layer decides: {_alone(one)}{cause} ({reach}); {_without(one)}, {then} {one.verdict_without}."
    )


def all_the_same(flow: Flow, training: TrainingResult, evaluation: Evaluation | None = None) -> str:
    """That the network learnt though the gradient does not flow: a clause of the final verdict, or ""."""
    if flow.verdict in ("stable", "undetermined") or not learnt(training, evaluation, LEARNT):
        return ""
    final = with_error(training.loss_final, training.loss_final_low, training.loss_final_high)
    return f"; all the same the loss fell from {number(training.loss_initial)} to {final}"


def learnt(training: TrainingResult, evaluation: Evaluation | None, share: float) -> bool:
    """Whether the loss fell, and more was learnt than a share of what guessing without the inputs leaves.

    A loss that falls to chance taught nothing.
    """
    first, last = training.loss_initial, training.loss_final
    highest = last if training.loss_final_high is None else training.loss_final_high
    if first is None or highest is None or highest >= first:
        return False
    r2, accuracy = training.r2_train_final, training.accuracy_train_final
    if r2 is not None:
        return r2 > share
    alone = (evaluation and evaluation.majority_train) or 0.0
    return accuracy is None or accuracy > alone + share * (1 - alone)


def depth_of(flow: Flow) -> int:
    """The L of the headline's c^L: of layers or, where all factors are one number, of these, L - 1."""
    return flow.transitions + (not flow.exact or flow.law_exponent is not None or flow.law == BOUNDED)


def power_of(flow: Flow, depth: int) -> str:
    """What `depth` layers make of the gradient by the law of the flow: c^depth, however small or large."""
    if flow.log_c is None:
        return power(-inf)
    name = flow.law if flow.law == BOUNDED else None if flow.law_exponent is None else flow.law
    found = log_over(name, flow.law_exponent, flow.log_c, depth, flow.transitions + 1)
    return power(None if found is None else found / LN10)


def law_of(flow: Flow, depth: str) -> str:
    """How that is written: c^50, 50^0.5 or exp(0.75 sqrt 50)."""
    if flow.law_exponent is None:
        return f"c^{depth}"
    k = number(flow.law_exponent)
    return f"{depth}^{k}" if flow.law == "power" else f"exp({k} sqrt {depth})"


def way_of(flow: Flow) -> str:
    """How the gradient goes with the layer l where it has no single c: falls as a power of it, l^-0.5."""
    k = flow.law_exponent or 0.0
    goes = "falls" if k > 0 else "rises"
    if flow.law == "power":
        return f"{goes} as a power of the depth, l^{number(-k)}: no single c"
    return f"{goes} as exp({number(-k)} sqrt l) with the depth l: no single c"
