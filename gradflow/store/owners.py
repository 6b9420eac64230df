"""Who holds a lock: the process that its file names, if that lives.

On its machine `flock` tells so, or the list of processes where the disk has no locks; a disk whose `flock`
does not reach other machines leaves those only the time of the file, which its owner renews.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

RENEWED = 10.0  # seconds after which the time of a lock is renewed
LEASE = 60.0  # seconds after which another machine takes its owner for dead

_OWNER = re.compile(rb"(\d{1,10}) ([\w.-]{1,253})(?: (\d{1,20}))?\n")


@dataclass(frozen=True)
class Owner:
    """A process, its machine, and when it was started, in ticks of that machine; 0 if not known."""

    process: int
    host: str
    start: int = 0

    @property
    def is_here(self) -> bool:
        """Whether this is its machine."""
        return self.host == os.uname().nodename

    @property
    def lives(self) -> bool:
        """Whether it runs, if this is its machine."""
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # it is another user's
        return self.start in (0, _start_of(self.process))

    def line(self) -> bytes:
        """What stands in its locks."""
        return f"{self.process} {self.host} {self.start}\n".encode()


def myself() -> Owner:
    """This process."""
    return Owner(os.getpid(), os.uname().nodename, _start_of(os.getpid()))


def holder(path: Path) -> str | None:
    """Who holds a lock; None if nobody does, or there is none. It waits for nothing. OSError for a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        found = _OWNER.fullmatch(os.pread(descriptor, 400, 0))
        owner = Owner(int(found[1]), found[2].decode(), int(found[3] or 0)) if found else None
        return _told(descriptor, owner) if _is_held(descriptor, owner) else None
    finally:
        os.close(descriptor)


def is_free(path: Path) -> bool:
    """Whether nobody holds a lock."""
    try:
        return holder(path) is None
    except OSError:
        return False


def _is_held(descriptor: int, owner: Owner | None) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a disk without locks
        return owner.lives if owner and owner.is_here else _is_fresh(descriptor)
    return owner is not None and not owner.is_here and _is_fresh(descriptor)


def _is_fresh(descriptor: int) -> bool:
    return abs(time.time() - os.fstat(descriptor).st_mtime) < LEASE


def _told(descriptor: int, owner: Owner | None) -> str:
    """process 12 on node-3 (user ada), as far as it is known."""
    uid = os.fstat(descriptor).st_uid
    user = "" if uid == os.geteuid() else f" (user {_name_of(uid)})"
    return (f"process {owner.process} on {owner.host}" if owner else "another process") + user


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _start_of(process: int) -> int:
    """When a process of this machine was started; 0 where the system does not say."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
        return int(stat.rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
