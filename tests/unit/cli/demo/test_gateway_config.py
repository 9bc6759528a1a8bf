from pathlib import Path

import msgspec

from hauberk_cli.demo.gateway_config import MARK_HEADER, GatewayConfig, write_config
from hauberk_core.model.check import check_snapshot
from hauberk_core.model.codec import decode_snapshot

_PORTS = {
    name: 9000 + number
    for number, name in enumerate(["productpage", "details", "ratings", "reviews-v1", "reviews-v2", "reviews-v3"])
}


def test_the_file_says_what_was_meant_and_is_right(tmp_path: Path) -> None:
    config = GatewayConfig(8080, 8443, _PORTS)
    write_config(tmp_path / "gateway.json", config)
    snapshot = decode_snapshot((tmp_path / "gateway.json").read_bytes(), "gateway.json")
    assert snapshot == config.snapshot()
    assert check_snapshot(snapshot) == []
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.json"]


def test_a_change_shows_in_the_weights_and_in_the_mark() -> None:
    changed = GatewayConfig(8080, 8443, _PORTS).with_change((1, 2, 3), "other").snapshot()
    route = changed.route_tables["shop"].virtual_hosts[1].routes[0]
    assert [backend.weight for backend in route.backends] == [1, 2, 3]
    assert route.response_headers is not None
    assert route.response_headers.set == ((MARK_HEADER, "other"),)
    assert msgspec.structs.replace(changed, version="1").listeners == GatewayConfig(8080, 8443, _PORTS).snapshot().listeners
