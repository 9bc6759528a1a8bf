"""The service over real gRPC and TLS on loopback: whoever asks gets its own name, and nobody another's."""

import datetime as dt
import ipaddress
import logging
import random
import string
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtensionOID, NameOID
from live_authority import (
    KEY,
    RATINGS,
    REVIEWS,
    UNBOUNDED,
    LiveAuthority,
    call_octets,
    live_authority,
    plain_request,
    request_for,
)

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.service import Limits
from hauberk_control.ca.tokens import Grant
from hauberk_core.agent.grpc_bridge import AsyncioThread
from hauberk_core.agent.identity.client import channel_options
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.svid import check_chain, check_svid, read_pem
from hauberk_core.agent.identity.wire_names import CLOCK, LARGEST_MESSAGE, METHOD, SERVICE
from hauberk_core.identity import SpiffeId
from hauberk_core.wire_proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


class Expect:
    """A call that is refused: with this status, and with a line in the log and a count for it."""

    def __init__(self, live: LiveAuthority, caplog: pytest.LogCaptureFixture) -> None:
        self.live = live
        self.caplog = caplog

    async def refused(self, code: grpc.StatusCode, reason: str, *args: Any, **kwargs: Any) -> str:
        before = self.live.service.refused.get(reason, 0), self.live.service.issued
        self.caplog.clear()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.live.call(*args, **kwargs)
        assert caught.value.code() == code, caught.value.details()
        assert (self.live.service.refused[reason], self.live.service.issued) == (before[0] + 1, before[1])
        assert any(record.levelno == logging.WARNING and reason in record.getMessage() for record in self.caplog.records)
        return str(caught.value.details())


@pytest.fixture
def expect(live: LiveAuthority, caplog: pytest.LogCaptureFixture) -> Expect:
    return Expect(live, caplog)


async def test_a_token_gives_the_first_certificate_and_that_the_next(live: LiveAuthority) -> None:
    first = await live.call(live.join, live.joining(), plain_request(), bearer(live.token()))
    chain, roots = first[:1], first[1:]
    check_chain(chain, roots, dt.datetime.now(dt.UTC))
    assert check_svid(chain) == str(REVIEWS)

    leaf_pem = chain[0].public_bytes(serialization.Encoding.PEM)
    credentials = grpc.ssl_channel_credentials(live.authority.trust_pem(), write_key(KEY), leaf_pem)
    second = await live.call(live.control, credentials, plain_request())
    assert check_svid(second[:1]) == str(REVIEWS)
    assert second[0].serial_number != first[0].serial_number
    assert live.service.issued == 2
    assert live.service.refused == {}


def random_request(dice: random.Random, others: list[SpiffeId]) -> str:
    """A request that asks for anything at all."""

    def text(alphabet: str = string.ascii_letters + string.digits + "/.:-*@ ") -> str:
        return "".join(dice.choices(alphabet, k=dice.randint(1, 40)))

    host = string.ascii_lowercase + string.digits + "-"
    makers: list[Any] = [
        lambda: x509.UniformResourceIdentifier(str(dice.choice(others))),
        lambda: x509.UniformResourceIdentifier("spiffe://" + text()),
        lambda: x509.DNSName(dice.choice(["control.hauberk", "*", "*.cluster.local", text(host)])),
        lambda: x509.RFC822Name(text(string.ascii_lowercase) + "@example.org"),
        lambda: x509.IPAddress(ipaddress.ip_address(dice.getrandbits(32))),
        lambda: x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text())])),
        lambda: x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
    ]
    kinds = [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.LOCALITY_NAME, NameOID.USER_ID]
    values = [str(dice.choice(others)), "control.hauberk", text()]
    subject = x509.Name([x509.NameAttribute(dice.choice(kinds), dice.choice(values)[:60]) for _ in range(dice.randint(0, 4))])
    builder = request_for([dice.choice(makers)() for _ in range(dice.randint(0, 6))], subject)
    if dice.random() < 0.5:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if dice.random() < 0.3:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")]), critical=False)
    if dice.random() < 0.3:
        builder = builder.add_attribute(x509.ObjectIdentifier("1.2.840.113549.1.9.7"), text(string.ascii_letters).encode())
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


async def test_whatever_a_thousand_requests_ask_for_the_names_are_the_callers_own(live: LiveAuthority) -> None:
    dice = random.Random(20_260_401)
    callers = [SpiffeId("cluster.local", f"n{number}", f"a{number}") for number in range(10)]
    expected_extensions = {
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }

    async def ask(credentials: grpc.ChannelCredentials, requests: list[str]) -> list[bytes]:
        async with grpc.aio.secure_channel(live.control, credentials, channel_options()) as channel:
            method = channel.unary_unary(f"/{SERVICE}/{METHOD}")
            return [await method(IstioCertificateRequest(csr=csr).SerializeToString(), timeout=60) for csr in requests]

    for caller in callers:
        requests = [random_request(dice, callers) for _ in range(100)]
        for answer in await live.thread.run(ask, live.certified(caller), requests):
            certificate = read_pem(IstioCertificateResponse.FromString(answer).cert_chain[0].encode()).certificates[0]
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert list(names) == [x509.UniformResourceIdentifier(str(caller))]
            assert certificate.subject == x509.Name([])
            assert {extension.oid for extension in certificate.extensions} == expected_extensions
            assert check_svid([certificate]) == str(caller)
    assert live.service.issued == 1000


# --- a proxy asks for another's certificate ---


async def test_by_the_names_in_its_request(live: LiveAuthority, caplog: pytest.LogCaptureFixture) -> None:
    csr = request_for([x509.UniformResourceIdentifier(str(RATINGS))]).sign(KEY, hashes.SHA256())

    got = await live.call(live.control, live.certified(REVIEWS), csr.public_bytes(serialization.Encoding.PEM).decode())

    assert check_svid(got[:1]) == str(REVIEWS)
    assert any(str(RATINGS) in record.getMessage() and "does not get" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "claims", [{"Namespace": "bank"}, {"ServiceAccount": "ratings"}, {"Namespace": "shop", "ServiceAccount": "ratings"}]
)
async def test_by_claims_beside_its_certificate(live: LiveAuthority, expect: Expect, claims: dict[str, str]) -> None:
    code = grpc.StatusCode.PERMISSION_DENIED
    told = await expect.refused(code, "wrong claim", live.control, live.certified(REVIEWS), plain_request(), claims=claims)

    assert "start it as what it is" in told


async def test_by_asking_as_a_node_proxy_does(live: LiveAuthority, expect: Expect) -> None:
    claims = {"ImpersonatedIdentity": str(RATINGS)}

    await expect.refused(
        grpc.StatusCode.PERMISSION_DENIED, "impersonation", live.control, live.certified(REVIEWS), plain_request(), claims=claims
    )


@pytest.mark.parametrize(
    "claims", [{"Namespace": "bank"}, {"ServiceAccount": "ratings"}, {"Role": "gateway"}, {"Name": "ratings-v1"}]
)
async def test_by_claims_beside_its_token_which_stays_good_for_what_it_is(
    live: LiveAuthority, expect: Expect, claims: dict[str, str]
) -> None:
    token = live.token()
    await expect.refused(
        grpc.StatusCode.PERMISSION_DENIED, "wrong claim", live.join, live.joining(), plain_request(), bearer(token), claims
    )

    got = await live.call(live.join, live.joining(), plain_request(), bearer(token))
    assert check_svid(got[:1]) == str(REVIEWS)


async def test_by_a_token_that_was_used(live: LiveAuthority, expect: Expect) -> None:
    token = live.token(RATINGS)
    await live.call(live.join, live.joining(), plain_request(), bearer(token))

    told = await expect.refused(
        grpc.StatusCode.UNAUTHENTICATED, "unknown token", live.join, live.joining(), plain_request(), bearer(token)
    )
    assert "have a new one made" in told


async def test_by_a_token_that_has_expired(live: LiveAuthority, expect: Expect) -> None:
    token = live.tokens.make(Grant(RATINGS, "sidecar", "ratings-v1"), lifetime=1e-9)

    await expect.refused(
        grpc.StatusCode.UNAUTHENTICATED, "expired token", live.join, live.joining(), plain_request(), bearer(token)
    )


async def test_by_another_token_beside_its_certificate(live: LiveAuthority, expect: Expect) -> None:
    metadata = bearer(live.token(RATINGS))

    await expect.refused(
        grpc.StatusCode.INVALID_ARGUMENT, "two proofs", live.control, live.certified(REVIEWS), plain_request(), metadata
    )


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "no proof"),
        ((("authorization", "Basic YTpi"),), "no proof"),
        ((("authorization", "Bearer "),), "malformed token"),
        (bearer("hbj_" + "A" * 12 + "." + "A" * 43), "unknown token"),
        ((*bearer("a"), *bearer("b")), "no proof"),
        ((("x-forwarded-client-cert", f"URI={RATINGS}"),), "no proof"),
    ],
)
async def test_by_no_token_or_a_made_up_one(
    live: LiveAuthority, expect: Expect, metadata: tuple[tuple[str, str], ...], reason: str
) -> None:
    await expect.refused(grpc.StatusCode.UNAUTHENTICATED, reason, live.join, live.joining(), plain_request(), metadata)


async def test_by_no_certificate_where_one_is_required(live: LiveAuthority) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.call(live.control, live.joining(), plain_request(), bearer(live.token()))

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert live.service.issued == 0


async def test_by_a_certificate_that_it_signed_itself(live: LiveAuthority, tmp_path: Path) -> None:
    """The handshake does not let it through, with the right name and an authority's of the same name."""
    forger = Authority(tmp_path / "forger", "cluster.local")
    forged = forger.sign_workload(KEY.public_key(), RATINGS, dt.timedelta(hours=1))
    chain = "".join([*forged.chain, *forged.roots]).encode()
    credentials = grpc.ssl_channel_credentials(live.authority.trust_pem(), write_key(KEY), chain)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.call(live.control, credentials, plain_request())

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert live.service.issued == 0


async def test_by_anothers_certificate_without_its_key(live: LiveAuthority) -> None:
    issued = live.authority.sign_workload(KEY.public_key(), RATINGS, dt.timedelta(hours=1))
    stolen = grpc.ssl_channel_credentials(live.authority.trust_pem(), write_key(make_key()), issued.chain[0].encode())

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.call(live.control, stolen, plain_request())

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert live.service.issued == 0


async def test_by_a_certificate_of_controls_own(live: LiveAuthority) -> None:
    issued = live.authority.sign_server(KEY.public_key(), ["control.hauberk"], dt.timedelta(hours=1))
    credentials = grpc.ssl_channel_credentials(live.authority.trust_pem(), write_key(KEY), issued.chain[0].encode())

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.call(live.control, credentials, plain_request())

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert live.service.issued == 0


async def test_by_a_certificate_of_another_mesh_under_the_same_root(
    thread: AsyncioThread, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with live_authority(thread, tmp_path / "ca", trust_domain="west") as west:
        east = Authority(tmp_path / "ca", "east")
        issued = east.sign_workload(KEY.public_key(), SpiffeId("east", "shop", "ratings"), dt.timedelta(hours=1))
        credentials = grpc.ssl_channel_credentials(west.authority.trust_pem(), write_key(KEY), issued.chain[0].encode())

        await Expect(west, caplog).refused(
            grpc.StatusCode.PERMISSION_DENIED, "other trust domain", west.control, credentials, plain_request()
        )


async def test_by_a_connection_that_outlived_its_certificate(thread: AsyncioThread, tmp_path: Path) -> None:
    clock = Clock()
    async with live_authority(thread, tmp_path / "ca", now=clock) as live:
        credentials = live.certified(REVIEWS)

        async def twice() -> grpc.aio.AioRpcError:
            message = IstioCertificateRequest(csr=plain_request()).SerializeToString()
            async with grpc.aio.secure_channel(live.control, credentials, channel_options()) as channel:
                method = channel.unary_unary(f"/{SERVICE}/{METHOD}")
                await method(message, timeout=60)
                clock.ahead = dt.timedelta(hours=2)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await method(message, timeout=60)
                return caught.value

        error = await thread.run(twice)

        assert error.code() == grpc.StatusCode.UNAUTHENTICATED
        assert "control's clock says" in str(error.details())
        assert live.service.refused == {"certificate ended": 1}
        # By how much clocks differ can be seen from a refusal, too.
        assert abs(float(error.trailing_metadata()[CLOCK]) - clock().timestamp()) < 3600


class Clock:
    def __init__(self) -> None:
        self.ahead = dt.timedelta(0)

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


# --- hostile input ---


@pytest.mark.parametrize("csr", ["", "no PEM", "x" * 20_000])
async def test_requests_that_are_none(live: LiveAuthority, expect: Expect, csr: str) -> None:
    token = live.token()
    await expect.refused(grpc.StatusCode.INVALID_ARGUMENT, "bad request", live.join, live.joining(), csr, bearer(token))
    # The token is still good for a right one.
    await live.call(live.join, live.joining(), plain_request(), bearer(token))


@pytest.mark.parametrize("message", [b"\xff\xff", b"\x0a\xff", b"\x00" * (LARGEST_MESSAGE + 1)])
async def test_messages_that_are_none(live: LiveAuthority, message: bytes) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.thread.run(call_octets, live.control, live.certified(REVIEWS), message)

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert live.service.refused == {"bad message": 1}


@pytest.mark.parametrize(("seconds", "given"), [(0, 3600), (-1, 1), (2, 2), (2**62, 3600)])
async def test_validity_is_bounded(thread: AsyncioThread, tmp_path: Path, seconds: int, given: int) -> None:
    asked = dt.datetime.now(dt.UTC)
    async with live_authority(thread, tmp_path / "ca", longest=dt.timedelta(hours=1), now=lambda: asked) as live:
        message = IstioCertificateRequest(csr=plain_request(), validity_duration=seconds).SerializeToString()
        data = await thread.run(call_octets, live.control, live.certified(REVIEWS), message)
        certificate = read_pem(IstioCertificateResponse.FromString(data).cert_chain[0].encode()).certificates[0]

        lives = (certificate.not_valid_after_utc - asked).total_seconds()
        assert given <= lives < given + 1


async def test_who_asks_too_often_is_told_to_come_later_and_others_are_served(
    thread: AsyncioThread, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(per_second=1e6, at_once=1e6, per_second_each=1e-9, at_once_each=2)
    async with live_authority(thread, tmp_path / "ca", limits=limits) as live:
        greedy = live.certified(REVIEWS)
        for _ in range(2):
            await live.call(live.control, greedy, plain_request())
        told = await Expect(live, caplog).refused(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", live.control, greedy, plain_request()
        )
        assert "ask again later" in told
        await live.call(live.control, live.certified(RATINGS), plain_request())


async def test_all_together_are_bounded_and_a_token_is_not_lost_by_it(
    thread: AsyncioThread, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = UNBOUNDED._replace(per_second=1e-9, at_once=1)
    async with live_authority(thread, tmp_path / "ca", limits=limits) as live:
        await live.call(live.control, live.certified(RATINGS), plain_request())
        token = live.token()
        await Expect(live, caplog).refused(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", live.join, live.joining(), plain_request(), bearer(token)
        )
        assert live.tokens.look(token).identity == REVIEWS


async def test_an_authority_that_has_ended_says_so(
    thread: AsyncioThread, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with live_authority(thread, tmp_path / "ca", now=clock) as live:
        token = live.token()
        clock.ahead = dt.timedelta(days=4000)
        told = await Expect(live, caplog).refused(
            grpc.StatusCode.UNAVAILABLE, "no authority", live.join, live.joining(), plain_request(), bearer(token)
        )
        assert "replace it" in told
