import hpack
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_core.http.h2.hpack_encoder import HpackEncoder

_names = st.sampled_from(["accept", "Cookie", "x-a", "X-B", "content-type", "authorization", "date", "set-cookie", "x-c"])
_values = st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=80)
_lists = st.lists(st.tuples(st.integers(0, 5000), st.lists(st.tuples(_names, _values), max_size=12)), max_size=20)


def encode(encoder: HpackEncoder, fields: list[tuple[str, str]]) -> bytes:
    block = encoder.begin()
    for name, value in fields:
        encoder.add(block, name.lower(), name + ": " + value)
    return bytes(block)


def decode(decoder: hpack.Decoder, block: bytes) -> list[tuple[str, str]]:
    return [(bytes(n).decode("latin-1"), bytes(v).decode("latin-1")) for n, v in decoder.decode(block, raw=True)]


@settings(max_examples=40, deadline=None)
@given(_lists)
def test_hpack_understands(lists: list[tuple[int, list[tuple[str, str]]]]) -> None:
    encoder = HpackEncoder()
    decoder = hpack.Decoder()
    for size, fields in lists:
        decoder.max_allowed_table_size = max(size, decoder.max_allowed_table_size)
        encoder.resize(size)
        assert decode(decoder, encode(encoder, fields)) == [(name.lower(), value) for name, value in fields]


def test_what_repeats_is_an_octet() -> None:
    encoder = HpackEncoder()
    fields = [("Content-Type", "text/html"), ("server", "nginx"), (":status", "200"), ("x-served-by", "a")]
    encode(encoder, fields)
    assert len(encode(encoder, fields)) == len(fields)


def test_secrets_and_what_changes_stay_out_of_the_table() -> None:
    encoder = HpackEncoder()
    fields = [("authorization", "Bearer abc"), ("cookie", "short"), ("x-request-id", "1"), ("content-length", "5")]
    first = encode(encoder, fields)
    assert encode(encoder, fields) == first
    assert first[0] & 0xF0 == 0x10, "whoever passes it on must not put it into a table either"


def test_a_name_whose_values_never_come_again_is_found_out() -> None:
    encoder = HpackEncoder()
    decoder = hpack.Decoder()
    for number in range(300):
        decode(decoder, encode(encoder, [("x-serial", str(number) * 20), ("x-kept", "as it is")]))
    assert len(encode(encoder, [("x-kept", "as it is")])) == 1
    assert encode(encoder, [("x-serial", "9")])[0] & 0xF0 == 0, "a literal without indexing"


def test_the_path() -> None:
    encoder = HpackEncoder()
    for path in ("/", "/a?b", "/" + "x" * 300):
        block = encoder.begin()
        encoder.add_path(block, path)
        assert decode(hpack.Decoder(), bytes(block)) == [(":path", path)]
