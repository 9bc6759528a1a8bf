"""The bench of changes, with a small mesh."""

import pytest

from bench.changes import measure


@pytest.mark.parametrize("role", ["gateway", "sidecar"])
def test_every_edit_reaches_every_proxy_once(role: str) -> None:
    deliveries = measure(role, proxies=3, routes=5, edits=2)
    assert len(deliveries) == 6
    assert all(delivery.seconds > 0 and delivery.octets > 100 for delivery in deliveries)
