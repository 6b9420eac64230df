"""A process that has loaded gradflow, and forks one that runs `gradflow ARGS` for each line that it reads.

Loading takes a second or two, and a fault at every system call of a run takes hundreds of runs.
"""

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gradflow.cli import main
from tests.small import NET

CLONE_NEWUTS = 0x04000000
PR_SET_PTRACER, ANYBODY = 0x59616D61, -1  # so that the strace of an ordinary user may attach, too


def serve() -> None:
    """Answer each order by two lines, the process that runs it and its exit code."""
    load()
    for line in sys.stdin:
        order = json.loads(line)
        closed, opened = os.pipe()
        prepared, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opened)
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY)
            prepare(order)
            os.close(tells)
            os.read(closed, 1)  # until a tracer is there
            sys.exit(main())
        os.close(closed)
        os.close(tells)
        os.read(prepared, 1)  # a tracer must not meet what only makes the command ready
        os.close(prepared)
        tracer = attached(pid, order["strace"])
        os.close(opened)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        if tracer:
            tracer.communicate()


def crowd() -> None:
    """Answer one line, a list of orders that are run at once, by one of their exit codes."""
    load()
    pids = []
    for order in json.loads(sys.stdin.readline()):
        pids.append(os.fork())
        if pids[-1] == 0:
            prepare(order)
            sys.exit(main())
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]), flush=True)


def load() -> None:
    """Run commands here, so that all that they import is there, also for a user who may not read it."""
    with TemporaryDirectory() as name, chdir(name), open("out", "w") as out:
        Path("net.yaml").write_text(NET)
        with redirect_stdout(out), redirect_stderr(out):
            for arguments in (
                ["run", "net.yaml", "--json"],
                ["sweep", "net.yaml", "seed=0,1", "--executor", "serial"],
            ):
                sys.argv = ["gradflow", *arguments]
                main()
    gc.freeze()  # so that a fork need not copy what is loaded


def prepare(order: dict[str, Any]) -> None:
    """Take the streams, the folder and the signals of a process that was started for the order."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for descriptor, path in enumerate((os.devnull, order["out"], order["err"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(order["folder"])
    os.environ.update(order.get("environment", {}))
    if "host" in order:
        assert ctypes.CDLL(None).unshare(CLONE_NEWUTS) == 0
        socket.sethostname(order["host"])
    for name, limit in order.get("limits", {}).items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    if "user" in order:
        os.setgroups([])
        os.setresgid(*(order["user"],) * 3)
        os.setresuid(*(order["user"],) * 3)
    sys.argv = ["gradflow", *order["arguments"]]


def attached(pid: int, options: list[str]) -> "subprocess.Popen[str] | None":
    """A strace with some options that has got hold of a process; None without options."""
    if not options:
        return None
    tracer = subprocess.Popen(["strace", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr
    assert "attached" in (line := tracer.stderr.readline()), line
    return tracer


if __name__ == "__main__":
    crowd() if sys.argv[1:] == ["crowd"] else serve()
