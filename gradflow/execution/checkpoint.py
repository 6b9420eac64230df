"""A checkpoint: how far a run has come, in one file, replaced now and then and gone with the run's end."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.files.npz import open_npz
from gradflow.store.reading import open_file
from gradflow.store.writing import sync, write_file

if TYPE_CHECKING:
    from gradflow.store.info import Versions
    from gradflow.store.partial import Claim
    from gradflow.training import Training

    Arrays = dict[str, NDArray[Any]]

FORMAT = 4  # of the state: 2 has evaluations, 3 correlations and what clipping left, 4 critical rates
SECONDS = 15.0  # from one checkpoint to the next
SHARE = 0.02  # of the time may go into writing them
ABOUT, SEAL = "about", "seal"  # arrays of bytes beside the state: whose it is, and the sha256 of all the rest


class Before(NamedTuple):
    """What went before a checkpoint: when it began, for how many seconds it ran, and its steps."""

    started: str
    seconds: float
    steps: int


class Checkpoint:
    """The checkpoint of a claimed run, which only the same digest and versions go on from."""

    def __init__(self, claimed: Claim, digest: str, versions: Versions, interval: float = SECONDS) -> None:
        self.claimed, self.interval = claimed, interval
        self.origin = {"format": FORMAT, "digest": digest, "versions": dict(versions)}
        self._due = perf_counter() + interval

    def resume(self, training: Training) -> Before | None:
        """Bring a new training to where the file left it, and tell what went before.

        None, and the training as it was, if there is no file, or one that is damaged or of another origin.
        """
        try:
            with open_file(self.claimed.checkpoint) as file:
                state = _stored(file)
            seal, about = state.pop(SEAL), json.loads(state[ABOUT].tobytes())
        except Exception:  # zipfile and NumPy's reader raise a dozen unrelated classes
            return None
        if seal.tobytes() != _seal(state) or about["origin"] != self.origin:
            return None
        training.restore(state)
        return Before(about["started"], about["seconds"], int(state["recording.step"][-1]) + 1)

    def keep(self, training: Training, started: str, seconds: float, *, now: bool = False) -> None:
        """Write the file if it is time, or `now`. A disk that refuses it does not end the run."""
        clock = perf_counter()
        if (clock < self._due and not now) or training.outcome.diverged_step is not None:
            return
        about = json.dumps({"origin": self.origin, "started": started, "seconds": seconds})
        state = {**training.state(), ABOUT: np.frombuffer(about.encode(), np.uint8)}
        with suppress(OSError):
            self._replace({**state, SEAL: np.frombuffer(_seal(state), np.uint8)})
        took = perf_counter() - clock
        self._due = clock + took + max(self.interval, took / SHARE)

    def _replace(self, arrays: dict[str, Any]) -> None:
        written = self.claimed.stage() / self.claimed.checkpoint.name
        write_file(written, lambda file: np.savez(file, **arrays))
        os.replace(written, self.claimed.checkpoint)
        sync(self.claimed.checkpoint.parent)


def _stored(file: BinaryIO) -> Arrays:
    """The arrays of an archive. ValueError for a member that would be inflated, which none of ours is."""
    with open_npz(file, ValueError("no archive of ours"), stored=True) as archive:
        return {name: archive.array(name) for name in archive.names}


def _seal(state: Arrays) -> bytes:
    """sha256 of names, types, shapes and bytes."""
    digest = sha256()
    for name, array in sorted(state.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
