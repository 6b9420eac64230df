"""Tables in a real browser: their whole width on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gradflow.report import html
from gradflow.report.page import Column, Page, Table
from tests.browser.chromium import Browser, chromium
from tests.browser.test_report import printed

ZOOMS = "return [...document.querySelectorAll('table')].map(table => table.style.zoom)"


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
