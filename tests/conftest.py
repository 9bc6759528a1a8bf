"""What every test may count on: which build it runs against, where the corpora are, and that nobody leaves a process behind."""

import logging
import os
import signal
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from run_mark import RUN_MARK

import hauberk_core
from hauberk_core import build_info
from hauberk_core.agent.logs import LOG

ROOT: Final = Path(__file__).resolve().parent.parent

# Third-party test data; see CONTRIBUTING.md.
CORPORA: Final = "HAUBERK_CORPORA"
# With "1" a test that is skipped for want of corpora fails instead.
REQUIRE_CORPORA: Final = "HAUBERK_REQUIRE_CORPORA"
# With "1" a test that is skipped for want of a cluster, or of what else such tests need, fails instead.
REQUIRE_CLUSTER: Final = "HAUBERK_REQUIRE_CLUSTER"
# With "1" the run fails unless the installed, compiled wheel is what gets imported.
EXPECT_COMPILED: Final = "HAUBERK_EXPECT_COMPILED"
# Marks this run's processes: children inherit it, and keep it when their parent dies.

# A process that was told to stop gets this long to be gone when the run ends, on a machine that is busy with other things.
FAREWELL_SECONDS: Final = 30.0

# By default a property is held against the same examples in every run, so that a run fails for a change and not by chance;
# with "search" against others each time, and those that failed are remembered.
HYPOTHESIS_PROFILE: Final = "HYPOTHESIS_PROFILE"
# Shared machines are slow at times; a test's own bounds say what is too slow. What chance draws too often is no failure either.
_UNHEALTHY: Final = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]
settings.register_profile("search", settings.get_profile("default"), deadline=None, suppress_health_check=_UNHEALTHY)
settings.register_profile("hauberk", settings.get_profile("search"), derandomize=True, database=None)
settings.load_profile(os.environ.get(HYPOTHESIS_PROFILE, "hauberk"))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test something other than what was asked for."""
    if os.environ.get(EXPECT_COMPILED) != "1":
        return
    if not build_info.compiled():
        raise pytest.UsageError(f"{EXPECT_COMPILED}=1, but the imported hauberk_core is plain: {hauberk_core.__file__}")
    if Path(hauberk_core.__file__).is_relative_to(ROOT / "core"):
        raise pytest.UsageError(f"{EXPECT_COMPILED}=1, but hauberk_core is imported from the sources: {hauberk_core.__file__}")


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is tested."""
    kind = "compiled" if build_info.compiled() else "plain"
    return f"hauberk: {build_info.version()}, {kind}; corpora: {os.environ.get(CORPORA, 'not given')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where corpora or a cluster are required, turn a skip for want of them into a failure, whoever skipped."""
    report = yield
    needs_cluster = any(item.get_closest_marker(name) for name in ("cluster", "kubernetes"))
    if report.skipped and os.environ.get(REQUIRE_CLUSTER) == "1" and needs_cluster:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and {REQUIRE_CLUSTER}=1 forbids that: {report.longrepr}"
    if report.skipped and os.environ.get(REQUIRE_CORPORA) == "1" and CORPORA in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped for want of corpora, and {REQUIRE_CORPORA}=1 forbids that"
    return report


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of third-party test data, one subfolder a source; skips where HAUBERK_CORPORA names none."""
    named = os.environ.get(CORPORA, "")
    if not named or not Path(named).is_dir():
        pytest.skip(f"{CORPORA} does not name a folder: {named!r}")
    return Path(named)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout that the tests belong to."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fail the run (and end the culprits) if a process that a test started, directly or not, outlives the last test."""
    # Children alone would not do: a worker whose agent was killed belongs to init.
    mark = uuid.uuid4().hex
    os.environ[RUN_MARK] = mark
    yield
    del os.environ[RUN_MARK]
    deadline = time.monotonic() + FAREWELL_SECONDS
    left = _marked_processes(mark)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _marked_processes(mark)
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left, f"tests left processes running: {list(left.values())}"


@pytest.fixture(autouse=True)
def log_as_it_begins() -> None:
    """Our logger as a process finds it: which tests began programs in this worker before is chance."""
    LOG.propagate = True
    LOG.disabled = False
    LOG.handlers.clear()
    LOG.setLevel(logging.NOTSET)
    logging.raiseExceptions = True


def _marked_processes(mark: str) -> dict[int, str]:
    """Process identifiers and command lines of those that carry `mark` in their environment; none where there is no /proc."""
    wanted = f"{RUN_MARK}={mark}".encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
    return found
