"""Chains by where connections were going."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.destinations import DestinationMap

CHAINS = [
    ([], []),
    ([], [80]),
    (["10.0.0.0/8", "fd00::/8"], []),
    (["10.1.0.0/16"], [80, 443]),
    (["10.1.2.3", "fd00::7"], []),
    (["10.1.2.3"], [9080]),
]


@pytest.mark.parametrize(
    ("host", "port", "chain"),
    [
        ("192.0.2.1", 443, 0),
        ("192.0.2.1", 80, 1),
        ("10.9.9.9", 80, 2),
        ("fdff::1", 80, 2),
        ("10.1.9.9", 80, 3),
        ("10.1.9.9", 8080, 2),
        ("10.1.2.3", 80, 4),
        ("fd00::7", 1, 4),
        ("10.1.2.3", 9080, 5),
    ],
)
def test_the_most_specific_takes_it(host: str, port: int, chain: int) -> None:
    assert DestinationMap(CHAINS).choose(host, port) == chain


def test_nobody_need_take_it() -> None:
    chains = DestinationMap([(["10.0.0.0/8"], [80])])
    assert chains.choose("10.0.0.1", 81) == -1
    assert chains.choose("::1", 80) == -1
    assert chains.choose("192.0.2.1", 80) == -1


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(16, 32)), max_size=6),
    st.integers(0, 0xFFFF),
)
def test_ranges_mean_what_they_mean_elsewhere(ranges: list[tuple[int, int]], low: int) -> None:
    networks = [ipaddress.ip_network((0x0A000000 + number, length), strict=False) for number, length in ranges]
    host = str(ipaddress.ip_address(0x0A000000 + low))
    found = DestinationMap([([str(network)], []) for network in networks]).choose(host, 80)
    taking = [index for index, network in enumerate(networks) if ipaddress.ip_address(host) in network]
    if not taking:
        assert found == -1
    else:
        longest = max(networks[index].prefixlen for index in taking)
        assert found == min(index for index in taking if networks[index].prefixlen == longest)
