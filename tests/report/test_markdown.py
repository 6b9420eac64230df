"""report.md: what a user's text cannot do in it."""

import re

from gradflow.report.markdown import render
from gradflow.report.page import Column, Command, Page, Sentence, Table
from gradflow.report.pages import run_page
from tests.report.examples import hostile


def test_hostile_text_is_inert() -> None:
    text = render(run_page(hostile()))
    outside = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800]", text)
    assert "<b>" not in outside
    assert not re.search(r"(?<!\\)\[bold", outside)
    text.encode()


def test_a_bar_in_a_cell_does_not_make_a_column() -> None:
    row = render(Page("t", (Table((Column("a", False),), (("x|y",),)),))).splitlines()[-1]
    assert row == "| x\\|y |"


def test_a_fence_in_a_command_does_not_close_its_block() -> None:
    text = render(Page("t", (Command("echo ```` <x>"),)))
    assert "`````" in text.splitlines()[2]
    assert text.splitlines()[3] == "echo ```` <x>"


def test_the_verdict_is_bold() -> None:
    assert "**vanishing**: each layer" in render(Page("t", (Sentence("vanishing: each layer", "vanishing"),)))
