"""One request and its response, as a plugin sees them."""

from typing import Final

from hauberk_core.http.events import COUNTED, NO_BODY, TUNNEL, Request, Response
from hauberk_core.http.headers import Headers
from hauberk_core.model.decision import Decision
from hauberk_core.observe.record import Record
from hauberk_core.plugin.fields import Fields
from hauberk_core.upstream.endpoint import UpstreamEndpoint as Endpoint


class Exchange:
    """Handed to every filter, picker and guard of the exchange, the same object each time.

    Text is latin-1, one character for each octet, as it came. An asynchronous filter may hold it across its waits; once the
    client is gone, changing it has no effect.
    """

    __slots__ = (
        "_fields",
        "_request",
        "_response",
        "_response_fields",
        "_response_trailers",
        "decision",
        "endpoint",
        "peer_identity",
        "preferred",
        "record",
    )

    def __init__(self, request: Request, record: Record, peer_identity: str) -> None:
        self._request: Final = request
        self._response: Response | None = None
        self._fields: Fields | None = None
        self._response_fields: Fields | None = None
        self._response_trailers: Headers | None = None
        self.record: Final = record
        """What the access log and observers will get; `attributes` of it are the plugins' to write."""
        self.peer_identity: Final = peer_identity
        """The SPIFFE id that the client proved in its certificate; empty: none."""
        self.decision: Decision | None = None
        """Where the request goes; None before routing."""
        self.preferred: Endpoint | None = None
        """Set by a picker or a request filter: the endpoint, among those of the backend, that the request's session belongs to.
        It is taken in place of the balancer's choice; where it is gone, refused by a guard or cannot be reached, another is."""
        self.endpoint: Endpoint | None = None
        """Which endpoint answered; None while there is no response of one."""

    @property
    def client_address(self) -> str:
        """The numeric address of the client, as the listener's `edge` says who that is; empty: nobody knows."""
        host = self.record.downstream_remote.rpartition(":")[0]
        return host[1:-1] if host.startswith("[") else host

    @property
    def method(self) -> str:
        """The request's method."""
        return self._request.method

    @property
    def scheme(self) -> str:
        """`http` or `https`: how the client's connection is carried, as far as a trusted proxy in front may say."""
        return self._request.scheme

    @property
    def client_host(self) -> str:
        """The client's numeric address: who is connected, or whom a trusted proxy in front names."""
        host = self.record.downstream_remote.rpartition(":")[0]
        return host[1:-1] if host.startswith("[") else host

    @property
    def authority(self) -> str:
        """Host and, where given, port, as the client wrote it."""
        return self._request.authority

    @property
    def path(self) -> str:
        """The absolute path, percent-encoded, normalised as its listener says; `*` for OPTIONS *."""
        return self._request.path

    @property
    def query(self) -> str:
        """With its leading `?`, or empty."""
        return self._request.query

    @property
    def request_length(self) -> int:
        """Octets of the request's body, as its head says: 0 where there is none, -1 where it does not say."""
        request = self._request
        if request.framing == COUNTED:
            return request.length
        return 0 if request.framing == NO_BODY else -1

    @property
    def response_length(self) -> int:
        """Octets of the response's body, as its head says: 0 where there is none, -1 where it does not say, where HEAD asked, and
        where there is no response."""
        response = self._response
        if response is None or self._request.method == "HEAD":
            return -1
        if response.framing == COUNTED:
            return response.length
        return 0 if response.framing in {NO_BODY, TUNNEL} else -1

    @property
    def headers(self) -> Fields:
        """The request's fields; hop-by-hop ones are gone already."""
        fields = self._fields
        if fields is None:
            fields = Fields(self._request.headers)
            self._fields = fields
        return fields

    @property
    def status(self) -> int:
        """The response's status; 0 while there is none."""
        response = self._response
        return 0 if response is None else response.status

    @property
    def response_headers(self) -> Fields:
        """The response's fields. Raises: LookupError while there is no response."""
        fields = self._response_fields
        if fields is None:
            response = self._response
            if response is None:
                raise LookupError("there is no response yet; a request filter can only look at the request")
            fields = Fields(response.headers)
            self._response_fields = fields
        return fields

    def take_response_trailers(self) -> Fields | None:
        """The fields behind the response's body, which are the caller's from now on and are not passed on; None: there are none.

        They are there when the end of the body is: with `last` of `response_body`.
        """
        trailers = self._response_trailers
        self._response_trailers = None
        return None if trailers is None else Fields(trailers)

    def become_call(self, content_type: str, answer_type: str) -> None:
        """Make the request, whose form has been another one until here, a call of gRPC.

        Args: content_type - of the request from now on; answer_type - what the content of an answer that the proxy makes itself
            is called: it has nothing but a status.
        """
        headers = self._request.headers
        headers.set("content-type", content_type)
        # Whoever calls must be able to take trailers, and says so.
        headers.set("te", "trailers")
        # Whatever it came by: to endpoints that are asked as clients ask, it goes as calls do.
        self._request.version = 20
        self.record.grpc_type = answer_type

    @property
    def attributes(self) -> dict[str, object]:
        """Notes of plugins about this exchange, from one step to the next and for observers; see `Record.attributes`."""
        return self.record.noted()

    def add_flag(self, flag: str) -> None:
        """Let log and metrics show one of Envoy's response flags, `DI` for example, beside that of the exchange's end.

        Raises: ValueError for what is no flag: one to four capital letters.
        """
        if not (1 <= len(flag) <= 4 and flag.isascii() and flag.isalpha() and flag.isupper()):
            raise ValueError("a response flag is one to four capital letters, not " + repr(flag[:16]))
        record = self.record
        record.add_flag(flag)

    def ended_with(self, trailers: Headers | None) -> None:
        """The proxy's side: the response's end has come."""
        self._response_trailers = trailers

    def trailers_left(self) -> Headers | None:
        """The proxy's side: those that nobody has taken."""
        return self._response_trailers

    def answered_with(self, response: Response, endpoint: Endpoint) -> None:
        """The proxy's side: from now on there is this response, of this endpoint."""
        self.endpoint = endpoint
        self._response = response
        self._response_fields = None
