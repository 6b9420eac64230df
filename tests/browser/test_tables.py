"""Tables in a real browser: their order where cells are no plain numbers, and their whole width on paper."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gradflow.report import html
from gradflow.report.page import Column, Page, Table
from tests.browser.chromium import Browser, chromium
from tests.browser.test_report import printed

CLICK = "document.querySelector('th button').click()"
ORDER = "return [...document.querySelector('table').tBodies[0].rows].map(row => row.cells[0].textContent)"
ZOOMS = "return [...document.querySelectorAll('table')].map(table => table.style.zoom)"
RISING = {
    "exponents": ["1e-3043", "0.1", "30.0", "3e4", "1e+06"],
    "factors": ["0.67 to 1.2", "0.906 ± 0.003", "0.1 to 9.4", "1.06 ± 0.04"],
    "wide factors": ["0.12 ± 0.01", "3.2e-9 to 2e7", "0.67 to 1.2"],
    "signs": ["-7.5", "\u22120.2", "0.0", "+0.3"],
    "names": ["net-2", "net-10", "relu"],
}
LAST = {  # last either way: these lines in their order
    "missing among numbers": (["0.5", "2"], ["-"]),
    "missing among names": (["relu", "tanh"], [""]),
    "of no value": (["0.5", "2"], ["null"]),
    "words among numbers": (["0.5", "2"], ["diverged"]),
    "words and missing": (["0.5", "2"], ["diverged", "-"]),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        opened.look(1280)
        yield opened


def shown(browser: Browser, folder: Path, *tables: Table) -> Path:
    """The page of some tables, which the browser has opened."""
    file = folder / "tables.html"
    file.write_text(html.render(Page("tables", tables), {}), encoding="utf-8")
    browser.open(file)
    return file


def orders(browser: Browser, folder: Path, cells: Sequence[str]) -> list[list[str]]:
    """A column as it stands after the first click on its head, and after the second."""
    shown(browser, folder, Table((Column("x"),), tuple((cell,) for cell in cells)))
    found = []
    for _ in range(2):
        browser.run(CLICK)
        found.append(browser.run(ORDER))
    return found


@pytest.mark.parametrize("cells", RISING.values(), ids=RISING)
def test_a_click_sorts_a_column_by_what_its_cells_say(
    browser: Browser, tmp_path: Path, cells: list[str]
) -> None:
    for given in (cells, cells[::-1]):
        assert orders(browser, tmp_path, given) == [cells, cells[::-1]]


@pytest.mark.parametrize(("cells", "last"), LAST.values(), ids=LAST)
def test_what_is_missing_or_no_number_is_last_either_way(
    browser: Browser, tmp_path: Path, cells: list[str], last: list[str]
) -> None:
    for given in ([*cells, *last], [*last[::-1], *cells]):
        assert orders(browser, tmp_path, given) == [[*cells, *last], [*cells[::-1], *last]]


def test_a_table_wider_than_paper_is_printed_whole(browser: Browser, tmp_path: Path) -> None:
    names = [f"column{i:02}" for i in range(27)]
    wide = Table(tuple(map(Column, names)), (tuple(f"value{i:02}" for i in range(27)),) * 3)
    narrow = Table((Column("c"),), (("0.9",),))
    file = shown(browser, tmp_path, wide, narrow)
    browser.run(f"addEventListener('beforeprint', () => {{ window.zooms = (() => {{ {ZOOMS} }})() }})")
    seen = []
    for window in (1280, 400):  # a phone's letters are smaller, those of its paper are not
        browser.look(window)
        words = [word for page in printed(browser, file) for line in page for word in line.split()]
        assert [name for name in names if name not in words] == []
        assert {words.count(f"value{i:02}") for i in range(27)} == {3}
        seen.append([float(zoom) for zoom in browser.run("return zooms")])
        assert browser.run(ZOOMS) == ["", ""]
    browser.look(1280)
    assert seen[0] == seen[1]
    assert seen[0][0] < seen[0][1] == 1
    assert browser.console() == []
