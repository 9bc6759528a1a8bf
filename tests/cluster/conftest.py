"""Control in a cluster, installed by the chart as users install it, for all tests that need it."""

import os
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import kubectl
import pytest
from cluster_logs import collect_logs
from cluster_shop import client_pod
from kubectl import Done
from kubectl import namespace as made_namespace

NAMESPACE = "hauberk-system"
RELEASE = "hauberk"

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.session.stash[_FAILED] = True
    return report


def helm(*arguments: str) -> Done:
    """Run helm."""
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=300, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def image_settings() -> list[str]:
    """Where the images are that are to be tested, as `make e2e` says."""
    registry, tag = os.environ.get("HAUBERK_IMAGE_REGISTRY", "localhost"), os.environ.get("HAUBERK_IMAGE_TAG", "dev")
    return [f"image.registry={registry}", f"image.tag={tag}"]


@pytest.fixture(scope="session")
def installed(repository: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Control serves. Gives: its namespace. Where a test has failed, what everybody said is kept in `build/cluster-logs`."""
    if kubectl.missing():
        pytest.skip(kubectl.missing())
    settings = [word for setting in image_settings() for word in ("--set", setting)]
    chart = str(repository / "deploy" / "charts" / "hauberk")
    done = helm(
        "upgrade", "--install", RELEASE, chart, "-n", NAMESPACE, "--create-namespace", "--wait", "--timeout", "120s", *settings
    )
    try:
        if done.code != 0:
            request.session.stash[_FAILED] = True
        assert done.code == 0, done.err
        yield NAMESPACE
    finally:
        if request.session.stash.get(_FAILED, False):
            collect_logs(repository / "build" / "cluster-logs")
        if os.environ.get("HAUBERK_KEEP") != "1":
            helm("uninstall", RELEASE, "-n", NAMESPACE, "--wait")


@pytest.fixture(scope="module")
def outside(installed: str) -> Iterator[str]:
    """A namespace without mesh, with a client in it."""
    with made_namespace({}) as namespace:
        assert kubectl.kubectl("apply", "-n", namespace, "-f", "-", given=client_pod()).code == 0
        assert kubectl.kubectl("wait", "pod/client", "-n", namespace, "--for=condition=Ready", "--timeout=120s").code == 0
        yield namespace
