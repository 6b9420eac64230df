"""Streams that the shell has closed, and a full disk behind one."""

from pathlib import Path

import pytest

from tests.faults.commands import gradflow


def redirected(redirection: str) -> list[str]:
    """What starts a command as a shell does that was told to redirect its streams."""
    return ["sh", "-c", f'exec "$@" {redirection}', "sh"]


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize(("arguments", "code"), [(["run", "net.yaml"], 0), (["show", "@1"], 2)])
def test_closed_streams_change_no_exit_code(
    folder: Path, redirection: str, arguments: list[str], code: int
) -> None:
    done = gradflow(folder, *arguments, under=redirected(redirection))
    assert done.code == code
    assert done.err == "" or ("2>" not in redirection and done.err.startswith("error: ") == (code == 2))


@pytest.mark.parametrize("arguments", [["ls"], ["ls", "--json"]])
def test_an_output_that_takes_no_more_is_named(folder: Path, arguments: list[str]) -> None:
    done = gradflow(folder, *arguments, under=redirected("> /dev/full"))
    assert done.code == 1
    assert done.err == (
        "error: standard output: cannot be written: No space left on device: "
        "see to where it goes and run again\n"
    )
