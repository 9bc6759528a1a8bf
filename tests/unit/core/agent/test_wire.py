"""Frames between agent and worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.agent.wire import (
    LARGEST_FRAME,
    Ack,
    Ask,
    CertificatePem,
    Delta,
    Drain,
    FrameReader,
    Hello,
    Message,
    Nack,
    Spans,
    Told,
    WireError,
    encode_frame,
)

MESSAGES: list[Message] = [
    Hello(7),
    Delta(3, "v3", {"cluster/a": b"\x00\xff", "certificate/x": b""}, ["cluster/b"], ["listener/web"]),
    Ack(3),
    Nack(4, ["no such table"]),
    Drain(1.5),
    Ask(5, "clusters"),
    Told(5, b"[]"),
    Spans([b"\x00", b""]),
]


def _read_all(reader: FrameReader) -> list[Message]:
    messages: list[Message] = []
    while (message := reader.next_message()) is not None:
        messages.append(message)
    return messages


@given(st.lists(st.integers(min_value=1, max_value=200), max_size=20))
def test_messages_survive_any_cutting(cuts: list[int]) -> None:
    octets = b"".join(encode_frame(message) for message in MESSAGES)
    reader = FrameReader()
    received: list[Message] = []
    start = 0
    for size in [*cuts, len(octets)]:
        reader.feed(octets[start : start + size])
        received += _read_all(reader)
        start += size
    assert received == MESSAGES
    assert reader.is_empty()


def test_an_announcement_beyond_the_bound_is_refused_before_the_octets_come() -> None:
    reader = FrameReader()
    reader.feed((LARGEST_FRAME + 1).to_bytes(4))
    with pytest.raises(WireError, match="at most"):
        reader.next_message()


@given(st.binary(max_size=200))
def test_foreign_octets_are_a_wire_error_and_nothing_else(body: bytes) -> None:
    reader = FrameReader()
    reader.feed(len(body).to_bytes(4) + body)
    try:
        reader.next_message()
    except WireError:
        return
    assert reader.is_empty()


def test_too_large_a_configuration_says_what_to_do() -> None:
    with pytest.raises(WireError, match="split it over several proxies"):
        encode_frame(Delta(1, "", {"trust/big": bytes(LARGEST_FRAME)}, [], []))


def test_a_key_does_not_show_when_printed() -> None:
    assert "SECRET" not in repr(CertificatePem(b"chain", b"SECRET"))
