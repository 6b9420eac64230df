"""Where limits leave no room for files, processes, memory or sockets: one line, never a traceback."""

import errno
import os
import time
from pathlib import Path

import msgspec
import pytest

from tests.faults.checks import tidy, told, whole
from tests.faults.commands import ROOT, Warm, gradflow
from tests.programs import needs_root, program

SERIAL = ["sweep", "net.yaml", "seed=0,1,2", "--json", "--quiet", "--executor", "serial"]
SWEEP = [*SERIAL[:-2], "--workers", "3"]
GONE = ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh"]
NOBODY = 65534


@pytest.mark.parametrize("files", [8, 16])
def test_workers_for_which_no_file_is_left_are_one_line(folder: Path, files: int) -> None:
    done = gradflow(folder, *SWEEP, under=[program("prlimit"), f"--nofile={files}"])
    assert done.code == 1
    told(done, "--executor processes: no worker can be started", "Too many open files", "--executor serial")
    assert gradflow(folder, *SERIAL, under=[program("prlimit"), f"--nofile={files}"]).code == 0
    assert len(whole(folder / "runs")) == 3


def test_trials_for_which_no_file_is_left_name_what_their_command_has(folder: Path) -> None:
    trial = ["advise", "net.yaml", "--try", "--steps", "1", "--workers", "2"]
    done = gradflow(folder, *trial, under=[program("prlimit"), "--nofile=11"])
    assert done.code == 1
    told(done, "--try: no worker can be started", "Too many open files", "or give fewer --workers")
    assert "--executor" not in done.err


def test_workers_without_a_current_folder_are_one_line(folder: Path) -> None:
    arguments = [f"{folder}/net.yaml" if one == "net.yaml" else one for one in SWEEP]
    done = gradflow(folder, *arguments, "--runs-dir", f"{folder}/runs", under=GONE)
    assert done.code == 1
    told(done, "--executor processes: no worker can be started", "No such file or directory")
    done = gradflow(folder, "run", f"{folder}/net.yaml", under=GONE)
    assert done.code == 1
    told(done, "cannot be written: No such file or directory")


@needs_root
def test_workers_that_may_not_be_processes_are_one_line(warm: Warm, open_folder: Path) -> None:
    (open_folder / "runs").mkdir()
    os.chown(open_folder / "runs", NOBODY, NOBODY)
    done = warm(open_folder, *SWEEP, user=NOBODY, limits={"RLIMIT_NPROC": 0})
    assert done.code == 1
    told(done, "no worker can be started")
    tidy(open_folder / "runs")


NO_THREADS = """
import sys, threading
def start(self):
    raise RuntimeError("can't start new thread")
if "spawn_main" in " ".join(sys.orig_argv):
    threading.Thread.start = start
"""


def test_a_worker_that_may_start_no_thread_computes(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(NO_THREADS)
    done = gradflow(folder, *SWEEP, under=["env", f"PYTHONPATH={folder}:{ROOT}"])
    assert (done.code, done.err) == (0, "")
    assert len(whole(folder / "runs")) == 3


@pytest.mark.parametrize("megabytes", [20, 40, 60, 100])
def test_libraries_for_which_there_is_no_memory_are_one_line(folder: Path, megabytes: int) -> None:
    done = gradflow(folder, "run", "net.yaml", under=[program("prlimit"), f"--as={megabytes * 1000 * 1024}"])
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith(
        ("error: a library cannot be loaded (", "error: out of memory", "OpenBLAS error: ")
    )
    assert not (folder / "runs").exists()


def test_a_library_whose_folder_memory_does_not_suffice_to_list_is_one_line(folder: Path) -> None:
    library = Path(msgspec.__file__).parent
    refused = ["-qq", "-o", os.devnull, "-P", f"{library}", "-e", "inject=openat:error=ENOMEM"]
    done = gradflow(folder, "run", "net.yaml", under=[program("strace"), *refused])
    assert done.code == 1
    told(done, "error: out of memory", "ulimit -v")
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("closed", ["<&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_disturb_no_worker(folder: Path, closed: str) -> None:
    done = gradflow(folder, *SWEEP, under=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert (done.code, done.err) == (0, "")
    assert len(whole(folder / "runs")) == 3


def test_a_cluster_without_sockets_is_one_line(folder: Path, odd: str) -> None:
    under = ["env", f"SOCKET_ERRNO={errno.EPERM}", f"LD_PRELOAD={odd}"]
    done = gradflow(folder, *SWEEP, "--executor", "dask", under=under)
    assert done.code == 1
    told(done, "--executor dask: no cluster can be started here", "Operation not permitted")
    tidy(folder / "runs")


@needs_root
def test_a_cluster_without_a_network_is_one_line_at_once(folder: Path) -> None:
    start = time.monotonic()
    done = gradflow(folder, *SWEEP, "--executor", "dask", under=[program("unshare"), "--net"])
    assert done.code == 1
    told(done, "--executor dask: no cluster can be started here", "Network is unreachable")
    assert time.monotonic() - start < 30  # two tries of 30 s each were the cluster's own
    tidy(folder / "runs")


def test_a_cluster_without_files_is_one_line(folder: Path) -> None:
    done = gradflow(folder, *SWEEP, "--executor", "dask", under=[program("prlimit"), "--nofile=20"])
    assert done.code == 1
    told(done, "--executor dask: a cluster needs 72 open files and 20 are allowed", "ulimit -n 72")
