"""Shell completion: what bash and zsh ask while a line is typed, and how a home folder makes them ask.

typer parses the line and finds the parameter, whose `autocompletion` offers words: see `offers`. Its scripts
are replaced, since theirs put a space behind "depth=", and in zsh pass over the first TAB.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from typer._completion_classes import ZshComplete
from typer._completion_shared import _get_shell_name

from gradflow.cli.light import COMPLETION
from gradflow.cli.output import emit
from gradflow.errors import InputError
from gradflow.telling.lines import note

OPEN_ENDS = ("=", ".")  # of words that go on: a space would end them

BASH = """\
_gradflow() {
    local IFS=$'\\n'
    COMPREPLY=($(env _TYPER_COMPLETE_ARGS="${COMP_LINE:0:COMP_POINT}" \\
        _GRADFLOW_COMPLETE=complete_bash "${1/#\\~/$HOME}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _gradflow gradflow
"""
ZSH = """\
#compdef gradflow
_gradflow() {
    eval "$(env _TYPER_COMPLETE_ARGS="${(j: :)words[1,CURRENT]}" \\
        _GRADFLOW_COMPLETE=complete_zsh ${~words[1]} 2>/dev/null)"
}
if [[ $funcstack[1] == _gradflow ]]; then
    _gradflow "$@"
else
    compdef _gradflow gradflow
fi
"""


class Zsh(ZshComplete):
    """Answers with code for zsh: words beside what each says, or files where there are none."""

    def complete(self) -> str:
        """What completes the line."""
        words, before = self.offered()
        if not words:
            return "compset -P '*='; _files" if before else "_files"
        escaped = [(word.replace(":", "\\:"), told) for word, told in words]
        shown = [f"{word}:{told}" if told else word for word, told in escaped]
        end = " -S ''" if all(word.endswith(OPEN_ENDS) for word, _ in words) else ""
        return f"local -a offered; offered=({shlex.join(shown)}); _describe word offered{end}"

    def offered(self) -> tuple[list[tuple[str, str]], str]:
        """Whole words, each with what it says, and what of them the last "=" ends that is typed already."""
        args, typed = self.get_completion_args()
        before = typed[: typed.rfind("=") + 1]
        found = [(str(item.value), item.help or "") for item in self.get_completions(args, typed)]
        return [(before + word.removeprefix(before), told) for word, told in found], before


class Bash(Zsh):
    """Answers with a word a line, without what stands before "=", at which bash begins a word."""

    def complete(self) -> str:
        """What completes the line."""
        words, before = self.offered()
        return "\n".join(word.removeprefix(before) for word, _ in words)


SHELLS = {"bash": (BASH, Bash), "zsh": (ZSH, Zsh)}


def answer(command: Any, asked: str) -> int:
    """Tell a shell what completes its line, and nothing else: where that fails, not a word."""
    try:
        _, shell = SHELLS[asked.removeprefix("complete_")]
        text = shell(command, {}, "gradflow", COMPLETION).complete()
    except Exception:  # of a line that is half typed, on a disk that may not answer
        return 1
    emit(f"{text}\n" if text else "")
    return 0


def script() -> str:
    """What makes the shell that is open complete."""
    return SHELLS[_shell()][0]


def install() -> None:
    """Put the script into the home folder, and a line that loads it into what the shell reads first."""
    from gradflow.store.home import add_line, put  # loads more than an answer needs

    shell, home = _shell(), Path.home()
    if shell == "zsh":
        file, start = home / ".zfunc" / "_gradflow", Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
        line = "fpath+=~/.zfunc; autoload -Uz compinit; compinit"
    else:
        file, start = home / ".bash_completions" / "gradflow.sh", home / ".bashrc"
        line = f"source {shlex.quote(str(file))}"
    put(file, script())
    add_line(start, line)
    note(f"wrote {file}, which {start} loads: open a new {shell}, and TAB completes gradflow", quiet=False)


def _shell() -> str:
    """The shell that is open. InputError if it is none of SHELLS."""
    found = _get_shell_name() or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        known = " or ".join(SHELLS)
        raise InputError(f"{found or 'this'} is no shell that completion knows: type it in {known}")
    return found
