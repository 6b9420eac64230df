"""The head of summary.json: the row that the rest would give, or none."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.compare import Row, row_from, row_of
from gradflow.execution.execute import execute
from gradflow.outside import read_norms, save_norms
from gradflow.store import Run, open_run
from gradflow.store.heads import head_of, load_row
from gradflow.store.result import failed
from gradflow.store.rows import read_row
from gradflow.store.save import save
from gradflow.store.seal import HEAD
from gradflow.store.summaries import load_brief
from tests.store.seals import document_of, seal
from tests.store.small import small

PLACES = 60  # bytes of a head that are flipped, unless thorough: then all

BIG = [[float(i), i / 7] for i in range(300)]


def head_row(path: Path) -> Row | None:
    run = open_run(path)
    return load_row(run.path, run.info, run.stamp)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return execute(small(), tmp_path)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("depth=200", "width=2", "steps=1"),
        ("lr=1e30", "activation=relu", "init={name: gaussian, sigma_w: 1e30}"),
        ("block=residual", "norm=batch", "clip_norm=1", "optimizer=adam"),
        ("activation={name: expression, value: 'z * tanh(log1p(exp(z)))'}", "width=[8, 7, 6]"),
        ("data={name: inline, x: [[1.5], [2.5]], y: [[0.2], [0.3]]}", "loss=mse", "seeds=1"),
        ("init={name: constant, value: 0.0}", "steps=0"),
    ],
    ids=["plain", "deep", "diverged", "blocks", "expression", "inline", "dead"],
)
def test_a_head_holds_the_row_of_the_whole(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    path = execute(small(*overrides), tmp_path).path
    run = open_run(path)
    brief = load_brief(run.path, run.info, run.stamp)
    assert brief
    assert head_row(path) == row_from(brief, str(path)) == row_of(run.summary)


def test_so_do_those_of_failed_runs_and_of_norms_recorded_elsewhere(tmp_path: Path) -> None:
    norms = tmp_path / "norms.csv"
    norms.write_text("step,layer,norm\n" + "".join(f"{s},{n},{0.5**n}\n" for s in range(3) for n in range(6)))
    recorded = save_norms(tmp_path, "norms", read_norms(norms, "delta"), norms)
    for run in (recorded, save(tmp_path, small(), failed("no memory"))):
        assert head_row(run.path) == row_of(open_run(run.path).summary)


def test_a_head_that_is_too_long_is_read_with_the_rest(tmp_path: Path) -> None:
    data = f"data={{name: inline, x: {BIG}, y: {BIG}}}"
    path = execute(small(data, "loss=mse"), tmp_path).path
    assert len(json.dumps(head_of(open_run(path).summary))) > HEAD
    assert head_row(path) is None
    assert read_row(open_run(path)) == row_of(open_run(path).summary)


def test_a_summary_from_before_heads_is_read_as_a_whole(run: Run) -> None:
    expected = read_row(open_run(run.path))
    seal(run.path, document_of(run.path))
    assert head_row(run.path) is None
    assert read_row(open_run(run.path)) == expected


def test_a_head_of_another_run_json_is_not_believed(run: Run) -> None:
    opened = open_run(run.path)
    assert load_row(run.path, opened.info, opened.stamp)
    assert load_row(run.path, opened.info, "0" * 64) is None
    other = {**opened.info, "status": "diverged"}
    assert load_row(run.path, other, opened.stamp) is None  # type: ignore[arg-type]


def test_a_byte_of_a_head_that_is_changed_shows_nothing_that_is_wrong(run: Run, thorough: bool) -> None:
    expected, path = read_row(open_run(run.path)), run.path / "summary.json"
    content = path.read_bytes()
    before, end, chance = content.index(b'"run"'), content.index(b'"format"'), random.Random(3)
    for place in range(end) if thorough else sorted(chance.sample(range(end), PLACES)):
        byte = bytes([content[place] ^ 1 << chance.randrange(8)])
        path.write_bytes(content[:place] + byte + content[place + 1 :])
        told = head_row(run.path)
        if before <= place < end - len("}, "):  # what stands around is seen with the whole alone
            assert told is None, place
        assert told in (None, expected), place
        if place % 9 == 0:  # each is made again from the recording
            assert read_row(open_run(run.path)) == expected


def places(document: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, inner in document.items():
        yield (*above, key)
        if isinstance(inner, dict):
            yield from places(inner, (*above, key))


def test_a_head_that_is_forged_is_a_row_like_others_or_none(run: Run) -> None:
    """By one who seals it again: no type is another one, and nothing is missing that every row has."""
    document, whole = document_of(run.path), head_of(run.summary)
    free = [place for place in places(whole) if place[:1] == ("config",) and len(place) == 2]
    for place in places(whole):
        for value in ([["x"] * 2], {"a": {}}, None):
            forged = json.loads(json.dumps(whole))
            inner = forged
            for key in place[:-1]:
                inner = inner[key]
            if value is None:
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
            seal(run.path, document, forged)
            told = head_row(run.path)
            assert told is None or (place in free and not isinstance(value, dict)), (place, value)
    deep: list[Any] = []
    for _ in range(60):
        deep = [deep]
    seal(run.path, document, {**whole, "config": {**whole["config"], "seed": deep}})
    assert head_row(run.path) is None


def test_a_factor_below_zero_is_no_head(run: Run) -> None:
    whole = head_of(run.summary)
    seal(run.path, document_of(run.path), {**whole, "values": {**whole["values"], "c": -0.5}})
    assert head_row(run.path) is None
    assert read_row(open_run(run.path))["c"] > 0
