"""The commands that a report tells to type, as a shell takes them."""

import shlex
from pathlib import Path

import pytest

from gradflow.analysis.commands import command_for, overrides_of, sweep_command, written
from gradflow.yaml_file import parse_value


def test_settings_become_overrides_without_braces() -> None:
    settings = {"model.init": {"name": "gaussian", "sigma_w": 1.5, "sigma_b": 0.1}, "model.depth": 7}
    expected = ["model.init=gaussian", "model.init.sigma_w=1.5", "model.init.sigma_b=0.1", "model.depth=7"]
    assert overrides_of(settings) == expected


@pytest.mark.parametrize(
    ("path", "elsewhere"),
    [
        ("runs/net-01234567", []),
        ("my runs's/net-01234567", ["--runs-dir", "my runs's"]),
        ("/data/runs/net-01234567", ["--runs-dir", "/data/runs"]),
        ("/net-01234567", ["--runs-dir", "/"]),
        ("net-01234567", ["--runs-dir", "."]),
        ("../net-01234567", ["--runs-dir", ".."]),
        ("linked/../net-01234567", ["--runs-dir", "linked/.."]),
        ("runs/first/net-01234567", ["--runs-dir", "runs/first"]),
    ],
)
def test_a_command_is_quoted_and_stays_beside_its_run(path: str, elsewhere: list[str]) -> None:
    words = shlex.split(command_for(path, {"model.depth": 7}))
    assert words == ["gradflow", "run", f"{path}/config.yaml", "model.depth=7", *elsewhere]


def test_a_command_names_the_folder_where_the_environment_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRADFLOW_RUNS_DIR", "elsewhere")
    assert command_for("runs/net-01234567", {}).endswith(" --runs-dir runs")


@pytest.mark.parametrize(
    ("sweep", "elsewhere"),
    [
        ("runs/all-01234567", []),
        ("more/all-01234567", ["--runs-dir", "more"]),
        ("runs/first/all-01234567", ["--runs-dir", "runs/first"]),
        ("/data/runs/all-01234567", ["--runs-dir", "/data/runs"]),
        ("all-01234567", ["--runs-dir", "."]),
        (".", ["--runs-dir", ".."]),
        ("..", ["--runs-dir", "../.."]),
    ],
)
def test_the_commands_of_a_point_lead_beside_its_sweep(sweep: str, elsewhere: list[str]) -> None:
    point = str(Path(sweep, "net-01234567"))
    words = shlex.split(command_for(point, {"model.depth": 7}, is_point=True))
    assert words == ["gradflow", "run", f"{point}/config.yaml", "model.depth=7", *elsewhere]
    words = shlex.split(sweep_command(point, {"model.depth": [3, 5]}))
    assert words == ["gradflow", "sweep", f"{point}/config.yaml", "model.depth=3,5", *elsewhere]


def test_a_path_that_begins_with_a_dash_is_no_option() -> None:
    words = shlex.split(command_for("-r/net-01234567", {}))
    assert words == ["gradflow", "run", "./-r/net-01234567/config.yaml", "--runs-dir", "./-r"]
    words = shlex.split(sweep_command("-r/all-01234567/net-01234567", {"model.depth": [3, 5]}))
    place = "./-r/all-01234567/net-01234567/config.yaml"
    assert words == ["gradflow", "sweep", place, "model.depth=3,5", "--runs-dir", "./-r"]


def test_a_truth_value_is_written_as_yaml_has_it() -> None:
    assert overrides_of({"data.standardize": True}) == ["data.standardize=true"]


@pytest.mark.parametrize("text", ["\U0001f600a.csv", "\\\U0001f600", "a\x7f\u2028b", 'q"\u00e9'])
def test_a_text_is_written_as_it_is_read_again(text: str) -> None:
    assert parse_value(written(text), "data.path") == text
