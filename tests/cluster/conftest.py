"""Control in a cluster, installed by the chart as users install it, for all tests that need it."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import kubectl
import pytest
from cluster_logs import collect_logs
from cluster_shop import client_pod, made_shop, wait_injected
from helm_release import NAMESPACE, RELEASE, helm, release
from kubectl import namespace as made_namespace

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.session.stash[_FAILED] = True
    return report


@pytest.fixture(scope="session")
def installed(repository: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Control serves. Gives: its namespace. Where a test has failed, what everybody said is kept in `build/cluster-logs`."""
    if kubectl.missing():
        pytest.skip(kubectl.missing())
    done = release(repository)
    try:
        if done.code != 0:
            request.session.stash[_FAILED] = True
        assert done.code == 0, done.err
        with made_namespace({"istio-injection": "enabled"}) as namespace:
            wait_injected(namespace)
        yield NAMESPACE
    finally:
        if request.session.stash.get(_FAILED, False):
            collect_logs(repository / "build" / "cluster-logs")
        if os.environ.get("HAUBERK_KEEP") != "1":
            helm("uninstall", RELEASE, "-n", NAMESPACE, "--wait")


@pytest.fixture(scope="session")
def outside(installed: str) -> Iterator[str]:
    """A namespace without mesh, with a client in it."""
    with made_namespace({}) as namespace:
        _add_client(namespace)
        yield namespace


@pytest.fixture(scope="session")
def shop(installed: str, repository: Path) -> Iterator[str]:
    """A namespace with the bookshop in it, meshed, its gateway, and a client. Who changes it puts it back."""
    with made_shop(repository) as namespace:
        _add_client(namespace)
        done = kubectl.kubectl("wait", "gateway/bookshop", "-n", namespace, "--for=condition=Programmed", "--timeout=240s")
        assert done.code == 0, done.err
        yield namespace


def _add_client(namespace: str) -> None:
    kubectl.apply(namespace, client_pod())
    done = kubectl.kubectl("wait", "pod/client", "-n", namespace, "--for=condition=Ready", "--timeout=240s")
    assert done.code == 0, done.err
