"""Norms that were recorded elsewhere: the same fit and verdict as of a run, from delta norms alone.

Norms of weight gradients within one network give no c: for a bias-free relu or linear net they are equal in
all layers whatever c is (Glorot & Bengio 2010, eq. 14).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.differences import RECORDED
from gradflow.analysis.flow import fit_flow
from gradflow.analysis.history import history_of
from gradflow.analysis.summary import Flow, Flows, Summary, Theory, TrainingResult
from gradflow.analysis.weakest import weakest_symptom
from gradflow.recording import PER_LAYER

Array = NDArray[np.float64]

KINDS = {"delta": "log_delta_norm", "weight": "log_weight_grad_norm"}  # -> its array in a recording
STABLE_DECADES, PATIENCE = 1.0, 5  # a config's defaults
NO_C = (
    "norms of weight gradients within one network give no c: in a bias-free relu or linear net they are "
    "equal in all layers whatever c is (Glorot & Bengio 2010, eq. 14). Record delta norms (gradflow new "
    "torch-recorder), or compare networks of several depths: gradflow sweep CONFIG depth=10,20,50"
)
UNDERFLOW = log(1e-18)  # the square of a smaller float32 loses digits, or is 0
UNKNOWN = "the norms were recorded elsewhere, so the network is not known"


@dataclass(frozen=True, eq=False)
class Norms:
    """Natural logs of norms, (rows, layers, networks) for each kind; layers are named from the input on."""

    steps: tuple[int, ...]
    layers: tuple[str, ...]
    logs: Mapping[str, Array]

    @property
    def networks(self) -> int:
        """How many networks were recorded."""
        return int(next(iter(self.logs.values())).shape[2])

    def recording(self) -> dict[str, Array]:
        """The arrays of a run's recording; nan is what nobody recorded."""
        shape = len(self.steps), len(self.layers), self.networks
        arrays = {"step": np.array(self.steps, float), "loss": np.full(shape[::2], np.nan)}
        arrays |= {name: np.full(shape, np.nan) for name in PER_LAYER}
        return arrays | {KINDS[kind]: logs for kind, logs in self.logs.items()}

    def config(self, name: str, source: str) -> dict[str, Any]:
        """What is known of the network, where a run has its config."""
        kind = "delta" if "delta" in self.logs else "weight"
        return {
            "name": name,
            "seeds": self.networks,
            "model": {"depth": len(self.layers)},
            "data": {"name": RECORDED, "path": source, "kind": kind, "layers": list(self.layers)},
            "training": {"steps": self.steps[-1]},
            "analysis": {"stable_decades": STABLE_DECADES},
        }


def summarize_outside(id: str, config: dict[str, Any], recording: Mapping[str, Array]) -> Summary:
    """The Summary of norms recorded elsewhere, from a recording and its `Norms.config`."""
    kind, log_delta = config["data"]["kind"], recording["log_delta_norm"]
    usable = np.flatnonzero((log_delta < np.inf).all(axis=(1, 2)))
    final = int(usable[-1]) if usable.size else 0 if kind == "delta" else len(log_delta) - 1
    names = config["data"]["layers"]
    flows = Flows(_flow(recording, 0, kind, names), _flow(recording, final, kind, names))
    return Summary(
        id=id,
        path=id,
        name=config["name"],
        status="completed",
        config=config,
        flow=flows,
        theory=Theory(reason=UNKNOWN),
        training=TrainingResult(config["training"]["steps"]),
        symptoms=weakest_symptom((flows.initial, flows.final)),
        history=history_of(
            {name: array[: final + 1] for name, array in recording.items()}, STABLE_DECADES, PATIENCE
        ),
    )


def _flow(recording: Mapping[str, Array], row: int, kind: str, names: Sequence[str]) -> Flow:
    arrays = {name: recording[name][row] for name in KINDS.values()}
    flow = fit_flow(arrays, int(recording["step"][row]), STABLE_DECADES)
    if kind != "delta":
        return replace(flow, verdict="undetermined", reason=NO_C, dead_networks=None)
    if flow.weakest:
        flow = replace(flow, weakest=replace(flow.weakest, name=names[flow.weakest.layer - 1]))
    return _of_underflow(flow, arrays["log_delta_norm"]) if flow.verdict == "dead" else flow


def _of_underflow(flow: Flow, log_delta: Array) -> Flow:
    """A dead flow whose zeros follow on a norm at the edge of float32: it vanishes; c is that of the rest."""
    dead = int(np.flatnonzero(np.isneginf(log_delta).any(axis=1))[-1])
    rest = log_delta[dead + 1 :]
    if not len(rest) or rest[0].max() > UNDERFLOW:
        return flow
    above = fit_flow({"log_delta_norm": rest}, flow.step, STABLE_DECADES)
    passing = "" if above.c is None else f"; layers {dead + 2} to {len(log_delta)} pass {above.c:.3g} each"
    edge = f"{np.exp(rest[0].mean()):.0e} at layer {dead + 2}"
    reason = (
        f"delta is 0 up to layer {dead + 1}, where the numbers end: it is {edge}. "
        f"Record in float64, as of model.double(){passing}"
    )
    return replace(flow, verdict="vanishing", reason=reason, dead_networks=0)
