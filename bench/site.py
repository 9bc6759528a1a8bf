"""What every contestant is given: the routes, the certificates, the backend's addresses, and ports to listen on."""

import dataclasses
from pathlib import Path
from typing import Final, Literal

HOSTS: Final = ("shop.bench.test", "api.bench.test", "admin.bench.test")
PREFIXES: Final = ("/reviews", "/details", "/ratings", "/")
"""Each host sends each of these to the backend; a proxy has to look both up."""
HOST: Final = HOSTS[0]
SMALL_PATH: Final = "/reviews/7?full=true"
LARGE_PATH: Final = "/reviews/large"
ECHO_PATH: Final = "/reviews/echo"
"""Answered with the headers that the backend saw: `x-request-id|x-forwarded-for|host`."""
SMALL_BODY: Final = b'{"review":"' + b"h" * 1011 + b'"}'
LARGE_BODY_SIZE: Final = 1 << 20
GRPC_PATH: Final = "/reviews/bench.Reviews/Get"
GRPC_MESSAGE: Final = b"\0" + (100).to_bytes(4, "big") + b"q" * 100
"""A call's message: a byte that says that it is not compressed, its length, itself."""
GRPC_ANSWER: Final = b"\0" + len(SMALL_BODY).to_bytes(4, "big") + SMALL_BODY
BACKEND_NAME: Final = "backend.bench.test"
WEIGHTS: Final = (90, 10)
"""Of the stable version and the canary, where default plugins are on; both are the same backend."""
MESH_IDENTITY: Final = "spiffe://bench.test/ns/default/sa/shop"
"""Who both proxies of the mesh's chain are."""
REQUEST_HEADERS: Final = {
    "Host": HOST,
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) bench",
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.8",
}
"""What a small browser request carries; `Accept-Encoding` asks nobody here to compress, since none is configured to."""

Listener = Literal["http", "tls", "originate", "mesh", "inbound", "h2", "h2h2", "tcp"]
"""Plain both ways; TLS from the client; TLS to the backend; plain from the client and mutual TLS to `inbound`, as a sidecar does
for its workload's calls; mutual TLS from `mesh` and plain to the backend, as one does for the calls of others; HTTP/2 with prior
knowledge from the client, and HTTP/1.1 to the backend; likewise both ways; octets as they are."""


@dataclasses.dataclass(frozen=True)
class Site:
    """The surroundings shared by all contestants of a run."""

    folder: Path
    backend_port: int
    backend_tls_port: int
    backend_h2_port: int
    """HTTP/2 with prior knowledge, and gRPC."""
    collector_port: int
    """Where spans go; whatever comes is accepted and forgotten."""
    authority: Path
    chain: Path
    key: Path
    """A server's certificate for every name of the bench, and its key."""
    mesh_chain: Path
    mesh_key: Path
    """The certificate of MESH_IDENTITY, for both ends of a connection, and its key."""


@dataclasses.dataclass(frozen=True)
class Place:
    """One contestant's share: a folder of its own and the ports it must listen on."""

    site: Site
    folder: Path
    ports: dict[Listener, int]
    spare_port: int
    """For an admin or metrics address."""
    has_plugins: bool
    """Whether the proxy does all that a default installation in a mesh does: trace 1 %, weigh a canary, watch circuits."""

    @property
    def access_log(self) -> Path:
        """The regular file for one line a request."""
        return self.folder / "access.log"
