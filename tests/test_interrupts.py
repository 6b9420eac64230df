"""When a signal is raised, and when it waits."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from gradflow import interrupts
from gradflow.interrupts import (
    CODES,
    Interrupted,
    held_back,
    ignore,
    in_a_program,
    is_waiting,
    listen,
    raise_waiting,
)

BUSY = 0.1  # seconds in which a signal that came is raised


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    numbers = (*CODES, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    listen()
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def strike(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def wait(seconds: float = BUSY) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


def struck_by(call: Callable[[], object]) -> None:
    """A call within which a signal comes, and a moment in which it is raised."""
    call()
    wait()


@pytest.mark.parametrize("number", CODES)
def test_a_signal_is_raised_at_once_with_its_exit_code(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as raised:
        strike(number)
    assert raised.value.code == CODES[number] == 128 + number


def test_a_block_that_holds_signals_back_is_not_cut() -> None:
    done = []

    def struck_within() -> None:
        with held_back():
            with held_back():
                strike()
                wait()
                assert is_waiting()
            done.append("inner")
        done.append("never")

    with pytest.raises(Interrupted):
        struck_within()
    assert done == ["inner"]
    assert not is_waiting()


def test_a_block_may_say_where_it_can_be_cut() -> None:
    with held_back():
        raise_waiting()
        strike()
        with pytest.raises(Interrupted):
            raise_waiting()


def test_a_block_that_lasts_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "PATIENCE", 0.05)
    done: list[str] = []

    def struck_for(seconds: float) -> None:
        with held_back():
            strike()
            wait(seconds)
            done.append("never")

    with pytest.raises(Interrupted):
        struck_for(5)
    assert done == []


def test_an_import_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "struck.py").write_text(
        "import os, time\nos.kill(os.getpid(), 15)\ntime.sleep(0.05)\nwhole = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Interrupted):
        struck_by(lambda: importlib.import_module("struck"))
    assert sys.modules.pop("struck").whole == 1


def test_what_a_finalizer_swallows_is_raised_again(capfd: pytest.CaptureFixture[str]) -> None:
    class Struck:
        def __del__(self) -> None:
            strike()

    with pytest.raises(Interrupted):
        struck_by(Struck)
    assert capfd.readouterr().err == ""


def test_a_command_that_is_over_is_left_alone() -> None:
    with held_back():
        strike()
        ignore()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    ignore()
    for number in CODES:
        strike(number)
    wait()


def test_a_signal_that_the_shell_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listen()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    strike(signal.SIGINT)
    wait()


@pytest.fixture
def _a_program(_signals: None) -> None:
    """Python's own handlers, as where no command listens."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


@pytest.mark.usefixtures("_a_program")
def test_in_a_program_a_signal_waits_and_is_a_keyboard_interrupt() -> None:
    done = []
    hook = sys.unraisablehook

    @in_a_program()
    def struck_within() -> None:
        with held_back():
            strike(signal.SIGINT)
            wait()
            done.append("all of the block")
        done.append("more")

    with pytest.raises(KeyboardInterrupt):
        struck_within()
    assert done == ["all of the block"]
    assert not is_waiting()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert sys.unraisablehook is hook


@pytest.mark.usefixtures("_a_program")
def test_a_programs_own_timer_runs_on() -> None:
    rang = []
    signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
    signal.setitimer(signal.ITIMER_REAL, BUSY)

    @in_a_program()
    @held_back()
    def struck_within() -> None:
        strike(signal.SIGINT)
        wait(BUSY / 5)

    with pytest.raises(KeyboardInterrupt):
        struck_within()
    wait(2 * BUSY)
    assert rang == [signal.SIGALRM]


@pytest.mark.usefixtures("_a_program")
def test_a_program_that_handles_signals_goes_on_to_do_so() -> None:
    came = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    with in_a_program(), held_back():
        strike(signal.SIGINT)
        wait()
    assert came == [signal.SIGINT]


def test_a_signal_is_raised_in_the_main_thread_alone() -> None:
    told = []

    def look() -> None:
        raise_waiting()
        told.append(is_waiting())

    @held_back()
    def struck_within() -> None:
        strike()
        thread = Thread(target=look)
        thread.start()
        thread.join()
        assert is_waiting()

    with pytest.raises(Interrupted):
        struck_within()
    assert told == [False]
