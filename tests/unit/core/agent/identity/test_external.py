"""An authority that signs in control's place, in the shape of istio-csr, over gRPC and TLS on loopback."""

import datetime as dt
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from istio_csr import IstioCsr, istio_csr
from live_authority import RATINGS, REVIEWS

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import Authority
from hauberk_control.ca.server_tls import server_credentials
from hauberk_control.ca.service import CertificateService
from hauberk_control.ca.tokens import JoinTokens
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.client import CertificateDenied, CertificateUnavailable, GrpcCertificateClient
from hauberk_core.agent.identity.external import ExternalAuthorityClient
from hauberk_core.agent.identity.keep import IdentitySettings, keep_identity
from hauberk_core.agent.identity.key import make_key, make_request
from hauberk_core.agent.identity.proof import JoinProof
from hauberk_core.agent.identity.svid import check_chain, read_pem
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.identity import SpiffeId

TOKENS = {"token-of-reviews": REVIEWS}


@pytest.fixture
async def thread() -> AsyncIterator[AsyncioThread]:
    async with open_asyncio_thread() as thread:
        yield thread


@pytest.fixture
async def authority(thread: AsyncioThread, tmp_path: Path) -> AsyncIterator[IstioCsr]:
    async with istio_csr(thread, tmp_path / "istio-csr", TOKENS) as running:
        yield running


class Tokens:
    """The files that the kubelet keeps fresh."""

    def __init__(self, token: str, roots: bytes) -> None:
        self.proof = JoinProof(token, roots)

    async def get(self) -> JoinProof:
        return self.proof


def settings(folder: Path, identity: SpiffeId = REVIEWS, seconds: int = 0) -> IdentitySettings:
    return IdentitySettings(
        spiffe_id=identity, role="sidecar", name="reviews-v1", root_pem=b"", state_folder=folder, validity_seconds=seconds
    )


async def first_of(kept: IdentitySettings, client: ExternalAuthorityClient, tokens: Tokens, count: int) -> list[WorkloadIdentity]:
    """The first identities that an agent has."""
    seen: list[WorkloadIdentity] = []
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:

            def note(identity: WorkloadIdentity) -> None:
                seen.append(identity)
                if len(seen) == count:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(keep_identity, kept, client, note, tokens.get)
    return seen


async def test_an_agent_gets_and_renews_its_certificate_by_tokens(
    thread: AsyncioThread, authority: IstioCsr, tmp_path: Path
) -> None:
    control = Authority(tmp_path / "control", "cluster.local", others=read_pem(authority.root).certificates)
    tokens = Tokens("token-of-reviews", control.trust_pem())
    client = ExternalAuthorityClient(thread, authority.address, tokens.get)
    seen = await first_of(settings(tmp_path, seconds=2), client, tokens, 2)
    assert all(first.certificate_pem != second.certificate_pem for first, second in itertools.pairwise(seen))
    assert {identity.spiffe_id for identity in seen} == {str(REVIEWS)}
    chain = read_pem(seen[-1].certificate_pem).certificates
    assert len(chain) == 2
    # As it was when it came: two seconds are soon over.
    then = dt.datetime.fromtimestamp(seen[-1].obtained, dt.UTC)
    check_chain(chain, read_pem(authority.root).certificates, then)
    # The authority tells its own root; control is known by another, and each is there once.
    assert set(read_pem(seen[-1].trust_pem).certificates) == set(read_pem(control.trust_pem()).certificates)
    assert len(read_pem(seen[-1].trust_pem).certificates) == 2
    # It knows nothing of this mesh, and is told nothing of it.
    assert {len(asked.metadata) for asked in authority.asked} == {0}


async def test_who_leaves_the_time_open_asks_for_a_day(thread: AsyncioThread, authority: IstioCsr, tmp_path: Path) -> None:
    tokens = Tokens("token-of-reviews", authority.root)
    client = ExternalAuthorityClient(thread, authority.address, tokens.get)
    await first_of(settings(tmp_path), client, tokens, 1)
    assert [asked.validity_duration for asked in authority.asked] == [86_400]


@pytest.mark.parametrize(("token", "identity"), [("unknown", REVIEWS), ("token-of-reviews", RATINGS)])
async def test_what_the_token_does_not_bear_out_is_refused(
    thread: AsyncioThread, authority: IstioCsr, token: str, identity: SpiffeId
) -> None:
    client = ExternalAuthorityClient(thread, authority.address, Tokens(token, authority.root).get)
    with pytest.raises(CertificateDenied, match=r"the authority at localhost:\d+ refuses \(UNAUTHENTICATED\)"):
        await client.join(make_request(make_key(), identity), 60, {}, token, authority.root)


async def test_an_authority_that_is_not_known_gets_no_token(thread: AsyncioThread, authority: IstioCsr, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger", "cluster.local").trust_pem()
    client = ExternalAuthorityClient(thread, authority.address, Tokens("token-of-reviews", stranger).get)
    with pytest.raises(CertificateUnavailable, match="the authority at"):
        await client.join(make_request(make_key(), REVIEWS), 60, {}, "token-of-reviews", stranger)
    assert authority.asked == []


async def test_control_and_proxies_know_each_other(thread: AsyncioThread, authority: IstioCsr, tmp_path: Path) -> None:
    control = Authority(tmp_path / "control", "cluster.local", others=read_pem(authority.root).certificates)
    tokens = Tokens("token-of-reviews", control.trust_pem())
    client = ExternalAuthorityClient(thread, authority.address, tokens.get)
    (identity,) = await first_of(settings(tmp_path), client, tokens, 1)
    service = CertificateService(control, JoinTokens())
    credentials = server_credentials(control, ["127.0.0.1"], require_certificate=True)
    # Whatever is served there: who gets an answer was let through the handshake, and has trusted control.
    async with open_grpc_server(thread, [service.handler()], ("127.0.0.1", 0), credentials) as serving:
        asking = GrpcCertificateClient(thread, serving.address, serving.address)
        answer = await asking.renew(make_request(make_key()), 60, {}, identity)
    assert len(answer.certificates) == 3
