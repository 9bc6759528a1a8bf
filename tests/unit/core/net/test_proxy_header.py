"""Headers that we write, read again by what reads others' headers."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.proxy_header import proxy_header
from hauberk_core.net.proxy_protocol import ProxyHeader, read_proxy_header

PORTS = st.integers(0, 65535)
FOUR = st.builds(lambda host, port: f"{host}:{port}", st.ip_addresses(v=4), PORTS)
SIX = st.builds(lambda host, port: f"[{host.compressed}]:{port}", st.ip_addresses(v=6), PORTS)


def read(data: bytes) -> tuple[str, str, int]:
    header = read_proxy_header(data)
    assert isinstance(header, ProxyHeader)
    return header.source, header.destination, len(data) - header.size


@given(st.sampled_from([1, 2]), st.one_of(st.tuples(FOUR, FOUR), st.tuples(SIX, SIX)))
def test_what_is_written_is_read(version: int, pair: tuple[str, str]) -> None:
    source, destination = [_as_everybody(one) for one in pair]
    assert read(proxy_header(version, source, destination)) == (source, destination, 0)


def _as_everybody(address: str) -> str:
    host, _, port = address.rpartition(":")
    bare = host.strip("[]")
    text = read(b"PROXY TCP6 %s ::1 1 1\r\n" % bare.encode())[0].rpartition(":")[0] if ":" in bare else bare
    assert ipaddress.ip_address(text.strip("[]")) == ipaddress.ip_address(bare)
    return f"{text}:{port}"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("", ""),
        ("-", "192.0.2.1:80"),
        ("192.0.2.1:80", "[::1]:80"),
        ("[::1]:80", "192.0.2.1:80"),
        ("192.0.2.1:99999", "192.0.2.1:80"),
    ],
)
def test_who_cannot_be_told_is_not(version: int, source: str, destination: str) -> None:
    assert read(proxy_header(version, source, destination)) == ("", "", 0)
