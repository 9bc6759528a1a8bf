"""Control's own certificate, as a client's TLS sees it."""

import datetime as dt
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from live_authority import KEY, REVIEWS, LiveAuthority, live_authority

from hauberk_core.agent.grpc_bridge import AsyncioThread
from hauberk_core.agent.identity.key import write_key

HOUR = dt.timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.ahead = dt.timedelta(0)

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


def handshake(address: str, trust: bytes, name: str = "control.hauberk", own: tuple[Path, Path] | None = None) -> tuple[int, str]:
    """Serial number of the certificate that the server presents, and the TLS version. Raises: ssl.SSLError."""
    context = ssl.create_default_context(cadata=trust.decode())
    context.set_alpn_protocols(["h2"])
    if own is not None:
        context.load_cert_chain(*own)
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = secured.getpeercert()
        assert certificate is not None
        # In TLS 1.3 the server judges the client's certificate after the client is done: it speaks first, then.
        assert secured.recv(1)
        return int(str(certificate["serialNumber"]), 16), str(secured.version())


async def shake(*args: object) -> tuple[int, str]:
    function: Callable[..., tuple[int, str]] = handshake
    return await trio.to_thread.run_sync(lambda: function(*args))


@pytest.mark.parametrize("name", ["control.hauberk", "127.0.0.1"])
async def test_it_is_verified_by_its_name_and_by_its_address(live: LiveAuthority, name: str) -> None:
    _, version = await shake(live.join, live.authority.trust_pem(), name)

    assert version == "TLSv1.3"


async def test_another_name_is_not_its_own(live: LiveAuthority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await shake(live.join, live.authority.trust_pem(), "reviews.shop")


async def test_a_certificate_is_required_at_one_port_and_not_at_the_other(live: LiveAuthority, tmp_path: Path) -> None:
    issued = live.authority.sign_workload(KEY.public_key(), REVIEWS, HOUR)
    own = (tmp_path / "own.pem", tmp_path / "own.key")
    own[0].write_text("".join(issued.chain))
    own[1].write_bytes(write_key(KEY))
    trust = live.authority.trust_pem()

    await shake(live.control, trust, "control.hauberk", own)
    await shake(live.join, trust)
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        await shake(live.control, trust)


async def test_it_is_renewed_at_half_of_its_life_and_the_new_one_presented(thread: AsyncioThread, tmp_path: Path) -> None:
    clock = Clock()
    clock.ahead = -0.55 * HOUR
    async with live_authority(thread, tmp_path / "ca", longest=HOUR, now=clock) as live:
        trust = live.authority.trust_pem()
        first, _ = await shake(live.join, trust)
        assert (await shake(live.join, trust))[0] == first

        clock.ahead = dt.timedelta(0)
        second, _ = await shake(live.join, trust)
        assert second != first
        assert (await shake(live.join, trust))[0] == second


async def test_it_follows_a_rotation_of_the_root(thread: AsyncioThread, tmp_path: Path) -> None:
    clock = Clock()
    # Certificates that begin in the future are none to a client: the authority is a day old when all this happens.
    clock.ahead = dt.timedelta(days=-1)
    async with live_authority(thread, tmp_path / "ca", longest=HOUR, now=clock) as live:
        old = live.authority.trust_pem()
        clock.ahead = -5 * HOUR
        live.authority.rotate()
        new = live.authority.trust_pem().replace(old, b"")
        clock.ahead = -HOUR / 2
        await shake(live.join, new)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shake(live.join, old)


async def test_an_authority_that_cannot_sign_leaves_the_certificate_that_there_is(
    thread: AsyncioThread, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with live_authority(thread, tmp_path / "ca", now=clock) as live:
        trust = live.authority.trust_pem()
        first, _ = await shake(live.join, trust)
        clock.ahead = dt.timedelta(days=4000)

        assert (await shake(live.join, trust))[0] == first
        assert "control's own certificate is not renewed" in caplog.text
