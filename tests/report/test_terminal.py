"""Pages in terminals of any width, colour and character set, and in pipes."""

import re
import tracemalloc

import pytest

from gradflow.report.drawing import strip
from gradflow.report.page import (
    Bars,
    Chart,
    Column,
    Command,
    Facts,
    Heading,
    Heat,
    Page,
    Sentence,
    Series,
    Strip,
    Table,
)
from gradflow.report.pages import layers_page, run_page
from gradflow.report.terminal import ENDLESS, Look, render
from tests.report.examples import hostile, summary

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal(columns: int, unicode: bool) -> None:
    text = render(run_page(summary()), Look(columns=columns, unicode=unicode))
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("columns", [1, 7, 30])
def test_a_terminal_of_any_width_shows_every_number(columns: int) -> None:
    text = render(run_page(summary()), Look(columns=columns))
    assert "0.707" in "".join(text.split())


def test_a_pipe_gets_whole_lines_and_no_colour() -> None:
    long = "word " * 200
    page = Page("t", (Sentence(long), Table((Column("a", False),), ((long,),)), Facts((("k", long),))))
    lines = render(page, Look(wrap=False)).splitlines()
    assert sum(long.strip() in line for line in lines) == 3
    assert "\x1b" not in "".join(lines)


def test_a_pipe_s_lines_are_not_padded_to_the_width_that_never_ends() -> None:
    cells = (("a", "b"),)
    blocks = (
        Heading("h"),
        Facts(cells),
        Bars((("x", -1.0, "0.1"),)),
        Table((Column("a"), Column("b")), cells),
    )
    tracemalloc.start()
    render(Page("t", blocks), Look(wrap=False))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < ENDLESS / 2


def test_a_command_is_whole_on_the_narrowest_terminal() -> None:
    command = "gradflow run " + "x" * 100
    assert f"  {command}\n" in render(Page("t", (Command(command),)), Look(columns=20))


def test_colours_are_only_there_where_they_are_wanted() -> None:
    coloured = render(run_page(summary()), Look(colours="truecolor"))
    plain = render(run_page(summary()), Look())
    assert "\x1b[" in coloured
    assert "\x1b" not in plain
    assert ESCAPE.sub("", coloured).split() == plain.split()


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = render(run_page(summary()), Look(unicode=False))
    assert text.isascii()
    assert "0.707 +- 0.002" in text


@pytest.mark.parametrize("look", [Look(), Look(wrap=False), Look(unicode=False), Look(colours="256")])
def test_hostile_text_is_inert_and_readable(look: Look) -> None:
    for page in (run_page(hostile()), layers_page(hostile())):
        text = ESCAPE.sub("", render(page, look))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800]", text)
        assert "\\x1b[31mred" in "".join(text.split())
        assert "[bold]" in text


def chart(*series: Series) -> Chart:
    return Chart("t", "layer", (1.0, 2.0, 3.0), series)


def test_a_falling_line_falls() -> None:
    page = Page("t", (chart(Series("a", (0.0, -2.0, -4.0))),))
    rows = [
        line.partition("|")[2] or line.partition("+")[2]
        for line in render(page, Look(unicode=False)).splitlines()[1:13]
    ]
    assert rows[0].startswith("*")
    assert rows[-1].rstrip().endswith("*")
    assert [row.index("*") for row in rows if "*" in row] == sorted(
        row.index("*") for row in rows if "*" in row
    )


def test_a_chart_of_gaps_is_an_empty_chart() -> None:
    page = Page("t", (chart(Series("a", (None, None, None))),))
    assert "layer 1" in render(page, Look())


def test_a_strip_goes_from_low_to_high_with_gaps() -> None:
    assert strip(Strip((0.0, None, 1.0), 0.0, 1.0)) == "▁ █"
    assert strip(Strip((0.0, 1.0), 0.0, 1.0), unicode=False) == "_#"
    assert strip(Strip(tuple(float(i) for i in range(100)), 0.0, 99.0), width=8) == "▁▂▃▄▅▆▇█"


def test_a_map_without_colour_is_a_ramp_of_characters() -> None:
    heat = Heat("t", ((-1.0, 0.0, 1.0), (None, 0.0, 0.0)), (1, 2), (0, 2), 0.0, 1.0)
    text = render(Page("t", (heat,)), Look())
    assert "layer 1   =@" in text or "layer 1   +@" in text
    assert "layer 2  ?" in text
    assert "'@' 10 (high)" in text


@pytest.mark.parametrize(
    ("cells", "centre", "reach", "scale"),
    [
        (((-0.4, -2.1, -6.0),), -2.1, 3.9, "' ' 1e-6 (low)   '=' 0.0079 (median)   '*' 0.40 (high)"),
        (((-1.0, -1.0, -1.0),), -1.0, 0.3, "'=' 0.10 (median)"),
        (((0.0, 0.0, 1.0),), 0.0, 1.0, "'=' 1.0 (median)   '@' 10 (high)"),
        (((-9.0, 0.0, 1.0, 9.0),), 0.0, 2.0, "' ' <= 0.010 (low)   '=' 1.0 (median)   '@' >= 100 (high)"),
        (((None, None), (None, None)), 0.0, 1.0, "'=' 1.0 (median)"),
    ],
)
def test_the_scale_of_a_map_names_the_signs_that_stand_in_it(
    cells: tuple[tuple[float | None, ...], ...], centre: float, reach: float, scale: str
) -> None:
    heat = Heat("m", cells, (1, len(cells)), (0, len(cells[0]) - 1), centre, reach)
    lines = render(Page("t", (heat,)), Look(columns=100)).splitlines()
    assert lines[-1].strip() == scale
    drawn = "".join(line.removeprefix("layer").lstrip(" 123") for line in lines if line.startswith("layer"))
    signs = re.findall(r"'(.)' ", lines[-1])
    assert signs[-1] in drawn or not drawn.strip("?")
    coloured = render(Page("t", (heat,)), Look(columns=100, colours="truecolor"))
    named = re.findall(r"(blue|white|red)", ESCAPE.sub("", coloured).splitlines()[-1])
    assert named == [{" ": "blue", "=": "white"}.get(sign, "red") for sign in signs]


def test_a_map_in_colour_has_two_layers_a_row() -> None:
    heat = Heat("t", ((-1.0,), (1.0,), (0.0,)), (1, 3), (0, 0), 0.0, 1.0)
    text = render(Page("t", (heat,)), Look(colours="truecolor"))
    assert text.count("▀") == 2
    assert "38;2;33;102;172;48;2;178;24;43" in text


def test_a_page_for_a_pipe_is_no_wider_than_its_words() -> None:
    tracemalloc.start()
    render(run_page(summary()), Look(wrap=False))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000  # a line that is filled up to a pipe's width takes as much alone


@pytest.mark.parametrize("look", [Look(columns=60), Look(columns=60, colours="256"), Look(columns=100)])
def test_the_scale_of_a_map_is_one_line(look: Look) -> None:
    heat = Heat("m", ((-544.75, 2.0), (545.25, None)), (1, 40), (0, 3), 0.25, 545.0)
    last = ESCAPE.sub("", render(Page("t", (heat,)), look)).splitlines()[-1]
    assert re.search(r"2e-545.*1\.8.*2e545", last)
    assert ("(median)" in last) == (look.columns == 100)
