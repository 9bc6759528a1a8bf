"""What limits follow from the machine, and what the environment may say instead."""

import pytest

from hauberk_core import pod
from hauberk_core.agent.limits import LimitMistake, WorkerLimits, worker_limits

MIB = 1 << 20


def test_limits_follow_from_a_container_of_256_mib() -> None:
    limits = worker_limits({}, 1, 256 * MIB, 1 << 20)
    assert limits.memory == int(256 * MIB * 0.85)
    # Together with what a proxy at rest holds, connections and buffers stay below the limit.
    assert 64 * MIB + limits.connections * 32 * 1024 + limits.buffers < limits.memory
    assert 2000 < limits.connections < 3000
    assert limits.streams == limits.connections
    assert limits.loop_delay == 1.0


def test_workers_share_the_memory() -> None:
    one, four = worker_limits({}, 1, 1024 * MIB, 1 << 20), worker_limits({}, 4, 1024 * MIB, 1 << 20)
    assert four.memory == one.memory
    assert 4 * four.connections < one.connections


def test_without_a_container_descriptors_are_the_limit() -> None:
    limits = worker_limits({}, 2, 0, 20_000)
    # Each connection may have one to its endpoint.
    assert 9_000 < limits.connections < 10_000
    assert (limits.memory, limits.buffers) == (0, 0)


def test_few_descriptors_and_little_memory_leave_something() -> None:
    limits = worker_limits({}, 8, 64 * MIB, 64)
    assert limits.connections == 64
    assert limits.buffers == MIB


def test_environment_goes_before() -> None:
    said = {pod.CONNECTION_LIMIT: "500", pod.STREAM_LIMIT: "0", pod.MEMORY_LIMIT: "200Mi", pod.DELAY_LIMIT: "250ms"}
    limits = worker_limits(said, 1, 256 * MIB, 1000)
    assert limits[:3] == (500, 0, 200 * MIB)
    assert limits.loop_delay == 0.25
    assert worker_limits({pod.MEMORY_LIMIT: "0", pod.DELAY_LIMIT: "0s"}, 1, 256 * MIB, 1000)[2:] == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (pod.CONNECTION_LIMIT, "many"),
        (pod.CONNECTION_LIMIT, "-1"),
        (pod.STREAM_LIMIT, "1e9"),
        (pod.MEMORY_LIMIT, "200MB"),
        (pod.MEMORY_LIMIT, "Mi"),
        (pod.MEMORY_LIMIT, "200iM"),
        (pod.DELAY_LIMIT, "1m"),
        (pod.DELAY_LIMIT, "s"),
        (pod.DELAY_LIMIT, "."),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(LimitMistake, match=name):
        worker_limits({name: value}, 1, 0, 1000)


def test_worker_is_told_what_was_decided() -> None:
    words = WorkerLimits(1, 2, 3, 4, 0.5).arguments()
    assert words == ("--connections=1", "--streams=2", "--memory=3", "--buffers=4", "--loop-delay=500")


def test_a_person_is_told_too() -> None:
    assert WorkerLimits().shown() == "any number of connections, any number of requests over HTTP/2, any memory, any delay"
    assert "200 MiB of memory, 1.0 s delay" in WorkerLimits(1, 2, 200 * MIB, 4, 1.0).shown()
