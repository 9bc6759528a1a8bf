"""What compression does to traffic."""

from typing import Final

from hauberk_compression.accept import takes_gzip
from hauberk_compression.gzip_stream import GzipStream
from hauberk_compression.types import MediaTypes
from hauberk_core.plugin.data import LEAVE_BODY, Counter, Exchange, Fields, Observer, Record, Services, SyncFilter, Wish

# Bodies that one worker compresses at a time: 32 MiB of state. Further ones go out as they are.
MOST_STREAMS: Final = 1024
# Under which an exchange's stream is noted.
_STREAM: Final = "compression"
# Digests of the octets as they were (RFC 9530; RFC 2616 section 14.15), and parts of them, which nobody can ask for any more.
_INVALID: Final = frozenset(("accept-ranges", "content-digest", "content-md5", "digest", "repr-digest"))
_WITHOUT_BODY: Final = (204, 206, 304)


class Streams:
    """How many bodies are under way in this worker."""

    def __init__(self) -> None:
        self.open = 0


class CompressionFilter(SyncFilter):
    """Compresses bodies."""

    def __init__(self, types: MediaTypes, min_bytes: int, level: int, streams: Streams, services: Services) -> None:
        self._types: Final = types
        self._min_bytes: Final = min_bytes
        self._level: Final = level
        self._streams: Final = streams
        self._compressed: Final[Counter] = services.counter("compressed")
        self._octets_in: Final[Counter] = services.counter("octets_in")
        self._octets_out: Final[Counter] = services.counter("octets_out")

    def response(self, exchange: Exchange) -> Wish | None:
        fields = exchange.response_headers
        length = exchange.response_length
        if not self._is_fit(exchange.status, fields) or 0 <= length < self._min_bytes:
            return LEAVE_BODY
        # Whether it is compressed hangs on the request from here on, and caches must know.
        _vary(fields)
        if exchange.method == "HEAD" or not takes_gzip(exchange.headers.get_all("accept-encoding")):
            return LEAVE_BODY
        attributes = exchange.attributes
        if _STREAM not in attributes:
            if self._streams.open >= MOST_STREAMS:
                return LEAVE_BODY
            self._streams.open += 1
        # What has a length is made already, and gains from being put together; what has none may be waited for.
        attributes[_STREAM] = GzipStream(self._level, length < 0)
        self._compressed.add()
        _describe(fields)
        return None

    def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        stream = exchange.attributes[_STREAM]
        assert isinstance(stream, GzipStream)
        made = stream.add(chunk, last)
        self._octets_in.add(len(chunk))
        self._octets_out.add(len(made))
        return made

    def _is_fit(self, status: int, fields: Fields) -> bool:
        if status < 200 or status in _WITHOUT_BODY:
            return False
        kind = fields.get("content-type")
        if kind is None or not self._types.has(kind):
            return False
        if fields.get("content-encoding") is not None or fields.get("content-range") is not None:
            return False
        for line in fields.get_all("cache-control"):  # noqa: SIM110 - compiled code has no generators to spare
            if "no-transform" in line.lower():
                return False
        return True


class StreamsObserver(Observer):
    """Lets go of a body's stream when its exchange is over, however it ended."""

    def __init__(self, streams: Streams) -> None:
        self._streams: Final = streams

    def finished(self, record: Record) -> None:
        attributes = record.attributes
        if attributes is not None and attributes.pop(_STREAM, None) is not None:
            self._streams.open -= 1


def _vary(fields: Fields) -> None:
    """Source: RFC 9110 section 12.5.5."""
    for line in fields.get_all("vary"):
        for name in line.lower().split(","):
            if name.strip(" \t") in {"*", "accept-encoding"}:
                return
    fields.add("Vary", "Accept-Encoding")


def _describe(fields: Fields) -> None:
    """Let the head say what the body becomes."""
    fields.add("Content-Encoding", "gzip")
    tag = fields.get("etag")
    if tag is not None and not tag.startswith("W/"):
        # Other octets, the same meaning (RFC 9110 section 8.8.1).
        fields.set("ETag", "W/" + tag)
    if fields.has_any(_INVALID):
        for name in _INVALID:
            fields.remove(name)
