"""Twice 280 runs with a planted pathology and sixty healthy ones: which symptoms tell them, or cry wolf.

What is wrong with a run is known apart from its symptoms: by how it was planted, and by a measure that no
symptom takes. Every kind has a symptom, or several of one meaning, that must tell it; what follows from it
may show beside. A healthy run is one at a share of its critical learning rate whose loss on training samples
comes below two thirds of the first and of a guess, and never to twice its lowest. Thresholds were set on one
half of the runs, the other is reported. The signs of a coming divergence are counted on the same runs.

`python -m tests.studies.pathologies` prints the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.early_warning import signs, warned
from gradflow.analysis.learning import curves_until
from gradflow.analysis.rates import OVERSHOOTS
from gradflow.analysis.summarize import final_row, symptoms_of
from gradflow.config import Config
from gradflow.nn.parameters import Parameters
from gradflow.nn.parts.dense import bias, weights
from gradflow.training import Training
from tests.studies.lab import info_of, run, train

Array = NDArray[Any]

NET = """
model: {depth: 4, width: 16, activation: tanh, init: xavier_normal}
seeds: 2
training: {steps: 120, batch_size: 128, evaluate: 5}
"""
INITS = {"xavier_normal": ("tanh", "erf", "softsign"), "he_normal": ("relu", "leaky_relu", "gelu", "silu")}
BLOCKS = ((), ("block=residual",), ("norm=layer",))
DATA = ("digits", "teacher", "spirals")
OPTIMIZERS = (("optimizer=sgd",), ("optimizer=sgd", "optimizer.momentum=0.9"), ("optimizer=adam",))
ALL_AT_ONCE = ("data=gaussian", "data.samples=128", "batch_size=128")
LEARNT, STEADY = 0.67, 2.0  # of the first loss on training samples: a healthy run comes below; of its lowest
LATE = 5  # rows at the end
UNMOVED = 0.97  # of it: one whose steps are too short stays above
MANY = 40  # runs of a kind, of which two may be missed
SET_ON, HELD_OUT = 11, 30  # the seeds of the halves
Overrides = tuple[str, ...]


class Ran(NamedTuple):
    """A run, by what was asked for, and what it left."""

    overrides: Overrides
    config: Config
    training: Training
    record: Mapping[str, Any]
    info: Mapping[str, Any]

    @property
    def fell_to(self) -> float:
        """The loss on training samples at the end, of that at the start."""
        loss = self.record["loss_train"].mean(axis=1)
        return float(loss[-1] / loss[0])

    @property
    def guessed(self) -> float:
        """The loss of guessing: classes by their frequency, or numbers by their mean."""
        data = self.info["data"]
        return float(data["chance"] or data["q_y"])

    @property
    def rises(self) -> float:
        """The largest factor by which that loss comes to stand above its lowest before."""
        loss = self.record["loss_train"].mean(axis=1)
        return float((loss / np.minimum.accumulate(loss)).max())

    @property
    def diverged(self) -> bool:
        return self.info["outcome"]["diverged_step"] is not None

    @property
    def symptoms(self) -> set[str]:
        last = final_row(self.record)
        curves = curves_until(self.record, self.record["step"][last])
        rows = {name: array[: last + 1] for name, array in self.record.items() if name not in curves}
        return {symptom.name for symptom in symptoms_of(self.config, {**rows, **curves}, self.info)}


def ran(*overrides: str) -> Ran:
    config, training = train(NET, "recording.critical_lr=none", *overrides)
    return Ran(overrides, config, training, training.recording, info_of(training))


def silent(training: Training) -> Array:
    """The share of units, by layer, that a plain network of relu has at 0 on every training sample."""
    model, state = training.plan.model, training.state()
    parameters = Parameters(model.sized(seeds=training.plan.seeds).shape, np.float32)
    parameters.flat[...] = state["network.0.0"]
    a, shares = np.broadcast_to(training.data.x, (training.plan.seeds, *training.data.x.shape)), []
    for p in [*parameters][:-1]:
        a = np.maximum(a @ weights(p) + bias(p)[:, None], 0)
        shares.append(float((a.max(axis=1) == 0).mean()))
    return np.array(shares)


def critical(*overrides: str) -> float:
    """The lowest critical rate of the networks; 1 where no step brings the loss back."""
    _, _, info = run(NET, *overrides, "training.steps=0", "recording.critical_lr=initial")
    return min(filter(None, info["measured"]["critical_lr"]["initial"]), default=1.0)


def trainable(rng: Random, depth: int = 8) -> Overrides:
    """A network that trains at some rate."""
    init = rng.choice([*INITS])
    net = f"init={init}", f"activation={rng.choice(INITS[init])}", f"depth={rng.randint(2, depth)}"
    return *net, *rng.choice(BLOCKS), f"data={rng.choice(DATA)}", *rng.choice(OPTIMIZERS), _seed(rng)


def _seed(rng: Random) -> str:
    return f"seed={rng.randrange(10**6)}"


def at(net: Overrides, times: float) -> Overrides:
    """Trained at so many times its critical rate."""
    return *net, f"lr={times * critical(*net)!r}"


def healthy(rng: Random) -> Iterator[Ran]:
    """Runs of batches of all sizes that have learnt more than what is guessed without looking at inputs."""
    while True:
        batch = rng.choice((4, 16, 64, 128, 5000))
        net = (*trainable(rng), f"batch_size={batch}")
        found = ran(*at(net, rng.choice((1 / 16, 1 / 32, 1 / 64))))
        learnt = max(found.fell_to, found.record["loss_train"][-1].mean() / found.guessed) < LEARNT
        if learnt and found.rises < STEADY and not found.diverged:
            yield found


def overshoots(rng: Random) -> Iterator[Ran]:
    """Steps many times too long: it blows up, or ends far above where a sixteenth of the rate gets."""
    while True:
        net = tuple(key for key in trainable(rng) if key != "norm=layer")  # which bear long steps
        times = rng.choice((8, 16, 32))
        long, short = ran(*at(net, times)), ran(*at(net, times / 128))
        if long.diverged or long.fell_to > 2 * short.fell_to:
            yield long


def diverging(rng: Random) -> Iterator[Ran]:
    """Steps so long that it ends in numbers that are not finite."""
    while True:
        found = ran(*at(trainable(rng), rng.choice((4, 16, 64))))
        if found.diverged:
            yield found


def too_short(rng: Random) -> Iterator[Ran]:
    while True:
        found = ran(*at(trainable(rng), 10 ** rng.uniform(-6, -4)))
        if found.fell_to > UNMOVED:
            yield found


def saturated(rng: Random) -> Iterator[Ran]:
    """z far beyond where the activation bends."""
    while True:
        net = f"activation={rng.choice(('tanh', 'erf', 'hard_tanh'))}", f"depth={rng.randint(3, 10)}"
        found = ran(
            *net,
            "init=gaussian",
            f"sigma_w={rng.uniform(4, 10)}",
            _seed(rng),
            f"lr={rng.choice((1e-3, 0.01))}",
        )
        if found.record["q"][0].mean(axis=1).max() > 9:
            yield found


def frozen(rng: Random) -> Iterator[Ran]:
    """A gradient of the weights that is a three-thousandth in the first layer of what it is in the last."""
    while True:
        small = (
            "init=gaussian",
            f"activation={rng.choice(('tanh', 'erf'))}",
            f"sigma_w={rng.uniform(0.3, 0.6)}",
        )
        net = rng.choice((("activation=sigmoid",), small))
        found = ran(*net, f"depth={rng.randint(10, 24)}", _seed(rng), f"lr={rng.choice((0.01, 0.1))}")
        log10 = found.record["log_weight_grad_norm"][0].mean(axis=1) / np.log(10)
        if log10[0] - log10[-1] < -3.5:
            yield found


def at_chance(rng: Random) -> Iterator[Ran]:
    """Classes that are guessed no better than by their frequency, at a rate at which others learn.

    Of 200 steps behind sigmoids, whose first outputs take a hundred until they are unlearnt.
    """
    while True:
        sigmoid = "activation=sigmoid", "sigma_w=4.2", "training.steps=200"
        net = *rng.choice((sigmoid, ("activation=tanh", "sigma_w=0.5"))), f"depth={rng.randint(40, 50)}"
        found = ran("init=gaussian", *net, _seed(rng), f"lr={rng.uniform(0.05, 0.2)}")
        guessed = found.record["accuracy_train"][-1].mean()
        if guessed < found.info["evaluation"]["majority_train"] + 0.03:
            yield found


def dying(rng: Random) -> Iterator[Ran]:
    """Units of relu of which a third more than at the start give 0 on every training sample at the end."""
    while True:
        net = "activation=relu", "init=he_normal", f"depth={rng.randint(2, 6)}", *ALL_AT_ONCE
        net = *net, "optimizer=adam", _seed(rng)
        found, start = ran(*net, f"lr={rng.choice((0.05, 0.1, 0.2))}"), ran(*net, "training.steps=0")
        if not found.diverged and (silent(found.training) - silent(start.training)).max() > 1 / 3:
            yield found


def clipped(rng: Random) -> Iterator[Ran]:
    """Gradients a twentieth of which is left at most at the start, and a half at the end."""
    while True:
        net = trainable(rng)
        norms = run(NET, *net, "training.steps=0")[1]["log_weight_grad_norm"][0]
        limit = float(np.sqrt(np.exp(2 * norms).sum(axis=0)).min()) / rng.choice((30, 100))
        found = ran(*at(net, rng.choice((1 / 16, 1 / 64))), f"clip_norm={limit!r}")
        last = np.exp(2 * found.record["log_weight_grad_norm"][-LATE:]).sum(axis=1)
        if np.sqrt(last.min()) > 2 * limit:
            yield found


@dataclass(frozen=True)
class Kind:
    """Runs, the symptoms one of which must tell them, and those that may show beside."""

    draw: Callable[[Random], Iterator[Ran]]
    number: int
    tells: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


IDLE = ("loss-stalled", "loss-at-chance", "frozen-layers")
BURST = (*OVERSHOOTS, "gradient-jump", "saturated-units", "dead-units")
KINDS = {
    "overshoots": Kind(overshoots, MANY, OVERSHOOTS, (*BURST, *IDLE)),
    "steps too short": Kind(too_short, MANY, ("loss-stalled",), ("loss-at-chance",)),
    "saturated": Kind(saturated, MANY, ("saturated-units",), (*BURST, *IDLE)),
    "early layers frozen": Kind(frozen, MANY, ("frozen-layers",), ("loss-stalled", "loss-at-chance")),
    "at chance": Kind(at_chance, MANY, ("loss-at-chance",), (*IDLE, "saturated-units")),
    "units die": Kind(dying, MANY, ("dead-units",), (*BURST, *IDLE)),
    "clipped": Kind(clipped, MANY, ("gradient-clipped",), ("loss-stalled", "loss-at-chance")),
}
HEALTHY = Kind(healthy, 60)
DIVERGING = Kind(diverging, 20, beside=(*BURST, *IDLE))  # whose signs are counted, beside the sixty


ALL = {**KINDS, "healthy": HEALTHY, "diverging": DIVERGING}


class Seen(NamedTuple):
    """A run of a kind: its symptoms, its signs of a divergence, and how long before it the first was."""

    kind: str
    overrides: Overrides
    symptoms: set[str]
    signs: dict[str, int]
    diverged: int | None
    lead: int | None


def seen(name: str, found: Ran) -> Seen:
    step = found.info["outcome"]["diverged_step"]
    before = warned(found.record, step)
    return Seen(name, found.overrides, found.symptoms, signs(found.record), step, before and before.lead)


def runs(seed: int) -> Iterator[Seen]:
    """All of a half."""
    for name, kind in ALL.items():
        drawn = kind.draw(Random(f"{seed} {name}"))
        for _ in range(kind.number):
            yield seen(name, next(drawn))


class Score(NamedTuple):
    """Of the runs that a symptom tells: how many it did, and how often it was shown where nothing was."""

    told: int
    planted: int
    false: int

    @property
    def recall(self) -> float:
        return self.told / self.planted

    @property
    def precision(self) -> float:
        return self.told / (self.told + self.false) if self.told else 0.0


def scores(found: list[Seen]) -> dict[str, Score]:
    """By kind, of the symptoms that tell it."""
    return {name: _score(name, kind, found) for name, kind in KINDS.items()}


def _score(name: str, kind: Kind, found: list[Seen]) -> Score:
    own = [each for each in found if each.kind == name]
    told = sum(bool({*kind.tells} & each.symptoms) for each in own)
    others = [each for each in found if each.kind != name]
    false = sum(bool({*kind.tells} & each.symptoms - {*ALL[each.kind].beside}) for each in others)
    return Score(told, len(own), false)


def table(found: list[Seen]) -> str:
    lines = [f"{'kind':21}{'told':>9}{'false':>7}{'recall':>8}{'precision':>11}  by"]
    for name, score in scores(found).items():
        counts = f"{score.told} of {score.planted}"
        rates = f"{score.recall:8.2f}{score.precision:11.2f}"
        lines.append(f"{name:21}{counts:>9}{score.false:7}{rates}  {', '.join(KINDS[name].tells)}")
    return "\n".join([*lines, *warnings(found)])


def warnings(found: list[Seen]) -> list[str]:
    """How many of the runs that diverged had a sign before, how long, and of the healthy ones one at all."""
    leads = [each.lead for each in found if each.diverged is not None]
    before = sorted(lead for lead in leads if lead is not None)
    calm = [each for each in found if each.kind == "healthy"]
    cried = sum(bool(each.signs) for each in calm)
    middle = before[len(before) // 2] if before else 0
    names = [name for each in calm for name in sorted(each.symptoms)]
    shown = ", ".join(f"{name} {names.count(name)}" for name in sorted({*names})) or "none"
    return [
        f"warned before the divergence: {len(before)} of {len(leads)}, by {middle} steps at the median",
        f"false warnings: {cried} of {len(calm)} healthy runs; symptoms of these: {shown}",
    ]


def odd(found: list[Seen]) -> Iterator[str]:
    """The runs that a symptom misses, or that show one without a cause."""
    for each in found:
        kind = ALL[each.kind]
        strange = each.symptoms - {*kind.tells, *kind.beside}
        missed = bool(kind.tells) and not {*kind.tells} & each.symptoms
        cried = each.signs if each.kind == "healthy" else {}
        if strange or missed or cried:
            words = "missed; " * missed + f"{sorted(strange)} {cried or ''}"
            yield f"  {each.kind}: {words} {' '.join(each.overrides)}"


if __name__ == "__main__":
    for half, seed in {"thresholds were set on": SET_ON, "held out": HELD_OUT}.items():
        found = list(runs(seed))
        print(f"{half}\n{table(found)}", *odd(found), sep="\n", flush=True)
