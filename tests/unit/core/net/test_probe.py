"""The probe of the loop's delay, on a real pipe and a clock that the test moves."""

from typing import TYPE_CHECKING

from hauberk_core.net.loop import Loop
from hauberk_core.net.poller import EpollPoller
from hauberk_core.net.probe import LoopProbe

if TYPE_CHECKING:
    from tests.unit.core.net.conftest import ManualClock, NotedFaults


def test_delay_is_from_the_writing_to_the_turn(manual_clock: "ManualClock", faults: "NotedFaults") -> None:
    loop = Loop(manual_clock, EpollPoller(), faults)
    probe = LoopProbe(loop)
    assert probe.look(manual_clock.time) == 0.0
    manual_clock.time += 0.25
    loop.run_ready()
    assert probe.look(manual_clock.time) == 0.25
    # The next octet is under way, and waits longer than the one before.
    manual_clock.time += 0.5
    assert probe.look(manual_clock.time) == 0.5
    manual_clock.time += 1.0
    loop.run_ready()
    # What has been told of it is not told again.
    assert probe.look(manual_clock.time) == 1.0
    loop.run_ready()
    assert probe.look(manual_clock.time) == 0.0
    probe.close()
    assert loop.descriptors() == 0
    loop.poller.close()


def test_a_look_that_comes_late_is_a_delay_as_well(manual_clock: "ManualClock", faults: "NotedFaults") -> None:
    loop = Loop(manual_clock, EpollPoller(), faults)
    probe = LoopProbe(loop)
    due = manual_clock.time
    assert probe.look(due) == 0.0
    # The octet comes first in its batch, and what holds up the loop behind it.
    loop.run_ready()
    manual_clock.time += 0.75
    assert probe.look(due + 0.125) == 0.625
    probe.close()
    loop.poller.close()


def test_broken_probe_is_given_up(manual_clock: "ManualClock", faults: "NotedFaults") -> None:
    loop = Loop(manual_clock, EpollPoller(), faults)
    probe = LoopProbe(loop)
    probe.give_up(OSError("no more"))
    assert loop.descriptors() == 0
    probe.close()
    loop.poller.close()
