from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may read; pytest closes its own to other users."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
