"""The strict reader of chunked bodies, in requests and, by the same code, in responses."""

from collections.abc import Callable

import pytest

from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.chunks import EXTENSIONS_LIMIT, LINE_LIMIT, ChunkReader, chunk, last_chunk
from hauberk_core.http.head import Limits
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

Served = Callable[..., list[tuple[object, ...]]]

HEAD = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"


def body_of(served: Served, octets: bytes, **limits: int) -> list[tuple[object, ...]]:
    return served(HEAD + octets, **limits)[1:]


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
        (b"000005\r\nhello\r\n000\r\n\r\n", b"hello"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b'1;a\r\nx\r\n1;a=b;c="d;\\" e"\r\ny\r\n0;z\r\n\r\n', b"xy"),
    ],
)
def test_bodies(served: Served, octets: bytes, body: bytes) -> None:
    assert body_of(served, octets) == [("data", body), ("end", None)]


def test_an_empty_body(served: Served) -> None:
    assert body_of(served, b"0\r\n\r\n") == [("end", None)]


@pytest.mark.strict_http
@pytest.mark.parametrize(
    "line",
    [
        "", "g", "-1", "+1", "0x1", "1 ", " 1", "1\t", "1_0", "1;", "1; a", "1 ;a", "1;a=", "1;a=b c", '1;a="b', "1;a\0", "1\n",
        "1;a\rb", "1;\n", "\xb2", "F" * 16,
    ],
)  # fmt: skip
def test_bad_size_lines(served: Served, line: str) -> None:
    assert body_of(served, line.encode("latin-1") + b"\r\nx\r\n0\r\n\r\n")[0][:2] == ("fault", "bad_request")


@pytest.mark.strict_http
@pytest.mark.parametrize("ending", [b"\n", b"\r", b"", b"x\r\n", b"\r\r\n", b"\n\r"])
def test_data_must_be_followed_by_a_line_end(served: Served, ending: bytes) -> None:
    transcript = body_of(served, b"5\r\nhello" + ending + b"0\r\n\r\n")
    assert transcript[0] == ("data", b"hello")
    assert transcript[1][:2] == ("fault", "bad_request")


@pytest.mark.strict_http
def test_a_size_line_without_end(served: Served) -> None:
    assert body_of(served, b"1;" + b"a" * (LINE_LIMIT - 2) + b"\r\nx\r\n0\r\n\r\n")[-1] == ("end", None)
    assert body_of(served, b"1;" + b"a" * LINE_LIMIT)[0][:2] == ("fault", "bad_request")


@pytest.mark.strict_http
def test_extensions_without_end(served: Served) -> None:
    one = b"1;" + b"a" * 127 + b"\r\nx\r\n"
    fits = EXTENSIONS_LIMIT // 128
    assert body_of(served, one * fits + b"0\r\n\r\n")[-1] == ("end", None)
    assert body_of(served, one * (fits + 1) + b"0\r\n\r\n")[-1][:2] == ("fault", "bad_request")


@pytest.mark.strict_http
@pytest.mark.parametrize("limit", [9, 10])
def test_the_limit_of_a_body(served: Served, limit: int) -> None:
    transcript = body_of(served, chunk(b"hello") * 2 + last_chunk(None), body_bytes=limit)
    assert transcript[0][0] == "data"
    assert transcript[1][:2] == (("end", None) if limit == 10 else ("fault", "body_too_large"))


class TestTrailers:
    def test_order_and_case_survive(self, served: Served) -> None:
        transcript = body_of(served, b"1\r\nx\r\n0\r\nX-Sum: 1\r\ngrpc-status:0\r\nX-Sum: 2\r\n\r\n")
        assert transcript[-1] == ("end", ["X-Sum: 1", "grpc-status: 0", "X-Sum: 2"])

    @pytest.mark.parametrize(
        "line",
        ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: b", "Authorization: x", "Set-Cookie: x", "Connection: y"],
    )
    def test_fields_that_came_too_late_are_dropped(self, served: Served, line: str) -> None:
        assert body_of(served, b"0\r\n" + line.encode() + b"\r\n\r\n") == [("end", None)]
        assert body_of(served, b"0\r\n" + line.encode() + b"\r\nX: 1\r\n\r\n") == [("end", ["X: 1"])]

    @pytest.mark.strict_http
    @pytest.mark.parametrize(
        "octets", [b"X : 1\r\n\r\n", b"X\r\n\r\n", b"X: 1\n\r\n\r\n", b" X: 1\r\n\r\n", b"X: \0\r\n\r\n", b"\rX: 1\r\n\r\n"]
    )
    def test_they_are_held_to_the_rules_of_heads(self, served: Served, octets: bytes) -> None:
        assert body_of(served, b"0\r\n" + octets)[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    def test_limits(self, served: Served) -> None:
        assert body_of(served, b"0\r\n" + b"X: 1\r\n" * 4 + b"\r\n", header_count=4)[0][0] == "end"
        assert body_of(served, b"0\r\n" + b"X: 1\r\n" * 5 + b"\r\n", header_count=4)[0][:2] == ("fault", "head_too_large")
        assert body_of(served, b"0\r\nX: " + b"a" * 512, head_bytes=512)[0][:2] == ("fault", "head_too_large")


def read_all(octets: bytes) -> tuple[list[bytes], ChunkReader, ReceiveBuffer]:
    buffer = ReceiveBuffer()
    buffer.append(octets)
    reader = ChunkReader(Limits(HttpLimits()), 0)
    pieces = []
    while piece := reader.read(buffer):
        pieces.append(piece)
    return pieces, reader, buffer


def test_many_small_chunks_become_one_piece() -> None:
    pieces, reader, buffer = read_all(chunk(b"x") * 5000 + last_chunk(None) + b"next")
    assert pieces == [b"x" * 5000]
    assert reader.done
    assert buffer.take_all() == b"next"


def test_octets_that_belong_to_one_chunk_are_not_copied() -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"1000\r\n")
    reader = ChunkReader(Limits(HttpLimits()), 0)
    assert reader.read(buffer) == b""
    received = bytes(2000)
    buffer.append(received)
    assert reader.read(buffer) is received


def test_writing() -> None:
    trailers = Headers()
    trailers.add("X-Sum", "1")
    assert chunk(b"x" * 31) == b"1f\r\n" + b"x" * 31 + b"\r\n"
    assert last_chunk(None) == last_chunk(Headers()) == b"0\r\n\r\n"
    assert last_chunk(trailers) == b"0\r\nX-Sum: 1\r\n\r\n"
