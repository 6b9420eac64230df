"""One flipped bit in any file of a run is seen, or changes nothing of what is shown."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.report.pages import report_text
from gradflow.store import open_run
from gradflow.store.rows import read_row
from tests.promises.calls import gradflow
from tests.small import NET
from tests.store.seals import document_of
from tests.store.small import small

FILES = ("summary.json", "run.json", "config.yaml", "recording.npz", "state.npz")
PLACES = 50  # of each file, unless thorough: then all bytes of the documents, and every seventh of the arrays


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(small(), tmp_path_factory.mktemp("whole")).path


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def flips(content: bytes, places: Iterator[int]) -> Iterator[bytes]:
    chance = random.Random(6)
    for place in places:
        yield content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def chosen(name: str, size: int, thorough: bool) -> Iterator[int]:
    if thorough:
        return iter(range(0, size, 7 if name.endswith(".npz") else 1))
    return iter(random.Random(len(name)).sample(range(size), PLACES))


def shown(run: Path) -> Any:
    """All that is said of a run, by whichever way it is read."""
    row = read_row(open_run(run))  # ls, compare
    opened = open_run(run)
    arrays = {name: array.tobytes() for name, array in opened.recording.items()}
    document = json.dumps(opened.summary.document())
    return row, arrays, document, opened.info, opened.config.plain(), report_text(opened.summary)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_shows_nothing_that_is_wrong(folder: Path, name: str, thorough: bool) -> None:
    expected, path = shown(folder), folder / name
    content, seen = path.read_bytes(), 0
    for damaged in flips(content, chosen(name, len(content), thorough)):
        path.write_bytes(damaged)
        try:
            found = shown(folder)
        except RunError:
            seen += 1
        else:
            assert found == expected
    assert seen or name in ("summary.json", "state.npz")  # which is made again, and of which nothing is shown


def test_each_digit_of_a_summary_is_held_by_its_seal(folder: Path) -> None:
    """Other digits make a valid document, which types cannot tell."""
    expected, path = read_row(open_run(folder)), folder / "summary.json"
    text = path.read_text()
    for place in [i for i, letter in enumerate(text) if letter.isdigit()][::40]:
        path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        assert read_row(open_run(folder)) == expected


def test_a_summary_from_before_seals_is_made_again_and_not_believed(folder: Path) -> None:
    expected, document = shown(folder), document_of(folder)
    document["flow"]["initial"]["c"] += 0.1
    (folder / "summary.json").write_text(json.dumps(document))
    assert shown(folder) == expected


@pytest.mark.parametrize("way", ["unsealed", "flipped", "missing"])
def test_a_finished_run_that_is_found_is_sealed_again(folder: Path, way: str) -> None:
    path = folder / "summary.json"
    content, expected, others = path.read_bytes(), shown(folder), {*os.listdir(folder)}
    path.unlink()
    if way == "flipped":
        path.write_bytes(content.replace(b"1", b"7", 1))
    elif way == "unsealed":
        path.write_text(json.dumps(json.loads(content)))
    assert not open_run(folder).is_sealed
    assert execute(small(), folder.parent).reused
    assert open_run(folder).is_sealed
    assert shown(folder) == expected
    assert {*os.listdir(folder)} == others


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    for name in ("good", "bad"):
        (folder / f"{name}.yaml").write_text(NET.replace("name: net", f"name: {name}\nseed: {len(name)}"))
        assert gradflow(folder, "run", f"{name}.yaml", "--quiet").code == 0
    return folder


def changed(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"gradflow": "', '"gradflow": "9'),
        ('"finished": "20', '"finished": "19'),
        ('"samples": 32', '"samples": 33'),
    ],
)
def test_commands_tell_of_it_and_go_on_with_the_rest(
    finished: Path, tmp_path: Path, before: str, after: str
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "folder"))
    (run,) = (folder / "runs").glob("bad-*")
    changed(run / "run.json", before, after)
    told = "is not the one that summary.json was sealed with: run its config again with --force"
    line = f"runs/{run.name}/run.json: {told}\n"
    for args in (["ls"], ["compare"]):
        done = gradflow(folder, *args)
        assert (done.code, done.err) == (0, f"warning: {line}"), args
        assert "good-" in done.out
        assert "bad-" not in done.out
    for args in (["show", "bad"], ["report", "bad", "-o", "x.md"], ["run", "bad.yaml"]):
        done = gradflow(folder, *args)
        assert (done.code, done.out, done.err) == (1, "", f"error: {line}"), args
    sweep = ["sweep", "bad.yaml", "seed=3,5", "--executor", "serial", "--json"]
    done = gradflow(folder, *sweep)
    assert done.code == 0, done.err
    assert "computed 2 points" in done.err  # none was copied
    assert gradflow(folder, "run", "bad.yaml", "--force").code == 0
    assert gradflow(folder, "ls").err == ""


def test_a_damaged_c_is_shown_right(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "folder"))
    (run,) = (folder / "runs").glob("bad-*")
    expected = {args: gradflow(folder, *args) for args in (("ls",), ("compare",), ("show", "bad"))}
    c = document_of(run)["flow"]["initial"]["c"]
    changed(run / "summary.json", f'"c": {c}', f'"c": {c + 0.1}')
    assert {args: gradflow(folder, *args) for args in expected} == expected


@pytest.mark.parametrize("threads", ["99999999999999999999", "0" * 5000, "\u0664", "2,4", "-1", " 3"])
def test_what_is_saved_can_be_read_whatever_the_threads_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, threads)
    execute(small(), tmp_path)
    assert shown(tmp_path / small().id)


@pytest.mark.parametrize("key", ["steps", "batch_size", "recording.every", "analysis.patience"])
def test_a_count_that_no_record_could_tell_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    for value in (2**53, 2**63, 10**30):
        done = gradflow(tmp_path, "run", "net.yaml", f"{key}={value}")
        assert (done.code, done.out) == (2, "")
        assert "should be less than 9007199254740992" in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "overrides",
    [
        ["steps=9007199254740991", "recording.every=9007199254740991", "evaluate=1000000000", "lr=1e30",
         "activation=relu"],
        ["seed=9223372036854775807"],
        ["data={name: inline, x: [[1e150, -1e150], [3.0, 1.0]], y: [[1e150], [-1e150]], standardize: false}",
         "loss=mse", "lr=1e300"],
        ["data={name: inline, x: [[1e-300], [0.0]], y: [[1e-300], [0.0]], standardize: false}", "loss=mse"],
        ["analysis.stable_decades=1e308", "analysis.patience=9007199254740991"],
        ["init={name: gaussian, sigma_w: 1e150}", "dtype=float64"],
        ["init={name: constant, value: 1e308}", "activation=linear", "dtype=float64"],
    ],
    ids=["most steps", "largest seed", "huge data", "tiny data", "thresholds", "huge weights", "constant"],
)  # fmt: skip
def test_what_ends_well_can_be_read_again(tmp_path: Path, overrides: list[str]) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    done = gradflow(tmp_path, "run", "net.yaml", *overrides)
    assert done.code == 0, done.err
    (run,) = (tmp_path / "runs").iterdir()
    assert document_of(run) == json.loads(gradflow(tmp_path, "show", "@1", "--json").out)
    for args in (["ls"], ["show", "@1"], ["compare"]):
        again = gradflow(tmp_path, *args)
        assert (again.code, again.err) == (0, "")
    assert shown(run)
