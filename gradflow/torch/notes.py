"""What a recording in progress tells on the standard error stream; of many steps that are alike, once."""

from __future__ import annotations

import sys
from collections import Counter
from functools import cached_property

from gradflow.torch.surroundings import rank


class StepNotes:
    """Lines that begin with gradflow:, of the first of several processes; none if it shall be `quiet`."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.left_out: Counter[str] = Counter()  # steps, by the reason
        self._told: set[str] = set()

    @cached_property
    def _speaks(self) -> bool:
        return not self.quiet and rank() == 0

    def say(self, text: str) -> None:
        """Tell it."""
        if self._speaks:
            print(f"gradflow: {text}", file=sys.stderr)

    def once(self, kind: str, text: str) -> None:
        """Tell the first of what is of one kind."""
        if kind not in self._told:
            self._told.add(kind)
            self.say(text)

    def leave_out(self, step: int, why: str) -> None:
        """Tell of a step that it is left out, if none was for this reason; `close` has their number."""
        self.left_out[why] += 1
        self.once(why, f"step {step} is left out: {why}")

    def close(self) -> None:
        """Tell how many steps were left out where they were more than the one that was told of."""
        for why, count in self.left_out.items():
            if count > 1:
                self.say(f"{count} steps were left out: {why}")
        self.left_out.clear()
