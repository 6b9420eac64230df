"""Norms that were recorded elsewhere: the same fit and verdict as of a run, from delta norms alone.

Norms of weight gradients within one network give no c: for a bias-free relu or linear net they are equal in
all layers whatever c is (Glorot & Bengio 2010, eq. 14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.clipping import clipping_of
from gradflow.analysis.depth_law import DepthLaw, FirstLayer, depth_law
from gradflow.analysis.differences import RECORDED
from gradflow.analysis.flow import fit_flow, numbers
from gradflow.analysis.history import history_of, row_verdicts
from gradflow.analysis.laws import Expected
from gradflow.analysis.recorded import recorded_advice, recorded_symptoms
from gradflow.analysis.summary import Flow, Flows, Summary, Symptom, Theory, TrainingResult
from gradflow.analysis.symptom_rules import blown_up
from gradflow.analysis.underflow import edge_of, of_underflow, smallest_of
from gradflow.analysis.watched import watched_advice, watched_symptoms
from gradflow.analysis.weakest import weakest_symptom
from gradflow.arrays import Array, Readings
from gradflow.formats import LASTING, STABLE_DECADES
from gradflow.nn.parts.factors import LABELS
from gradflow.recording import per_layer

KINDS = {"delta": "log_delta_norm", "weight": "log_weight_grad_norm"}  # -> its array in a recording
NO_C = (
    "norms of weight gradients within one network give no c: in a bias-free relu or linear net they are "
    "equal in all layers whatever c is (Glorot & Bengio 2010, eq. 14). Record delta norms (gradflow new "
    "torch-recorder), or give the logs of networks of several depths: gradflow fit A.csv B.csv. The same in "
    "one go: gradflow sweep CONFIG depth=10,20,50"
)
SILENT = (
    "the read-out {silent} starts at zero, so that no gradient enters before its first update: record a "
    "later step"
)
UNKNOWN = "the norms were recorded elsewhere, so the network is not known"


@dataclass(frozen=True, eq=False)
class Norms:
    """Natural logs of norms, (rows, layers, networks) for each kind; layers are named from the input on.

    `order` says how their order was found, `source` is the path of their file. `more` are other arrays for
    the recording, by layer (rows, layers, networks) or not (rows, networks), `about` what else is known of
    the network, and `seeds` those of the networks, where they were told.
    """

    steps: tuple[int, ...]
    layers: tuple[str, ...]
    logs: Readings
    order: str = ""
    source: str = ""
    more: Readings = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()

    @property
    def networks(self) -> int:
        """How many networks were recorded."""
        return int(next(iter(self.logs.values())).shape[2])

    def recording(self) -> dict[str, Array]:
        """The arrays of a run's recording; nan is what nobody recorded."""
        shape = len(self.steps), len(self.layers), self.networks
        arrays = {"step": np.array(self.steps, float), "loss": np.full(shape[::2], np.nan)}
        arrays |= {name: np.full(shape, np.nan) for name in per_layer(LABELS)}
        return arrays | dict(self.more) | {KINDS[kind]: logs for kind, logs in self.logs.items()}

    def config(self, name: str, source: str) -> dict[str, Any]:
        """What is known of the network, where a run has its config."""
        kind = "delta" if "delta" in self.logs else "weight"
        order = {"order": self.order} if self.order else {}
        first = {"seed": self.seeds[0]} if self.seeds else {}
        return {
            "name": name,
            **first,
            "seeds": self.networks,
            "model": {"depth": len(self.layers)},
            "data": {
                "name": RECORDED,
                "path": source,
                "kind": kind,
                "layers": list(self.layers),
                **order,
                **({"seeds": list(self.seeds)} if self._are_apart else {}),
                **self.about,
            },
            "training": {"steps": self.steps[-1]},
            "analysis": {"stable_decades": STABLE_DECADES},
        }

    @property
    def _are_apart(self) -> bool:
        """Whether the seeds do not count on from the first, as a config's do."""
        return any(seed - self.seeds[0] != i for i, seed in enumerate(self.seeds))


def summarize_outside(id: str, config: dict[str, Any], recording: Readings) -> Summary:
    """The Summary of norms recorded elsewhere, from a recording and its `Norms.config`.

    Norms that are not finite in the last row make it diverged; those of other rows are told in the reasons.
    """
    data, log_delta = config["data"], recording["log_delta_norm"]
    lost = Lost.of(recording, data)
    first, last = (lost.told(_flow(recording, row, data), row) for row in (0, len(log_delta) - 1))
    start, reason = lost.start, None
    if start is not None:
        reason = f"the {lost.kind} norms are not finite: {lost.where(start)}"
    step = None if start is None else lost.steps[start]
    return Summary(
        id=id,
        path=id,
        name=config["name"],
        status="completed" if start is None else "diverged",
        config=config,
        flow=Flows(first, last),
        theory=Theory(
            c=data.get("expected_c"), reason=None if "expected_c" in data else data.get("expected", UNKNOWN)
        ),
        training=replace(_trained(recording), diverged_step=step, diverged_reason=reason),
        symptoms=_symptoms(recording, data, (first, last), blown_up(step, reason)),
        advice=watched_advice(first, data, recording)
        if "watched" in data
        else recorded_advice(first, lost.layers),
        history=history_of(recording, STABLE_DECADES, LASTING, _verdicts(recording)),
    )


def _trained(recording: Readings) -> TrainingResult:
    """How training went: the losses of the minibatches of its ends, where they are known, and clipping."""
    with np.errstate(over="ignore", invalid="ignore"):
        initial, final = numbers(recording["loss"][[0, -1]].mean(axis=1))
    clipped_share, clip_share_median = clipping_of(recording)
    return TrainingResult(
        int(recording["step"][-1]),
        minibatch_loss_initial=initial,
        minibatch_loss_final=final,
        clipped_share=clipped_share,
        clip_share_median=clip_share_median,
    )


def recorded_flow(recording: Readings, row: int, data: Mapping[str, Any]) -> Flow:
    """The flow at any row of norms recorded elsewhere; `data` is that of their `Norms.config`."""
    return Lost.of(recording, data).told(_flow(recording, row, data), row)


def _symptoms(
    recording: Readings, data: Mapping[str, Any], flows: tuple[Flow, Flow], blown: Symptom | None
) -> tuple[Symptom, ...]:
    """What decides the ratio, what a watched training or a file tells, and the blow-up at the end."""
    if "watched" in data:
        found = watched_symptoms(recording)
    else:
        step = None if blown is None else blown.step
        found = recorded_symptoms(recording, data["layers"], KINDS[data["kind"]], step)
    return (*weakest_symptom(flows), *found, *(() if blown is None else (blown,)))


def law_across(networks: Mapping[int, Norms], flows: Mapping[int, Flow]) -> DepthLaw:
    """The depth law of recorded norms at their first step; `flows` are those of the networks there.

    delta is taken over that of the last layer, so that the slope against depth is c.
    """
    law = depth_law([_first_layer(depth, norms, flows[depth].c) for depth, norms in networks.items()])
    known = law.weight_grad.c is not None or law.delta.c is not None
    return replace(law, reason=None) if known else law


def _first_layer(depth: int, norms: Norms, c: float | None) -> FirstLayer:
    unknown = np.full((len(norms.layers), norms.networks), np.nan)
    delta, weight = (norms.logs[kind][0] if kind in norms.logs else unknown for kind in KINDS)
    with np.errstate(invalid="ignore"):  # a dead network has -inf - -inf
        return FirstLayer(depth, log_weight_grad=weight[0], log_delta=delta[0] - delta[-1], c=c)


@dataclass(frozen=True)
class Lost:
    """The rows whose norms are not finite."""

    steps: list[int]
    layers: list[str]
    kind: str
    logs: Array
    lost: NDArray[np.bool_]

    @classmethod
    def of(cls, recording: Readings, data: Mapping[str, Any]) -> Lost:
        """Of norms of the kind that was recorded; one of 0 counts as finite, its log -inf too."""
        logs = recording[KINDS[data["kind"]]]
        lost = ~np.asarray((logs < np.inf).all(axis=(1, 2)))
        return cls([int(one) for one in recording["step"]], data["layers"], data["kind"], logs, lost)

    @property
    def start(self) -> int | None:
        """The first of the rows that end the record and are all lost; None if its last row is finite."""
        finite = np.flatnonzero(~self.lost)
        row = int(finite[-1]) + 1 if finite.size else 0
        return row if row < len(self.steps) else None

    def where(self, row: int) -> str:
        """The layer nearest the output whose norm is not finite, and what it is."""
        bad = ~(self.logs[row] < np.inf)
        layer = int(np.flatnonzero(bad.any(axis=1))[-1])
        value = "nan" if np.isnan(self.logs[row, layer]).any() else "infinite"
        return f"{value} at layer {self.layers[layer]}"

    def told(self, flow: Flow, row: int) -> Flow:
        """The flow of a row, with what is lost in its verdict and reason."""
        if self.lost[row]:
            reason = f"the {self.kind} norms are not finite at step {flow.step}: {self.where(row)}"
            return replace(flow, verdict="overflow", reason=reason)
        first = int(np.argmax(self.lost))
        if not self.lost.any() or first == self.start:
            return flow
        many = f"the {self.kind} norms of {self.lost.sum()} of the {len(self.steps)} steps are not finite"
        words = f"{many}, first of step {self.steps[first]}: {self.where(first)}"
        return replace(flow, reason="; ".join(filter(None, (flow.reason, words))))


def _flow(recording: Readings, row: int, data: Mapping[str, Any]) -> Flow:
    measured, names = (*KINDS.values(), *({"q"} & recording.keys())), data["layers"]
    arrays = {name: recording[name][row] for name in measured}
    expected = Expected(data.get("law"), rules="law" in data)
    flow = fit_flow(arrays, int(recording["step"][row]), STABLE_DECADES, expected, names=names)
    if data["kind"] != "delta":
        return replace(flow, verdict="undetermined", reason=NO_C, dead_networks=None)
    if row == 0 and flow.verdict == "dead" and "silent" in data:
        return replace(flow, verdict="undetermined", reason=SILENT.format(**data), dead_networks=0)
    if flow.weakest:
        flow = replace(flow, weakest=replace(flow.weakest, name=names[flow.weakest.layer - 1]))
    held = _held(recording)
    return of_underflow(flow, held[row], smallest_of(held), STABLE_DECADES, names)


def _held(recording: Readings) -> Array:
    """log_delta_norm as its dtype held it: of the mean over the batch, times the loss scale."""
    log_delta = recording["log_delta_norm"]
    if "loss_scale" not in recording:
        return log_delta
    held: Array = log_delta + np.log(recording["loss_scale"] / recording["batch"])[:, None]
    return held


def _verdicts(recording: Readings) -> list[str]:
    """As of any run, but for the rows whose zeros are an underflow: they vanish."""
    log_delta, held = recording["log_delta_norm"], _held(recording)
    smallest = smallest_of(held)
    return [
        "vanishing" if verdict == "dead" and edge_of(row, smallest) else verdict
        for verdict, row in zip(row_verdicts(log_delta, STABLE_DECADES), held, strict=True)
    ]
