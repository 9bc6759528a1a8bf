"""A worker at its limits: what it gives up first, what it refuses and how it says so, and that it recovers."""

from typing import TYPE_CHECKING

import msgspec
from h2_browser import Browser
from plugin_fixtures import half, host, use

from hauberk_core.model import WeightedCluster
from hauberk_core.net.connection import READ_BULK_BYTES, READ_HEAD_BYTES
from hauberk_core.plugin.data import Observer, Record
from hauberk_core.proxy.pressure import SURPLUS_LEAST

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

ALL_MAY_KEEP = 128 * 1024
BODY = bytes(range(256)) * 16_384


def short_of_memory(scenario: "Scenario", part: float) -> None:
    scenario.core.pressure.limit(0, 0, 1000, 0.0)
    scenario.core.look(int(1000 * part), 0.0)


def test_without_memory_requests_are_refused_and_told_when_to_come_again(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    short_of_memory(scenario, 1.0)
    scenario.get(client)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"hauberk-reason: overloaded\r\n" in answer
    assert b"retry-after: 1\r\n" in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert len(endpoint.connections()) == 1
    assert scenario.log() == [(200, ""), (503, "overloaded")]


def test_refusing_ends_with_its_cause(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    short_of_memory(scenario, 1.0)
    short_of_memory(scenario, 0.5)
    client = scenario.browser()
    assert b"200 OK" in scenario.exchange(client, endpoint)
    assert client.is_connected()


def test_between_half_and_all_of_the_last_memory_a_part_is_refused(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    short_of_memory(scenario, 0.975)
    refused = 0
    for _ in range(200):
        client = scenario.browser()
        scenario.get(client)
        if endpoint.connections() and (b"GET" in endpoint.connection().received()):
            endpoint.connection().send(scenario.ok)
        refused += b"503" in client.received()
    assert 60 < refused < 140


def test_connections_end_behind_their_answers_before_anything_is_refused(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    short_of_memory(scenario, 0.92)
    answer = scenario.exchange(client, endpoint)
    assert b"200 OK" in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert client.saw_end()


def test_unused_connections_end_soon_when_room_gets_short(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    unused = scenario.browser()
    used = scenario.browser()
    second = Browser(scenario.browser())
    scenario.exchange(unused, endpoint)
    scenario.get(used)
    stream = second.ask()
    for connection in endpoint.connections():
        if connection.is_connected():
            connection.send(scenario.ok)
    second.talk()
    assert stream in second.events
    scenario.get(used)
    short_of_memory(scenario, 0.85)
    scenario.advance(1.5)
    assert unused.saw_end()
    assert not used.saw_end()
    assert second.peer.saw_end()


def test_delay_refuses_more_and_more_but_never_all(scenario: "Scenario") -> None:
    pressure = scenario.core.pressure
    pressure.limit(0, 0, 0, 0.5)
    scenario.core.look(0, 0.4)
    assert not pressure.sheds
    for _ in range(30):
        scenario.core.look(0, 0.6)
    refused = sum(bool(pressure.refusal(False)) for _ in range(1000))
    assert 900 < refused < 1000
    assert not pressure.tight
    for _ in range(40):
        scenario.core.look(0, 0.0)
    assert not pressure.sheds


def test_a_machine_that_stood_still_for_a_moment_refuses_nobody(scenario: "Scenario") -> None:
    pressure = scenario.core.pressure
    pressure.limit(0, 0, 0, 0.5)
    for delay in (5.0, 0.0, 5.0):
        scenario.core.look(0, delay)
        assert not pressure.sheds


def test_the_second_late_look_in_a_row_refuses_little(scenario: "Scenario") -> None:
    pressure = scenario.core.pressure
    pressure.limit(0, 0, 0, 0.5)
    scenario.core.look(0, 5.0)
    scenario.core.look(0, 0.6)
    assert 0 < sum(bool(pressure.refusal(False)) for _ in range(1000)) < 200


def test_requests_over_http2_have_a_limit_of_their_own(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    scenario.core.pressure.limit(0, 3, 0, 0.0)
    browser = Browser(scenario.browser())
    streams = [browser.ask() for _ in range(3)]
    refused = browser.ask()
    status, fields, _, _ = browser.answer(refused)
    assert (status, fields["hauberk-reason"], fields["retry-after"]) == (503, "overloaded", "1")
    # HTTP/1.1 has connections, and its own limit.
    client = scenario.browser()
    scenario.get(client)
    assert len(endpoint.connections()) == 4
    for connection in endpoint.connections():
        connection.send(scenario.ok)
    assert [browser.answer(stream)[0] for stream in streams] == [200, 200, 200]
    assert b"200 OK" in client.received()
    assert scenario.core.pressure.streams == 0
    again = browser.ask()
    endpoint.connection().send(scenario.ok)
    assert browser.answer(again)[0] == 200


def test_connection_above_the_limit_is_told_so(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    scenario.core.pressure.limit(2, 0, 0, 0.0)
    first, second = scenario.browser(), scenario.browser()
    scenario.exchange(first, endpoint)
    scenario.exchange(second, endpoint)
    surplus = scenario.browser()
    scenario.get(surplus)
    answer = surplus.received()
    assert b"503 Service Unavailable" in answer
    assert b"hauberk-reason: overloaded" in answer
    assert surplus.saw_end()
    surplus.close()
    second.close()
    scenario.run()
    assert b"200 OK" in scenario.exchange(scenario.browser(), endpoint)


def test_silent_connections_above_the_limit_do_not_stay(scenario: "Scenario") -> None:
    scenario.core.pressure.limit(1, 0, 0, 0.0)
    stays = scenario.browser()
    silent = [scenario.browser() for _ in range(SURPLUS_LEAST)]
    scenario.run()
    assert scenario.core.pressure.connections == 1 + SURPLUS_LEAST
    # Beyond a few nobody is even told why.
    at_once = scenario.browser()
    scenario.run()
    assert at_once.saw_reset()
    scenario.advance(1.0)
    assert all(peer.saw_end() for peer in silent)
    assert not stays.saw_end()
    assert scenario.core.pressure.connections == 1
    [record] = [record for record in scenario.records if record.reason is not None and record.reason.code == "overloaded"]
    assert "limit is 1" in record.details


def test_listener_has_a_limit_of_its_own(build: "Build") -> None:
    scenario = build()
    endpoint = scenario.serve()
    limited = msgspec.structs.replace(scenario.snapshot.listeners["web"], max_connections=1)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, listeners={"web": limited}))
    first = scenario.browser()
    scenario.exchange(first, endpoint)
    other = scenario.browser()
    scenario.get(other)
    assert b"max_connections" in other.received()


def test_passing_connection_above_the_limit_is_closed_and_logged(build: "Build") -> None:
    scenario = build(chain={"protocol": "tcp", "route_table": "", "backends": (WeightedCluster(cluster="books"),)})
    scenario.serve()
    scenario.core.pressure.limit(1, 0, 0, 0.0)
    first = scenario.browser()
    first.send(b"\x00octets")
    scenario.run()
    second = scenario.browser()
    scenario.run()
    assert second.saw_reset()
    [record] = scenario.records
    assert record.reason is not None
    assert record.reason.code == "overloaded"
    assert record.downstream_remote.startswith("198.51.100.1:")
    assert first.is_connected()


def test_observers_hear_of_refused_requests(build: "Build") -> None:
    heard: list[Record] = []

    class Hearing(Observer):
        def finished(self, record: Record) -> None:
            heard.append(record)

    scenario = build(
        chain={"plugins": (use("hearing"),)}, plugins=host({"hearing": half(hauberk_observer=lambda services: Hearing())})
    )
    client = scenario.browser()
    scenario.run()
    short_of_memory(scenario, 1.0)
    scenario.get(client)
    scenario.run()
    assert [record.status for record in heard] == [503]


def test_what_slow_readers_leave_is_bounded_by_what_all_may_keep(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    scenario.loop.most_buffered = ALL_MAY_KEEP
    readers = [scenario.browser() for _ in range(8)]
    for reader in readers:
        reader.pause()
        scenario.get(reader)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    for connection in endpoint.connections():
        connection.send(head + BODY)
    scenario.run()
    # The first took what it may alone; from then on each has one small read, and what one bulk read brought.
    assert scenario.loop.buffered <= ALL_MAY_KEEP + READ_BULK_BYTES + len(readers) * READ_HEAD_BYTES
    assert scenario.loop.buffered > ALL_MAY_KEEP
    for reader in readers:
        reader.resume()
        assert reader.received().endswith(BODY)
    assert scenario.loop.buffered == 0


def test_what_is_kept_is_forgotten_with_its_connection(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    reader = scenario.browser()
    reader.pause()
    scenario.get(reader)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    scenario.run()
    assert scenario.loop.buffered > 0
    reader.reset()
    scenario.run()
    assert scenario.loop.buffered == 0
