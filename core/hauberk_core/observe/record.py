"""What is known of one exchange when it is over."""

from hauberk_core.http.grpc.status import NOT_KNOWN, http_of_status
from hauberk_core.model.reason import Reason


class Record:
    """Filled in by the proxy while an exchange runs, read by observers at its end. Empty text: there was none."""

    __slots__ = (
        "attributes",
        "authority",
        "bytes_received",
        "bytes_sent",
        "cluster",
        "details",
        "downstream_local",
        "downstream_remote",
        "duration",
        "flags",
        "grpc_status",
        "grpc_type",
        "method",
        "path",
        "peer_identity",
        "protocol",
        "reason",
        "request_id",
        "route",
        "server_name",
        "start",
        "status",
        "upstream_duration",
        "upstream_failure",
        "upstream_host",
        "upstream_identity",
        "upstream_local",
        "upstream_tried",
        "user_agent",
        "x_forwarded_for",
    )

    def __init__(self) -> None:
        self.method = ""
        self.authority = ""
        self.path = ""
        """With its query, as it was routed by."""
        self.protocol = ""
        """`HTTP/1.1`, for example."""
        self.status = 0
        """0 where no response was begun."""
        self.grpc_type = ""
        """What the content of an answer to a gRPC call is called (`application/grpc`); empty: it is no such call."""
        self.grpc_status = NOT_KNOWN
        """Of a gRPC call, as `http.grpc.status` numbers them."""
        self.reason: Reason | None = None
        """Why the proxy answered itself, or gave up; None where the response is an endpoint's."""
        self.flags = ""
        """Envoy's response flags of what was done to the exchange, with commas between them: `DI` where a plugin delayed it."""
        self.details = ""
        """More than `reason` says: what broke which rule."""
        self.bytes_received = 0
        """Octets of the request's body."""
        self.bytes_sent = 0
        """Octets of the response's body."""
        self.start = 0.0
        """Wall clock, seconds since 1970."""
        self.duration = 0.0
        """Seconds from the request's first octet to the response's last."""
        self.upstream_duration = -1.0
        """Seconds from the request's last octet to the head of the endpoint's response; negative: there was none."""
        self.upstream_failure = ""
        """Why the endpoint could not be reached: the error of the connect or the TLS handshake."""
        self.x_forwarded_for = ""
        self.user_agent = ""
        self.request_id = ""
        self.upstream_host = ""
        """The endpoint's `address:port`."""
        self.upstream_identity = ""
        """What the endpoint proved in its certificate inside the mesh: a SPIFFE ID."""
        self.upstream_tried = ""
        """Endpoints that could not be reached before that one: `address:port`, with commas between them."""
        self.cluster = ""
        self.upstream_local = ""
        self.downstream_local = ""
        self.downstream_remote = ""
        """The client, `host:port`: who is connected, or, with port 0, whom a trusted proxy in front names."""
        self.server_name = ""
        """What the client asked for inside TLS (SNI)."""
        self.peer_identity = ""
        """What the client proved in its certificate inside the mesh: a SPIFFE ID."""
        self.route = ""
        self.attributes: dict[str, object] | None = None
        """What plugins noted, under keys that begin with the plugin's name; None: nothing."""

    def add_flag(self, flag: str) -> None:
        """Note something else that was done to the exchange."""
        self.flags = self.flags + "," + flag if self.flags else flag

    def response_flags(self) -> str:
        """Envoy's response flags, those of plugins before the reason's; `-` for none."""
        reason = self.reason
        own = "-" if reason is None else reason.flag
        flags = self.flags
        if not flags:
            return own
        return flags if own == "-" else flags + "," + own

    def noted(self) -> dict[str, object]:
        """`attributes`, made if there are none yet."""
        attributes = self.attributes
        if attributes is None:
            attributes = {}
            self.attributes = attributes
        return attributes

    def judged_status(self) -> int:
        """The status, or what that of a gRPC call would have been in HTTP: by it one sees whether, and whose fault, it failed."""
        return self.status if self.grpc_status == NOT_KNOWN else http_of_status(self.grpc_status)

    def response_details(self) -> str:
        """In Envoy's manner: `via_upstream` for an endpoint's answer, with the status of a gRPC call that failed, `-` for octets
        that passed as they are, else the reason's code, with details in braces."""
        if self.reason is None:
            if self.grpc_status > 0:
                return "via_upstream{grpc_status_" + str(self.grpc_status) + "}"
            return "via_upstream" if self.protocol else "-"
        if not self.details:
            return self.reason.code
        return self.reason.code + "{" + self.details.replace(" ", "_") + "}"
