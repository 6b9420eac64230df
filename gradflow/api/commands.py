"""The commands that compute, as functions, which give values and raise what the commands say.

`runs` is the folder of the runs: that of the environment's GRADFLOW_RUNS_DIR, else runs/, if not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing import current_process
from os import PathLike
from pathlib import Path
from typing import Any

from gradflow.api.compared import Compared
from gradflow.api.foreseen import Foreseen
from gradflow.api.loading import RunName, swept_in
from gradflow.api.one_run import OneRun
from gradflow.api.study import AnyConfig, axes_of, document_of, overrides_of
from gradflow.api.swept import Swept
from gradflow.api.underflow import to_zero
from gradflow.errors import RunError
from gradflow.interrupts import in_a_program
from gradflow.outside.save import runs_of
from gradflow.report.pages import report_of
from gradflow.runs_folder import runs_folder
from gradflow.store.named import comparison
from gradflow.sweeps.driver import Options
from gradflow.sweeps.executors import EXECUTORS, require_executor
from gradflow.sweeps.points import parse_one, parse_sweep
from gradflow.sweeps.theory_points import NO_FILE, crossed, without_q0
from gradflow.telling.lines import noting, warn
from gradflow.telling.run import computed
from gradflow.telling.sweep import computed as computed_sweep


@to_zero
def run(
    config: AnyConfig,
    *,
    runs: RunName | None = None,
    force: bool = False,
    quiet: bool = False,
    **overrides: Any,
) -> OneRun:
    """The run of a config, found finished in the folder `runs` or trained and saved there.

    `config` is the path of a YAML file, a mapping or a Config. `overrides` are keys of it with their values:
    `depth=50, init="he_normal"`, or `**{"model.init.gain": 1.4}`. Progress goes to stderr unless `quiet`.
    InputError for what the command would refuse, RunError if the disk or another process does. SIGINT (a
    notebook's stop button) leaves a checkpoint, from which the same call goes on, and is a KeyboardInterrupt.
    """
    document, base = document_of(config)
    study = parse_one(document, base, overrides_of(overrides), noting(quiet))
    with in_a_program():
        return OneRun.of(computed(study, runs_folder(runs), force, quiet))


@to_zero
def sweep(
    config: AnyConfig,
    *,
    runs: RunName | None = None,
    workers: int | None = None,
    executor: str | None = None,
    force: bool = False,
    quiet: bool = False,
    keep_state: bool = False,
    **axes: Any,
) -> Swept:
    """The sweep of a config over its own axes and those given, each a list of values: `depth=[10, 20, 40]`.

    A value that is no list is an override. The points are computed by `executor`, as the command's
    --executor: by default in processes, which a script starts below `if __name__ == "__main__":`. With
    `keep_state` the same points of more steps go on from where these end.
    """
    where = executor or Options.executor
    if where in EXECUTORS and not EXECUTORS[where].in_process:
        _require_guard()
    document, base = document_of(config)
    words, listed = axes_of(axes)
    study = parse_sweep(document, base, words, noting(quiet), listed)
    require_executor(where, workers)
    options = Options(where, workers, force=force, keep_state=keep_state)
    folder = runs_folder(runs)
    with in_a_program():
        computed_sweep(study, folder, options, quiet)
    return swept_in(folder / study.id)


def _require_guard() -> None:
    """RunError in a worker that reads the script that started it, and so would sweep as well."""
    if getattr(current_process(), "_inheriting", False):
        message = 'starts processes, which read the script too: call it below `if __name__ == "__main__":`'
        raise RunError(message, "gradflow.sweep")


@to_zero
def theory(config: AnyConfig | None = None, **overrides: Any) -> Foreseen | list[Foreseen]:
    """What mean-field theory expects at initialization: of one network, or of each where a value is a list.

    That is a list too, of one network where the list is of one value. Without a config it is of 50 layers of
    256 units, drawn from `init="gaussian"`; `q0` is the mean square of its input, one number also for several
    networks.
    """
    document, base = document_of(NO_FILE if config is None else config)
    given, lists = axes_of(overrides)
    words, q_0 = without_q0(given, config is not None)
    listed = [key for key in lists if key != "q0"]
    axes, configs, inputs = crossed(document, base, words, q_0, listed=listed)
    found = Foreseen.of_all(axes, configs, inputs)
    return found if axes else found[0]


@to_zero
def fit(
    files: RunName | Sequence[RunName],
    *,
    kind: str | None = None,
    order: str | None = None,
    only: str | None = None,
    name: str | None = None,
    runs: RunName | None = None,
) -> OneRun | dict[int, OneRun]:
    """c and verdict of gradient norms that were recorded elsewhere; of several depths, the run of each.

    `only` is a glob on layers, columns or tags. They are saved in `runs` if they get a `name`.
    """
    paths = [Path(files)] if isinstance(files, str | PathLike) else [*map(Path, files)]
    _, found = runs_of(paths, kind, order, only, name, runs_folder(runs), report_of)
    fitted = {depth: OneRun.of(one) for depth, one in found.items()}
    return fitted if len(fitted) > 1 else next(iter(fitted.values()))


@to_zero
def compare(
    *references: RunName,
    runs: RunName | None = None,
    where: str | None = None,
    sort: str | None = None,
    baseline: str | None = None,
) -> Compared:
    """Saved runs side by side: all in `runs`, or those that are named, sweeps by all of their points.

    `where` leaves out runs that do not fulfil a condition, such as "depth > 20 and c < 0.9". A damaged run
    is left out with a line on stderr.
    """
    named = [str(reference) for reference in references] or ["*"]
    found = comparison(named, runs_folder(runs), sort, baseline, where, noting(quiet=False))
    warn(found.damaged, quiet=False)
    return Compared(found)
