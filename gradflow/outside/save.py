"""A run made of norms that were recorded elsewhere: its config.yaml tells only what is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from json import dumps
from pathlib import Path
from time import perf_counter
from typing import cast

from gradflow import yaml_file
from gradflow.analysis.outside import Norms, summarize_outside
from gradflow.errors import InputError, Problem, RunError
from gradflow.outside.norms_file import read_networks
from gradflow.store.arrays import describe, write_arrays
from gradflow.store.info import DataInfo, Info, OutcomeInfo, Recorded, Times, now
from gradflow.store.names import FORMAT, RECORDING, is_id
from gradflow.store.partial import Claim, claim
from gradflow.store.result import versions
from gradflow.store.run import Run, open_run
from gradflow.store.save import another, is_whole, write_run
from gradflow.store.writing import write_file


def runs_of(
    files: Sequence[Path],
    kind: str | None,
    order: str | None,
    only: str | None,
    name: str | None,
    folder: Path,
    render: Callable[[Run], str],
) -> tuple[Mapping[int, Norms], Mapping[int, Run]]:
    """The norms and the run of each depth, saved if they have a name; `render` gives its report.md."""
    networks = read_networks(files, kind, order, only)
    return networks, {
        depth: fitted(norms, Path(norms.source), name, folder, render) for depth, norms in networks.items()
    }


def fitted(norms: Norms, file: Path, name: str | None, runs: Path, render: Callable[[Run], str]) -> Run:
    """The run of norms, saved if it has a name."""
    if name is not None:
        return save_norms(runs, name, norms, file, render)
    return run_of(norms, re.sub(r"[^A-Za-z0-9]+", "-", file.stem).strip("-")[:50] or "norms", file)


def save_norms(
    runs: Path, name: str, norms: Norms, source: Path, render: Callable[[Run], str] | None = None
) -> Run:
    """Make the run directory of norms; the same norms under the same name are kept as they stand.

    A damaged one is made anew. RunError if what stands there is another run. It has the files of a run: in
    recording.npz nan is what nobody recorded, and run.json's `recorded` is what stands for the config.
    """
    run = run_of(norms, name, source, runs)
    with claim(runs, run.id) as claimed:
        standing = _standing(claimed, run)
        if standing is None:
            publish_norms(claimed, run, render)
    return standing or run


def _standing(claimed: Claim, run: Run) -> Run | None:
    """The run of the same norms that stands there; None if there is none, or it is damaged.

    RunError if it is another run.
    """
    try:
        found = open_run(claimed.target)
    except RunError:
        return None
    if found.info["digest"] != run.info["digest"]:
        raise another(found, run.id)
    return found if is_whole(found) else None


def publish_norms(claimed: Claim, run: Run, render: Callable[[Run], str] | None = None) -> None:
    """Write the run of norms under a claim and show it."""

    def fill(folder: Path) -> None:
        write_file(folder / RECORDING, lambda file: write_arrays(file, run.recording))

    write_run(claimed, run, yaml_file.dump(run.info["recorded"]), fill, render)


def run_of(norms: Norms, name: str, source: Path, runs: Path | None = None, digest: str | None = None) -> Run:
    """The run of norms, which will stand in `runs` or stays in its file. InputError for a bad name.

    Its digest is that of what it holds, unless the record had one from its first row on.
    """
    started, clock = now(), perf_counter()
    recording, config = (
        norms.recording(),
        norms.config(name, str(source if norms.about else source.absolute())),
    )
    arrays = describe(recording)
    content = [norms.steps, norms.layers, sorted(norms.logs), arrays]
    digest = digest or sha256(dumps(content).encode()).hexdigest()
    id = f"{name}-{digest[:8]}"
    if not is_id(id):
        message = 'a run is named by letters, digits, ".", "_" and "-", a letter or a digit first'
        raise InputError(Problem(message, "--output", name[:40]))
    path = source if runs is None else runs / id
    summary = summarize_outside(id, config, recording).at(str(path))
    info = Info(
        format=FORMAT,
        id=id,
        digest=digest,
        status="completed" if summary.status == "completed" else "diverged",
        reason=None,
        times=Times(started=started, finished=now(), seconds=perf_counter() - clock),
        versions=versions(),
        arrays=arrays,
        outcome=OutcomeInfo(
            accuracy_final=None,
            diverged_step=summary.training.diverged_step,
            diverged_reason=summary.training.diverged_reason,
        ),
        data=DataInfo(samples=0, features=0, outputs=0, q_0=0.0, sha256=None),
        recorded=cast(Recorded, config),
    )
    return Run(path, info, recording=recording, summary=summary)
