"""An option that would change nothing of what a command does is refused, not dropped."""

from pathlib import Path

import pytest

from tests.promises.calls import gradflow

NET = """\
name: net
seeds: 2
model: {depth: 3, width: 16, activation: tanh, init: he_normal}
data: {name: gaussian, samples: 32, features: 8, classes: 3}
training: {steps: 2, batch_size: 8}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep of four runs; nothing may be written to it but `out`."""
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.yaml").write_text(NET)
    words = "sweep net.yaml depth=3,5 seed=1,2 --executor serial --quiet"
    assert gradflow(folder, *words.split()).code == 0
    return folder


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("plot net -o out.svg --value loss_final", "--value"),
        ("plot net -o out.svg --value c", "--value"),
        ("plot net -o out.svg --y seed", "--y"),
        ("plot net -o out.svg --y seed --value c", "--y and --value"),
        ("plot net -o out.svg --figure theory --value c", "--value"),
        ("plot net -o out.svg --x depth --figure flow", "--figure"),
        ("plot net -o out.svg --x depth --y seed --figure map", "--figure"),
        ("compare net --value log10_ratio", "--value"),
        ("compare net --theory", "--theory"),
        ("compare net --value c --theory", "--value and --theory"),
        ("compare net --columns c --all", "--all"),
        ("compare net --columns c --csv", "--columns"),
        ("compare net --columns c --json", "--columns"),
        ("compare net --pivot depth seed --sort c", "--sort"),
        ("compare net --pivot depth seed --top 1", "--top"),
        ("compare net --pivot depth seed --columns c --all", "--columns and --all"),
        ("compare net --pivot depth seed --baseline net", "--baseline"),
        ("compare net --pivot depth seed --theory --csv", "--theory"),
        ("export net -o out.json --table runs", "--table"),
        ("export net -o out --to csv --table layers", "--table"),
        ("export net -o out --to tensorboard --table runs", "--table"),
        ("export net -o out.csv --table runs --rows all", "--rows"),
        ("jacobian net.yaml --force", "--force"),
        ("schema --force", "--force"),
        ("show @1 --layers --trace", "--layers"),
        ("show @1 --layers --json", "--layers"),
        ("sweep net.yaml seed=3,4 --executor serial --workers 2", "--workers"),
        ("sweep net.yaml seed=3,4 --executor serial --dask-address tcp://h:1", "--dask-address"),
        ("sweep net.yaml seed=3,4 --executor processes --dask-address tcp://h:1", "--dask-address"),
        ("sweep net.yaml seed=3,4 --dask-address tcp://h:1 --workers 2", "--workers"),
    ],
)
def test_an_option_of_no_use_is_refused_by_name_and_nothing_is_written(
    folder: Path, command: str, options: str
) -> None:
    before = sorted(folder.rglob("*"))
    done = gradflow(folder, *command.split())
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    plural = "are" if " and " in options else "is"
    assert done.err.startswith(f"error: {options} {plural} of no use here: ")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    ["theory activation=tanh --json --csv", "theory activation=tanh --csv --md", "compare net --json --csv"],
)
def test_two_forms_at_once_are_refused(folder: Path, words: str) -> None:
    assert gradflow(folder, *words.split()).err == (
        "error: --json, --csv and --md exclude each other: give one\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        "plot net -o {} --x depth --value log10_ratio",
        "plot net -o {} --x depth --y seed --value c",
        "plot net -o {} --x depth",
        "plot net -o {} --figure map",
        "compare net --pivot depth seed --value log10_ratio --theory",
        "compare net --pivot depth seed --theory --json",
        "compare net --all --json",
        "compare net --columns c,depth --md",
    ],
)
def test_an_option_that_is_used_is_taken(folder: Path, tmp_path: Path, command: str) -> None:
    done = gradflow(folder, *command.format(tmp_path / "a.svg").split())
    assert (done.code, "error" in done.err) == (0, False)
