"""Memory of control groups, in files laid out as the kernel does."""

from pathlib import Path

import pytest

from hauberk_core.agent.cgroup import OwnMemory, memory_group

V2_STAT = "anon 700\nfile 300\nactive_file 50\ninactive_file 100\nshmem 150\n"
V1_STAT = "inactive_file 1\nactive_file 1\ntotal_inactive_file 100\ntotal_active_file 50\n"


def lay_out(root: Path, own: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(own)
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_version_2_counts_what_the_kernel_cannot_take_back(tmp_path: Path) -> None:
    files = {"pod/memory.max": "2000\n", "pod/memory.current": "1000\n", "pod/memory.stat": V2_STAT}
    group = memory_group(lay_out(tmp_path, "0::/pod\n", files))
    assert group is not None
    assert group.limit == 2000
    assert group.used() == 850
    (tmp_path / "sys/fs/cgroup/pod/memory.current").write_text("1100\n")
    assert group.used() == 950
    group.close()


def test_version_1(tmp_path: Path) -> None:
    files = {
        "memory/a/memory.limit_in_bytes": "3000\n",
        "memory/a/memory.usage_in_bytes": "1000\n",
        "memory/a/memory.stat": V1_STAT,
    }
    group = memory_group(lay_out(tmp_path, "5:cpu,cpuacct:/\n4:memory:/a\n0::/\n", files))
    assert group is not None
    assert (group.limit, group.used()) == (3000, 850)
    group.close()


def test_lowest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for folder, limit, usage in (("slice", "1500", "1200"), ("slice/unit", "max", "400"), ("slice/unit/own", "2000", "300")):
        files |= {f"{folder}/memory.max": limit, f"{folder}/memory.current": usage, f"{folder}/memory.stat": ""}
    group = memory_group(lay_out(tmp_path, "0::/slice/unit/own\n", files))
    assert group is not None
    assert (group.limit, group.used()) == (1500, 1200)
    group.close()


def test_container_that_sees_only_its_own_group(tmp_path: Path) -> None:
    files = {"memory.max": "2000\n", "memory.current": "1000\n", "memory.stat": V2_STAT}
    group = memory_group(lay_out(tmp_path, "0::/kubepods/burstable/pod1/abc\n", files))
    assert group is not None
    assert group.limit == 2000
    group.close()


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/pod\n", {"pod/memory.max": "max\n", "pod/memory.current": "1\n", "pod/memory.stat": ""}),
        ("0::/\n", {}),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.usage_in_bytes": "1\n"}),
        ("nonsense\n", {}),
        ("0::/pod\n", {"pod/memory.max": "nonsense\n", "pod/memory.current": "1\n"}),
    ],
    ids=["no limit", "no controller", "version 1 without a limit", "no such format", "no number"],
)
def test_no_limit(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    assert memory_group(lay_out(tmp_path, own, files)) is None


def test_own_memory_stands_in() -> None:
    one, two = OwnMemory(1), OwnMemory(2)
    assert 1 << 20 < one.used() < 1 << 40
    assert two.used() > one.used()
    one.close()
    two.close()
