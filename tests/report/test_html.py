"""The HTML report: one file, the same numbers as everywhere else, a strict policy, and inert texts."""

import json
import re
import shlex
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.compare import compare, row_of
from gradflow.analysis.summarize import summarize
from gradflow.config import config_from_plain
from gradflow.errors import InputError
from gradflow.outside import read_norms
from gradflow.outside.save import fitted
from gradflow.report import headlines, html, markdown
from gradflow.report.compare_pages import compare_page
from gradflow.report.files import briefly, report_file, several_page
from gradflow.report.learning import older_note
from gradflow.report.numbers import NONE, inert, with_error
from gradflow.report.page import Bars, Command, Facts, Heading, Page, Sentence, Strip, Table, Toned
from gradflow.report.pages import brief_page, report_of, run_page
from gradflow.report.terminal import Look
from gradflow.report.terminal import render as terminal
from gradflow.store import Run
from gradflow.yaml_file import parse
from tests.report.examples import HOSTILE, summary
from tests.report.runs import made, rows_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("html") / "runs")


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return report_file([run], Path("report.html"))


@pytest.mark.parametrize(
    ("text", "tone", "parts"),
    [
        ("stable: c = 1", "stable", ("stable", ": c = 1")),
        ("c = 1: all of it", "", ("", "c = 1: all of it")),
        ("c = 1: all of it", "unheard of", ("", "c = 1: all of it")),
        (f"{'c' * 40}: no label", "note", ("", f"{'c' * 40}: no label")),
        ("no colon", "warning", ("", "no colon")),
    ],
)
def test_every_form_sets_the_same_words_apart(text: str, tone: str, parts: tuple[str, str]) -> None:
    sentence, page = Sentence(text, tone), Page("title", (Sentence(text, tone),))
    assert sentence.parts == parts
    label = bool(parts[0])
    assert ("<span" in html.fragment((sentence,))) == ("**" in markdown.render(page)) == label
    assert ("\x1b[1" in terminal(page, Look(colours="standard")).splitlines()[-1]) == label


def visible(text: str) -> str:
    """What a reader sees: without scripts, style and tags."""
    body = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", body))


def told_of(run: Run) -> str:
    """The verdict's sentence without the verdict itself, which is set apart."""
    return words(headlines.verdict_sentence(run.summary.flow.initial)).partition(": ")[2]


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_report_says_the_verdict_the_config_and_how_to_compute_it_again(run: Run, text: str) -> None:
    seen = words(visible(text))
    for said in (run.id, run.summary.flow.initial.verdict, "gradflow run study.yaml", "batch_size: 32"):
        assert said in seen
    assert len(re.findall("<figure data-chart=", text)) == 9


def test_every_report_says_the_numbers_of_the_summary(run: Run, text: str) -> None:
    page = run_page(run.summary, run.recording)
    plain = words(terminal(page, Look(columns=200, wrap=False)))
    for flow in (run.summary.flow.initial, run.summary.flow.final):
        c = with_error(flow.c, flow.c_low, flow.c_high)
        for said in (words(visible(text)), plain, words(markdown.render(page))):
            assert c in said
    cells = [cell for block in page.blocks if isinstance(block, Table) for row in block.rows for cell in row]
    assert all(cell in words(visible(text)) and cell in plain for cell in cells if isinstance(cell, str))


def test_only_the_scripts_and_the_style_of_the_file_may_run(text: str) -> None:
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0]
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    assert len(scripts) == 2
    for part in (*scripts, style):
        assert b64encode(sha256(part.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_file_names_no_address_to_load_from(text: str) -> None:
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:,)[^"]*"', markup)
    assert not re.findall(r"<[^>]+ (?:style|on\w+)=", markup)  # the policy would refuse them


def test_texts_cannot_leave_their_place() -> None:
    hostile = HOSTILE + "</script><img src=x onerror=alert(1)>\"'"
    blocks = (
        Heading(hostile), Sentence(hostile, "warning"), Facts(((hostile, hostile),)), Command(hostile),
        Table((), ()), Bars(((hostile, 0.1, hostile),)),
    )  # fmt: skip
    spec = {"usermeta": {"title": hostile, "note": hostile, "renderer": "svg"}, "data": hostile}
    made = html.render(Page(hostile, blocks), {hostile: spec}, verdict=hostile)
    assert "<img" not in made.replace(html.vega(), "")
    assert all(sign not in made for sign in "\x1b\x07\u202e\x9b\ud800")
    assert inert(hostile) in unescape(made)
    data = re.findall(r'id="charts">(.*?)</script>', made, flags=re.DOTALL)[0]
    assert json.loads(data)[hostile]["data"] == hostile
    assert not set(data) & set("<>&")


def test_a_hostile_config_is_shown_inert(run: Run) -> None:
    odd = Run(run.path, run.info, config=run.config, recording=run.recording, summary=replace(
        run.summary, id=HOSTILE + "<b>", symptoms=summary().symptoms
    ))  # fmt: skip
    assert "<b>" not in report_file([odd], Path("a.html"))


def test_a_strip_has_a_bar_for_each_number_and_a_gap_for_none() -> None:
    strip = html._cell(Strip((0.0, None, 1.0), 0.0, 1.0))
    assert re.findall(r'x="(\d)"[^>]*height="(\d+)"', strip) == [("0", "4"), ("2", "100")]


def test_markdown_and_html_are_chosen_by_the_name(run: Run) -> None:
    assert report_file([run], Path("a.md")) == markdown.render(run_page(run.summary, run.recording))
    with pytest.raises(InputError, match=r"\.html or \.md"):
        report_file([run], Path("a.pdf"))


def test_in_brief_a_run_is_what_show_brief_says_of_it_and_no_chart(run: Run) -> None:
    assert report_file([run], Path("a.md"), brief=True) == markdown.render(brief_page(run.summary))
    text = report_file([run], Path("a.html"), brief=True)
    assert told_of(run) in words(visible(text))
    assert re.findall(r"data-chart=\"", text) == []
    assert len(text.encode()) < 60_000


def test_in_brief_each_of_several_runs_has_its_verdict_and_its_advice(tmp_path: Path) -> None:
    runs = [made(tmp_path / "runs", depth=depth, steps=0) for depth in (80, 4, 40)]
    page = briefly(runs)
    told = [block.text for block in page.blocks if isinstance(block, Heading)]
    assert told == [runs[1].id, runs[2].id, runs[0].id]  # in the order of what differs
    for name in ("a.md", "a.html"):
        seen = words(unescape(report_file(runs, Path(name), brief=True)).replace("\\", ""))
        for run in runs:
            assert told_of(run) in seen
            assert all(advice.command in seen for advice in run.summary.advice)
    assert len([run for run in runs if run.summary.advice]) == 2
    assert words(visible(report_file(runs, Path("a.html"), brief=True))).startswith("3 runs")


def test_a_hundred_layers_and_a_thousand_steps_fit_into_three_megabytes(tmp_path: Path) -> None:
    short = made(tmp_path / "runs", depth=100, steps=1, seeds=2)
    noise = np.random.default_rng(0).standard_normal
    long = {
        name: array[:1] + 0.1 * noise((1001, *array.shape[1:])) for name, array in short.recording.items()
    }
    long |= {"step": np.arange(1001.0), "q": np.exp(noise((1001, 100, 2)))}
    run = Run(short.path, short.info, recording=long, summary=summarize(short.config, long, short.info))
    text = report_file([run], Path("a.html"))
    assert len(text.encode()) < 3e6
    assert "100 of 100 layers and 120 of 1,001 recorded steps" in text


def test_several_runs_share_a_table_and_their_charts(tmp_path: Path) -> None:
    runs = [made(tmp_path / "runs", depth=depth, steps=0) for depth in (4, 8)]
    text = report_file(runs, Path("a.html"))
    seen = words(visible(text))
    assert "2 runs" in seen
    assert all(run.id in seen for run in runs)
    assert {*re.findall(r'data-chart="([\w-]+)"', text)} == {"flow", "map", "theory", "depth-law"}
    assert report_file(runs, Path("a.md")).count("| ") > 6


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Runs of different names, one of norms recorded elsewhere."""
    folder = tmp_path_factory.mktemp("compared")
    norms = folder / "norms.csv"
    norms.write_text("step,layer,norm\n" + "".join(f"0,{i},{0.01 * 2**i}\n" for i in range(1, 6)))
    runs = folder / "runs"
    recorded = fitted(read_norms(norms, "delta"), norms, "resnet", runs, report_of)
    return [made(runs, name="shallow"), made(runs, name="deep", depth=20, seeds=2, steps=0), recorded]


def charts_of(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'id="charts">(.*?)</script>', text)
    return dict(json.loads(found))


def test_a_comparison_says_which_run_is_which(compared: list[Run]) -> None:
    text = report_file(compared, Path("c.html"))
    seen = words(visible(text))
    assert "3 runs: resnet, shallow, deep" in seen
    assert words(markdown.render(several_page(compared))).count("| resnet | 5 |") == 1
    charts = charts_of(text)
    assert {row["x"] for row in rows_of(charts["map"]) if "x" in row} == {"resnet", "shallow", "deep"}
    assert {row["line"] for row in rows_of(charts["flow"])} == {"resnet", "shallow", "deep"}
    assert "depth-law" not in charts  # no two of them differ in depth alone


def test_runs_of_one_name_are_told_apart_by_id(compared: list[Run], tmp_path: Path) -> None:
    others = [made(tmp_path / "runs", name="shallow", depth=depth, steps=0) for depth in (4, 6)]
    table, *_ = (b for b in several_page([*others, compared[2]]).blocks if isinstance(b, Table))
    assert [row[0] for row in table.rows] == [others[0].id, "resnet", others[1].id]


def test_norms_recorded_elsewhere_are_of_no_older_version(compared: list[Run]) -> None:
    trained = compared[0].summary.training
    before = replace(compared[0].summary, training=replace(trained, evaluations=0))
    older = [Run(compared[0].path, compared[0].info, config=compared[0].config, summary=before)]
    for runs, told in ((compared, False), (older + compared[1:], True)):
        both = several_page(runs), compare_page(compare([row_of(run.summary) for run in runs]))
        notes = [{b.text for b in page.blocks if isinstance(b, Sentence)} for page in both]
        assert [older_note(1) in found for found in notes] == [told, told]


def test_whether_recorded_norms_train_is_not_shown_as_borderline(compared: list[Run]) -> None:
    table = next(block for block in several_page(compared).blocks if isinstance(block, Table))
    place = [column.title for column in table.columns].index("trains")
    cells = {str(row[0]): row[place] for row in table.rows}
    assert cells["resnet"] == NONE
    assert isinstance(cells["shallow"], Toned)


def test_a_comparison_says_how_to_compute_each_trained_run_again(compared: list[Run], tmp_path: Path) -> None:
    alike = [made(tmp_path / "runs", name="shallow", depth=depth, steps=0) for depth in (4, 6)]
    for runs, called in (
        (compared, ["shallow", "deep"]),
        (alike, [run.id for run in alike]),
        (compared[::2], ["shallow"]),
    ):
        text = report_file(runs, Path("c.html"))
        assert re.findall(r"<h2>How to compute (.*?) again</h2>", text) == called
        shown = [unescape(block) for block in re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL)][
            : 2 * len(called)
        ]
        assert shown[::2] == [f"gradflow run {name}.yaml" for name in called]
        again = [config_from_plain(parse(config, "c.yaml").value).digest for config in shown[1::2]]
        assert again == [run.info["digest"] for run in runs if "recorded" not in run.info]
        lines = markdown.render(several_page(runs)).splitlines()
        commands = [line for line in lines if line.startswith("gradflow run ")]
        assert len(commands) == len(called)
        assert all(shlex.split(line)[2].endswith("/config.yaml") for line in commands)


def test_a_comparison_of_many_says_how_to_compute_the_first_again(run: Run) -> None:
    runs = [
        Run(
            run.path,
            run.info,
            config=run.config,
            recording=run.recording,
            summary=replace(run.summary, id=f"r-{i}"),
        )
        for i in range(7)
    ]
    text = report_file(runs, Path("c.html"))
    assert len(re.findall(r"<h2>How to compute .* again</h2>", text)) == 5
    assert "How to compute 2 more runs again stands in the report of each." in text
