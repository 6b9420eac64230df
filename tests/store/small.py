"""Small configs that train in a blink, and other processes that start in one."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from gradflow.config import Config, parse_config
from gradflow.yaml_file import parse

NET = """
name: net
seeds: 2
model: {depth: 3, width: 8, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 4, classes: 3}
training: {steps: 6, batch_size: 8}
"""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["pytest", "gradflow.execution.execute", "gradflow.analysis.summarize", "tests.store.small"]
)


def small(*overrides: str) -> Config:
    return parse_config(parse(NET, "net.yaml"), Path(), overrides)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start(target: Callable[..., Any], *arguments: Any) -> BaseProcess:
    process = _FORKS.Process(target=target, args=arguments)
    process.start()
    return process


@contextmanager
def running(target: Callable[..., Any], *arguments: Any) -> Iterator[BaseProcess]:
    """Another process that does not outlive the block."""
    process = start(target, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def queue() -> Any:
    return _FORKS.Queue()


def barrier(parties: int) -> Any:
    return _FORKS.Barrier(parties)
