"""A sweep that is run now, and how far it is on the way."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from gradflow.report.pages import report_of
from gradflow.sweeps.document import result_document
from gradflow.sweeps.driver import Options, run_sweep, share
from gradflow.sweeps.outcome import Ended
from gradflow.sweeps.points import Sweep
from gradflow.telling.lines import note, noting
from gradflow.telling.sweep_progress import SweepProgress


def computed(study: Sweep, runs: Path, options: Options, quiet: bool) -> dict[str, Any]:
    """The document of a sweep that is run now."""
    events = run_sweep(study, runs, options, report_of, noting(quiet))
    ended = []
    with closing(events), SweepProgress(len(share(study, options)), list(study.axes), quiet) as progress:
        for event in events:
            progress(event)
            if isinstance(event, Ended):
                ended.append(event)
    note(progress.story(), quiet)
    return result_document(study, runs / study.id, ended)
