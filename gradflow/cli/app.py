"""The commands under one name, and how each way of ending becomes an exit code and a line on stderr."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from gradflow.cli.light import COMPLETION, LightCommand, light
from gradflow.cli.output import ReaderGone, emit, silence
from gradflow.errors import GradflowError, InputError
from gradflow.telling.lines import complain
from gradflow.version import __version__

COMMANDS = {  # the first sentence of each, so that a list of them loads none
    "new": "List the starter configs, or write one: to stdout, or a file.",
    "run": "Train one config and report how its gradient flows.",
    "sweep": "Run a config for every combination of the values of its axes.",
    "compare": "Compare saved runs: what differs, c, the verdict, the loss.",
    "ls": "List runs and sweeps, newest first.",
    "show": "Show the report of a saved run again.",
    "report": "Write the report of runs or sweeps, as HTML or markdown.",
    "plot": "Draw a figure to .svg, .pdf or .png.",
    "theory": "Predict c, xi and the critical sigma_w by mean-field theory.",
    "check": "Check backpropagation against the complex step, in float64.",
    "jacobian": "Measure the singular values of dz_L / dz_1 beside theory's.",
    "precision": "Measure what float16, bfloat16 and float8 lose of delta.",
    "advise": "List what to change so that a config trains, or --try it.",
    "fit": "Fit c to gradient norms that were recorded elsewhere.",
    "export": "Export runs as tidy tables, or to MLflow or trackio.",
    "schema": "Write the JSON Schema of a config, for editors.",
    "note": "Say something of a run or sweep, in a line and in tags.",
    "rm": "Remove runs, sweeps and what interrupted runs have left.",
}
READER_GONE = 141
STYLE: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,  # brackets in a docstring are meant
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class LazyGroup(TyperGroup):
    """Knows its commands by name and first sentence, and imports the one that is called."""

    def get_params(self, ctx: Any) -> Any:
        """The flags of all commands."""
        return light(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command, in the place of what stands for it in a list."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and loaded(str(name)), rest


def loaded(name: str) -> Any:
    """The command of this name, from the function of its name in the module of its name."""
    alone = typer.Typer(**STYLE)
    function = getattr(import_module(f"gradflow.cli.commands.{name}"), name)
    alone.command(name, cls=LightCommand)(function)
    return typer.main.get_command(alone)


app = typer.Typer(cls=LazyGroup, **STYLE)
for name, sentence in COMMANDS.items():
    app.command(name, help=sentence)(lambda: None)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gradflow {__version__}")
        raise typer.Exit


def _install_completion(asked: bool) -> None:
    if asked:
        from gradflow.cli.completion import install

        install()
        raise typer.Exit


def _show_completion(asked: bool) -> None:
    if asked:
        from gradflow.cli.completion import script

        emit(script())
        raise typer.Exit


@app.callback()
def gradflow(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion", is_eager=True, callback=_install_completion,
            help="Have this shell, bash or zsh, complete commands, options, keys and runs.",
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion", is_eager=True, callback=_show_completion,
            help="Print the script that --install-completion installs.",
        ),
    ] = False,
) -> None:  # fmt: skip
    """Gradient-flow studies of deep networks: trains them in NumPy, records the gradient norm of every layer,
    and reports c, the factor that each layer passes on, and c^L.

    \b
    Start with:
      gradflow new
      gradflow new quickstart -o quickstart.yaml
      gradflow run quickstart.yaml
    """


def outcome() -> int:
    """Run the command line; what goes wrong is told and becomes an exit code."""
    try:
        if COMPLETION in os.environ:
            from gradflow.cli.completion import answer

            return answer(typer.main.get_command(app), os.environ[COMPLETION])
        code = app(sys.argv[1:] or ["--help"], prog_name="gradflow", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (ReaderGone, SystemExit):  # typer makes the latter where the reader of its --help has gone
        silence()
        return READER_GONE
    except InputError as error:
        complain(*map(str, error.problems))
        return error.exit_code
    except GradflowError as error:
        complain(str(error))
        return error.exit_code
    except TyperException as error:
        complain(f"{error.format_message().rstrip('.')}: see `{_command_of(error)} --help`")
        return error.exit_code
    except (MemoryError, OSError) as error:
        complain(_refusal(error))
        return 1


def _refusal(error: MemoryError | OSError) -> str:
    """What the system refused: memory by an OSError too, as where the folder of a library is listed."""
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        return "out of memory: make the network, the batch or the recording smaller, or raise ulimit -v"
    return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)


def _command_of(error: TyperException) -> str:
    """The command that was called in a wrong way, as it was typed; not every error of usage knows its own."""
    typed = " ".join(["gradflow", *(word for word in sys.argv[1:2] if word in COMMANDS)])
    return getattr(getattr(error, "ctx", None), "command_path", typed)
