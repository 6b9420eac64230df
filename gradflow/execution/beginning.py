"""Where a run goes on: from its own checkpoint, or from the end of a finished run of fewer steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gradflow.arrays import Array
from gradflow.config import Config
from gradflow.errors import RunError
from gradflow.evaluation import EVALUATED, STEP
from gradflow.formats import RECORDED
from gradflow.store import Run
from gradflow.store.run import open_run
from gradflow.store.state import Begun, read_state
from gradflow.training import Training


class Beginning(NamedTuple):
    """What went before: when it began, for how many seconds it ran, the steps it made, and its state.

    `run` is the finished run that it is of; None of the run's own checkpoint.
    """

    started: str
    seconds: float
    steps: int
    state: dict[str, Array]
    run: str | None = None

    def resume(self, training: Training) -> None:
        """Bring a new training to where this one ended."""
        training.restore(self.state, self.steps)


def shorter(config: Config, begun: Begun, tell: Callable[[str], object]) -> Beginning | None:
    """The longest of the runs begun of fewer steps that a config goes on from, if there is one.

    `tell` gets a line for each that is damaged, which is passed over.
    """
    if config.training.schedule.spans:
        return None
    for path in begun.before(config.stem, config.training.steps):
        try:
            return _beginning(open_run(path))
        except RunError as error:
            tell(f"warning: {error}")
    return None


def _beginning(run: Run) -> Beginning:
    """Its last row is left out, for it is passed again with the update that follows it."""
    steps, times = run.info["state"]["step"], run.info["times"]
    state = read_state(run)
    for name, array in run.recording.items():
        rows = run[STEP if name in (STEP, *EVALUATED) else "step"] < steps
        state[f"{RECORDED}{name}"] = array[rows]
    return Beginning(times["started"], times["seconds"], steps, state, run.id)
