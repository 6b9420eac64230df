"""Summaries to build pages from, made by hand so that no run is needed."""

from dataclasses import replace
from math import log10
from typing import Any

from gradflow.analysis.summary import (
    Advice,
    Evaluation,
    Flow,
    Flows,
    History,
    Profile,
    Summary,
    Symptom,
    Theory,
    TrainingResult,
)  # fmt: skip

HOSTILE = "a\x1b[31mred\x07\u202e\x9b2J[bold]|<b>`x`\n\ud800&#"


def profile(c: float, depth: int) -> Profile:
    layers = tuple(range(1, depth + 1))
    factors = {"weights": (1.0,) * depth, "slopes": (c,) * depth}
    decay = tuple((depth - layer) * log10(c) for layer in layers)
    return Profile(layers, decay, tuple(-1.0 for _ in layers), decay, (1.0,) * depth, (c,) * depth, factors)


def flow(factor: float = 0.707, depth: int = 51, step: int = 0, verdict: str = "vanishing", **x: Any) -> Flow:
    ratio = (depth - 1) * log10(factor)
    factors = {"weights": x.get("weight_factor", 1.0), "slopes": x.get("slope_factor", factor)}
    made = Flow(
        step=step, c=factor, c_low=factor - 0.002, c_high=factor + 0.002, interval="t over seeds",
        layers=(1 + min(5, depth // 4), depth),
        log10_ratio=ratio, log10_ratio_low=ratio - 0.1, log10_ratio_high=ratio + 0.1, transitions=depth - 1,
        verdict=verdict, law="exponential", factors=factors, weight_factor=1.0, slope_factor=factor,
        efold_layers=2.9,
        c_power_depth={str(n): None for n in sorted({10, 20, 50, 100, depth})},
        profile=profile(factor, depth),
    )  # fmt: skip
    return replace(made, **x)


def config(**model: Any) -> dict[str, Any]:
    return {
        "name": "study",
        "seed": 0,
        "seeds": 4,
        "model": {
            "depth": 51, "width": 128, "activation": {"name": "relu"},
            "init": {"name": "gaussian", "sigma_w": 1.0},
            "bias": {"name": "zeros"}, "readout": "linear", "block": "plain", "norm": "none", **model,
        },
        "data": {"name": "digits"},
        "training": {
            "steps": 100, "batch_size": 128, "loss": "cross_entropy", "dtype": "float32",
            "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.0, "nesterov": False},
        },
        "recording": {"every": 1},
        "analysis": {"stable_decades": 1.0},
    }  # fmt: skip


def trained(**changes: Any) -> TrainingResult:
    made = TrainingResult(
        steps=100, loss_initial=2.31, loss_final=1.92, loss_final_low=1.87, loss_final_high=1.97,
        accuracy_final=0.4312, loss_initial_low=2.21, loss_initial_high=2.41, loss_test_initial=2.33,
        loss_test_final=1.98, loss_test_final_low=1.90, loss_test_final_high=2.06,
        accuracy_train_initial=0.1, accuracy_train_final=0.45, accuracy_test_initial=0.11,
        accuracy_test_final=0.4312, minibatch_loss_initial=2.3, minibatch_loss_final=1.9, evaluations=3,
    )  # fmt: skip
    return replace(made, **changes)


def evaluation(**changes: Any) -> Evaluation:
    made = Evaluation(
        every=60, samples_train=1024, samples_test=359, of_train=1438, of_test=359, majority_train=0.1084,
        majority_test=0.1337, steps=(0, 60, 100), loss_train=(2.31, 2.1, 1.92), loss_test=(2.33, 2.12, 1.98),
        accuracy_train=(0.1, 0.3, 0.45), accuracy_test=(0.11, 0.29, 0.4312),
    )  # fmt: skip
    return replace(made, **changes)


def summary(**changes: Any) -> Summary:
    made = Summary(
        id="study-0123abcd",
        path="runs/study-0123abcd",
        name="study",
        status="completed",
        config=config(),
        flow=Flows(flow(), flow(0.9, step=100)),
        theory=Theory(c=0.7071, c_finite_width=0.7054, c_asymptotic=0.7071, sigmas=0.84, log10_ratio=-8.2),
        training=trained(),
        symptoms=(Symptom("stalled", 40, None, 0.1, 0.2, "the loss has stalled since step 40"),),
        advice=(
            Advice(
                "initialization", {"model.init": "he_normal"}, 1.0,
                "gradflow run study.yaml init=he_normal", None,
                "draw the weights larger",
            ),
        ),
        history=History(
            steps=(0, 50, 100), c=(0.7, 0.8, 0.9), c_low=(0.69, 0.79, 0.89), c_high=(0.71, 0.81, 0.91),
            log10_ratio=(-7.0, -5.0, -2.0), loss=(2.3, 2.0, 1.9),
        ),
        evaluation=evaluation(),
    )  # fmt: skip
    return replace(made, **changes)


def hostile() -> Summary:
    """A summary with a hostile text wherever a user's could stand."""
    return summary(
        id=HOSTILE,
        path=HOSTILE,
        name=HOSTILE,
        config={**config(), "data": {"name": "csv", "path": HOSTILE}},
        flow=Flows(flow(reason=HOSTILE, factors={HOSTILE: 0.7}), flow(step=100, reason=HOSTILE)),
        theory=Theory(reason=HOSTILE),
        training=TrainingResult(100, 2.0, diverged_step=3, diverged_reason=HOSTILE),
        symptoms=(Symptom(HOSTILE, 1, 1, 1.0, 1.0, HOSTILE),),
        advice=(Advice(HOSTILE, {}, None, HOSTILE, HOSTILE, HOSTILE),),
    )
