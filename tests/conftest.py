"""Options of the tests, the threads and signals of all of them, and the count of what was not run."""

import os
import signal
from collections import Counter

import pytest

from gradflow import threads
from tests.programs import NEEDS

threads.default_to_one()  # two processes of two threads each would wait for one another on two cores

# or each of the thousand processes that tests start would compile the package for itself
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# a shell starts `command &` with SIGINT ignored, and what that starts ignores it too
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="all cases, more rounds of the tests of chance")
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failure")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "thorough: a case that runs with --thorough alone")


LONG = (  # modules that take a worker long: if they came last, the others would wait
    "tests/test_readme.py", "tests/studies/", "tests/faults/", "tests/sweeps/",
    "tests/torch/test_mechanics.py", "tests/analysis/test_weakest.py",
)  # fmt: skip


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of signals, kills and dead hosts wait for most of their time."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    if not config.getoption("--thorough"):
        rare = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=rare)
        items[:] = [item for item in items if item not in rare]


@pytest.fixture
def thorough(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--thorough"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were not run for want of what."""
    wanted = Counter(reason for reason in map(_reason, skipped(terminalreporter)) if NEEDS in reason)
    for reason, count in wanted.most_common():
        terminalreporter.write_line(f"{count} not run: {reason[reason.index(NEEDS) :]}", yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and session.config.getoption("--no-skips") and skipped(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def skipped(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return list(reporter.stats.get("skipped", []))


def _reason(report: pytest.TestReport) -> str:
    """The last of (file, line, reason)."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
