"""Locks: a file for each, which names its owner and is under `flock` where the disk has that.

A lock ends with its process, however that dies; `owners` tells when. Locks save work: what is shown is whole
whoever holds them, since it comes to its place by a rename.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING
from zlib import crc32

from gradflow.errors import RunError
from gradflow.interrupts import raise_waiting
from gradflow.store.owners import RENEWED, holder, is_free, myself
from gradflow.store.writing import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from socket import socket as Socket

PATIENCE = 60.0  # seconds that one waits for what takes another a moment, such as to publish
RETRY = 0.01  # seconds from one try to the next
NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}  # from a disk that has none

_held: set[int] = set()  # descriptors of this process
_addresses: dict[int, Socket] = {}  # by the descriptor of the folder that each stands for


@contextmanager
def hold(
    folder: Path,
    name: str,
    what: Path,
    prepare: Callable[[], object],
    rivals: Callable[[str], object] = lambda name: False,
) -> Iterator[None]:
    """Hold the lock `name` of a folder, made if need be; before, call `prepare`.

    RunError at once if another process holds it, or a lock whose name is one of `rivals`; it names that
    process, and `what` it works on.
    """
    path, descriptor = folder / name, -1
    raise_waiting()  # nothing is written for a command that is ending
    try:
        with disk_errors(what), folder_locked(folder, make=True):
            prepare()
            descriptor = _take(path, what)
            for other in filter(rivals, os.listdir(folder)):
                _require_free(folder / other, what)
        with _renewed(descriptor):
            yield
    finally:
        if descriptor >= 0:
            _release(path, descriptor)


@contextmanager
def folder_locked(folder: Path, make: bool = False) -> Iterator[None]:
    """Keep every other process of this machine from a folder's locks; afterwards it goes if it is empty.

    RunError if another has kept it for a minute.
    """
    descriptor = _open_folder(folder, make)
    try:
        yield
    finally:
        with suppress(OSError):
            os.rmdir(folder)
        _close(descriptor)


def remove_if_free(path: Path) -> None:
    """Remove a lock of a locked folder that nobody holds."""
    with suppress(OSError):
        _remove_left(path)


def _remove_left(path: Path) -> None:
    """Remove the lock of a process that died, none that has come into its place while this one looked.

    Where nobody is kept out of the folder, the lock that another has just made must stay.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        if is_free(path) and _is_still(path, descriptor):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _take(path: Path, what: Path) -> int:
    while True:
        _require_free(path, what)
        try:
            _remove_left(path)
            descriptor = _made(path)
        except FileExistsError:
            continue  # another machine was faster, or another process where nobody is kept
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)  # another machine found the folder empty
            continue
        if _is_still(path, descriptor):
            return descriptor
        _close(descriptor)


def _made(path: Path) -> int:
    """A new lock in which its owner stands from its first moment, for without one it looks like a left one.

    FileExistsError if there is a lock.
    """
    own = path.with_name(f".{os.getpid()}-{crc32(os.uname().nodename.encode()):08x}.lock")
    own.unlink(missing_ok=True)
    descriptor = os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    _held.add(descriptor)
    try:
        _flock(descriptor, own)
        os.pwrite(descriptor, myself().line(), 0)
        _name(own, path)
    except BaseException:
        if _is_still(path, descriptor):
            path.unlink(missing_ok=True)
        _close(descriptor)
        raise
    finally:
        own.unlink(missing_ok=True)
    return descriptor


def _name(own: Path, path: Path) -> None:
    """Give a file its name unless that is taken; where a disk has no links, in a moment if not at once."""
    try:
        os.link(own, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(own, path)


def _release(path: Path, descriptor: int) -> None:
    try:
        with suppress(OSError, RunError), folder_locked(path.parent):
            if _is_still(path, descriptor):
                path.unlink()
    finally:
        _close(descriptor)


def _require_free(path: Path, what: Path) -> None:
    owner = holder(path)
    if owner:
        raise RunError(f"{owner} is working on it: wait for it, or end it", what)


@contextmanager
def _renewed(descriptor: int) -> Iterator[None]:
    """Renew the time of a lock now and then, for other machines."""
    over = Event()

    def renew() -> None:
        while not over.wait(RENEWED):
            with suppress(OSError):
                os.utime(descriptor)

    renewing = Thread(target=renew, daemon=True)
    try:
        with suppress(RuntimeError), _signals_blocked():  # no thread can be started: it holds on this machine
            renewing.start()
        yield
    finally:
        over.set()
        if renewing.ident is not None:
            renewing.join()  # or it could meet another file under the number of this one


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A thread that is started here gets no signal, which the main thread may be holding back."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _open_folder(folder: Path, make: bool) -> int:
    while True:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            if make:
                continue  # removed by one who found it empty
            raise
        _held.add(descriptor)
        try:
            if not _flock(descriptor, folder):
                _keep_address(descriptor)
            if _is_still(folder, descriptor):
                return descriptor
        except BaseException:  # a signal that left it locked would have this process wait for itself
            _close(descriptor)
            raise
        _close(descriptor)


def _keep_address(descriptor: int) -> None:
    """On a disk without locks, keep a folder's address among this machine's sockets until it is closed.

    It ends with its process, as a lock does. Where there are no such addresses nobody is kept.
    """
    import socket

    found, end = os.fstat(descriptor), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            kept = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        except OSError:
            return
        try:
            kept.bind(f"\0gradflow-{found.st_dev}-{found.st_ino}".encode())
        except OSError as error:
            kept.close()
            if error.errno != errno.EADDRINUSE:
                return
            time.sleep(RETRY)
        else:
            _addresses[descriptor] = kept
            return


def _flock(descriptor: int, path: Path) -> bool:
    """Lock what another may be looking at or working on for a moment; False if the disk cannot."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                message = f"another process has kept it locked for {PATIENCE:g} s: end that one"
                raise RunError(message, path) from None
            time.sleep(RETRY)
        except OSError:  # ENOLCK, ENOSYS, EOPNOTSUPP: a disk without locks
            return False


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    if descriptor in _addresses:
        _addresses.pop(descriptor).close()
    os.close(descriptor)


def _close_all() -> None:
    """In a forked child: a lock would outlive its process for as long as a child held it."""
    for descriptor in list(_held):
        _close(descriptor)


os.register_at_fork(after_in_child=_close_all)
