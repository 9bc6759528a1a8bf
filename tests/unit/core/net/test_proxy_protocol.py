"""Headers of the PROXY protocol, both versions."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.proxy_protocol import LONGEST_LINE, LONGEST_REST, NotProxyHeader, ProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def second(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(rest).to_bytes(2, "big") + rest


FOUR = bytes((192, 0, 2, 1, 198, 51, 100, 7)) + (4000).to_bytes(2, "big") + (443).to_bytes(2, "big")
SIX = ipaddress.ip_address("2001:db8::1").packed + ipaddress.ip_address("2001:db8::2").packed + b"\x0f\xa0\x01\xbb"


@pytest.mark.parametrize(
    ("octets", "source", "destination"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 443\r\n", "192.0.2.1:4000", "198.51.100.7:443"),
        (b"PROXY TCP6 2001:DB8:0::1 2001:db8::2 0 65535\r\n", "[2001:db8::1]:0", "[2001:db8::2]:65535"),
        (b"PROXY UNKNOWN\r\n", "", ""),
        (b"PROXY UNKNOWN whatever it says\r\n", "", ""),
        (second(0x21, 0x11, FOUR), "192.0.2.1:4000", "198.51.100.7:443"),
        (second(0x21, 0x11, FOUR + b"\x04\x00\x02ab"), "192.0.2.1:4000", "198.51.100.7:443"),
        (second(0x21, 0x21, SIX), "[2001:db8::1]:4000", "[2001:db8::2]:443"),
        (second(0x20, 0x00, b""), "", ""),
        (second(0x20, 0x11, FOUR), "", ""),
        (second(0x21, 0x00, b"anything"), "", ""),
        (second(0x21, 0x31, bytes(216)), "", ""),
    ],
)
def test_what_a_header_says(octets: bytes, source: str, destination: str) -> None:
    found = read_proxy_header(octets + b"GET / HTTP/1.1\r\n")
    assert isinstance(found, ProxyHeader)
    assert (found.size, found.source, found.destination) == (len(octets), source, destination)
    have = 0
    while isinstance(wanted := read_proxy_header(octets[:have]), int):
        assert have < wanted <= len(octets)
        have = wanted
    assert have == len(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 443\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 65536\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 04000 443\r\n",
        b"PROXY TCP4  192.0.2.1 198.51.100.7 4000 443\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.7 4000 443\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 4000 443\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.7 4000 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 443 \r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.7 4000 443\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN " + b"x" * LONGEST_LINE,
        second(0x22, 0x11, FOUR),
        second(0x11, 0x11, FOUR),
        second(0x21, 0x12, FOUR),
        second(0x21, 0x11, FOUR[:-1]),
        second(0x21, 0x21, SIX[:-1]),
        second(0x21, 0x11, bytes(LONGEST_REST + 1)),
    ],
)
def test_something_else_is_told_as_such(octets: bytes) -> None:
    with pytest.raises(NotProxyHeader):
        read_proxy_header(octets)


@given(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, second(0x21, 0x11, FOUR)]), st.binary(max_size=120))
def test_any_octets_are_read_or_refused(start: bytes, garbage: bytes) -> None:
    octets = start + garbage
    try:
        found = read_proxy_header(octets)
    except NotProxyHeader:
        return
    if isinstance(found, int):
        assert len(octets) < found <= 16 + LONGEST_REST
    else:
        assert 0 < found.size <= len(octets)
