"""Bodies of gRPC-Web."""

import base64
import binascii
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_grpcweb.messages import TextDecoder, encode_text, trailers_frame


@given(messages=st.lists(st.binary(max_size=20), max_size=6), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_base64_is_decoded_wherever_it_is_cut_and_padded(messages: list[bytes], cuts: list[int]) -> None:
    text = b"".join([base64.b64encode(message) for message in messages])
    places = sorted({0, len(text), *[cut for cut in cuts if cut < len(text)]})
    decoder = TextDecoder()
    found = b"".join([decoder.decode(text[start:end], False) for start, end in pairwise(places)])
    assert found + decoder.decode(b"", True) == b"".join(messages)


def test_padding_in_every_group_costs_no_step_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    decode = binascii.a2b_base64

    def counted(data: bytes, *, strict_mode: bool) -> bytes:
        steps.append(len(data))
        return decode(data, strict_mode=strict_mode)

    monkeypatch.setattr(binascii, "a2b_base64", counted)
    assert TextDecoder().decode(b"QQ==QUE=" * 1000, True) == b"AAA" * 1000
    assert steps == [8000]


@pytest.mark.parametrize("text", [b"AAA", b"AAA*", b"A===", b"AA=A", b"====", b"AAAAA", b"AA==A===", b"AA\n="])
def test_what_is_no_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"base64|padding|data"):
        TextDecoder().decode(text, True)


@given(st.binary(max_size=100))
def test_what_is_encoded_is_plain_base64(data: bytes) -> None:
    assert base64.b64decode(encode_text(data), validate=True) == data


def test_trailers_are_a_frame_of_their_own() -> None:
    assert trailers_frame([("Grpc-Status", "0"), ("x-y", "1 2")]) == b"\x80\0\0\0\x18grpc-status:0\r\nx-y:1 2\r\n"
