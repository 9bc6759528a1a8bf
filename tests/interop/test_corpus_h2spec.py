"""h2spec's cases, as its client sent them: each is refused, or goes on, as h2spec says."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from h2_wire import Peer

from hauberk_core.http.events import COUNTED, Data, End, Response
from hauberk_core.http.h2.codes import (
    COMPRESSION_ERROR,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY_FRAME,
    PROTOCOL_ERROR,
    RST_STREAM_FRAME,
    STREAM_CLOSED,
)
from hauberk_core.http.h2.server import H2Server
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]

CODES = {
    "Protocol": PROTOCOL_ERROR,
    "FlowControl": FLOW_CONTROL_ERROR,
    "StreamClosed": STREAM_CLOSED,
    "FrameSize": FRAME_SIZE_ERROR,
    "Compression": COMPRESSION_ERROR,
}
# What they send depends on the settings of the server that they were recorded with.
LEFT_OUT = {"http2/5.1.2/1", "http2/6.9.1/2"}
# Recorded as accepted because the connection goes on; its stream does not (RFC 9113 section 6.9.1).
ENDS_ITS_STREAM = {"http2/6.9.1/3": FLOW_CONTROL_ERROR}


class Answering(Peer):
    """A server that answers every request as soon as it is complete."""

    def __init__(self, step: int) -> None:
        super().__init__(H2Server("http", HttpLimits()), b"")
        self._step = step

    def play(self, case: dict[str, Any], octets: bytes) -> None:
        """Send a case as h2spec did, which waited for answers between its segments, in pieces of at most our size."""
        segments = [base64.b64decode(segment) for segment in case["segments_b64"] or ()] or [octets]
        assert b"".join(segments) == octets
        for segment in segments:
            self._play(segment)

    def _play(self, octets: bytes) -> None:
        for start in range(0, len(octets), self._step):
            for stream, event in self.send(octets[start : start + self._step]):
                if isinstance(event, Data):
                    self.machine.consume(stream, len(event.data))
                elif isinstance(event, End) and self.machine.is_open(stream):
                    response = Response(200, "OK", 11, Headers())
                    response.framing = COUNTED
                    response.length = 5
                    self.machine.send_response(stream, response)
                    self.machine.send_data(stream, b"hello")
                    self.machine.send_end(stream, None)
                self.listen()


def cases(corpus: Corpus) -> list[tuple[dict[str, Any], bytes]]:
    found = [(case, octets) for case, octets in corpus("h2spec-recorded") if case["name"] not in LEFT_OUT]
    assert len(found) == 144
    return found


@pytest.mark.parametrize("step", [1 << 20, 1, 7])
def test_each_case_ends_as_it_should(corpus: Corpus, step: int) -> None:
    for case, octets in cases(corpus):
        server = Answering(step)
        server.play(case, octets)
        verdict = case["expected"]["verdict"]
        allowed = {CODES[name] for name in case["expected"]["error_codes"]}
        endings = [said for said in server.said if said.kind in {GOAWAY_FRAME, RST_STREAM_FRAME}]
        if case["name"] in ENDS_ITS_STREAM:
            assert [(end.kind, end.code) for end in endings] == [(RST_STREAM_FRAME, ENDS_ITS_STREAM[case["name"]])]
        elif verdict in {"accept", "stream-close"}:
            assert not endings, case["name"]
        else:
            assert endings, case["name"]
            assert not allowed or endings[0].code in allowed, case["name"]
            if verdict.startswith("connection"):
                assert server.goodbye() is not None, case["name"]
