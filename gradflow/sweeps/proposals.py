"""Candidates as configs: changes laid over a config file and over what was typed beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gradflow.analysis.candidates import AS_GIVEN, Change, expected, networks
from gradflow.analysis.commands import overrides_of
from gradflow.analysis.predictions import Inputs
from gradflow.analysis.summary import Number
from gradflow.analysis.trainable import Trainable
from gradflow.config import Config
from gradflow.config.load import begin, load_data, read_config, resolve
from gradflow.config.overrides import without
from gradflow.data import Data
from gradflow.errors import InputError, RunError
from gradflow.sweeps.worker import compute

NETWORKS = 5  # that are tried beside the one that was given
STEPS = "training.steps"


@dataclass(frozen=True)
class Proposal:
    """A candidate as a config of its own: `words` are the KEY=VALUE that make it from the file."""

    change: Change
    words: tuple[str, ...]
    config: Config
    data: Data
    fitted: bool = False  # whether its learning rate may be fitted to its critical one

    @cached_property
    def expected(self) -> tuple[Number, Trainable]:
        """c and whether it trains, by theory, at initialization."""
        data = self.data
        inputs = Inputs.of(data)
        return expected(self.config, inputs)

    @property
    def chance(self) -> float | None:
        """The loss of the best constant guess; None if the loss is no cross entropy."""
        return self.data.chance if self.config.training.loss == "cross_entropy" else None

    def lasting(self, steps: int) -> tuple[str, ...]:
        """The words, with so many steps where the config has fewer."""
        longer = (f"{STEPS}={steps}",)
        enough = self.config.training.steps >= steps
        return self.words if enough else (*without(self.words, longer), *longer)


class Proposer:
    """A config file with what was typed, over both of which candidates are laid.

    InputError if the two alone are no config.
    """

    def __init__(self, path: Path, overrides: Sequence[str]) -> None:
        self.folder, self.document, self.overrides = path.parent, read_config(path), overrides
        self._load = cache(load_data)
        self.given = self.proposal(AS_GIVEN)

    def proposal(self, candidate: Change, fitted: bool = False) -> Proposal:
        """The candidate as a config. InputError if what it changes does not go with the rest."""
        changes = overrides_of(candidate.set)
        words = [*without(self.overrides, changes), *changes]
        draft, problems = begin(self.document, words)
        config, data = resolve(draft, problems, self.folder, self._load)
        return Proposal(candidate, tuple(words), config, data, fitted)

    def sound(self, candidates: Sequence[Change], fitted: bool = False) -> list[Proposal]:
        """Those candidates that are configs, which a skip between layers of different widths is not."""
        found: dict[str, Proposal] = {}
        for candidate in candidates:
            try:
                proposal = self.proposal(candidate, fitted)
            except InputError:
                continue
            found.setdefault(proposal.config.digest, proposal)
        return list(found.values())

    def networks(self) -> list[Proposal]:
        """The config as it is given, then changes of its network, the one that theory asks for first."""
        given, drawn = self.given, briefly(self.given.config, 0)
        result = compute(drawn.plain(), given.data, None)
        if result.summary is None:
            raise RunError(str(result.reason))
        others = self.sound(networks(result.summary)[1:], fitted=True)
        return [given, *(one for one in others if one.config.digest != given.config.digest)][: 1 + NETWORKS]


def briefly(config: Config, steps: int, **changes: Any) -> Config:
    """The same with so many steps."""
    training = config.training.model_copy(update={"steps": steps})
    return config.model_copy(update={"training": training, **changes})
