"""What a worker is sent: the difference, and nothing that it has already."""

import msgspec
import pytest

from hauberk_core.agent.secrets import Secrets
from hauberk_core.agent.sockets import BoundListener, bind_one
from hauberk_core.agent.target import Target
from hauberk_core.model import Cluster, Endpoint, FilterChain, Listener, RouteTable, Snapshot, VirtualHost

NO_SECRETS = Secrets({}, {})


@pytest.fixture
def bound() -> BoundListener:
    return bind_one("web", "127.0.0.1:0")


def _snapshot() -> Snapshot:
    return Snapshot(
        version="1",
        listeners={"web": Listener(address="127.0.0.1:0", filter_chains=(FilterChain(route_table="all"),))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="any", hosts=("*",)),))},
        clusters={"books": Cluster(endpoints=(Endpoint(address="127.0.0.1:1"),)), "pens": Cluster()},
        access_log=None,
    )


def test_a_new_worker_gets_everything(bound: BoundListener) -> None:
    delta, descriptors = Target(1, _snapshot(), NO_SECRETS, {"web": bound}, -1).delta_from(None, 0)
    assert set(delta.set) == {"listener/web", "route_table/all", "cluster/books", "cluster/pens"}
    assert delta.descriptors == ["listener/web"]
    assert descriptors == [bound.sockets[0].fileno()]
    bound.close()


def test_what_did_not_change_is_not_sent(bound: BoundListener) -> None:
    before = Target(1, _snapshot(), NO_SECRETS, {"web": bound}, -1)
    clusters = {"books": Cluster(endpoints=(Endpoint(address="127.0.0.1:2"),)), "inks": Cluster()}
    after = Target(2, msgspec.structs.replace(_snapshot(), version="2", clusters=clusters), NO_SECRETS, {"web": bound}, -1)
    delta, descriptors = after.delta_from(before, 0)
    assert (delta.number, delta.version) == (2, "2")
    assert set(delta.set) == {"cluster/books", "cluster/inks"}
    assert delta.removed == ["cluster/pens"]
    assert descriptors == []
    bound.close()


def test_the_way_back_undoes_the_way_there(bound: BoundListener) -> None:
    before = Target(1, _snapshot(), NO_SECRETS, {"web": bound}, -1)
    after = Target(2, Snapshot(version="2", access_log=None), Secrets({"trust/ca.pem": b"pem"}, {}), {}, -1)
    there, _ = after.delta_from(before, 0)
    back, descriptors = before.delta_from(after, 0)
    assert set(there.removed) == set(back.set)
    assert set(there.set) == set(back.removed) == {"trust/ca.pem"}
    assert descriptors == [bound.sockets[0].fileno()]
    bound.close()


def test_another_socket_or_log_is_sent_though_the_words_are_the_same(bound: BoundListener) -> None:
    other = bind_one("web", "127.0.0.1:0")
    before = Target(1, _snapshot(), NO_SECRETS, {"web": bound}, 8)
    delta, descriptors = Target(2, _snapshot(), NO_SECRETS, {"web": other}, 9).delta_from(before, 0)
    assert delta.set == {}
    assert delta.descriptors == ["listener/web", "access_log/"]
    assert descriptors == [other.sockets[0].fileno(), 9]
    bound.close()
    other.close()
