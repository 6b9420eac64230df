"""Documents of a run with any key missing or changed: what can be made again is, all else is one line."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.compare import compare
from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.outside import read_norms, save_norms
from gradflow.report.compare_pages import compare_page
from gradflow.report.pages import report_text
from gradflow.store import open_run
from gradflow.store.rows import read_row
from tests.store.seals import document_of, seal
from tests.store.small import small

GONE = object()
VALUES = (GONE, "x")
EMPTY = {name: ([],) for name in ("layers", "log10_delta", "steps")}
Place = tuple[str, ...]


@pytest.fixture(scope="module", params=["computed", "recorded"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and what is said of it."""
    folder = tmp_path_factory.mktemp("whole")
    if request.param == "computed":
        return execute(small("recording.jacobian=true", "recording.precision=true"), folder).path
    norms = folder / "norms.csv"
    norms.write_text("step,layer,norm\n" + "".join(f"{s},{n},{0.5**n}\n" for s in range(3) for n in range(6)))
    return save_norms(folder, "norms", read_norms(norms, "delta"), norms).path


def places(document: Any, above: Place = ()) -> Iterator[Place]:
    if isinstance(document, dict):
        for key, inner in document.items():
            yield (*above, key)
            if above[:1] != ("arrays",):  # of which there are twenty alike
                yield from places(inner, (*above, key))


def forged(text: str, place: Place, value: Any) -> str:
    document = inner = json.loads(text)
    for key in place[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return json.dumps(document)


def said(run: Path) -> str:
    """What is said of a run, once it has been compared too."""
    opened = open_run(run)
    assert compare_page(compare([read_row(opened)], [], "c", None), (), False)
    return report_text(opened.summary)


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
def test_a_forged_document_is_told_or_made_again(
    whole: Path, tmp_path: Path, name: str, thorough: bool
) -> None:
    """Each key of the document, or every third unless thorough."""
    run = Path(shutil.copytree(whole, tmp_path / whole.name))
    text = (run / name).read_text() if name == "run.json" else json.dumps(document_of(run))
    said(run)
    for place in [*places(json.loads(text))][:: 1 if thorough else 3]:
        for value in (*VALUES, *EMPTY.get(place[-1], ())):
            (run / name).write_text(forged(text, place, value))
            seal(run, document_of(run))
            try:
                said(run)
            except RunError as error:
                told = str(error)
                assert name == "run.json", (place, value)
                assert "\n" not in told
