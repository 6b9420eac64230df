"""SIGINT and SIGTERM end a command by an exception, which waits for the end of a block that it would harm.

In a program of a user's SIGINT alone does, for as long as that is `in_a_program`.
Such blocks are those in `held_back`, and imports: C code of NumPy and pydantic swallows what is raised there.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from time import monotonic
from types import FrameType

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
PATIENCE = 5.0  # seconds that a signal waits, for a block that never ends must be ended too
AGAIN = 0.01  # seconds from one look to the next


class Interrupted(BaseException):
    """A signal came: unwind, so that what is unfinished is put away.

    No KeyboardInterrupt, since CPython dies of SIGINT at its end if one was raised inside an `exec`.
    """

    def __init__(self, number: int) -> None:
        self.number, self.code = number, CODES[signal.Signals(number)]
        super().__init__(number)


class _State:
    """Of this process: how many blocks hold signals back, which signal waits, and until when."""

    blocks = 0
    waiting: int | None = None
    until = 0.0


_state = _State()


def listen() -> None:
    """From now on SIGINT and SIGTERM raise Interrupted; who started the process may have it ignore SIGINT."""
    _state.waiting = None
    for number in CODES:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _came)
    sys.unraisablehook = _swallowed


def ignore() -> None:
    """From now on they do nothing: the command is over, and its exit code is known."""
    for number in CODES:
        signal.signal(number, signal.SIG_IGN)
    _state.waiting = None
    if signal.getsignal(signal.SIGALRM) == _look:
        signal.setitimer(signal.ITIMER_REAL, 0)  # it would kill an interpreter that is at its end


@contextmanager
def in_a_program() -> Iterator[None]:
    """A block of a program that is no command: SIGINT waits as in one, and is a KeyboardInterrupt at its end.

    A program that handles SIGINT itself goes on to do so, as does one that runs the block in a thread, where
    no signal is raised.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _is_main():
        yield
        return
    try:
        with _listening():
            yield
            raise_waiting()
    except Interrupted:
        raise KeyboardInterrupt from None


@contextmanager
def _listening() -> Iterator[None]:
    """SIGINT raises Interrupted; after the block all is as it was."""
    hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    timer = signal.getitimer(signal.ITIMER_REAL)
    _state.waiting, sys.unraisablehook = None, _swallowed
    signal.signal(signal.SIGINT, _came)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _state.waiting, sys.unraisablehook = None, hook
        if signal.getsignal(signal.SIGALRM) == _look:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm or signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, *timer)


def _is_main() -> bool:
    """Whether this is the thread in which signals are handled."""
    return current_thread() is main_thread()


@contextmanager
def held_back() -> Iterator[None]:
    """A block that a signal does not cut unless it lasts: it is raised at the end."""
    _state.blocks += 1
    try:
        yield
    finally:
        _state.blocks -= 1
    if not _state.blocks:
        raise_waiting()


def is_waiting() -> bool:
    """Whether a signal has come that was held back; it is the main thread's."""
    return _state.waiting is not None and _is_main()


def raise_waiting() -> None:
    """Raise the signal that waits, if one does, even within a block that holds it back."""
    if _state.waiting is not None and _is_main():
        number, _state.waiting = _state.waiting, None
        raise Interrupted(number)


def _came(number: int, frame: FrameType | None) -> None:
    if _state.waiting is None:
        _state.waiting, _state.until = number, monotonic() + PATIENCE
    _look(number, frame)


def _look(number: int, frame: FrameType | None) -> None:
    """Raise what waits, or look again in a moment."""
    if (_state.blocks or _is_importing(frame)) and monotonic() < _state.until:
        _look_again()
    else:
        raise_waiting()


def _look_again() -> None:
    """In a moment, by a timer: a handler may start no thread, since it may meet one that is being started."""
    signal.signal(signal.SIGALRM, _look)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _swallowed(ignored: sys.UnraisableHookArgs) -> None:
    """Raise again what was raised in a finalizer, where Python would print it and go on."""
    if isinstance(ignored.exc_value, Interrupted):
        _state.waiting = ignored.exc_value.number
        _look_again()
    else:
        sys.__unraisablehook__(ignored)
