"""One request and its response, on their way through the proxy.

An exchange sits between the client's connection and an upstream one and moves events both ways. It is over when both the request
and the response are complete, or when either side failed; it then reports one record and lets go of both connections.
"""

from typing import Final

from hauberk_core.http.events import COUNTED, NO_BODY, TUNNEL, Request, Response
from hauberk_core.http.grpc.status import NOT_KNOWN, http_of_status, read_status, status_of_http, status_of_reason
from hauberk_core.http.h2.message import VERSION as HTTP2_VERSION
from hauberk_core.http.headers import Headers
from hauberk_core.http.pieces import add_piece
from hauberk_core.model.cluster import HashBy
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.net.wheel import NEVER
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.observe.record import Record
from hauberk_core.proxy.affinity import common_part, new_cookie
from hauberk_core.proxy.client import Client
from hauberk_core.proxy.extras import ExchangeExtras
from hauberk_core.proxy.nothing_sent import nothing_was_sent
from hauberk_core.proxy.retrying import Retrying
from hauberk_core.route.filters import modify
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.guard import Description
from hauberk_core.upstream.hashing import NOTHING_TO_HASH, hash_of

SWITCHING_PROTOCOLS: Final = 101
RETRIES_EXHAUSTED: Final = "URX"
"""Envoy's flag of an exchange that would have been attempted once more."""
# Methods whose requests may be sent twice (RFC 9110 section 9.2.2).
IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
# Octets of a request's body that are kept until another proxy, or an endpoint of HTTP/2, has answered: Envoy's default for what a
# retry needs, a few reads.
REPLAY_BYTES: Final = 64 * 1024


class Exchange(Requester):
    """Moves one request to an endpoint and its response back."""

    __slots__ = (
        "_call",
        "_client",
        "_cluster",
        "_decision",
        "_held",
        "_held_end",
        "_held_trailers",
        "_meters",
        "_replay",
        "_replay_octets",
        "_sending",
        "deadline",
        "extras",
        "is_tunnel",
        "nothing_sent",
        "over",
        "record",
        "request",
        "request_complete",
        "response_complete",
        "response_started",
        "started",
    )

    def __init__(self, client: Client, request: Request, record: Record, started: float) -> None:
        super().__init__()
        self.request: Final = request
        self.record: Final = record
        self.started: Final = started
        """When its first octet came, by the loop's clock."""
        self.deadline: float = NEVER
        """When the whole exchange must be over, in the loop's seconds."""
        self.request_complete = False
        self.response_started = False
        self.response_complete = False
        self.is_tunnel = False
        self.over = False
        self.extras: ExchangeExtras | None = None
        """What its route asks for beyond the usual; set before `begin`."""
        self.nothing_sent = False
        """Whether it ended before anything of the request was sent, so that whoever asked may ask elsewhere."""
        self._client: Final = client
        self._decision: Decision | None = None
        self._cluster: UpstreamCluster | None = None
        self._meters: ClusterMeters | None = None
        self._call: Call | None = None
        self._sending = False
        self._replay: list[bytes] | None = None
        """What was sent of the body, while all of it is kept for another attempt: the endpoint may say that nobody has looked at
        the request, and a kept connection may end meanwhile."""
        self._replay_octets = 0
        self._held: list[bytes] = []
        self._held_end = False
        self._held_trailers: Headers | None = None

    # The request's way.

    def begin(self, decision: Decision, cluster: UpstreamCluster, meters: ClusterMeters) -> None:
        """Ask the cluster for a connection and send the request on it as soon as there is one."""
        self._decision = decision
        self._cluster = cluster
        self._meters = meters
        call = cluster.acquire(self)
        if call is not None:
            # What has come of the body is on its way here, and `flush_request` sends it together with the head.
            self._call = call
            self._send_request(call)

    def request_data(self, data: bytes) -> None:
        """Octets of the request's body."""
        self.record.bytes_received += len(data)
        if self.extras is not None:
            self.extras.request_data(data)
        call = self._call
        if self._sending and call is not None:
            call.send_data(data)
            if self._replay is not None:
                self._keep_for_replay(data)
        elif not self.response_complete:
            add_piece(self._held, data)

    def request_end(self, trailers: Headers | None) -> None:
        """The request is complete."""
        self.request_complete = True
        if self.extras is not None:
            self.extras.request_end(trailers)
        call = self._call
        self._held_end = True
        self._held_trailers = trailers
        if self._sending and call is not None:
            call.send_end(trailers)
        if self.response_complete:
            self._finish()

    def flush_request(self) -> None:
        """Send on what was queued. Returns with reading from the client paused if the endpoint does not keep up."""
        call = self._call
        if call is None or not self._sending:
            if self._held and not self.over:
                self._client.pause_request()
            return
        call.flush()
        if call.is_congested():
            self._client.pause_request()

    def tunnel_data(self, data: bytes) -> None:
        """In a tunnel: octets from the client; `b""`: it ended its side."""
        call = self._call
        if call is None:
            return
        if not data:
            self.request_complete = True
            call.end_octets()
            if self.response_complete:
                self._finish()
            return
        self.record.bytes_received += len(data)
        call.send_octets(data)
        call.flush()
        if call.is_congested():
            self._client.pause_request()

    # Requester: the response's way.

    def client_addresses(self) -> tuple[str, str]:
        return self.record.downstream_remote, self.record.downstream_local

    def goes_on_at(self, cluster: UpstreamCluster) -> None:
        self._cluster = cluster

    def connecting(self, call: Call) -> None:
        self._call = call

    def assigned(self) -> None:
        call = self._call
        assert call is not None
        self._send_request(call)
        # The client may wait for an answer to the head (100-continue) before it sends anything more.
        call.flush()
        self._client.resume_request()

    def _send_request(self, call: Call) -> None:
        decision = self._decision
        assert decision is not None
        record = self.record
        record.upstream_host = call.endpoint.address
        record.upstream_local = call.local_address()
        record.upstream_identity = call.peer_identity()
        self._note_tried()
        if decision.backend_timeout > 0:
            call.set_deadline(decision.backend_timeout)
        call.send_request(self.request)
        self._sending = True
        has_body = self.request.framing != NO_BODY
        if (
            (has_body and (call.is_shared or call.is_on_kept_connection()))
            or record.upstream_identity
            or (self.extras is not None and self.extras.retrying is not None)
        ):
            self._replay = []
            self._replay_octets = 0
        if self._held:
            held = self._held
            self._held = []
            for data in held:
                call.send_data(data)
                if self._replay is not None:
                    self._keep_for_replay(data)
        if self._held_end:
            call.send_end(self._held_trailers)

    def _note_tried(self) -> None:
        tried = self.tried
        if tried is not None:
            self.record.upstream_tried = ",".join([endpoint.address for endpoint in tried])

    def _keep_for_replay(self, data: bytes) -> None:
        replay = self._replay
        assert replay is not None
        self._replay_octets += len(data)
        if self._replay_octets > REPLAY_BYTES:
            self._replay = None
        else:
            add_piece(replay, data)

    def is_repeatable(self, status: int) -> bool:
        """Whether an answer of this status is one that `tries_again` looks at."""
        return status == 503 or self.extras is not None or bool(self.record.grpc_type)

    def tries_again(self, call: Call, response: Response) -> bool:
        """A final response has come: see whether it is thrown away and the request sent again.

        Returns: whether that is under way; if not, the response is to be passed on.
        """
        status = response.status
        is_call = bool(self.record.grpc_type)
        if (status == 503 or is_call) and self._tries_elsewhere(call, response):
            return True
        extras = self.extras
        if extras is None or extras.retrying is None or self._replay is None:
            return False
        if is_call and status == 200:
            grpc_status = read_status(response.headers)
            if not extras.retrying.wants_call(grpc_status):
                return False
            status = http_of_status(grpc_status)
        elif not extras.retrying.wants(status):
            return False
        if not self._may_retry(extras.retrying, f"answered {status}"):
            return False
        admission = self.admission
        if admission is not None:
            self.admission = None
            admission.answered(status)
            admission.done(status, None, self._client.now())
        # The rest of the answer is not waited for.
        call.abandon()
        self._pause_for_retry(call, f"answered {status}")
        return True

    def _retries_after(self, reason: Reason, detail: str) -> bool:
        """Whether another attempt is under way after one that got no answer."""
        extras = self.extras
        if extras is None or extras.retrying is None or self.response_started or not extras.retrying.wants_after(reason):
            return False
        if (self._sending and self._replay is None) or not self._may_retry(extras.retrying, detail):
            return False
        self._pause_for_retry(self._call, detail)
        return True

    def _may_retry(self, retrying: Retrying, detail: str) -> bool:
        """Whether another attempt, which the route asks for, may be made; why not is noted."""
        cluster = self._cluster
        meters = self._meters
        if cluster is None or meters is None:
            return False
        if not retrying.left():
            self.record.add_flag(RETRIES_EXHAUSTED)
            meters.retries_exhausted()
            return False
        if not retrying.is_retry() and not cluster.retry_budget.admits(cluster.active()):
            under_way = cluster.retry_budget.under_way()
            self.record.upstream_failure = f"{detail}; not sent again, because {under_way} retries are under way (retryBudget)"
            meters.retry_overflowed()
            return False
        return True

    def _pause_for_retry(self, call: Call | None, detail: str) -> None:
        extras = self.extras
        assert extras is not None
        retrying = extras.retrying
        assert retrying is not None
        if self._replay is not None:
            self._held = self._replay
            self._replay = None
        if call is not None:
            tried = self.tried
            if tried is None:
                tried = []
                self.tried = tried
            tried.append(call.endpoint)
        self.record.upstream_failure = detail
        self.attempts = 0
        self.goodbyes = 0
        self._call = None
        self._sending = False
        assert self._cluster is not None
        retrying.begin_pause(self._attempt_again, self._cluster.retry_budget)
        if self._meters is not None:
            self._meters.retried()

    def _attempt_again(self) -> None:
        """The pause before another attempt is over."""
        cluster = self._cluster
        if cluster is None or self.over:
            return
        try:
            call = cluster.acquire(self)
            if call is not None:
                self._call = call
                self.assigned()
        except Exception as error:
            self._client.give_up(self, error)

    def _tries_elsewhere(self, call: Call, response: Response) -> bool:
        """A 503 has come: where it is a proxy's, which sent nothing on to its workload, try another endpoint."""
        if not nothing_was_sent(response.headers, call.peer_identity()):
            return False
        reason = Reason.CONNECT_FAILED
        cluster = self._cluster
        if call.is_on_kept_connection():
            self.attempts += 1
        if self._replay is None or cluster is None or self.counted_attempts() >= cluster.settings.connect_attempts:
            if self.admission is not None:
                self._attempt_over(reason)
            return False
        self._held = self._replay
        self._replay = None
        self._call = None
        self._sending = False
        admission = self.admission
        if admission is not None:
            # First of all: who waits for this connection is permitted an attempt only where this one is over.
            self.admission = None
            admission.done(0, reason, self._client.now())
        # The rest of its answer is not waited for.
        call.abandon()
        said = response.headers.get("hauberk-reason") or "no reason given"
        cluster.try_again(self, call.endpoint, reason, f"its proxy sent nothing on ({said})")
        return True

    def upgrades(self) -> bool:
        return bool(self.request.upgrade)

    def came_by_http2(self) -> bool:
        return self.request.version == HTTP2_VERSION

    def hash_by(self, by: HashBy) -> int:
        part = common_part(by, self.request, self.record)
        if part is None and by.cookie_lifetime is not None:
            part, field = new_cookie(by, self.record)
            if self.extras is None:
                self.extras = ExchangeExtras(None, None, [], None)
            self.extras.cookie = field
        return NOTHING_TO_HASH if part is None else hash_of(part)

    def describe(self) -> Description:
        record = self.record
        trace = self.request.headers.get("traceparent") or ""
        return Description(record.method, record.path, record.request_id, trace[3:35])

    def refused(self, reason: Reason, detail: str) -> None:
        self._call = None
        if self.extras is not None and self._retries_after(reason, detail):
            return
        self.nothing_sent = True
        if self.attempts:
            self.record.upstream_failure = detail
            self._note_tried()
        self._client.answer_error(self, reason, detail)

    def response(self, response: Response) -> None:
        status = response.status
        if status < 200 and status != SWITCHING_PROTOCOLS:
            self._client.forward_interim(self, response)
            return
        call = self._call
        if call is None:
            return
        if self.request.upgrade or status == SWITCHING_PROTOCOLS:
            fault = self._client.switch_fault(self, response)
            if fault:
                call.abandon()
                self.upstream_failed(Reason.UPSTREAM_PROTOCOL, fault)
                return
        if self.is_repeatable(status) and self.tries_again(call, response):
            return
        self.pass_response(call, response)

    def pass_response(self, call: Call, response: Response) -> None:
        """Send the client the head of a final response, which no other attempt is to replace."""
        status = response.status
        if self.record.grpc_type:
            self._note_call(status, response.headers)
        elif self.admission is not None:
            self.admission.answered(status)
        decision = self._decision
        if decision is not None and decision.response_headers:
            for modifier in decision.response_headers:
                modify(response.headers, modifier)
        if self.extras is not None:
            self.extras.response(response.headers)
            retrying = self.extras.retrying
            if retrying is not None and retrying.is_retry() and status < 500 and self._meters is not None:
                self._meters.retry_succeeded()
        self.response_started = True
        self._replay = None
        self.record.upstream_duration = self._client.now() - self.started
        self._client.forward_response(self, response)
        if response.framing == TUNNEL:
            self.is_tunnel = True
            self.request_complete = False
            # The switch was the answer; from now on it is `timeouts.stall` that counts.
            self.deadline = NEVER
            early = call.become_tunnel()
            self._client.become_tunnel(self)
            if early:
                self.response_data(early)

    def note_trailers(self, trailers: Headers) -> None:
        """What stands behind the response's body has come."""
        if self.record.grpc_type:
            self._note_call(self.record.status, trailers)

    def _note_call(self, status: int, fields: Headers) -> None:
        """A gRPC call's answer has begun, or its trailers have come: what it says is what its endpoint is judged by."""
        grpc_status = read_status(fields)
        self.record.grpc_status = grpc_status
        judged = status if grpc_status == NOT_KNOWN else http_of_status(grpc_status)
        if self.admission is not None and (judged != 200 or grpc_status != NOT_KNOWN):
            self.admission.answered(judged)

    def response_data(self, data: bytes) -> None:
        self.record.bytes_sent += len(data)
        self._client.forward_data(self, data)

    def response_end(self, trailers: Headers | None) -> None:
        self.response_complete = True
        if trailers is not None:
            self.note_trailers(trailers)
        self._client.forward_end(self, trailers)
        if self.over:
            return
        if self.request_complete:
            self._finish()
        elif not self.is_tunnel:
            # The endpoint answered without wanting the rest of the request.
            self._let_go(False)
            self._client.response_overtook(self)

    def response_batch_end(self) -> None:
        call = self._call
        if self._client.flush_response(self) and call is not None:
            call.pause_reading()

    def upstream_failed(self, reason: Reason, detail: str) -> None:
        if reason is Reason.UPSTREAM_RESET and self._sends_again(detail):
            return
        if self.admission is not None:
            self._attempt_over(reason)
        if self.extras is not None and self._retries_after(reason, detail):
            return
        self._call = None
        self._sending = False
        if self.response_started:
            self.record.reason = reason
            self.record.details = detail
            if self.extras is not None:
                self.extras.over()
            self._client.cut_response(self)
        else:
            self._client.answer_error(self, reason, detail)

    def _sends_again(self, detail: str) -> bool:
        """A connection has ended before any answer: where it was a kept one, its endpoint had probably closed it for being
        unused, and the request crossed that on its way. Send it once more, on a new connection, if doing it twice would do no
        harm, or if nothing of it had gone out.

        Returns: whether that is under way.
        Source: RFC 9110 section 9.2.2, RFC 9112 section 9.3.1.
        """
        call = self._call
        cluster = self._cluster
        if call is None or cluster is None or self.response_started or self.fresh or not call.is_on_kept_connection():
            return False
        request = self.request
        if request.method not in IDEMPOTENT and not call.nothing_went_out():
            return False
        if request.framing != NO_BODY and self._replay is None:
            return False
        admission = self.admission
        if admission is not None:
            # It tells nothing of how the endpoint is.
            self.admission = None
            admission.unused()
        if self._replay is not None:
            self._held = self._replay
            self._replay = None
        self._call = None
        self._sending = False
        self.fresh = True
        self.record.upstream_failure = detail
        if self._meters is not None:
            self._meters.sent_again()
        again = cluster.acquire(self)
        if again is not None:
            self._call = again
            self.assigned()
        return True

    def turned_away(self, detail: str) -> None:
        call = self._call
        cluster = self._cluster
        if call is None or cluster is None:
            return
        if self._sending and self._replay is None and self.request.framing != NO_BODY:
            self.upstream_failed(Reason.UPSTREAM_REFUSED, detail)
            return
        if self._replay is not None:
            self._held = self._replay
            self._replay = None
        if call.is_on_kept_connection():
            self.attempts += 1
        self._call = None
        self._sending = False
        cluster.try_again(self, call.endpoint, Reason.UPSTREAM_REFUSED, detail)

    def upstream_write_ready(self) -> None:
        self._client.resume_request()

    # Both ways.

    def is_held(self) -> bool:
        """Whether it stands still because somebody here wants it to."""
        return False

    def backlog(self) -> int:
        """Octets of the request that wait for the endpoint to take them."""
        return 0 if self._call is None else self._call.backlog()

    def taken(self) -> int:
        """Octets that the endpoint has taken, of whatever requests: to be compared with what it was."""
        return 0 if self._call is None else self._call.taken()

    def client_write_ready(self) -> None:
        """The client takes octets again."""
        if self._call is not None:
            self._call.resume_reading()

    def time_out(self, reason: Reason, detail: str) -> None:
        """The exchange took too long: give up the endpoint and tell the client, where that is still possible."""
        if self.admission is not None:
            self._attempt_over(reason)
        self._let_go(False)
        self.upstream_failed(reason, detail)

    def client_gone(self, reason: Reason, detail: str) -> None:
        """The client closed, or broke the rules, before the exchange was over."""
        if self.over:
            return
        if self.admission is not None:
            self._attempt_over(reason)
        self._let_go(False)
        answered = self.response_complete and not self.is_tunnel
        if self.record.reason is None and not answered:
            self.record.reason = reason
            self.record.details = detail
            if not self.record.status:
                self.record.status = reason.status
        self.end_record()

    def answered_locally(self) -> None:
        """The proxy's own answer has been sent in place of an endpoint's."""
        self._let_go(False)
        self.response_started = True
        self.response_complete = True
        if self.request_complete:
            self._finish()

    def end_record(self) -> None:
        """Report the exchange, once."""
        if not self.over:
            self.over = True
            record = self.record
            record.duration = self._client.now() - self.started
            if record.grpc_type and record.grpc_status == NOT_KNOWN:
                reason = record.reason
                record.grpc_status = status_of_http(record.status) if reason is None else status_of_reason(reason)
            self._client.report(record, self._meters)

    def _finish(self) -> None:
        if not self.over:
            self._let_go(True)
            self.end_record()
            self._client.exchange_over(self)

    def _attempt_over(self, reason: Reason | None) -> None:
        """Tell the guards that permitted it."""
        admission = self.admission
        self.admission = None
        if admission is not None:
            record = self.record
            now = self._client.now()
            if not self.response_started:
                admission.done(0, reason, now)
            else:
                admission.done(record.judged_status(), reason, self.started + record.upstream_duration)

    def _let_go(self, reusable: bool) -> None:
        if self.admission is not None:
            self._attempt_over(None)
        if self.extras is not None:
            self.extras.over()
        call = self._call
        self._call = None
        self._sending = False
        if call is not None:
            if not reusable:
                call.abandon()
            elif self.is_tunnel:
                call.close_tunnel()
            else:
                call.give_back()
        elif self._cluster is not None and not self.over:
            self._cluster.withdraw(self)


def body_is_short(request: Request, limit: int) -> bool:
    """Whether the request's body, known by its length, is at most `limit` octets."""
    return request.framing == NO_BODY or (request.framing == COUNTED and request.length <= limit)
