"""What the kernel tells about this machine and about processes: CPU time, memory, load (Linux's /proc)."""

import dataclasses
import os
import platform
import time
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# The low three bits of a per-process CPU clock's id: "the scheduler's count, of the whole process" (linux/posix-timers.h).
_PROCESS_SCHED_CLOCK = 2


def process_cpu_seconds(pid: int) -> float:
    """CPU time used by all threads of `pid`, living and ended, in user and kernel mode.

    It is the sum that /proc/PID/stat shows as utime + stime, read from the process's CPU clock because that counts
    nanoseconds where the file counts hundredths of a second.

    Raises: ProcessLookupError if there is no such process.
    """
    try:
        return time.clock_gettime((~pid << 3) | _PROCESS_SCHED_CLOCK)
    except OSError as error:
        raise ProcessLookupError(f"no process {pid} to read the CPU time of") from error


def parent_of(stat_line: str) -> int:
    """Parent's pid in the text of /proc/PID/stat, whose second field may hold spaces and brackets."""
    return int(stat_line.rpartition(")")[2].split()[1])


def birth(pid: int) -> int | None:
    """When a living process began, in ticks since boot: pids are used again, a pair of pid and birth is not.

    Returns: None if it has ended, also if its parent has not noticed yet.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(fields[18])


def family(root: int) -> list[int]:
    """`root` and every living descendant of it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = parent_of((entry / "stat").read_text())
            except OSError:
                continue  # ended between listing and reading
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def family_cpu_seconds(pids: list[int]) -> float:
    """CPU time of all `pids` together; those that have ended meanwhile count nothing."""
    total = 0.0
    for pid in pids:
        try:
            total += process_cpu_seconds(pid)
        except ProcessLookupError:
            continue
    return total


def command_line(pid: int) -> list[str]:
    """Arguments of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []


@dataclasses.dataclass(frozen=True)
class Memory:
    """Octets of resident memory: `pss` divides shared pages among those who share them, `rss` counts them fully."""

    pss: int
    rss: int

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.pss + other.pss, self.rss + other.rss)


def parse_smaps_rollup(text: str) -> Memory:
    """Pss and Rss out of the text of /proc/PID/smaps_rollup."""
    kibibytes = {"Pss": 0, "Rss": 0}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon and name in kibibytes:
            kibibytes[name] = int(rest.split()[0])
    return Memory(kibibytes["Pss"] * 1024, kibibytes["Rss"] * 1024)


def memory_of(pids: list[int]) -> Memory:
    """Memory of all `pids` together; those that have ended meanwhile count nothing."""
    total = Memory(0, 0)
    for pid in pids:
        try:
            total += parse_smaps_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())
        except OSError:
            continue
    return total


@dataclasses.dataclass(frozen=True)
class CoreTime:
    """Seconds since boot that one core was busy with anything, and that the hypervisor kept it from us."""

    busy: float
    stolen: float


def parse_proc_stat(text: str) -> dict[int, CoreTime]:
    """Each core's line of /proc/stat (user nice system idle iowait irq softirq steal ...)."""
    cores: dict[int, CoreTime] = {}
    for line in text.splitlines():
        label, _, rest = line.partition(" ")
        if label.startswith("cpu") and label[3:].isdigit():
            user, nice, system, _, _, interrupt, soft, stolen = (int(field) / _TICKS_PER_SECOND for field in rest.split()[:8])
            cores[int(label[3:])] = CoreTime(user + nice + system + interrupt + soft, stolen)
    return cores


def core_times() -> dict[int, CoreTime]:
    """`parse_proc_stat` of now."""
    return parse_proc_stat(Path("/proc/stat").read_text())


def facts() -> dict[str, str]:
    """What a reader must know of this machine to judge figures taken on it."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "CPU": f"{model}, {os.cpu_count()} cores",
        "memory": f"{memory} MiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        "load average at start": " ".join(Path("/proc/loadavg").read_text().split()[:3]),
    }
