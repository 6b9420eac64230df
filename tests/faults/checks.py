"""What must hold after any fault: one line that says it, and nothing to be seen that is not whole."""

from pathlib import Path

from gradflow.store import open_run, scan
from tests.faults.commands import Done

FILES = {"config.yaml", "recording.npz", "report.md", "run.json", "summary.json"}

NOTES = ("saving about ", "trained in ", "found it ", "computed ")  # which are no errors


def whole(runs: Path) -> dict[str, str]:
    """When each run that can be seen was finished, by its place; each is read to its last byte."""
    found = {}
    for entry in scan(runs):
        for one in entry.points if entry.points is not None else (entry,):
            assert one.run, one.problem
            run = open_run(one.path)
            assert run.config.digest == run.info["digest"]
            assert run.status == "failed" or run.recording
            assert {path.name for path in one.path.iterdir()} >= FILES - {"recording.npz"}
            found[str(one.path.relative_to(runs))] = run.info["times"]["finished"]
    return found


def told(done: Done, *fragments: str) -> None:
    """One line tells what went wrong, and in it stand some words."""
    *notes, line = done.err.splitlines() or [""]
    assert line.startswith("error: "), done.err
    assert all(fragment in line for fragment in fragments), line
    assert all(note.startswith(NOTES) for note in notes), done.err


def tidy(runs: Path) -> None:
    """No unfinished thing is left, in sweeps neither."""
    assert not list(runs.glob("**/.partial")), list(runs.glob("**/.partial/*"))
