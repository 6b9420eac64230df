"""The commands under one name, and how each way of ending becomes an exit code and a line on stderr."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from gradflow.cli import check, compare, export, fit, ls, new, plot, report, run, show, sweep, theory
from gradflow.cli.light import LightCommand, LightGroup
from gradflow.cli.output import ReaderGone, complain, silence
from gradflow.errors import GradflowError, InputError
from gradflow.version import __version__

COMMANDS = (
    new.new, run.run, sweep.sweep, compare.compare, ls.ls, show.show, report.report, plot.plot,
    theory.theory, check.check, fit.fit, export.export,
)  # fmt: skip
LIGHT = (new.new, ls.ls, compare.compare)  # commands that need neither numpy nor pydantic
READER_GONE = 141

app = typer.Typer(
    cls=LightGroup,
    add_completion=False,
    rich_markup_mode=None,  # brackets in a docstring are meant
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in COMMANDS:
    app.command(cls=LightCommand if command in LIGHT else None)(command)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gradflow {__version__}")
        raise typer.Exit


@app.callback()
def gradflow(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
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
    except MemoryError:
        complain("out of memory: make the network, the batch or the recording smaller")
        return 1
    except OSError as error:
        complain(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        return 1


def _command_of(error: TyperException) -> str:
    """The command that was called in a wrong way, as it was typed; only errors of usage know theirs."""
    return getattr(getattr(error, "ctx", None), "command_path", "gradflow")
