"""c of PyTorch models: `watch` a training, or `probe` a model at initialization."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradflow.errors import MissingExtra

try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise MissingExtra("torch", "gradflow.torch") from None

from gradflow.torch.flow import WatchedFlow
from gradflow.torch.probe import probe
from gradflow.torch.watch import watch

if TYPE_CHECKING:
    from gradflow.torch.hugging_face import HFFlow
    from gradflow.torch.lightning import LightningFlow

__all__ = ["HFFlow", "LightningFlow", "WatchedFlow", "probe", "watch"]

_CALLBACKS = {"HFFlow": "hugging_face", "LightningFlow": "lightning"}  # loaded when they are asked for


def __getattr__(name: str) -> Any:
    if name not in _CALLBACKS:
        raise AttributeError(f"gradflow.torch has no {name}")
    return getattr(import_module(f"gradflow.torch.{_CALLBACKS[name]}"), name)
