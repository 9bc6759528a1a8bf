"""The first octets of a connection: HTTP or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.sniff import IS_HTTP, IS_OTHER, SNIFF_BYTES, UNDECIDED, guess, sniff

HTTP = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.0\n",
    b"\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\n",
    b"  GET / HTTP/1.1\r\n",
    b"X-ANY a b c HTTP/1.1 \r\n",
    b"GET\t/\tHTTP/1.1\r\n",
]
OTHER = [
    b"\x16\x03\x01\x02\x00",
    b"\x00",
    b"PRI * HTTP/2.0\n",
    b"PRI * HTTP/2.1\r\n",
    b"GET / HTTP/2.0\r\n",
    b"PING\r\n",
    b"GET key\r\n",
    b"GET /\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"EHLO example.test\r\n",
    b"GET\x00",
    b"A" * 33,
    b"{",
]


@pytest.mark.parametrize("data", HTTP)
def test_requests_are_known_by_their_whole_first_line(data: bytes) -> None:
    assert sniff(data) == IS_HTTP
    line = data.rstrip(b"\r\n").partition(b"\r\nHost")[0].partition(b"\r\n\r\nSM")[0]
    for end in range(len(line)):
        assert sniff(line[:end]) == UNDECIDED


@pytest.mark.parametrize("data", OTHER)
def test_other_protocols_are_never_taken_for_requests(data: bytes) -> None:
    assert sniff(data) == IS_OTHER
    assert guess(data) == IS_OTHER


def test_who_is_slow_is_judged_by_the_first_word() -> None:
    assert guess(b"GET /slow") == IS_HTTP
    assert guess(b"\r\nDELETE ") == IS_HTTP
    assert guess(b"HELLO wor") == IS_OTHER
    assert guess(b"GE") == IS_OTHER
    assert guess(b"") == IS_OTHER


def test_nobody_waits_for_ever() -> None:
    assert sniff(b"GET /" + b"a" * SNIFF_BYTES) == IS_HTTP
    assert sniff(b"HELLO /" + b"a" * SNIFF_BYTES) == IS_OTHER
    assert sniff(b"\r\n" * SNIFF_BYTES) == IS_OTHER


@given(st.binary(max_size=64))
def test_what_is_decided_stays_decided(data: bytes) -> None:
    kinds = [sniff(data[:end]) for end in range(len(data) + 1)]
    decided = [kind for kind in kinds if kind != UNDECIDED]
    assert kinds[: len(kinds) - len(decided)] == [UNDECIDED] * (len(kinds) - len(decided))
    assert len(set(decided)) <= 1
