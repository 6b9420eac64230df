"""The option that adds the long tests, the threads of all of them, and the signals that they may get."""

import signal

import pytest

from gradflow import threads

threads.default_to_one()  # two processes of two threads each would wait for one another on two cores

# a shell starts `command &` with SIGINT ignored, and what that starts ignores it too
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="more rounds of the tests that kill processes")


@pytest.fixture
def thorough(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--thorough"))
