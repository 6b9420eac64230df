"""The two readers of text under any text: a value or an InputError, in bounded time, and nothing else."""

# ruff: noqa: E501 - rows of tables

from pathlib import Path

from hypothesis import strategies as st

from gradflow.data.csv_file import Csv
from gradflow.errors import InputError
from gradflow.outside import read_norms
from gradflow.yaml_file import dump, parse, read
from tests.promises.calls import bounded
from tests.promises.generated import try_all

YAML = (
    "a", "model", ":", ": ", "- ", "? ", "\n", "\n  ", " ", "\t", "'", '"', "[", "]", "{", "}", ",", "#", " #", "&a ",
    "*a", "!", "!!str ", "|", ">", "|-\n", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "<<", "~", "1e-3", "0o7",
    "0x", ".nan", "\\x", "\\u0000", "\r", "\0", "\ufeff", "\x85", "\u2028", "\ud800", "é", "=", "@", "`", "9" * 50,
)  # fmt: skip
CSV = (
    "x", "y", "1", "-2.5", "1e999", "nan", "", ",", ",", ",", "\n", "\n", "\r\n", "\r", '"', '""', " ", "\t", ";", "\0",
    "\ufeff", "\x85", "\u2028", "é", "x,y\n1,2\n3,4\n", "_", "1_0", "inf", "norm", "layer", "step", "=1",
)  # fmt: skip


def joined(tokens: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(tokens), max_size=40).map("".join)


def told(refused: InputError, source: str | None = None) -> None:
    """What was refused has a message and, of a YAML text, its source and nothing that does not print."""
    assert refused.problems
    for problem in refused.problems:
        assert problem.message
        assert source is None or (problem.source == source and str(problem).isprintable())


def test_any_text_is_a_yaml_value_or_refused(thorough: bool) -> None:
    def check(text: str) -> None:
        try:
            with bounded():
                value = parse(text, "f.yaml").value
        except InputError as refused:
            told(refused, source="f.yaml")
        else:
            assert repr(parse(dump(value), "f.yaml").value) == repr(value)

    try_all(thorough, 300, check, joined(YAML) | st.text())


def test_any_bytes_are_a_yaml_value_or_refused(thorough: bool, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"

    def check(content: bytes) -> None:
        file.write_bytes(content)
        try:
            with bounded():
                read(file)
        except InputError as refused:
            told(refused, source=str(file))

    try_all(
        thorough, 100, check, st.binary() | joined(YAML).map(lambda t: t.encode("utf-8", "surrogatepass"))
    )


def test_any_bytes_are_a_table_or_refused(thorough: bool, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"

    def check(content: bytes) -> None:
        file.write_bytes(content)
        for read_it in (lambda: Csv("f.csv", "y").load(tmp_path), lambda: read_norms(file, "delta")):
            try:
                with bounded():
                    read_it()
            except InputError as refused:
                told(refused)

    header = st.sampled_from([b"", b"x,y\n", b"x,y\n1,2\n3,5\n", b"layer,norm\n1,2\n"])
    texts = joined(CSV).map(lambda text: text.encode("utf-8", "surrogatepass"))
    try_all(thorough, 200, check, st.tuples(header, st.binary() | texts).map(b"".join))
