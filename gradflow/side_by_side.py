"""The networks of a run trained side by side: a crew of them in each of several processes.

A network has the bits that it has alone, so that what the crews tell is put side by side, block by block.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.crew import Crew, RowBlock, joined
from gradflow.data import Data
from gradflow.evaluation import Curves
from gradflow.nn.low_precision import Casts
from gradflow.plan import Plan, block_rows, stacks
from gradflow.workers.lanes import Lanes

BLOCKS = 4  # that crews run before they meet: few, so that none waits long for the others
DIED = BrokenExecutor  # what is raised where a worker died


class Crews:
    """As a `Crew` of all networks of a plan, in `workers` processes; `close` ends them.

    RunError if they cannot be started. Any method raises `DIED` if one dies, without which the others are no
    use any more.
    """

    in_workers = True

    def __init__(self, plan: Plan, data: Data, workers: int) -> None:
        self.plan, count = plan, len(stacks(plan))
        self._lanes = [Lanes(1) for _ in range(workers)]
        edges = [count * n // workers for n in range(workers + 1)]
        pairs = zip(self._lanes, edges, edges[1:], strict=False)
        try:
            self._started = [lane.submit(begin, plan, data, first, stop) for lane, first, stop in pairs]
        except BaseException:
            self.close()
            raise

    @property
    def rows(self) -> int:
        """The most rows that they run at a time."""
        stack = self.plan.model.sized(seeds=len(stacks(self.plan)[0]))
        return block_rows(stack.shape, BLOCKS)

    def run(self, first: int, rows: int, last: int, evaluated: bool) -> RowBlock:
        """As `Crew.run`."""
        found: list[RowBlock] = self._all("run", first, rows, last, evaluated)
        curves = zip(*(curves for _, curves in found), strict=True)
        return joined([block for block, _ in found]), [joined(list(one)) for one in curves]

    def evaluate(self, t: int) -> Curves:
        """As `Crew.evaluate`."""
        return joined(self._all("evaluate", t))

    def critical_rates(self, t: int) -> Array:
        """As `Crew.critical_rates`."""
        return np.concatenate(self._all("critical_rates", t))

    def casts(self) -> list[Casts]:
        """As `Crew.casts`."""
        return [casts for found in self._all("casts") for casts in found]

    def state(self) -> dict[str, Array]:
        """As `Crew.state`."""
        return self.views()

    def views(self) -> dict[str, Array]:
        """As `Crew.views`, copied on the way here."""
        return {name: array for state in self._all("views") for name, array in state.items()}

    def state_at_end(self) -> dict[str, Array]:
        """As `Crew.state_at_end`."""
        return self.state()

    def restore(self, state: dict[str, Array], updates: int) -> None:
        """As `Crew.restore`."""
        networks = {name: array for name, array in state.items() if name.startswith("network.")}
        self._all("restore", networks, updates)

    def close(self) -> None:
        """End the processes."""
        for lane in self._lanes:
            lane.shutdown(wait=False, cancel_futures=True)

    def _all(self, method: str, *arguments: Any) -> list[Any]:
        for call in self._started:
            call.result()
        calls: list[Future[Any]] = [lane.submit(answer, method, arguments) for lane in self._lanes]
        return [call.result() for call in calls]


_own: list[Crew] = []  # of a worker process


def begin(plan: Plan, data: Data, first: int, stop: int) -> None:
    """Draw the networks of a crew, in a worker; signals of its whole group are its parent's to heed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _own[:] = [Crew(plan, data, first, stop)]


def answer(method: str, arguments: tuple[Any, ...]) -> Any:
    """What a method of the worker's crew gives; `run` in blocks that the crew can take."""
    if not _own:
        raise DIED("another process stood here before, which had the networks")
    (crew,) = _own
    if method != "run":
        function: Callable[..., Any] = getattr(crew, method)
        return function(*arguments)
    first, rows, last, evaluated = arguments
    found = [
        crew.run(start, min(crew.rows, first + rows - start), last, evaluated and start == first)
        for start in range(first, first + rows, crew.rows)
    ]
    blocks = [block for block, _ in found]
    together = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return together, [curves for _, each in found for curves in each]
