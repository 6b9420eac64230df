"""The option that adds the long tests, and the signals that what they start may get."""

import signal

import pytest

# a shell starts `command &` with SIGINT ignored, and what that starts ignores it too
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="more rounds of the tests that kill processes")


@pytest.fixture
def thorough(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--thorough"))
