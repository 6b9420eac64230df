"""The driver of a sweep: a generator of events, so that the caller shows progress and may stop at any.

Only this process writes; a point is in the sweep's folder before its end is told.
"""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep

from gradflow.config.load import load_data
from gradflow.config.memory import physical_memory, size
from gradflow.errors import GradflowError, InputError, Problem, RunError, named
from gradflow.execution.beginning import Beginning, shorter
from gradflow.execution.checkpoint import Checkpoint
from gradflow.store import Index, Run, open_run
from gradflow.store.catalog import touch
from gradflow.store.partial import Claim, claim
from gradflow.store.result import Result, failed, versions
from gradflow.store.save import copy, is_whole, run_of, save, whole_at
from gradflow.store.state import Begun
from gradflow.store.sweeps import WHOLE, open_sweep, require_sweep
from gradflow.store.writing import remove
from gradflow.sweeps.chains import Chains
from gradflow.sweeps.executors import EXECUTORS, Backend, Pool, finished_future
from gradflow.sweeps.outcome import Ended, Event, Started, Waiting, ended
from gradflow.sweeps.points import Point, Sweep
from gradflow.sweeps.worker import late
from gradflow.threads import cores

GLANCE = 1.0  # seconds after which one looks whether anybody computes
Render = Callable[[Run], str]

_data = lru_cache(maxsize=2)(load_data)  # the data of the point before is mostly that of the next


@dataclass(frozen=True)
class Options:
    """How a sweep is run; `shard` (i, n) takes every n-th point from the i-th on, counted from 1.

    With `keep_state` points keep what those of more steps go on from.
    """

    executor: str = "processes"
    workers: int | None = None  # as many as there are cores
    address: str | None = None
    shard: tuple[int, int] = WHOLE
    timeout: float | None = None
    force: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    keep_state: bool = False

    def place(self, points: Sequence[Point]) -> Backend:
        """Where points are computed, by no more workers than the memory holds of the largest one."""
        fitting = physical_memory() // max(point.cost.memory for point in points)
        workers = min(self.workers or cores(), fitting)
        return EXECUTORS[self.executor](workers, self.address, self.timeout)


def run_sweep(
    sweep: Sweep,
    runs: Path,
    options: Options | None = None,
    render: Render | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Generator[Event]:
    """Bring every point of a sweep, or of a shard of it, to its end: Started if it is computed, then Ended.

    What stands finished anywhere in `runs` is not computed again: it is copied, by hard links, into the
    sweep's folder. One of more steps than such a run that kept its state goes on from there; `tell` gets a
    warning of a damaged one, and how many points stand without a state that is to be kept. RunError at once
    if another process is working on the same points.
    """
    options = options or Options()
    points = share(sweep, options)
    place = options.place(points)
    place.require()
    _reach(place, sweep, runs, points, options)
    with open_sweep(runs, sweep.id, sweep.document(), options.shard) as folder:
        yield from _Driver(folder, options, place, render, tell).run(points, Index(runs))
        touch(folder)


def _reach(place: Backend, sweep: Sweep, runs: Path, points: Sequence[Point], options: Options) -> None:
    """RunError, before anything is written, if a new sweep has points to compute and nobody computes them."""
    if place.address is None or (runs / sweep.id).exists():
        return
    index = Index(runs)
    if options.force or not all(index.find(point.digest) for point in points):
        place.reach()


def share(sweep: Sweep, options: Options) -> tuple[Point, ...]:
    """The points of a sweep that fall to a shard. InputError if there are none."""
    first, step = options.shard
    points = sweep.points[first - 1 :: step]
    if options.keep_state:
        points = tuple(point.keeping_state for point in points)
    if not points:
        message = f"the sweep has {len(sweep.points)} points: shard {first} of {step} would have none"
        raise InputError(Problem(message, "--shard"))
    return points


def _lacks_state(point: Point, run: Run) -> bool:
    """Whether a point of more steps could go on from this one, had it kept its state."""
    could = point.cost.state > 0 and point.config.training.steps > 0 and run.status == "completed"
    return could and "state" not in run.info


class _Driver:
    def __init__(
        self,
        folder: Path,
        options: Options,
        place: Backend,
        render: Render | None,
        tell: Callable[[str], object],
    ) -> None:
        self.folder, self.options, self.place, self.render, self.tell = folder, options, place, render, tell
        self.begun = Begun(folder.parent, versions(in_workers=not place.in_process))
        self.chains = Chains()
        self.running: dict[Future[Result], tuple[Point, float]] = {}
        self.deaths: Counter[int] = Counter()

    def run(self, points: Sequence[Point], index: Index) -> Iterator[Event]:
        missing: deque[Point] = deque()
        stateless = 0
        for point in points:
            run = None if self.options.force else self._standing(point, index)
            if run:
                stateless += _lacks_state(point, run)
                yield ended(point, run)
            else:
                missing.append(point)
        if self.options.keep_state and stateless:
            words = "finished point keeps" if stateless == 1 else "finished points keep"
            self.tell(f"{stateless:,} {words} no state: --force --keep-state computes such points with it")
        self._require_disk(missing)
        if self.options.keep_state and not self.options.force:
            self.chains = Chains(missing)
        if missing:
            with self.place.open() as pool:
                yield from self._compute(missing, pool)

    def _standing(self, point: Point, index: Index) -> Run | None:
        """The run of a point that needs no computing; a damaged one does. RunError for another run there."""
        run = whole_at(Claim(self.folder, point.id), point.config)
        if run:
            return run
        run = index.find(point.digest)
        if run:
            return copy(self.folder, point.config, run, self.render)
        return None if self.options.retry_failed else self._failed(point)

    def _failed(self, point: Point) -> Run | None:
        run = self._at(point)
        return Run(run.path, run.info, reused=True) if run and run.status == "failed" else None

    def _at(self, point: Point) -> Run | None:
        """What stands in a point's place, if it is of its digest."""
        with suppress(RunError):
            run = open_run(self.folder / point.id)
            return run if run.info["digest"] == point.digest else None
        return None

    def _has_result(self, point: Point) -> bool:
        """Whether a finished run stands there, whose arrays are whole."""
        run = self._at(point)
        return run is not None and is_whole(run)

    def _require_disk(self, missing: Sequence[Point]) -> None:
        needed, free = sum(point.cost.disk for point in missing), shutil.disk_usage(self.folder).free
        if needed > free:
            message = f"the recordings need {size(needed)} and {size(free)} are free: set recording.every"
            raise RunError(message, self.folder)

    def _compute(self, missing: deque[Point], pool: Pool) -> Iterator[Event]:
        try:
            while missing or self.running:
                manned = self._manned(pool)
                if not manned:
                    yield Waiting(self.place.address or "")
                while manned and self._has_room(pool) and (point := self.chains.next_of(missing)):
                    before = self._before(point)
                    yield Started(point, before.steps if before else 0)
                    since = monotonic()
                    self.running[self._submit(point, before, pool)] = point, since
                for future in self._done():
                    event = self._end(future, missing, pool)
                    if event:
                        yield event
                    if event and event.status == "failed" and self.options.fail_fast:
                        return
        finally:
            self._save_finished()

    def _manned(self, pool: Pool) -> bool:
        with self._answering():
            return pool.manned()

    def _has_room(self, pool: Pool) -> bool:
        with self._answering():
            return len(self.running) < pool.width()

    def _before(self, point: Point) -> Beginning | None:
        return None if self.options.force else shorter(point.config, self.begun, self.tell)

    def _submit(self, point: Point, before: Beginning | None, pool: Pool) -> Future[Result]:
        plain, timeout, keep = point.config.plain(), self.options.timeout, self.options.keep_state
        try:
            data = _data(point.config.data)
        except InputError as error:  # the file has changed or gone since it was checked
            return finished_future(failed(str(error)))
        if not self.place.in_process:
            further = (before, keep) if before or keep else ()
            with self._answering():
                return pool.executor.submit(pool.compute, plain, data, timeout, *further)
        with claim(self.folder, point.id) as claimed:
            if self.options.force:
                remove(claimed.checkpoint)
            checkpoint = Checkpoint(claimed, point.digest, versions())
            return pool.executor.submit(pool.compute, plain, data, timeout, before, keep, checkpoint)

    def _done(self) -> list[Future[Result]]:
        if not self.running:
            sleep(GLANCE)
        done = wait(self.running, GLANCE, return_when=FIRST_COMPLETED).done
        return sorted(done, key=lambda future: self.running[future][0].number)

    def _end(self, future: Future[Result], missing: deque[Point], pool: Pool) -> Ended | None:
        """Save a point that is done. None if its worker died, and it is to be tried once more."""
        point, since = self.running[future]
        result: Result | None
        try:
            with self._answering(*pool.died):
                result = future.result()
        except pool.died:
            self.deaths[point.number] += 1
            seconds = monotonic() - since if pool.clocked else 0.0
            result = self._result_of_dead(seconds, self.deaths[point.number] >= pool.tries)
            if result is None:
                del self.running[future]
                missing.appendleft(point)
                return None
        event = self._save(point, result)
        self.chains.end(point)
        del self.running[future]
        return event

    @contextmanager
    def _answering(self, *died: type[BaseException]) -> Iterator[None]:
        """A call to the executor: RunError if it has gone, as a scheduler may; errors in `died` pass."""
        try:
            yield
        except died:
            raise
        except GradflowError:
            raise
        except Exception as error:
            message = f"computes no more ({named(error)}): run the same sweep again"
            raise RunError(message, f"--executor {self.place.name}") from error

    def _result_of_dead(self, seconds: float, last: bool) -> Result | None:
        if self.options.timeout is not None and seconds >= self.options.timeout:
            return failed(late(self.options.timeout))
        return failed("its worker died under it each time: is the memory enough?") if last else None

    def _save(self, point: Point, result: Result) -> Ended:
        require_sweep(self.folder)  # or saving would make the folder again, without the points before
        if result.status == "failed" and self._has_result(point):  # as with `force`
            path = self.folder / point.id
            self.tell(f"warning: {path}: {result.reason}; the finished run there is kept")
            return replace(ended(point, run_of(path, point.config, result)), kept=True)
        run = save(self.folder, point.config, result, self.render, force=True)
        require_sweep(self.folder)
        if result.state is not None:
            self.begun.add(run.path)
        return ended(point, run)

    def _save_finished(self) -> None:
        """Keep what was computed and not yet saved when the sweep was stopped."""
        for future, (point, _) in self.running.items():
            if future.done() and not future.cancelled() and not future.exception():
                with suppress(GradflowError, OSError):
                    self._save(point, future.result())
