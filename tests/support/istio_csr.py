"""An authority in the shape of cert-manager's istio-csr: who it believes, what it refuses, and the order of its answer.

It believes tokens alone, signs requests whose only names are the token's identity, and answers with the certificate, the
intermediate, and its root in the last place.
"""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import Authority
from hauberk_control.ca.cacerts import CERTIFICATE_FILE, CHAIN_FILE, KEY_FILE, ROOT_FILE
from hauberk_control.ca.roots import authority_usage, make_root
from hauberk_control.ca.server_tls import server_credentials
from hauberk_core.agent.grpc_bridge import AsyncioThread
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.svid import read_pem, write_pem
from hauberk_core.identity import SpiffeId
from hauberk_core.wire_proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse


class IstioCsr:
    """One authority with its tokens."""

    def __init__(self, folder: Path, tokens: dict[str, SpiffeId]) -> None:
        folder.mkdir()
        self.tokens: Final = tokens
        self.asked: Final[list[IstioCertificateRequest]] = []
        self.address = ""
        self.authority: Final = Authority(_with_intermediate(folder), "cluster.local")
        self.root: Final = self.authority.trust_pem()

    async def create_certificate(self, request: IstioCertificateRequest, context: Any) -> IstioCertificateResponse:
        self.asked.append(request)
        proofs = [value for name, value in context.invocation_metadata() if name == "authorization"]
        identity = self.tokens.get(proofs[0].removeprefix("Bearer ")) if len(proofs) == 1 else None
        csr = x509.load_pem_x509_csr(request.csr.encode())
        if identity is None or not csr.is_signature_valid or _names(csr) != [str(identity)]:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "request authenticate failure")
        if "ImpersonatedIdentity" in request.metadata or not 0 < request.validity_duration <= 86_400:
            await context.abort(grpc.StatusCode.INTERNAL, "failed to sign certificate request")
        assert identity is not None
        validity = dt.timedelta(seconds=request.validity_duration)
        issued = self.authority.sign_workload(csr.public_key(), identity, validity)  # type: ignore[arg-type]  # checked by its signer
        return IstioCertificateResponse(cert_chain=[*issued.chain, *issued.roots])


@contextlib.asynccontextmanager
async def istio_csr(thread: AsyncioThread, folder: Path, tokens: dict[str, SpiffeId]) -> AsyncIterator[IstioCsr]:
    """Serve it on loopback until the end of the block."""
    server = IstioCsr(folder, tokens)
    method = grpc.unary_unary_rpc_method_handler(
        server.create_certificate,
        request_deserializer=IstioCertificateRequest.FromString,
        response_serializer=IstioCertificateResponse.SerializeToString,
    )
    handler = grpc.method_handlers_generic_handler("istio.v1.auth.IstioCertificateService", {"CreateCertificate": method})
    credentials = server_credentials(server.authority, ["localhost"], require_certificate=False)
    async with open_grpc_server(thread, [handler], ("127.0.0.1", 0), credentials) as listening:
        server.address = listening.address.replace("127.0.0.1", "localhost")
        yield server


def _names(csr: x509.CertificateSigningRequest) -> list[str]:
    """Every name that is asked for."""
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names] + [str(part.value) for part in csr.subject]


def _with_intermediate(folder: Path) -> Path:
    """Istio's four files: a root that is kept elsewhere, and what signs below it."""
    now = dt.datetime.now(dt.UTC)
    (folder / "root").mkdir()
    root = make_root(folder / "root", "cluster.local", now)
    key = make_key()
    between = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "istio-ca")]))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(authority_usage(), critical=True)
        .sign(root.key, hashes.SHA256())
    )
    given = folder / "given"
    given.mkdir()
    pem = write_pem([between])
    assert read_pem(pem).certificates == (between,)
    for name, data in ((CERTIFICATE_FILE, pem), (CHAIN_FILE, pem), (ROOT_FILE, write_pem([root.certificate]))):
        (given / name).write_bytes(data)
    (given / KEY_FILE).write_bytes(write_key(key))
    return given
