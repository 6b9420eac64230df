"""A shell in a pseudo-terminal, in a home folder of its own, into which lines are typed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.commands import ROOT
from tests.programs import program

HOME, END, DROP = "\x01", "\x05", "\x05\x15"  # keys: to the start of a line, to its end, and all of it away
READY = r"> (\x1b\[\?2004h)?\Z"  # the prompt; zsh asks for pasted text to be marked
PATIENCE = 60  # seconds for what takes a tenth, on a busy machine
CALLED = {"bash": ["--noprofile", "-i"], "zsh": ["-i"]}
STARTS = {"bash": ".bashrc", "zsh": ".zshrc"}
OWN_LINES = "PS1='> '\n"  # what stands there before anything is installed
NAMED = f"""\
#!{sys.executable}
import sys
from gradflow.cli import main
sys.exit(main())
"""


class Typist:
    """Types into an interactive bash or zsh; keys that come while it completes wait for it."""

    def __init__(self, shell: str, home: Path, folder: Path) -> None:
        self.shell = shell
        self.ours, theirs = pty.openpty()
        environment = {
            "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "TERM": "dumb", "COLUMNS": "200", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [program(shell), *CALLED[shell]], cwd=folder, env=environment, start_new_session=True,
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        self.lines = 0
        self.until(READY)

    def enter(self, keys: str) -> str:
        """What the terminal shows from these keys, with ENTER, to what a command behind them prints."""
        self.lines += 1
        os.write(self.ours, f"{keys}; echo 'e'nd-{self.lines}\r".encode())
        return self.until(rf"(?ms)^end-{self.lines}\r?$.*{READY}")

    def words(self, keys: str) -> list[str]:
        """The words of the line that these keys leave."""
        return re.findall(r"(?m)^<(.*)>\r?$", self.enter(f"{keys}{HOME}printf '<%s>\\n' {END}"))

    def shown(self, keys: str) -> set[str]:
        """The words that the terminal shows after these keys, whose line is then dropped."""
        return set(re.split(r"\s+", self.enter(f"{keys}{DROP}:")))

    def until(self, pattern: str) -> str:
        """What the terminal shows until this."""
        text, end = "", time.monotonic() + PATIENCE
        while not re.search(pattern, text):
            waiting, _, _ = select.select([self.ours], [], [], max(0, end - time.monotonic()))
            assert waiting, f"the terminal shows nothing more: {text!r}"
            text += os.read(self.ours, 65536).decode(errors="replace")
        return text

    def close(self) -> None:
        """Hang up."""
        os.close(self.ours)
        self.process.wait(PATIENCE)


def home_for(shell: str, folder: Path) -> Path:
    """A home folder in which `gradflow` is a command, and the shell has a line of the user's."""
    (folder / "bin").mkdir(parents=True)
    command = folder / "bin" / "gradflow"
    command.write_text(NAMED)
    command.chmod(0o755)
    (folder / STARTS[shell]).write_text(OWN_LINES)
    return folder
