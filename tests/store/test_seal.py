"""The seal of summary.json, and readers that meet a run while it is replaced."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.execution.train import train
from gradflow.store import open_run
from gradflow.store.info import Versions
from gradflow.store.rows import read_row
from gradflow.store.save import save
from gradflow.store.seal import read_sealed, sealed, stamp_of
from tests.store.small import names, running, small


def test_a_sealed_document_is_one_json_document_that_begins_with_its_seal(tmp_path: Path) -> None:
    run = execute(small(), tmp_path)
    document = json.loads((run.path / "summary.json").read_text())
    assert list(document)[:3] == ["seal", "row", "format"]
    assert document["seal"]["run"] == stamp_of((run.path / "run.json").read_bytes())
    del document["seal"], document["row"]
    assert document == run.summary.document()


@pytest.mark.parametrize("text", ["plain", "\u00e9\u202e", "\udcff", '"seal": {', "\\"])
def test_any_text_can_be_sealed(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_bytes(b"run")
    (tmp_path / "summary.json").write_bytes(sealed({"text": text}, b"run"))
    content = read_sealed(tmp_path)
    assert content
    assert json.loads(content) == {"text": text}


def test_the_seal_of_another_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"run")
    (tmp_path / "summary.json").write_bytes(sealed({}, b"another"))
    with pytest.raises(RunError, match=r"run\.json: is not the one that summary.json was sealed with"):
        read_sealed(tmp_path)


def test_a_run_that_is_replaced_meanwhile_is_not_taken_for_damaged(tmp_path: Path) -> None:
    """Its run.json was read before, its summary.json after."""
    before = open_run(execute(small(), tmp_path).path)
    expected = read_row(before)
    execute(small(), tmp_path, force=True)
    assert open_run(before.path).stamp != before.stamp
    assert read_row(before) == expected
    assert before.summary.flow.initial.c == expected["c"]


@pytest.mark.parametrize("threads", [10**30, "4", None])
def test_what_could_not_be_read_again_is_not_saved(tmp_path: Path, threads: Any) -> None:
    result = train(small())
    unreadable = replace(result, versions=cast(Versions, {**result.versions, "threads": threads}))
    with pytest.raises(RunError, match=f"{small().id}: could not be read again and is not saved: "):
        save(tmp_path, small(), unreadable)
    assert names(tmp_path) == []


def replace_again_and_again(runs: Path) -> None:
    while True:
        execute(small(), runs, force=True)


def test_readers_of_a_run_that_is_replaced_all_the_time_see_no_broken_seal(tmp_path: Path) -> None:
    path = execute(small(), tmp_path).path
    expected, seen, told = read_row(open_run(path)), set[str](), set[str]()
    with running(replace_again_and_again, tmp_path):
        while len(seen) < 6:
            try:
                run = open_run(path)
                seen.add(run.stamp)
                assert read_row(run) == expected
            except RunError as error:  # in the moment in which there is none
                told.add(str(error))
    assert not [line for line in told if "sealed" in line]


def test_a_copy_of_a_run_elsewhere_is_sealed_too(tmp_path: Path) -> None:
    run = execute(small(), tmp_path / "runs")
    shutil.copytree(run.path, tmp_path / "elsewhere")
    assert open_run(tmp_path / "elsewhere").is_sealed
