import os
import subprocess
import sys
import time

import pytest

from bench import machine


def test_parent_is_found_behind_a_hostile_name() -> None:
    assert machine.parent_of("4242 (a) b) (c d) S 17 4242 4242 0 -1 4194304") == 17


def test_cpu_time_of_a_process_agrees_with_its_own_account() -> None:
    begin = time.process_time()
    while time.process_time() - begin < 0.05:
        pass
    before = time.process_time()
    told = machine.process_cpu_seconds(os.getpid())
    assert before <= told <= time.process_time()


def test_cpu_time_of_nobody() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(ProcessLookupError):
        machine.process_cpu_seconds(child.pid)
    assert machine.family_cpu_seconds([child.pid]) == 0.0
    assert machine.memory_of([child.pid]) == machine.Memory(0, 0)
    assert machine.command_line(child.pid) == []
    assert machine.birth(child.pid) is None


def test_family_has_children_and_grandchildren() -> None:
    code = "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        try:
            assert machine.family(child.pid) == [child.pid, grandchild]
            assert grandchild in machine.family(os.getpid())
            deadline = time.monotonic() + 60
            # A process that is just becoming another program has no command line.
            while not (told := machine.command_line(grandchild)):
                assert time.monotonic() < deadline
            assert told == ["sleep", "60"]
        finally:
            os.kill(grandchild, 9)


def test_memory_is_read_from_the_rollup() -> None:
    text = "00400000-7fff00000000 ---p 00000000 00:00 0    [rollup]\nRss:   7024 kB\nPss:   1500 kB\nPss_Dirty:  900 kB\n"
    assert machine.parse_smaps_rollup(text) == machine.Memory(pss=1500 * 1024, rss=7024 * 1024)
    assert machine.Memory(1, 2) + machine.Memory(10, 20) == machine.Memory(11, 22)


def test_core_times_leave_out_idle_and_waiting() -> None:
    text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 10 50 9000 700 5 15 30 0 0\ncpu1 0 0 0 1 0 0 0 0 0 0\nintr 5\n"
    cores = machine.parse_proc_stat(text)
    assert set(cores) == {0, 1}
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert cores[0].busy == pytest.approx(180 * tick)
    assert cores[0].stolen == pytest.approx(30 * tick)
    assert cores[1] == machine.CoreTime(0.0, 0.0)


def test_births_tell_processes_apart() -> None:
    born = machine.birth(os.getpid())
    assert born is not None
    assert born == machine.birth(os.getpid())
    assert born >= (machine.birth(1) or 0)


def test_facts_name_the_machine() -> None:
    facts = machine.facts()
    assert "cores" in facts["CPU"]
    assert facts["Python"].startswith(sys.implementation.name.replace("cpython", "CPython"))
