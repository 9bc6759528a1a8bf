"""Looking up names beside the loop."""

import pytest
import trio
import trio.testing

from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.poller import new_poller
from hauberk_core.resolver import SystemResolver, look_up
from hauberk_core.upstream.resolver import NameWatcher


class NoFaults(FaultLog):
    """Fails the test."""

    def fault(self, where: str, error: Exception) -> None:
        raise error


class Watcher(NameWatcher):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []

    def resolved(self, name: str, hosts: list[str]) -> None:
        self.told.append((name, hosts))


class Names:
    """A resolver whose answers the test sets."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.answers: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self._nursery = nursery
        self.poller = new_poller()
        self.resolver = SystemResolver(Loop(Clock(), self.poller, NoFaults()), nursery.start_soon, self.look)

    async def look(self, name: str) -> list[str]:
        """Answer."""
        self.asked.append(name)
        await trio.lowlevel.checkpoint()
        if name not in self.answers:
            raise OSError("no such name")
        return self.answers[name]


async def test_changes_are_told_and_sameness_is_not(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    names, watcher = Names(nursery), Watcher()
    names.answers["books.test"] = ["192.0.2.1"]
    names.resolver.watch("books.test", watcher)
    await trio.sleep(60)
    assert watcher.told == [("books.test", ["192.0.2.1"])]
    assert len(names.asked) > 5
    names.answers["books.test"] = ["192.0.2.2"]
    await trio.sleep(7)
    assert watcher.told[1:] == [("books.test", ["192.0.2.2"])]
    names.poller.close()


async def test_a_failure_tells_nothing_but_the_first_time(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    names, watcher = Names(nursery), Watcher()
    names.resolver.watch("books.test", watcher)
    await trio.sleep(0.1)
    assert watcher.told == [("books.test", [])]
    names.answers["books.test"] = ["192.0.2.1"]
    await trio.sleep(2)
    assert watcher.told[1:] == [("books.test", ["192.0.2.1"])]
    del names.answers["books.test"]
    await trio.sleep(60)
    assert len(watcher.told) == 2
    names.poller.close()


async def test_several_watchers_share_one_lookup(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    names, first, second = Names(nursery), Watcher(), Watcher()
    names.answers["books.test"] = ["192.0.2.1"]
    names.resolver.watch("books.test", first)
    await trio.sleep(0.1)
    names.resolver.watch("books.test", second)
    names.resolver.watch("books.test", second)
    await trio.sleep(0.1)
    assert names.asked == ["books.test"]
    assert first.told == second.told == [("books.test", ["192.0.2.1"])]
    names.poller.close()


async def test_unwatched_names_are_asked_for_no_more(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    names, first, second = Names(nursery), Watcher(), Watcher()
    names.answers["books.test"] = ["192.0.2.1"]
    names.resolver.watch("books.test", first)
    names.resolver.watch("books.test", second)
    await trio.sleep(0.1)
    names.resolver.unwatch("books.test", first)
    names.answers["books.test"] = ["192.0.2.2"]
    await trio.sleep(7)
    assert len(first.told) == 1
    assert len(second.told) == 2
    names.resolver.unwatch("books.test", second)
    asked = len(names.asked)
    await trio.sleep(60)
    assert len(names.asked) == asked
    names.resolver.unwatch("books.test", second)
    names.poller.close()


async def test_the_system_knows_localhost() -> None:
    assert "127.0.0.1" in await look_up("localhost")
    with pytest.raises(OSError, match=r"."):
        await look_up("no-such-host.invalid")
