"""Reports opened in a real browser without a network: they draw, tell their values, and ask for nothing."""

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradflow.report.files import report_file
from gradflow.store import Run
from tests.browser.chromium import Browser, chromium
from tests.programs import program
from tests.report.runs import made

DRAWINGS = """return [...document.querySelectorAll('figure[data-chart]')].map(figure => {
  const svg = figure.querySelector('svg.marks'), canvas = figure.querySelector('canvas.marks');
  const marks = '.mark-symbol path, .mark-line path, .mark-rect path';
  if (svg) return [figure.dataset.chart, svg.querySelectorAll(marks).length];
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return [figure.dataset.chart, new Set(new Uint32Array(pixels.buffer)).size];
})"""
PLACE = """const figure = document.querySelector('figure[data-chart=flow]');
figure.scrollIntoView({block: 'center'});
const marks = [...figure.querySelectorAll('.mark-symbol.role-mark path')];
const box = marks[arguments[0]].getBoundingClientRect();
return [box.x + box.width / 2, box.y + box.height / 2]"""
TOLD = """const tip = document.querySelector('#vg-tooltip-element.visible');
const pair = row => [...row.cells].map(cell => cell.textContent.trim());
return tip && Object.fromEntries([...tip.querySelectorAll('tr')].map(pair))"""
HEADER = "document.querySelectorAll('details table')[0].tHead.rows[0].cells[1].firstChild.click()"
COLUMN = """return [...document.querySelectorAll('details table')[0].tBodies[0].rows]
.map(row => row.cells[1].textContent)"""
READABLE = 4.5  # contrast of text that WCAG 2 asks for
# words of the page and of the charts' axes and legends, with the contrast to the ground under them
CONTRASTS = """const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = rgb => rgb.slice(0, 3).reduce((sum, v, i) => sum + [.2126, .7152, .0722][i] * channel(v), 0);
const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
const ground = node => {
  const colour = numbers(getComputedStyle(node).backgroundColor);
  return colour.length < 4 || colour[3] ? colour : ground(node.parentElement);
};
const words = [...document.querySelectorAll('main *')].filter(node =>
  node.checkVisibility() && !node.closest('.role-mark') &&
  [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
return words.map(node => {
  const style = getComputedStyle(node), ink = node.closest('svg') ? style.fill : style.color;
  const [a, b] = [light(numbers(ink)), light(ground(node))];
  return [node.textContent.slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
})"""
# what a page is while it is printed, and after that
ON_PAPER = """window.seen = [];
const look = () => seen.push({
  open: [...document.querySelectorAll('details')].every(one => one.open),
  paper: getComputedStyle(document.body).backgroundColor,
  inks: [...document.querySelectorAll('.role-axis-label text, .role-legend-label text')]
    .map(text => getComputedStyle(text).fill),
});
for (const when of ['beforeprint', 'afterprint']) addEventListener(when, look);
look()"""
STUDIES = {
    "healthy": {},
    "exploding": {"init": "{name: gaussian, sigma_w: 3.0}", "depth": 20},
    "diverged": {"activation": "relu", "init": "he_normal", "lr": 1e3, "steps": 40},
    "vanishing": {"activation": "sigmoid", "depth": 60, "steps": 60, "seeds": 1},
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def healthy(folder: Path) -> tuple[Run, Path]:
    return report(folder, "healthy")


def report(folder: Path, study: str) -> tuple[Run, Path]:
    """A run and its report, which is written once."""
    run = made(folder / "runs", name=study, **STUDIES[study])
    file = folder / f"{study}.html"
    if not file.exists():
        file.write_text(report_file([run], file), encoding="utf-8")
    return run, file


@pytest.mark.parametrize("study", STUDIES)
def test_every_chart_draws_without_an_error_or_a_request(browser: Browser, folder: Path, study: str) -> None:
    _, file = report(folder, study)
    browser.look(1280)
    browser.open(file)
    drawn = dict(browser.run(DRAWINGS))
    assert len(drawn) >= 3
    assert drawn.pop("accuracy", 3) >= 3  # training, held-out, and the largest class
    assert all(count > 3 for count in drawn.values()), drawn
    assert browser.console() == []
    assert browser.requests() == [file.as_uri()]


@pytest.fixture(scope="module")
def sweeps(folder: Path) -> dict[str, Path]:
    """The reports of a phase sweep and of a sweep over depth and init, by the chart that each is about."""
    init = "{{name: gaussian, sigma_w: {}, sigma_b: {}}}"
    grid = [{"init": init.format(w, b)} for w in (0.8, 1.5) for b in (0.1, 0.3)]
    crossed = [
        {"depth": d, "init": i} for d in (4, 8) for i in ("orthogonal", "xavier_normal", init.format(2, 0))
    ]
    files = {}
    for name, points in (("phase", grid), ("depth-law", crossed)):
        files[name] = folder / f"{name}.html"
        runs = [made(folder / name, steps=0, **point) for point in points]
        files[name].write_text(report_file(runs, files[name]), encoding="utf-8")
    return files


def test_a_sweep_draws_its_maps_and_laws(browser: Browser, sweeps: dict[str, Path]) -> None:
    for chart, file in sweeps.items():
        browser.open(file)
        assert chart in dict(browser.run(DRAWINGS))
        assert browser.console() == []
        assert browser.requests() == [file.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(
    browser: Browser, healthy: tuple[Run, Path], sweeps: dict[str, Path], scheme: str
) -> None:
    browser.look(1280, scheme)
    for file in (healthy[1], *sweeps.values()):
        browser.open(file, scheme)
        faint = [(word, ratio) for word, ratio in browser.run(CONTRASTS) if ratio < READABLE]
        assert faint == []
    browser.look(1280)


def test_a_tooltip_tells_the_value_of_the_summary(browser: Browser, healthy: tuple[Run, Path]) -> None:
    run, file = healthy
    browser.look(1280)
    browser.open(file)
    for place, layer in ((0, 1), (4, 5)):
        browser.point_at(*browser.run(PLACE, place))
        told = browser.wait(
            f"{TOLD.replace('return tip &&', 'return tip && tip.textContent.includes(`layer`) &&')}"
        )
        flow = run.summary.flow.initial
        assert told["layer"] == str(layer)
        norm = flow.profile.log10_delta[layer - 1]
        assert norm is not None
        assert float(told["log10 ||delta||"].replace("\u2212", "-")) == pytest.approx(norm, abs=6e-4)
        browser.point_at(2, 2)
        browser.wait("return !document.querySelector('#vg-tooltip-element.visible')")


def test_the_wheel_zooms_with_ctrl_and_a_double_click_goes_back(
    browser: Browser, healthy: tuple[Run, Path]
) -> None:
    browser.look(1280)
    browser.open(healthy[1])
    domain = (
        "const v = gradflowCharts.get(document.querySelector('figure[data-chart=flow]')).view;"
        "return v.scale('x').domain()"
    )
    x, y = browser.run(PLACE, 3)
    before = browser.run(domain)
    browser.point_at(x, y)
    browser.cdp("Input.dispatchMouseEvent", **wheel(x, y))
    span = f"{domain.replace('return', 'const d =')}; return d[1] - d[0]"
    browser.wait(f"{span} < {before[1] - before[0]}")
    for clicks in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            click = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": clicks}
            browser.cdp("Input.dispatchMouseEvent", **click)
    browser.wait(f"{span} === {before[1] - before[0]}")


def wheel(x: float, y: float) -> dict[str, Any]:
    """One notch of the wheel towards the user's screen, with Ctrl held."""
    return {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": -120, "modifiers": 2}


def test_a_table_sorts_by_the_size_of_its_numbers(browser: Browser, healthy: tuple[Run, Path]) -> None:
    browser.open(healthy[1])
    as_written = browser.run(COLUMN)
    for falling in (False, True):
        browser.run(HEADER)
        values = [*map(float, browser.run(COLUMN))]
        assert values == sorted(values, reverse=falling)
        assert len(values) == len(as_written)


def test_a_telephone_shows_everything_without_sideways_scrolling(
    browser: Browser, healthy: tuple[Run, Path], sweeps: dict[str, Path]
) -> None:
    browser.look(390)
    for file in (healthy[1], *sweeps.values()):
        browser.open(file)
        assert browser.run("return document.documentElement.scrollWidth") == 390
        fits = (
            "return [...document.querySelectorAll('.plot, pre')].every(p => p.scrollWidth <= p.clientWidth)"
        )
        assert browser.run(fits)
    assert browser.run("return getComputedStyle(document.body).fontSize") == "16px"


def test_charts_are_drawn_anew_in_the_dark(browser: Browser, healthy: tuple[Run, Path]) -> None:
    browser.look(1280)
    browser.open(healthy[1])
    label = "figure[data-chart=flow] .role-axis-label text"
    ink = f"return getComputedStyle(document.querySelector('{label}')).fill"
    light = browser.run(ink)
    browser.look(1280, "dark")
    browser.wait("return document.querySelector('figure[data-chart=flow]').dataset.drawn === 'dark'")
    assert browser.run(ink) != light
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    browser.look(1280)
    assert browser.console() == []


def printed(browser: Browser, file: Path) -> list[list[str]]:
    """The lines of each page of a print."""
    pdf = base64.b64decode(browser.cdp("Page.printToPDF")["data"])
    paper = file.with_suffix(".pdf")
    paper.write_bytes(pdf)
    words = [program("pdftotext"), "-layout", str(paper), "-"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [[line.strip() for line in page.splitlines() if line.strip()] for page in text.split("\f") if page]


def test_a_print_shows_everything_in_the_colours_of_paper(
    browser: Browser, healthy: tuple[Run, Path]
) -> None:
    browser.look(1280, "dark")
    browser.open(healthy[1], "dark")
    browser.run(ON_PAPER)
    pages = printed(browser, healthy[1])
    screen, paper, after = browser.run("return seen")
    assert (screen["open"], paper["open"], after["open"]) == (False, True, False)
    assert (screen["paper"], paper["paper"]) == ("rgb(21, 24, 27)", "rgb(255, 255, 255)")
    assert {*paper["inks"]} == {"rgb(29, 35, 41)"}
    assert {*screen["inks"]} == {*after["inks"]} == {"rgb(228, 232, 236)"}
    layers = healthy[0].summary.flow.initial.transitions + 1
    rows = [line.split() for page in pages for line in page]
    for layer in range(1, layers + 1):  # the table of every layer, at the first step and at the last
        found = [row for row in rows if row[0] == str(layer) and len(row) > 6]
        assert sum(all(re.search(r"[.e]", cell) for cell in row[1:]) for row in found) == 2
    browser.look(1280)


def test_a_heading_is_printed_with_its_table_which_is_headed_on_each_page(
    browser: Browser, folder: Path
) -> None:
    _, file = report(folder, "vanishing")
    browser.look(1280)
    browser.open(file)
    heads = browser.run("return [...document.querySelectorAll('h2, summary')].map(h => h.textContent)")
    pages = printed(browser, file)
    assert len(heads) > 5
    assert not {page[-1] for page in pages} & {*heads}
    inside = [page for page in pages if page[0].startswith("layer ")]
    assert len(inside) >= 1  # a table of sixty layers that goes over pages
    layers = [int(found[1]) for page in pages for line in page if (found := re.match(r"(\d+) +\d", line))]
    assert {*range(1, 61)} <= {*layers}
