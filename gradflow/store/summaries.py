"""summary.json: read if it is whole and of its run, else made again from the recording."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gradflow.analysis.summary import FORMAT, Flow, Flows, Summary, Theory, TrainingResult, summary_from
from gradflow.errors import RunError
from gradflow.store.conform import checker
from gradflow.store.names import SUMMARY
from gradflow.store.reading import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.config import Config
    from gradflow.recording import Recording
    from gradflow.store.info import Info

VERDICTS = ("vanishing", "stable", "exploding", "dead", "overflow", "undetermined")

# nine tenths of a summary.json, and of the time to read it, are numbers by layer and by step that a row of a
# comparison does not need; inside a text a quote is escaped, so the pattern cannot match there
_LONG = re.compile(
    r'"(layers|log10_weight_grad|log10_bias_grad|weight_factor|slope_factor|steps|c|c_low|c_high|log10_ratio|loss)"'
    r": \[[-+0-9.eE, nul]{20,}\]"
)


def load_summary(folder: Path, info: Info, *, brief: bool = False) -> Summary | None:
    """What summary.json holds; None if it is missing, damaged, of another format, or not of this run.

    A `brief` one is read several times as fast, and lacks history and profiles but for log10_delta.
    """
    try:
        document: Any = read_json(folder / SUMMARY, _without_long if brief else str)
    except RunError:
        return None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        return None
    if not checker(Summary)(document):
        return None
    summary = summary_from({"format": FORMAT, **document})
    verdicts = {summary.flow.initial.verdict, summary.flow.final.verdict}
    whole = (summary.id, summary.status) == (info["id"], info["status"]) and verdicts <= {*VERDICTS}
    return summary if whole else None


def _without_long(text: str) -> str:
    return _LONG.sub(r'"\1": []', text)


def build_summary(path: Path, config: Config, recording: Recording, info: Info) -> Summary:
    """The summary of a run that stands, or will stand, at `path`."""
    if info["status"] == "failed":
        return _of_failed(path, config, info)
    from gradflow.analysis.summarize import summarize

    return summarize(config, recording, info).at(str(path))


def _of_failed(path: Path, config: Config, info: Info) -> Summary:
    flow = Flow(step=0, reason=info["reason"])
    return Summary(
        id=info["id"],
        path=str(path),
        name=config.name,
        status="failed",
        config=config.plain(),
        flow=Flows(flow, flow),
        theory=Theory(reason=info["reason"]),
        training=TrainingResult(steps=config.training.steps),
    )
