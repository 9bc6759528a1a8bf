"""Bodies coming in: the machines of both sides read them by this, and say in their own words what is wrong with one."""

from typing import Final

from hauberk_core.http.body import END_WITHOUT_TRAILERS
from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.chunks import ChunkReader
from hauberk_core.http.events import CHUNKED, COUNTED, UNTIL_CLOSE, Data, End, Event
from hauberk_core.http.head import Limits


class BodyReader:
    """Takes one body after another off a buffer, each as its head has framed it (RFC 9112 section 6.3)."""

    __slots__ = ("_chunks", "_framing", "_limits", "_remaining")

    def __init__(self, limits: Limits) -> None:
        self._limits: Final = limits
        self._framing = COUNTED
        self._remaining = 0
        self._chunks: ChunkReader | None = None

    def begin(self, framing: int, length: int, limit: int) -> None:
        """A head has announced a body.

        Args: framing - COUNTED, CHUNKED or UNTIL_CLOSE; length - in octets, where it is counted; limit - the most octets that
            it may have where it is chunked; 0: as many as there are.
        """
        self._framing = framing
        self._remaining = length
        if framing == CHUNKED:
            self._chunks = ChunkReader(self._limits, limit)

    def read(self, buffer: ReceiveBuffer, ended: bool) -> Event | None:
        """The next octets as Data, or behind the last of them End; None until more come.

        Args: ended - whether none will come any more; None then means that the body is cut short.
        Raises: Violation, of the rules for chunks or of `limit`; nothing can be read any more.
        """
        framing = self._framing
        if framing == COUNTED:
            remaining = self._remaining
            if not remaining:
                return END_WITHOUT_TRAILERS
            if not len(buffer):
                return None
            buffer.join()
            data = buffer.take(remaining)
            self._remaining = remaining - len(data)
            return Data(data)
        if framing == CHUNKED:
            return self._read_chunked(buffer)
        assert framing == UNTIL_CLOSE
        if len(buffer):
            return Data(buffer.take_all())
        return END_WITHOUT_TRAILERS if ended else None

    def _read_chunked(self, buffer: ReceiveBuffer) -> Event | None:
        chunks = self._chunks
        assert chunks is not None
        data = chunks.read(buffer)
        if data:
            return Data(data)
        if not chunks.done:
            return None
        self._chunks = None
        return End(chunks.trailers) if chunks.trailers is not None else END_WITHOUT_TRAILERS
