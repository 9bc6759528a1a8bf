"""What becomes of a request, whichever version of HTTP it came in: it is routed and passed on, or answered here.

This is the client's side of an exchange as far as it does not depend on how messages are framed.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import COUNTED, Request, Response
from hauberk_core.http.grpc.status import NOT_KNOWN, status_of_http, status_of_reason
from hauberk_core.http.headers import Headers
from hauberk_core.model.cors import Cors
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.observe.record import Record
from hauberk_core.plugin.reply import Reply
from hauberk_core.proxy.begin_extras import begin_extras
from hauberk_core.proxy.chain import Unreachable
from hauberk_core.proxy.client import Client
from hauberk_core.proxy.client_connection import ClientConnection
from hauberk_core.proxy.exchange import Exchange
from hauberk_core.proxy.filtered import FilteredExchange
from hauberk_core.proxy.forwarding import PHRASES, forwarded_port, name_host, prepare_request, settle_request_id
from hauberk_core.proxy.grpc_call import call_answer, call_timeout, note_call
from hauberk_core.proxy.nothing_sent import NOTHING_SENT, NOTHING_SENT_NAME
from hauberk_core.route.cors import is_preflight, preflight_answer
from hauberk_core.route.decide import decide
from hauberk_core.route.filters import modify, redirect_location, rewrite

HTTP2: Final = 20
_PROTOCOLS: Final = {10: "HTTP/1.0", 11: "HTTP/1.1", HTTP2: "HTTP/2"}


@mypyc_attr(allow_interpreted_subclasses=True)
class ServingClient(Client):
    """Serves the requests of one connection, or the one of a stream."""

    def __init__(self, connection: ClientConnection) -> None:
        self._served: Final = connection

    # What the versions do differently.

    def began(self, exchange: Exchange) -> None:
        """There is an exchange, of which nothing has happened yet."""
        raise NotImplementedError

    def decided(self, exchange: Exchange) -> None:
        """The exchange's deadline may have changed: wait for it."""
        raise NotImplementedError

    def send_own(self, exchange: Exchange, response: Response, body: bytes) -> None:
        """Send an answer of our own, complete, and tell the exchange."""
        raise NotImplementedError

    # Requests.

    def begin(self, request: Request) -> None:
        """A request's head has come."""
        connection = self._served
        chain = connection.chain
        if chain.owner.pressure.sheds or connection.refusal:
            refusal = connection.refusal or chain.owner.pressure.refusal(request.version == HTTP2)
            if refusal:
                self._shed(request, refusal)
                return
        now = connection.loop.clock.now()
        record = Record()
        if chain.paths is not None:
            request.path = chain.paths.of(request.path)
        if chain.filters is not None:
            peer_identity = connection.stream.peer_identity()
            filtered = FilteredExchange(self, request, record, now, chain, chain.filters, peer_identity, connection.loop)
            self.began(filtered)
            self._fill(record, request)
            if chain.edge is not None:
                chain.edge.settle(request, record, connection.peer_host)
            if chain.certificates is not None:
                chain.certificates.settle(request.headers, connection.certificate())
            settle_request_id(request, record, chain.owner.request_ids)
            self.decided(filtered)
            # Before the filters: what they answer is logged with its request id, and they see what the endpoint will see.
            prepare_request(request, record, connection.peer_host, chain.owner.request_ids)
            filtered.filter_request()
            return
        exchange = Exchange(self, request, record, now)
        self.began(exchange)
        self._fill(record, request)
        if chain.edge is not None:
            chain.edge.settle(request, record, connection.peer_host)
        if chain.certificates is not None:
            chain.certificates.settle(request.headers, connection.certificate())
        decision = decide(request, chain.table, chain.dice.next())
        prepare_request(request, record, connection.peer_host, chain.owner.request_ids)
        self.serve(exchange, decision)

    def _shed(self, request: Request, why: str) -> None:
        """Answer before anything else is done with the request: whoever is refused must cost little."""
        connection = self._served
        chain = connection.chain
        now = connection.loop.clock.now()
        record = Record()
        exchange: Exchange
        if chain.filters is None:
            exchange = Exchange(self, request, record, now)
        else:
            # Observers hear of every exchange.
            identity = connection.stream.peer_identity()
            exchange = FilteredExchange(self, request, record, now, chain, chain.filters, identity, connection.loop)
        self.began(exchange)
        self._fill(record, request)
        self.decided(exchange)
        exchange.nothing_sent = True
        self.answer(exchange, Reason.OVERLOADED, why)

    def serve(self, exchange: Exchange, decision: Decision) -> None:
        connection = self._served
        chain = connection.chain
        request = exchange.request
        record = exchange.record
        record.route = decision.route
        timeout = decision.timeout
        if record.grpc_type:
            timeout = call_timeout(request, timeout)
            if timeout >= 0:
                exchange.deadline = exchange.started + timeout
        elif timeout > 0:
            exchange.deadline = exchange.started + timeout
        self.decided(exchange)
        if request.method == "CONNECT" and not decision.takes_connect:
            self.answer(exchange, Reason.NOT_IMPLEMENTED, "CONNECT is served only where a route names that method")
            return
        extras = decision.extras
        if extras is not None and extras.cors is not None and is_preflight(request):
            self._answer_preflight(exchange, extras.cors)
            return
        if decision.redirect is not None:
            self._redirect(exchange, decision)
            return
        reason = decision.reason
        if reason is not None:
            self.answer(exchange, reason, "")
            return
        target = chain.owner.target(decision.cluster)
        if target is None:
            self.answer(exchange, Reason.NO_BACKEND, f"there is no cluster {decision.cluster}")
            return
        record.cluster = decision.cluster
        cluster = target.cluster
        if not target.is_ordinary:
            reached = target.reach(connection.destination_host, connection.destination_port)
            if isinstance(reached, Unreachable):
                self.answer(exchange, reached.reason, reached.detail)
                return
            cluster = reached
        if decision.rewrite is not None:
            rewrite(request, decision)
            if chain.paths is not None:
                # What was written in the place of a part of it may have made it another than the normal one.
                request.path = chain.paths.of(request.path)
        if not request.authority:
            name_host(request, record)
        if decision.request_headers:
            for modifier in decision.request_headers:
                modify(request.headers, modifier)
        if extras is not None and exchange.extras is None:
            exchange.extras = begin_extras(extras, request, chain, connection.loop)
        exchange.begin(decision, cluster, target.meters)

    def _fill(self, record: Record, request: Request) -> None:
        record.method = request.method
        record.path = request.path + request.query
        record.authority = request.authority
        record.protocol = _PROTOCOLS[request.version]
        if request.version == HTTP2:
            note_call(request, record)
        fill_connection(record, self._served)

    def switch_fault(self, exchange: Exchange, response: Response) -> str:
        return "" if exchange.request.upgrade else "the endpoint switched protocols unasked"

    # Answers of our own.

    def answer(self, exchange: Exchange, reason: Reason, detail: str) -> None:
        """Answer `exchange` in the endpoint's place, and say why."""
        record = exchange.record
        record.reason = reason
        record.details = detail
        is_call = bool(record.grpc_type)
        if is_call:
            message = reason.code + ": " + (detail or reason.meaning)
            headers = call_answer(record, status_of_reason(reason), reason, message)
        else:
            headers = explaining_headers(reason)
        if exchange.nothing_sent and record.peer_identity:
            headers.add(NOTHING_SENT_NAME, NOTHING_SENT)
        if is_call:
            self._send(exchange, 200, headers, b"")
        else:
            self._send(exchange, reason.status, headers, explanation(reason, detail or reason.meaning))

    def answer_error(self, exchange: Exchange, reason: Reason, detail: str) -> None:
        if self._served.closed or exchange.over:
            exchange.client_gone(reason, detail)
        else:
            self.answer(exchange, reason, detail)

    def answer_reply(self, exchange: Exchange, reply: Reply, plugin: str) -> None:
        if self._served.closed or exchange.over:
            exchange.client_gone(Reason.CLIENT_GONE, Reason.CLIENT_GONE.meaning)
            return
        record = exchange.record
        record.reason = reply.reason
        record.details = plugin
        if record.grpc_type:
            message = reply.body.partition(b"\n")[0].decode("utf-8", "replace") or PHRASES.get(reply.status, "")
            status = status_of_http(reply.status) if reply.grpc_status == NOT_KNOWN else reply.grpc_status
            answer = call_answer(record, status, reply.reason, message)
            for name, value in reply.headers:
                if name.lower() != "content-type":
                    answer.add(name, value)
            self._send(exchange, 200, answer, b"")
            return
        headers = Headers()
        for name, value in reply.headers:
            headers.add(name, value)
        headers.set("hauberk-reason", reply.reason.code)
        self._send(exchange, reply.status, headers, reply.body)

    def _answer_preflight(self, exchange: Exchange, cors: Cors) -> None:
        self._send(exchange, 204, preflight_answer(cors, exchange.request), b"")

    def _redirect(self, exchange: Exchange, decision: Decision) -> None:
        redirect = decision.redirect
        assert redirect is not None
        connection = self._served
        headers = Headers()
        request = exchange.request
        port = connection.destination_port or connection.chain.port
        if request.scheme != connection.chain.scheme:
            # A trusted proxy in front ended TLS, or began it: its port is the one that clients know.
            port = forwarded_port(request)
        headers.add("location", redirect_location(request, decision, port))
        for modifier in decision.response_headers:
            modify(headers, modifier)
        self._send(exchange, redirect.status, headers, b"")

    def _send(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
        request = exchange.request
        if status < 300 and (request.method == "CONNECT" or (request.upgrade and request.version == 20)):
            # It would begin a tunnel, to nowhere.
            status = 501
        exchange.record.status = status
        self.send_own(exchange, own_response(self._served, status, headers, body), body)

    # Reports.

    def now(self) -> float:
        return self._served.loop.clock.now()

    def report(self, record: Record, meters: ClusterMeters | None) -> None:
        owner = self._served.chain.owner
        owner.report(record, owner.unrouted if meters is None else meters)


def own_response(connection: ClientConnection, status: int, headers: Headers, body: bytes) -> Response:
    """A response of our own, whose body is known."""
    response = Response(status, PHRASES.get(status, ""), 11, headers)
    headers.set("date", connection.chain.owner.http_date())
    if status not in (204, 304):
        # In a 304 it would be the length of what was not sent, in a 204 it must not stand (RFC 9110 section 8.6).
        headers.add("content-length", str(len(body)))
    response.framing = COUNTED
    response.length = len(body)
    return response


def explaining_headers(reason: Reason) -> Headers:
    """What stands beside the explanation."""
    headers = Headers()
    headers.add("content-type", "text/plain; charset=iso-8859-1")
    headers.add("hauberk-reason", reason.code)
    if reason.status == 503:
        headers.add("retry-after", "1")
    return headers


def explanation(reason: Reason, detail: str) -> bytes:
    """The body of an answer of our own, for a person."""
    return f"{reason.status} {PHRASES.get(reason.status, '')}\n{reason.code}: {detail}\n".encode("latin-1", "replace")


def fill_connection(record: Record, connection: ClientConnection) -> None:
    """Note when it is, and who asks."""
    stream = connection.stream
    record.start = connection.loop.clock.wall()
    record.downstream_local = connection.local_address()
    record.downstream_remote = stream.peer_address()
    record.server_name = stream.server_name()
    record.peer_identity = stream.peer_identity()


def report_refused(connection: ClientConnection, reason: Reason, detail: str) -> None:
    """Count and log what never became a request that could be routed."""
    record = Record()
    fill_connection(record, connection)
    record.reason = reason
    record.details = detail
    record.status = reason.status
    chain = connection.chain
    chain.owner.report(record, chain.owner.unrouted)
    if chain.filters is not None:
        chain.filters.before.observe(record)
