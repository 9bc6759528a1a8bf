"""The ports of a Gateway's Service and of its pods."""

import pytest

from hauberk_control.gateways.listening import gateway_ports, pod_ports
from hauberk_core.resources.gateway_api.gateway import GatewayListener


def _listener(name: str, port: int, protocol: str) -> GatewayListener:
    return GatewayListener(name=name, port=port, protocol=protocol)


@pytest.mark.parametrize(
    ("port", "listens_on"), [(80, 10080), (443, 10443), (1023, 11023), (1024, 1024), (8080, 8080), (15021, 25021), (15001, 25001)]
)
def test_a_pod_listens_where_anybody_may(port: int, listens_on: int) -> None:
    assert pod_ports([port]) == {port: listens_on}


@pytest.mark.parametrize(
    ("ports", "listens_on"),
    [
        ([80, 8080], {80: 10080, 8080: 8080}),
        ([80, 10080], {80: 10080, 10080: 20080}),
        ([10080, 20080, 80], {80: 10080, 10080: 20081, 20080: 20080}),
        ([15020, 25020], {15020: 25020, 25020: 35020}),
        ([10080], {10080: 10080}),
    ],
)
def test_a_port_that_stands_in_a_moved_ones_way_is_moved_itself(ports: list[int], listens_on: dict[int, int]) -> None:
    assert pod_ports(ports) == listens_on


def test_each_port_is_told_once() -> None:
    listeners = [
        _listener("https", 443, "HTTPS"),
        _listener("one", 80, "HTTP"),
        _listener("two", 80, "HTTP"),
        _listener("dns", 53, "UDP"),
        _listener("dns-tcp", 53, "TCP"),
    ]
    assert [(port.number, port.transport, port.name) for port in gateway_ports(listeners)] == [
        (53, "TCP", "tcp-53"),
        (53, "UDP", "udp-53"),
        (80, "TCP", "http-80"),
        (443, "TCP", "https-443"),
    ]
