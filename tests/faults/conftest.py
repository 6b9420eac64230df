from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.commands import Warm
from tests.small import NET


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    opened = Warm(tmp_path_factory.mktemp("warm"))
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a config."""
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path
