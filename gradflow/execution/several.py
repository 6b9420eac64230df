"""A run whose networks are trained in several processes, and what is done where one of them dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gradflow.crew import Crew
from gradflow.data import Data
from gradflow.errors import RunError
from gradflow.interrupts import raise_waiting
from gradflow.plan import Plan
from gradflow.side_by_side import DIED, Crews
from gradflow.store.result import Result

DEAD = "a worker process died under it each time: is the memory enough? --workers 1 takes least"


def in_processes(
    trained: Callable[[Crew | Crews], Result], plan: Plan, data: Data, processes: int, *, alone: bool
) -> Result:
    """The result that `trained` makes of the networks of a plan, which stand in so many processes.

    Should one die, all are tried once more, and then, if they may be `alone`, in this process. RunError if
    that was all.
    """
    for tried in (processes, processes, *([1] if alone else [])):
        try:
            with _crew(plan, data, tried) as crew:
                return trained(crew)
        except DIED:
            raise_waiting()  # the signal that ended it may have been for all
    raise RunError(DEAD)


@contextmanager
def _crew(plan: Plan, data: Data, workers: int) -> Iterator[Crew | Crews]:
    """The networks, in this process if others cannot be started."""
    crews = None
    with suppress(RunError):
        crews = Crews(plan, data, workers) if workers > 1 else None
    try:
        yield crews or Crew(plan, data)
    finally:
        if crews:
            crews.close()
