import pytest

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import Decision, Match, Reason, Route, RouteTable, VirtualHost, WeightedCluster
from hauberk_core.route.compiled import CompiledMatch, CompiledTable, CompiledVirtualHost
from hauberk_core.route.decide import decide
from hauberk_core.route.recorder import Recorder
from hauberk_core.route.table import compile_table


class _Names(Recorder):
    def __init__(self) -> None:
        self.told: list[tuple[str | None, str | None, Decision]] = []

    def decided(
        self,
        request: Request,
        table: CompiledTable,
        virtual_host: CompiledVirtualHost | None,
        winner: CompiledMatch | None,
        decision: Decision,
    ) -> None:
        self.told.append((virtual_host.name if virtual_host else None, winner.route if winner else None, decision))


def _table() -> CompiledTable:
    route = Route(name="books", matches=(Match(method="GET"),), backends=(WeightedCluster(cluster="c"),))
    return compile_table(RouteTable(virtual_hosts=(VirtualHost(name="shop", hosts=("shop.test",), routes=(route,)),)))


def test_a_recorder_of_ones_own_is_told_of_every_decision() -> None:
    table, recorder = _table(), _Names()
    for method, authority in (("GET", "shop.test"), ("PUT", "shop.test"), ("GET", "other.test")):
        decide(Request(method, authority, "/", "", 11, Headers()), table, 0.5, recorder)
    assert [(virtual_host, route, decision.reason) for virtual_host, route, decision in recorder.told] == [
        ("shop", "books", None),
        ("shop", None, Reason.NO_ROUTE),
        (None, None, Reason.NO_HOST),
    ]


def test_the_seam_itself_records_nothing() -> None:
    with pytest.raises(NotImplementedError):
        decide(Request("GET", "shop.test", "/", "", 11, Headers()), _table(), 0.5, Recorder())
