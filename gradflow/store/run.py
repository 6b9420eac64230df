"""A run directory as a value: cheap to open, its parts read when they are asked for."""

from __future__ import annotations

import os
from copy import copy, deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gradflow.errors import InputError, Problem, RunError, did_you_mean
from gradflow.store.info import Info, Status, of_newer, parse_info
from gradflow.store.names import CONFIG, RECORDING, RUN
from gradflow.store.reading import damaged, read_bytes
from gradflow.store.seal import stamp_of
from gradflow.store.summaries import build_summary, load_summary, summary_at
from gradflow.version import is_newer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gradflow.analysis.summary import Summary
    from gradflow.config import Config
    from gradflow.recording import Recording


class Run:
    """A run at `path`, with its run.json as `info`, whose sha256 is `stamp`. Nothing of it can be changed.

    Whatever is damaged raises a RunError that names the file when it is first read. `reused` tells that
    `execute` found the run finished. `copies` are the other folders of the same run: what is said of them is
    said of it.
    """

    copies: tuple[Path, ...] = ()

    def __init__(
        self,
        path: Path,
        info: Info,
        *,
        stamp: str = "",
        reused: bool = False,
        config: Config | None = None,
        recording: Recording | None = None,
        summary: Summary | None = None,
    ) -> None:
        self.path, self.info, self.stamp, self.reused = path, info, stamp, reused
        self.place = path  # where it is read, which `keep` makes independent of the current folder
        self._plain: dict[str, Any] | None = None
        self._config, self._recording, self._summary = config, recording, summary

    @property
    def id(self) -> str:
        """NAME-<8 hex of the digest>."""
        return self.info["id"]

    @property
    def status(self) -> Status:
        """completed, diverged or failed."""
        return self.info["status"]

    def beside(self, others: Iterable[Run]) -> Run:
        """The same run with others as its copies."""
        found = copy(self)
        found.copies = tuple(other.path for other in others)
        return found

    @property
    def summary(self) -> Summary:
        """What is said about the run: from summary.json or, if that is gone or damaged, made again."""
        if self._summary is None:
            self._summary = summary_at(self.path, self._sealed or self._summarized())
        return self._summary

    @property
    def is_sealed(self) -> bool:
        """Whether summary.json is whole, of this run.json, and so what `summary` gives."""
        return self._sealed is not None

    @cached_property
    def _sealed(self) -> Summary | None:
        return load_summary(self.path, self.info, self.stamp)

    def keep(self) -> None:
        """Hold on to what is said of the run now, though its config be run again for another analysis.

        Its summary and its config are those of this moment, and its recording is found from any folder.
        """
        self.place, self.copies = self.path.absolute(), tuple(path.absolute() for path in self.copies)
        if "recorded" not in self.info:
            self._plain = deepcopy(self.summary.config)

    def _known(self) -> dict[str, Any]:
        """What its summary tells as the config."""
        return dict(self.info["recorded"]) if "recorded" in self.info else self.config.plain()

    def _summarized(self) -> Summary:
        if "recorded" in self.info:
            from gradflow.analysis.outside import summarize_outside

            return summarize_outside(self.id, self._known(), self.recording)
        return build_summary(self.path, self.config, self.recording, self.info)

    @property
    def config(self) -> Config:
        """The resolved config, which must have the run's digest. InputError if it was recorded elsewhere."""
        if "recorded" in self.info:
            message = "was recorded elsewhere and has no config that could be run"
            raise InputError(Problem(message, source=str(self.path)))
        if self._config is None:
            sealed = None if self._plain else self._sealed
            told = sealed.config if sealed else None
            self._config = _load_config(self.place / CONFIG, self.info, told, self._plain)
        return self._config

    @property
    def seeds(self) -> list[int]:
        """Those of its networks: of norms recorded elsewhere from 0 on, unless they were told."""
        config = self.summary.config
        first: int = config.get("seed", 0)
        return config["data"].get("seeds") or list(range(first, first + config["seeds"]))

    @property
    def recording(self) -> Recording:
        """The arrays of recording.npz by name, read-only; {} of a failed run."""
        if self._recording is None:
            self._recording = self._load_recording()
        return self._recording

    def _load_recording(self) -> Recording:
        if self.status == "failed":
            return {}
        from gradflow.store.arrays import read_arrays

        recording = read_arrays(self.place / RECORDING, self.info["arrays"])
        known = self._known()
        if recording["q"].shape[1:] != (known["model"]["depth"], known["seeds"]):
            raise damaged(self.place / RECORDING, "has not the layers and networks of config.yaml")
        return recording

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """One array of the recording, such as log_delta_norm (steps, layers, seeds).

        InputError if the run failed, or has no such array.
        """
        recording = self.recording
        if self.status == "failed":
            raise InputError(f"{self.id} failed: {self.info['reason']}")
        if name not in recording:
            message = f"holds no array {name!r}{did_you_mean(name, recording)}"
            raise InputError(Problem(message, source=str(self.path)))
        return recording[name]

    def __contains__(self, name: object) -> bool:
        """Whether the recording has an array of that name."""
        return name in self.recording

    def __iter__(self) -> Iterator[str]:
        """The names of its arrays."""
        return iter(self.recording)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Of a copy, whose arrays NumPy would make writeable."""
        vars(self).update(state)
        for array in (self._recording or {}).values():
            array.setflags(write=False)

    def __repr__(self) -> str:
        return f"<run {self.path}: {self.status}>"


def open_run(path: Path) -> Run:
    """The run at a path. RunError if there is no run directory, or its run.json is damaged."""
    try:
        place = path / RUN
        content = read_bytes(place)
        return Run(path, parse_info(content, place), stamp=stamp_of(content))
    except RunError:
        if os.path.isdir(path):
            raise
        raise damaged(path, "is not a run directory", "name one that `gradflow ls` shows") from None


def _load_config(
    path: Path, info: Info, sealed: dict[str, Any] | None, plain: dict[str, Any] | None
) -> Config:
    """The config at `path`, unless it is `plain` already; `sealed` is what it must be, if that is known."""
    from gradflow.config import config_from_plain
    from gradflow.yaml_file import read

    try:
        plain = read(path).value if plain is None else plain
        config = config_from_plain(plain)
    except InputError as error:
        problem = error.problems[0]
        if is_newer(info["versions"]["gradflow"]):
            what = f"is not understood ({problem.key}: {problem.message})"
            raise of_newer(path, info["versions"]["gradflow"], what) from None
        raise damaged(path, f"is damaged ({problem.message})") from None
    if config.digest != info["digest"]:
        raise damaged(path, "is not the config of this run: its digest differs")
    if not (sealed is None or sealed == plain or _is_same(config, sealed)):
        raise damaged(path, "is not the config that the run was saved with")
    return config


def _is_same(config: Config, sealed: dict[str, Any]) -> bool:
    """Whether a summary tells this config, be it in fewer keys: a file of an older version lacks defaults."""
    from gradflow.config import config_from_plain

    try:
        return config_from_plain(sealed).plain() == config.plain()
    except InputError:
        return False
