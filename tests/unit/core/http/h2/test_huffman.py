import hpack.huffman
import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.h2.codes import ConnectionFault
from hauberk_core.http.h2.huffman import Remembered, decode, encode

_THEIRS = hpack.huffman.HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


@given(st.binary(max_size=200))
def test_both_ways(octets: bytes) -> None:
    assert decode(encode(octets)) == octets


@given(st.binary(min_size=1, max_size=200))
def test_as_hpack_encodes(octets: bytes) -> None:
    assert encode(octets) == _THEIRS.encode(octets)


@given(st.binary(max_size=24))
def test_what_no_encoder_makes_is_refused_as_hpack_does(octets: bytes) -> None:
    try:
        theirs = decode_huffman(octets)
    except Exception:
        with pytest.raises(ConnectionFault):
            decode(octets)
    else:
        assert decode(octets) == bytes(theirs)


@pytest.mark.parametrize(
    "octets", [b"\xff\xff\xff\xff", b"\xff", encode(b"a") + b"\xff", b"\x18"], ids=["end of string", "8", "8 more", "no ones"]
)
def test_padding(octets: bytes) -> None:
    with pytest.raises(ConnectionFault):
        decode(octets)


def test_it_forgets_when_it_is_full() -> None:
    remembered = Remembered()
    for number in range(2000):
        assert remembered.decode(encode(str(number).encode())) == str(number).encode()
    assert len(remembered._strings) <= 512
    long = encode(b"x" * 500)
    assert remembered.decode(long) == b"x" * 500
    assert long not in remembered._strings
