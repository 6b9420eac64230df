"""summary.json: read if it is whole and of its run, else made again from the recording."""

from __future__ import annotations

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


def load_summary(folder: Path, info: Info) -> Summary | None:
    """What summary.json holds; None if it is missing, damaged, of another format, or not of this run."""
    try:
        document: Any = read_json(folder / SUMMARY)
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
