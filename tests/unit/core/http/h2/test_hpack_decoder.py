import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_core.http.h2.codes import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFault
from hauberk_core.http.h2.field import MALFORMED, Malformed
from hauberk_core.http.h2.hpack_decoder import HpackDecoder

_names = st.sampled_from(["accept", "cookie", "x-a", "x-b", ":path", "content-type", "authorization", ":method"])
_values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
_lists = st.lists(st.lists(st.tuples(_names, _values), max_size=12), max_size=12)


def pairs(decoder: HpackDecoder, block: bytes) -> list[tuple[str, str]]:
    return [(field.name, field.value) for field in decoder.decode(block)]


@settings(max_examples=40, deadline=None)
@given(_lists, st.lists(st.integers(0, 4096), min_size=12, max_size=12), st.booleans())
def test_what_hpack_encodes(lists: list[list[tuple[str, str]]], sizes: list[int], huffman: bool) -> None:
    encoder = hpack.Encoder()
    decoder = HpackDecoder(65536)
    for fields, size in zip(lists, sizes, strict=False):
        encoder.header_table_size = size
        assert pairs(decoder, encoder.encode(fields, huffman=huffman)) == fields


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_octets_as_hpack_reads_them(blocks: list[bytes]) -> None:
    """Whatever hpack refuses we refuse, and what it takes we take alike. (So few octets hold no integer too long for us.)"""
    theirs = hpack.Decoder(max_header_list_size=65536)
    ours = HpackDecoder(65536)
    for block in blocks:
        try:
            expected = theirs.decode(block, raw=True)
        except hpack.HPACKError:
            with pytest.raises(ConnectionFault):
                ours.decode(block)
            return
        found = [(field.name.encode("latin-1"), field.value.encode("latin-1")) for field in ours.decode(block)]
        assert found == [(bytes(name), bytes(value)) for name, value in expected]


OUT_OF_STEP = {
    "index 0": b"\x80",
    "beyond the table": b"\xbe",
    "no name": b"\x40\x01",
    "no value": b"\x40\x01a",
    "a short value": b"\x40\x01a\x05b",
    "a long integer": b"\xff\xff\xff\xff\xff\x0f",
    "half an integer": b"\xff\x80",
    "a late change": b"\x82\x20",
    "too large a table": b"\x3f\xe2\x1f",
}


@pytest.mark.parametrize("block", OUT_OF_STEP.values(), ids=OUT_OF_STEP)
def test_out_of_step(block: bytes) -> None:
    with pytest.raises(ConnectionFault) as raised:
        HpackDecoder(65536).decode(block)
    assert raised.value.code == COMPRESSION_ERROR


def test_a_long_list_stays_in_step() -> None:
    """Above the limit fields are left out, yet the table follows; far above it nothing more is decoded."""
    encoder = hpack.Encoder()
    decoder = HpackDecoder(512)
    block = encoder.encode([("x-long", "v" * 400), ("x-more", "w" * 400), ("x-last", "1")])
    assert [field.name for field in decoder.decode(block)] == ["x-long"]
    assert decoder.decoded > 512
    assert pairs(decoder, encoder.encode([("x-last", "1")])) == [("x-last", "1")]
    assert decoder.decoded == len("x-last1") + 32
    with pytest.raises(ConnectionFault) as raised:
        decoder.decode(encoder.encode([("x-long", "v" * 400)]) * 10)
    assert raised.value.code == ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    ("name", "value"), [("X-A", "1"), ("x a", "1"), ("x-a", "a\nb"), ("x-a", " a"), ("x-a", "a\0"), (":what", "1"), ("", "1")]
)
def test_malformed_fields_are_told_with_the_message(name: str, value: str) -> None:
    block = b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
    (field,) = HpackDecoder(65536).decode(block)
    assert field.code == MALFORMED
    assert isinstance(field, Malformed)
    assert field.detail
