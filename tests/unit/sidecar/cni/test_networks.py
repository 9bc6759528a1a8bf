"""A pod's network is found by its oldest process, in whichever way the node names cgroups."""

import os
from pathlib import Path

import pytest

from hauberk_sidecar.cni.networks import first_processes, open_network

UID = "0123abcd-0000-4000-8000-00000000000f"
WITH_UNDERSCORES = UID.replace("-", "_")


def process(proc: Path, number: int, cgroup: str, started: int = 1) -> None:
    folder = proc / str(number)
    (folder / "ns").mkdir(parents=True)
    (folder / "ns" / "net").symlink_to("/proc/self/ns/net")
    (folder / "cgroup").write_text(cgroup)
    (folder / "stat").write_text(f"{number} (a) b) S {'0 ' * 18}{started} 0\n")


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/kubepods/burstable/pod{UID}/c0ffee\n",
        f"12:cpu:/lab/kubepods/pod{UID}/c0ffee\n11:pids:/lab/kubepods/pod{UID}/c0ffee\n",
        f"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{WITH_UNDERSCORES}.slice/cri-c0ffee.scope\n",
        f"0::/kubepods.slice/kubepods-pod{WITH_UNDERSCORES}.slice/cri-c0ffee.scope\n",
        f"0::/../../pod{UID}/c0ffee\n",
    ],
)
def test_every_way_of_naming_cgroups(tmp_path: Path, cgroup: str) -> None:
    process(tmp_path, 7, cgroup)
    assert first_processes(tmp_path, [UID]) == {UID: 7}


def test_the_oldest_counts_and_others_do_not(tmp_path: Path) -> None:
    process(tmp_path, 7, f"0::/kubepods/pod{UID}/a\n", started=30)
    process(tmp_path, 9, f"0::/kubepods/pod{UID}/b\n", started=20)
    process(tmp_path, 8, f"0::/kubepods/pod{UID[:-1]}e/b\n", started=10)
    process(tmp_path, 5, "0::/init.scope\n", started=1)
    (tmp_path / "6").mkdir()
    (tmp_path / "self").symlink_to("5")
    assert first_processes(tmp_path, [UID]) == {UID: 9}
    assert first_processes(tmp_path, []) == {}


def test_a_number_that_is_somebody_elses_by_now_is_not_entered(tmp_path: Path) -> None:
    process(tmp_path, 7, f"0::/kubepods/pod{UID}/a\n")
    network = open_network(tmp_path, 7, UID)
    assert network is not None
    os.close(network)
    (tmp_path / "7" / "cgroup").write_text("0::/somebody.else\n")
    assert open_network(tmp_path, 7, UID) is None
    assert open_network(tmp_path, 8, UID) is None
