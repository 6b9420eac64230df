"""The same config gives the same bits wherever, whenever and beside whatever it is computed."""

# ruff: noqa: E501 - rows of tables

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.promises.calls import gradflow
from tests.small import NET

CONFIG = NET.replace("steps: 2", "steps: 12").replace("seeds: 2", "seeds: 3")


def arrays(folder: Path, runs: str = "runs") -> Any:
    """Shape and sha256 of every array of the one run in a folder."""
    (run,) = (folder / runs).glob("net-*")
    return json.loads((run / "run.json").read_text())["arrays"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("reference")
    (folder / "net.yaml").write_text(CONFIG)
    assert gradflow(folder, "run", "net.yaml", "-q").code == 0
    return arrays(folder)


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "OPENBLAS_NUM_THREADS": "1"},
        {"PYTHONHASHSEED": "4242", "TZ": "America/Los_Angeles", "LC_ALL": "tr_TR.UTF-8", "OMP_NUM_THREADS": "1",
         "PYTHONOPTIMIZE": "2", "COLUMNS": "20"},
    ],
    ids=["one", "two"],
)  # fmt: skip
def test_surroundings_change_no_bit(tmp_path: Path, reference: Any, env: dict[str, str]) -> None:
    folder = tmp_path / "deep down" / "ein Ordner"
    folder.mkdir(parents=True)
    (folder / "other.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "gradflow", "run", "other.yaml", "-q", "--runs-dir", "elsewhere"]
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    subprocess.run(
        command, cwd=folder, check=True, timeout=120, capture_output=True,
        env={**kept, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
    )  # fmt: skip
    assert arrays(folder, "elsewhere") == reference


def test_the_order_of_keys_and_their_spelling_change_no_bit(tmp_path: Path, reference: Any) -> None:
    lines = CONFIG.replace("8", "8 ", 1).splitlines()
    (tmp_path / "net.yaml").write_text("# a comment\n" + "\n\n".join(reversed(lines)) + "\nseed: 0x0\n")
    assert gradflow(tmp_path, "run", "net.yaml", "-q").code == 0
    assert arrays(tmp_path) == reference


def test_the_saved_config_and_force_give_the_same_bits(tmp_path: Path, reference: Any) -> None:
    (tmp_path / "net.yaml").write_text(CONFIG)
    assert gradflow(tmp_path, "run", "net.yaml", "-q").code == 0
    (run,) = (tmp_path / "runs").glob("net-*")
    again = gradflow(tmp_path, "run", str(run / "config.yaml"), "-q", "--runs-dir", "again")
    assert again.code == 0
    assert gradflow(tmp_path, "run", "net.yaml", "-q", "--force").code == 0
    assert arrays(tmp_path, "again") == arrays(tmp_path) == reference


def test_a_point_of_a_sweep_has_the_bits_of_the_config_alone(tmp_path: Path, reference: Any) -> None:
    (tmp_path / "net.yaml").write_text(CONFIG)
    done = gradflow(tmp_path, "sweep", "net.yaml", "depth=5,3,2", "--executor", "serial", "-q")
    assert done.code == 0, done.err
    found = [
        json.loads(path.read_text())["arrays"] for path in (tmp_path / "runs").glob("net-*/net-*/run.json")
    ]
    assert len(found) == 3
    assert reference in found
