"""The first words of clients of TLS."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.client_hello import LARGEST_PEEK, ClientHello, NotClientHello, read_client_hello


def hello(name: str | None = "books.test", protocols: tuple[str, ...] = ("h2", "http/1.1"), newest: bool = True) -> bytes:
    """What OpenSSL says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if not newest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if protocols:
        context.set_alpn_protocols(list(protocols))
    sent = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


def in_records(octets: bytes, size: int) -> bytes:
    """The same message cut into records of `size` octets."""
    message = octets[5:]
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join([octets[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces])


@pytest.mark.parametrize("newest", [True, False])
def test_name_and_protocols_are_read(newest: bool) -> None:
    found = read_client_hello(hello(newest=newest) + b"what comes after it")
    assert isinstance(found, ClientHello)
    assert (found.server_name, found.protocols) == ("books.test", [b"h2", b"http/1.1"])
    bare = read_client_hello(hello(None, (), newest))
    assert isinstance(bare, ClientHello)
    assert (bare.server_name, bare.protocols) == ("", [])


@pytest.mark.parametrize("size", [1_000_000, 100, 3])
def test_a_piece_says_how_much_is_missing(size: int) -> None:
    whole = in_records(hello(protocols=("a",)), size)
    have = 0
    looks = 0
    while isinstance(wanted := read_client_hello(whole[:have]), int):
        assert have < wanted <= len(whole)
        have = wanted
        looks += 1
    assert wanted.server_name == "books.test"
    assert have == len(whole)
    assert looks <= 2 * len(whole) // min(size, len(whole)) + 2


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x40\x01",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
        b"\x16\x03\x01\x00\x01\x01" * 4000,
    ],
)
def test_something_else_is_told_as_such(data: bytes) -> None:
    with pytest.raises(NotClientHello):
        read_client_hello(data)


def crafted(*extensions: tuple[int, bytes]) -> bytes:
    """A message in one record, with these extensions."""
    several = b"".join([kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content for kind, content in extensions])
    body = b"\x03\x03" + bytes(33) + b"\x00\x02\x13\x01" + b"\x01\x00" + len(several).to_bytes(2, "big") + several
    return b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\x01" + len(body).to_bytes(3, "big") + body


def named(*names: bytes) -> tuple[int, bytes]:
    listed = b"".join([b"\x00" + len(name).to_bytes(2, "big") + name for name in names])
    return 0, len(listed).to_bytes(2, "big") + listed


def test_what_means_nothing_is_passed_over_and_an_encrypted_message_goes_by_its_outside() -> None:
    """GREASE is RFC 8701's, the encrypted message (ECH) has the number 0xfe0d."""
    found = read_client_hello(crafted((0x0A0A, b"\x00"), (0xFE0D, bytes(50)), named(b"outer.test"), (0xFAFA, b"")))
    assert isinstance(found, ClientHello)
    assert found.server_name == "outer.test"


@pytest.mark.parametrize(
    "data",
    [
        crafted(named(b"a.test"), named(b"b.test")),
        crafted(named(b"a.test", b"b.test")),
        crafted(named(b"")),
        crafted(named(b"a" * 256)),
        crafted(named(b"a.test\0.b.test")),
        crafted(named(b"a\nb")),
        crafted(named("b\u00fccher.test".encode())),
        crafted((16, b"\x00\x03\x02h2"), (16, b"\x00\x03\x02h2")),
    ],
)
def test_a_name_that_two_readers_could_read_differently_is_none(data: bytes) -> None:
    with pytest.raises(NotClientHello):
        read_client_hello(data)


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(max_size=3))
def test_any_octets_are_read_or_refused(garbage: bytes, place: int, change: bytes) -> None:
    good = hello()
    for data in (b"\x16\x03\x01" + garbage, good[:place] + change + good[place + len(change) :]):
        try:
            found = read_client_hello(data)
        except NotClientHello:
            continue
        assert isinstance(found, ClientHello) or len(data) < found <= LARGEST_PEEK + 5
