"""Which protocols nobody may switch to, the same ones by Upgrade and by extended CONNECT."""

import pytest

from hauberk_core.http.h2.switch import is_carried
from hauberk_core.http.upgrade import carries_requests

CARRIERS = ["h2c", "H2C", "h2", "h3", "h3-29", "HTTP/2.0", "http/1.1", "TLS/1.0", "tls"]
OTHERS = ["websocket", "WebSocket", "IRC/6.9", "connect-udp", "spdy/3", ""]


@pytest.mark.parametrize("protocol", CARRIERS)
def test_what_would_carry_requests_past_the_rules(protocol: str) -> None:
    assert carries_requests(protocol)
    assert not is_carried(protocol)


@pytest.mark.parametrize("protocol", OTHERS)
def test_what_carries_something_else(protocol: str) -> None:
    assert not carries_requests(protocol)
