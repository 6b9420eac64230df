"""Advice on the learning rate, from what the first updates changed and how the loss then went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.summary import Advice, Symptom
from gradflow.analysis.theorist import rounded

if TYPE_CHECKING:
    from gradflow.config import Config

Array = NDArray[Any]
Readings = Mapping[str, Array]

OVERSHOOT = ("loss-spiking", "loss-swinging", "non-finite")
SLOWER = 10  # by how much a learning rate that overshoots is divided
FIRST_ROWS = 5  # whose updates tell how long steps are
FAST, SLOW = 0.1, 1e-4  # of a layer's weights in a step: beyond, networks forget or stay as they were drawn
USUAL = {"fast": 0.01, "slow": 1e-3}  # what a step is brought to, from either side
LEARNT = 0.5  # of the first loss: a run that ends below has come through its first spikes
FITTED = 0.1  # of the first loss: one that ends below has nothing to gain
UNMOVED = 0.9  # of the loss of the first quarter: a last quarter above tells that a run has hardly begun
FEW_ROWS = 12  # below, no run can be blamed for a loss that has not fallen


def learning_rates(
    config: Config, symptoms: Iterable[Symptom], record: Readings, *, passes: bool = True
) -> Iterator[Advice]:
    """A learning rate for a run whose steps were too long or too short for it to learn; none for others.

    Steps are short by themselves where the network as it is drawn hardly passes a gradient, not `passes`.
    """
    blew_up = any(symptom.name == "non-finite" for symptom in symptoms)
    overshoots = any(symptom.name in OVERSHOOT and symptom.step > 0 for symptom in symptoms)
    end, moved, lr = _end(record), _moved(config, record), config.training.optimizer.lr
    fast = moved is not None and moved > FAST
    if overshoots and (blew_up or not (fast or end < LEARNT)):  # where updates are known, they tell how far
        words = f"the steps overshoot: a learning rate of {{lr:g}} takes them {SLOWER} times shorter"
        yield _advice(rounded(lr / SLOWER), words)
    elif moved is not None and fast and not end < FITTED:
        words = (
            f"the first updates change a layer's weights by {moved:.1g} of themselves: {{lr:g}} makes that "
        )
        yield _advice(_digit(lr * USUAL["fast"] / moved), words + f"{USUAL['fast']:g}")
    elif passes and moved is not None and 0 < moved < SLOW and _is_unmoved(record):
        words = (
            f"an update changes no layer's weights by more than {moved:.1g} of themselves: {{lr:g}} makes "
        )
        yield _advice(_digit(lr * USUAL["slow"] / moved), words + f"that {USUAL['slow']:g}")


def _advice(lr: float, words: str) -> Advice:
    return Advice("optimizer", {"training.optimizer.lr": lr}, None, None, None, words.format(lr=lr))


def _end(record: Readings) -> float:
    """The mean loss of the last quarter of the rows, in parts of the first."""
    loss = record["loss"].mean(axis=1)
    with np.errstate(all="ignore"):
        return float(loss[-max(1, len(loss) // 4) :].mean() / loss[0])


def _is_unmoved(record: Readings) -> bool:
    """Whether the loss of the last quarter of the rows is that of the first, whose batches differ too."""
    loss = record["loss"].mean(axis=1)
    quarter = max(1, len(loss) // 4)
    return len(loss) >= FEW_ROWS and float(loss[-quarter:].mean()) > UNMOVED * float(loss[:quarter].mean())


def _moved(config: Config, record: Readings) -> float | None:
    """The share of its weights by which an update changes the layer that moves most, over the first rows.

    Of an update with all of the learning rate, of which a schedule may have taken a part.
    """
    training, first = config.training, record["step"][:FIRST_ROWS].tolist()
    shares = [training.schedule.share(int(step) + 1, training.steps) for step in first]
    ratio = record["update_ratio"][:FIRST_ROWS].mean(axis=2) / np.array(shares)[:, None]
    ratio = ratio[np.isfinite(ratio).all(axis=1)]  # the last row has no update
    return float(ratio.mean(axis=0).max()) if len(ratio) else None


def _digit(value: float) -> float:
    """A learning rate of one digit, as people write them."""
    return float(f"{value:.0e}")
