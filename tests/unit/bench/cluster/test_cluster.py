import subprocess
import sys

import pytest

from bench.cluster.cluster import BenchFailed, is_hauberk, pod_of, wait_for

_UID = "95d8c25a-1e6a-4215-8821-5ccee6732b10"


@pytest.mark.parametrize(
    "text",
    [
        f"9:name=systemd:/kubepods/burstable/pod{_UID}/2fc04b0d9d96\n8:pids:/kubepods/burstable/pod{_UID}/2fc04b0d9d96\n",
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{_UID.replace('-', '_')}.slice/cri-2fc0.scope\n",
    ],
)
def test_a_process_is_found_by_the_cgroup_of_its_pod(text: str) -> None:
    assert pod_of(text) == _UID


def test_a_process_of_no_pod() -> None:
    assert pod_of("0::/user.slice/user-1000.slice/podman.scope\n") == ""


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [(["-m", "hauberk_sidecar"], True), (["/opt/hauberk/bin/hauberk", "control"], True), (["-m", "hauberk_bookshop"], False)],
)
def test_proxies_and_control_are_told_from_workloads(arguments: list[str], ours: bool) -> None:
    # Whatever it is called, it only waits.
    script = "import sys; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_hauberk(process.pid) is ours
        process.communicate()


def test_what_does_not_come_is_told() -> None:
    found = iter([0, 0, 7])
    assert wait_for(lambda: next(found), "seven") == 7
    with pytest.raises(BenchFailed, match="there is no thing after 0 s"):
        wait_for(lambda: "", "thing", 0)
