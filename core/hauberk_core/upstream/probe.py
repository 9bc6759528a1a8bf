"""One question to an endpoint, on a connection of its own which is closed behind the answer.

Nothing of the answer is kept but what decides: a status, or the message of grpc.health.v1, of a few octets.
"""

from typing import Final

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import (
    CLOSED,
    COUNTED,
    DATA,
    END,
    FAULT,
    RESET,
    RESPONSE,
    Data,
    End,
    Event,
    Fault,
    Request,
    Response,
)
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h2.client import H2Client
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.net.connection import Connection
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Stream
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.probing import ProbeListener, Question

USER_AGENT: Final = "hauberk-health-check"
_GRPC_PATH: Final = "/grpc.health.v1.Health/Check"
# A HealthCheckResponse is its field 1, a number: NOT_SERVING and the like are one octet (grpc/health/v1/health.proto).
_SERVING: Final = 1
_STATES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_LONGEST_MESSAGE: Final = 64
# Of gRPC's statuses, those that such a server answers with (grpc/grpc, doc/statuscodes.md).
_NOT_FOUND: Final = "5"
_UNIMPLEMENTED: Final = "12"
# Of a name; longer ones would need a longer length than one octet.
LONGEST_SERVICE: Final = 127


class Probe(Connection):
    """Asks, judges the answer, tells it, once, and is gone."""

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        endpoint: UpstreamEndpoint,
        question: Question,
        limits: HttpLimits,
        listener: ProbeListener,
        http2: bool,
    ) -> None:
        """Args: http2 - whether it is asked by HTTP/2, where it is asked by HTTP at all."""
        super().__init__(loop, stream)
        self._question: Final = question
        self._authority: Final = question.authority or endpoint.address
        self._listener: ProbeListener | None = listener
        self._h1: Final = H1Client(limits) if question.kind == "http" and not http2 else None
        self._h2: Final = H2Client(limits) if question.kind != "tcp" and http2 else None
        self._message = b""

    # Connection.

    def opened(self) -> None:
        if self._h1 is not None:
            self.queue(self._h1.send_request(self._request()))
            self.queue(self._h1.send_end(None))
        elif self._h2 is not None:
            self._ask(self._h2)
        else:
            self._over("")
            return
        self.flush()

    def received(self, data: bytes) -> None:
        h1 = self._h1
        h2 = self._h2
        if h1 is not None:
            h1.receive(data)
            while self._listener is not None:
                event = h1.next_event()
                if event is None:
                    break
                self._heard(event)
        elif h2 is not None:
            h2.receive(data, self.loop.now)
            while self._listener is not None:
                event = h2.next_event()
                if event is None:
                    break
                self._heard(event)
            if self._listener is not None:
                self.queue(h2.take_output())
                self.flush()
                if not data:
                    self._over("it closed the connection before it answered")

    def write_ready(self) -> None:
        """A question never congests a connection."""

    def broken(self, error: OSError) -> None:
        what = "the connection broke" if self.established else "connecting failed"
        self._over(f"{what}: {error}")

    def timed_out(self) -> None:
        self._over("it did not answer in time" if self.established else "it could not be connected to in time")

    def give_up(self, error: Exception) -> None:
        self._over(f"a fault of the proxy: {error}")

    # Inside.

    def _request(self) -> Request:
        question = self._question
        headers = Headers()
        headers.add("Host", self._authority)
        headers.add("User-Agent", USER_AGENT)
        for name, value in question.fields:
            headers.set(name, value)
        path, mark, query = question.path.partition("?")
        return Request(question.method, self._authority, path, mark + query, 11 if self._h2 is None else 20, headers)

    def _ask(self, machine: H2Client) -> None:
        request = self._request()
        message = b""
        if self._question.kind == "grpc":
            name = self._question.service.encode()[:LONGEST_SERVICE]
            message = bytes((10, len(name))) + name if name else b""
            message = b"\0" + len(message).to_bytes(4, "big") + message
            request.method = "POST"
            request.path = _GRPC_PATH
            request.query = ""
            request.headers.add("Content-Type", "application/grpc")
            request.headers.add("TE", "trailers")
            request.framing = COUNTED
            request.length = len(message)
        try:
            stream = machine.send_request(request)
            if message:
                machine.send_data(stream, message)
                machine.send_end(stream, None)
        except LocalProtocolError as error:
            self._over(f"it cannot be asked: {error}")
            return
        self.queue(machine.take_output())

    def _heard(self, event: Event) -> None:
        kind = event.kind
        if kind == RESPONSE:
            assert isinstance(event, Response)
            self._answered(event)
        elif kind == DATA:
            assert isinstance(event, Data)
            self._message += event.data[: _LONGEST_MESSAGE + 1]
            if len(self._message) > _LONGEST_MESSAGE:
                self._over("its answer is longer than grpc.health.v1 has it")
        elif kind == END:
            assert isinstance(event, End)
            trailers = event.trailers
            self._judge_grpc(None if trailers is None else trailers.get("grpc-status"))
        elif kind == FAULT:
            assert isinstance(event, Fault)
            self._over(event.detail)
        elif kind == CLOSED:
            self._over("it closed the connection before it answered")
        elif kind == RESET:
            self._over("it gave the request up")

    def _answered(self, response: Response) -> None:
        status = response.status
        if status < 200 and status != 101:
            return
        question = self._question
        if question.kind == "grpc":
            told = response.headers.get("grpc-status")
            if status != 200:
                self._over(f"it answered with the status {status}")
            elif told is not None and told != "0":
                self._judge_grpc(told)
            return
        for first, last in question.statuses:
            if first <= status <= last:
                self._over("")
                return
        self._over(f"it answered with the status {status}")

    def _judge_grpc(self, status: str | None) -> None:
        if status == _UNIMPLEMENTED:
            self._over("it does not serve grpc.health.v1 (UNIMPLEMENTED)")
        elif status == _NOT_FOUND:
            self._over(f"it does not know the service {self._question.service!r} (NOT_FOUND)")
        elif status != "0":
            self._over(f"it answered with the gRPC status {status or 'that it left out'}")
        else:
            state = self._message[6] if len(self._message) == 7 and self._message[5] == 8 else 0
            if state == _SERVING:
                self._over("")
            else:
                name = _STATES[state] if state < len(_STATES) else str(state)
                self._over(f"it says that it is {name}")

    def _over(self, fault: str) -> None:
        listener = self._listener
        self._listener = None
        if self.established:
            self.close_in_order()
        else:
            self.close()
        if listener is not None:
            listener.probed(fault)
