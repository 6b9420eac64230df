import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.commands import Warm
from tests.programs import program
from tests.small import NET


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    opened = Warm(tmp_path_factory.mktemp("warm"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that makes disks odd."""
    compiler = program("gcc")
    library = str(tmp_path_factory.mktemp("odd") / "odd_disk.so")
    source = str(Path(__file__).with_name("odd_disk.c"))
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture(scope="session")
def odd_warm(tmp_path_factory: pytest.TempPathFactory, odd: str) -> Iterator[Warm]:
    """As `warm`, on the disks that its environment asks for."""
    opened = Warm(tmp_path_factory.mktemp("odd_warm"), odd)
    yield opened
    opened.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder with a config that every user may enter."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "net.yaml").write_text(NET)
        yield Path(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a config."""
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path
