"""Requests that have something in common go to one endpoint."""

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hauberk_core.model import Duration, Endpoint, HashBy

if TYPE_CHECKING:
    from tests.sim.conftest import Build

PLACES = [f"192.0.2.{number}:9080" for number in range(20, 25)]
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Shelf:
    """A proxy before five endpoints, chosen by what requests have in common."""

    def __init__(self, build: "Build", by: HashBy, kind: str = "maglev", **more: Any) -> None:
        endpoints = tuple([Endpoint(address=place) for place in PLACES])
        cluster = {"endpoints": endpoints, "load_balancing": kind, "hash_by": by, "hash_table_size": 1021, **more}
        self.scenario = build(cluster=cluster)
        self.serving = {place: self.scenario.serve(place) for place in PLACES}

    def ask(self, path: str = "/", *fields: str) -> tuple[str, bytes]:
        """Returns: who was asked, and the answer."""
        client = self.scenario.browser()
        self.scenario.get(client, path, *fields)
        for place, endpoint in self.serving.items():
            for connection in endpoint.connections():
                if connection.received():
                    connection.send(NO_CONTENT)
                    return place, client.received()
        raise AssertionError(f"nobody was asked: {client.received()!r}")

    def change(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Have only these serve."""
        snapshot = self.scenario.snapshot
        cluster = msgspec.structs.replace(snapshot.clusters["books"], endpoints=endpoints)
        self.scenario.apply(msgspec.structs.replace(snapshot, clusters={"books": cluster}))
        # So that tables are made.
        self.scenario.advance(1)


@pytest.mark.parametrize("kind", ["maglev", "ring_hash"])
def test_equal_values_of_a_header_meet_one_endpoint_and_others_meet_others(build: "Build", kind: str) -> None:
    shelf = Shelf(build, HashBy(header="X-User"), kind)
    asked = [shelf.ask("/", f"x-USER: {number}")[0] for number in range(20)]
    assert [shelf.ask("/other", f"X-User: {number}")[0] for number in range(20)] == asked
    assert len(set(asked)) > 2


def test_by_a_query_parameter(build: "Build") -> None:
    shelf = Shelf(build, HashBy(query="a b"))
    asked = [shelf.ask(f"/?x={number}&a+b=%3{number}")[0] for number in range(10)]
    assert [shelf.ask(f"/y?a%20b={number}")[0] for number in range(10)] == asked
    assert len(set(asked)) > 1


def test_by_the_clients_address_whatever_its_port(build: "Build") -> None:
    shelf = Shelf(build, HashBy(source_address=True))
    assert len({shelf.ask()[0] for _ in range(8)}) == 1


def test_a_client_without_the_cookie_is_given_one_that_leads_to_the_same_endpoint(build: "Build") -> None:
    shelf = Shelf(build, HashBy(cookie="at", cookie_lifetime=Duration(90.0), cookie_path="/shop"))
    for _ in range(6):
        place, answer = shelf.ask()
        found = re.search(rb"\r\nset-cookie: (at=[0-9]+); Path=/shop; HttpOnly; Max-Age=90\r\n", answer)
        assert found is not None, answer
        again, second = shelf.ask("/", f"Cookie: other=1; {found[1].decode()}")
        assert again == place
        assert b"set-cookie" not in second


def test_a_cookie_of_the_browsers_session_has_no_age_and_without_a_lifetime_none_is_made(build: "Build") -> None:
    _, answer = Shelf(build, HashBy(cookie="at", cookie_lifetime=Duration(0.0))).ask()
    assert re.search(rb"\r\nset-cookie: at=[0-9]+; Path=/; HttpOnly\r\n", answer)
    shelf = Shelf(build, HashBy(cookie="at"))
    told = [shelf.ask() for _ in range(20)]
    assert len({place for place, _ in told}) > 1
    assert not any(b"set-cookie" in answer for _, answer in told)


def test_where_an_endpoint_cannot_be_reached_its_requests_agree_on_another(build: "Build") -> None:
    shelf = Shelf(build, HashBy(header="x-user"))
    before = {number: shelf.ask("/", f"x-user: {number}")[0] for number in range(20)}
    gone = before[0]
    for connection in shelf.serving[gone].connections():
        connection.close()
    shelf.serving.pop(gone).close()
    after = {number: shelf.ask("/", f"x-user: {number}")[0] for number in range(20)}
    assert all(after[number] == before[number] for number in before if before[number] != gone)
    assert {number: shelf.ask("/", f"x-user: {number}")[0] for number in range(20)} == after


def test_who_is_taken_out_of_service_moves_its_own_requests_alone(build: "Build") -> None:
    shelf = Shelf(build, HashBy(header="x-user"), "ring_hash")
    before = {number: shelf.ask("/", f"x-user: {number}")[0] for number in range(30)}
    gone = before[0]
    shelf.change(tuple([Endpoint(address=place) for place in PLACES if place != gone]))
    after = {number: shelf.ask("/", f"x-user: {number}")[0] for number in range(30)}
    assert gone not in after.values()
    assert all(after[number] == before[number] for number in before if before[number] != gone)
    shelf.change(tuple([Endpoint(address=place) for place in PLACES]))
    assert {number: shelf.ask("/", f"x-user: {number}")[0] for number in range(30)} == before


def test_another_setting_keeps_the_table_and_another_key_does_not(build: "Build") -> None:
    shelf = Shelf(build, HashBy(header="x-user"))
    snapshot = shelf.scenario.snapshot

    def balancer(**changes: Any) -> object:
        cluster = msgspec.structs.replace(snapshot.clusters["books"], **changes)
        shelf.scenario.apply(msgspec.structs.replace(snapshot, clusters={"books": cluster}))
        target = shelf.scenario.core.target("books")
        assert target is not None
        return target.cluster.choice.balancer

    first = balancer()
    assert balancer(connect_attempts=5) is first
    assert balancer(hash_by=HashBy(header="x-team")) is not first
