"""Control's certificate authority on loopback: real gRPC over TLS, both of its servers."""

import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
from cryptography import x509

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import LONGEST_VALIDITY, Authority, system_time
from hauberk_control.ca.server_tls import server_credentials
from hauberk_control.ca.service import CertificateService, Limits
from hauberk_control.ca.tokens import Grant, JoinTokens
from hauberk_core.agent.grpc_bridge import AsyncioThread
from hauberk_core.agent.identity.client import channel_options
from hauberk_core.agent.identity.key import make_key, make_request, write_key
from hauberk_core.agent.identity.svid import read_pem
from hauberk_core.agent.identity.wire_names import METHOD, SERVICE
from hauberk_core.identity import SpiffeId
from hauberk_core.wire_proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse

REVIEWS = SpiffeId("cluster.local", "shop", "reviews")
RATINGS = SpiffeId("cluster.local", "shop", "ratings")
UNBOUNDED = Limits(per_second=1e6, at_once=1e6, per_second_each=1e6, at_once_each=1e6)
KEY = make_key()
"""One for all requests of a test, because making them is not what is tested."""


class LiveAuthority(NamedTuple):
    """A running authority and the ways in."""

    thread: AsyncioThread
    authority: Authority
    tokens: JoinTokens
    service: CertificateService
    control: str
    """Where a client certificate is required."""
    join: str
    """Where tokens are taken."""

    def token(self, identity: SpiffeId = REVIEWS, role: str = "sidecar", name: str = "reviews-v1") -> str:
        return self.tokens.make(Grant(identity, role, name))

    def joining(self) -> grpc.ChannelCredentials:
        """What a client has that has no certificate yet."""
        return grpc.ssl_channel_credentials(self.authority.trust_pem())

    def certified(self, identity: SpiffeId, seconds: float = 3600) -> grpc.ChannelCredentials:
        """What the client has that is `identity`."""
        issued = self.authority.sign_workload(KEY.public_key(), identity, dt.timedelta(seconds=seconds))
        return grpc.ssl_channel_credentials(self.authority.trust_pem(), write_key(KEY), "".join(issued.chain).encode())

    async def call(
        self, address: str, credentials: grpc.ChannelCredentials, csr: str, metadata: Any = (), claims: Mapping[str, str] = {}
    ) -> list[x509.Certificate]:
        """Call CreateCertificate once, on a connection of its own. Raises: grpc.aio.AioRpcError."""
        message = IstioCertificateRequest(csr=csr, validity_duration=3600)
        message.metadata.update(dict(claims))
        data = await self.thread.run(call_octets, address, credentials, message.SerializeToString(), metadata)
        chain = IstioCertificateResponse.FromString(data).cert_chain
        return list(read_pem("".join(chain).encode()).certificates)


async def call_octets(address: str, credentials: grpc.ChannelCredentials, message: bytes, metadata: Any = ()) -> bytes:
    """Call CreateCertificate with these octets."""
    async with grpc.aio.secure_channel(address, credentials, channel_options()) as channel:
        answer = await channel.unary_unary(f"/{SERVICE}/{METHOD}")(message, timeout=60, metadata=metadata)
    assert isinstance(answer, bytes)
    return answer


@contextlib.asynccontextmanager
async def live_authority(
    thread: AsyncioThread,
    folder: Path,
    *,
    trust_domain: str = "cluster.local",
    longest: dt.timedelta = LONGEST_VALIDITY,
    limits: Limits = UNBOUNDED,
    now: Callable[[], dt.datetime] = system_time,
    ports: tuple[int, int] = (0, 0),
    tokens: JoinTokens | None = None,
) -> AsyncIterator[LiveAuthority]:
    """Run it until the end of the block."""
    authority = Authority(folder, trust_domain, longest, now)
    tokens = tokens or JoinTokens(time.monotonic)
    service = CertificateService(authority, tokens, limits)
    with_certificate = server_credentials(authority, ["127.0.0.1"], require_certificate=True)
    without = server_credentials(authority, ["127.0.0.1"], require_certificate=False)
    async with (
        open_grpc_server(thread, [service.handler()], ("127.0.0.1", ports[0]), with_certificate) as control,
        open_grpc_server(thread, [service.handler()], ("127.0.0.1", ports[1]), without) as join,
    ):
        yield LiveAuthority(thread, authority, tokens, service, control.address, join.address)


def plain_request() -> str:
    """A request that names nobody."""
    return make_request(KEY)


def request_for(names: list[x509.GeneralName], subject: x509.Name | None = None) -> x509.CertificateSigningRequestBuilder:
    """A request that names somebody, ready to be signed."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([]))
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder
