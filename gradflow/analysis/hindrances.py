"""What keeps a network from learning however its gradient flows: units all alike, and batches too small."""

from __future__ import annotations

from gradflow.config import Config
from gradflow.config.sections import ModelKeys
from gradflow.meanfield.sphere import LEAST as SMALLEST_BATCH

SYMMETRIC = (
    "all weights of a layer are the same number, so that its units are alike, get the same gradient and stay "
    "alike: it learns no more than one unit a layer would"
)
TINY = (
    f"batch norm of fewer than {SMALLEST_BATCH} samples hardly tells them apart, and has no mean gradient "
    "that one batch could show"
)


def hindrance(config: Config, samples: int) -> str | None:
    """The reason why neither the gradient nor a learning rate tells whether it trains; None without one."""
    if are_alike(config.model):
        return SYMMETRIC
    return TINY if is_tiny(config, samples) else None


def are_alike(model: ModelKeys) -> bool:
    """Whether hidden units of a layer compute the same for ever: their biases start alike, too.

    Without a read-out the last layer is none: what its units are compared with sets them apart.
    """
    hidden = model.widths_of(model.depth if model.readout != "none" else model.depth - 1)
    return model.init.law is None and max(hidden, default=1) > 1


def is_tiny(config: Config, samples: int) -> bool:
    """Whether a batch has too few of the `samples` for the norm over it."""
    return config.model.norm.mixes and min(config.training.batch_size, samples) < SMALLEST_BATCH
