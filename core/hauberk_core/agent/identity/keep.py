"""Keeps a workload's identity: obtains it, renews it at half of its life, and keeps it on disk.

The first certificate is asked for with a join token, each further one with the one before. What fails is tried again, with longer
and longer pauses, and the certificate in use stays in use until it ends.
"""

import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import trio

from hauberk_core.agent.identity.client import Answer, CertificateClient, CertificateDenied, CertificateUnavailable
from hauberk_core.agent.identity.key import make_key, make_request
from hauberk_core.agent.identity.private_file import PrivateFileError
from hauberk_core.agent.identity.proof import JoinProof
from hauberk_core.agent.identity.schedule import renewal_time, retry_delay
from hauberk_core.agent.identity.state import load_identity, save_identity
from hauberk_core.agent.identity.svid import stamp
from hauberk_core.agent.identity.wire_names import CLAIM_NAME, CLAIM_NAMESPACE, CLAIM_ROLE, CLAIM_SERVICE_ACCOUNT
from hauberk_core.agent.identity.workload import IdentityRefused, WorkloadIdentity, check_kept, read_answer
from hauberk_core.agent.logs import LOG
from hauberk_core.identity import SpiffeId

# trio's clock stands still while a machine sleeps, and wall clocks are set: time is looked at this often.
_LOOK_SECONDS: Final = 10.0

NewToken = Callable[[], Awaitable[JoinProof]]
"""Gets another join token. Raises: CertificateUnavailable."""


class IdentityFailed(Exception):
    """This workload gets no identity; the message says why and what to do."""


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who a workload is to be, and where its identity is kept."""

    spiffe_id: SpiffeId
    role: str
    """`sidecar` or `gateway`."""
    name: str
    """Of the workload or the gateway."""
    root_pem: bytes
    """By what control is known at first; afterwards it tells its roots itself."""
    state_folder: Path
    join_token: str = ""
    """For the first certificate; not needed where the state folder holds one that is valid."""
    validity_seconds: int = 0
    """How long certificates shall live; 0 leaves it to control."""

    def __repr__(self) -> str:
        return f"IdentitySettings({self.spiffe_id}, {self.role} {self.name}, token withheld)"


class _Keeper:
    def __init__(
        self,
        settings: IdentitySettings,
        client: CertificateClient,
        new_token: NewToken | None,
        now: Callable[[], float],
        dice: Callable[[], float],
    ) -> None:
        self._settings: Final = settings
        self._client: Final = client
        self._new_token: Final = new_token
        self._now: Final = now
        self._dice: Final = dice
        self._proof = JoinProof(settings.join_token, settings.root_pem)
        name = settings.spiffe_id
        self._claims: Final = {
            CLAIM_NAMESPACE: name.namespace,
            CLAIM_SERVICE_ACCOUNT: name.service_account,
            CLAIM_ROLE: settings.role,
            CLAIM_NAME: settings.name,
        }

    async def kept(self) -> WorkloadIdentity | None:
        """What the state folder holds, if it can be used."""
        settings = self._settings
        try:
            identity = await trio.to_thread.run_sync(load_identity, settings.state_folder)
            if identity is None:
                return None
            check_kept(identity, settings.spiffe_id, settings.spiffe_id.trust_domain, self._now())
        except (IdentityRefused, PrivateFileError) as error:
            LOG.warning("%s; a new one is asked for", error)
            return None
        return identity

    async def obtain(self, current: WorkloadIdentity | None) -> WorkloadIdentity:
        """Ask until there is a new identity.

        Raises: IdentityFailed if there is none in use, and asking again would not help.
        """
        failures = 0
        while True:
            try:
                return await self._ask(current)
            except (CertificateUnavailable, CertificateDenied, IdentityRefused) as error:
                # One that is refused may still serve until it ends, and whoever refused it may think better of it.
                if current is None and not isinstance(error, CertificateUnavailable) and self._new_token is None:
                    raise IdentityFailed(str(error)) from error
                failures += 1
                delay = retry_delay(failures, self._left(current), self._dice())
                LOG.warning("no certificate: %s; %s; next try in %.1f s", error, self._standing(current), delay)
            await trio.sleep(delay)

    async def wait_due(self, identity: WorkloadIdentity) -> None:
        """Wait until it is time to renew."""
        due = renewal_time(identity.obtained, identity.not_after, self._now(), self._dice())
        while (left := due - self._now()) > 0:  # noqa: ASYNC110 - a clock that is set sends no event
            await trio.sleep(min(left, _LOOK_SECONDS))

    async def save(self, identity: WorkloadIdentity) -> None:
        """Keep it for the next start; where that fails, this agent goes on all the same."""
        try:
            await trio.to_thread.run_sync(save_identity, self._settings.state_folder, identity)
        except PrivateFileError as error:
            LOG.error("the certificate is in use, and is not kept for a restart: %s", error)

    async def _ask(self, current: WorkloadIdentity | None) -> WorkloadIdentity:
        key = make_key()
        csr = make_request(key, self._settings.spiffe_id)
        seconds = self._settings.validity_seconds
        if current is not None and self._left(current) > 0:
            answer = await self._client.renew(csr, seconds, self._claims, current)
        else:
            answer = await self._join(csr, seconds)
        return read_answer(answer.certificates, key, self._settings.spiffe_id, self._now(), answer.control_clock)

    async def _join(self, csr: str, seconds: int) -> Answer:
        if not self._proof.token and self._new_token is not None:
            self._proof = await self._new_token()
        proof = self._proof
        if not proof.token:
            raise CertificateDenied(
                "there is neither a valid certificate nor a join token; start this proxy again with a new token"
            )
        try:
            answer = await self._client.join(csr, seconds, self._claims, proof.token, proof.root_pem)
        except CertificateDenied:
            self._proof = proof._replace(token="")
            raise
        self._proof = proof._replace(token="")
        return answer

    def _left(self, identity: WorkloadIdentity | None) -> float:
        return float("inf") if identity is None else identity.not_after - self._now()

    def _standing(self, current: WorkloadIdentity | None) -> str:
        if current is None:
            return "this proxy has none yet"
        end = stamp(dt.datetime.fromtimestamp(current.not_after, dt.UTC))
        return (
            f"the one in use serves until {end}" if self._left(current) > 0 else f"the last one ended at {end}: peers refuse it"
        )


async def keep_identity(
    settings: IdentitySettings,
    client: CertificateClient,
    changed: Callable[[WorkloadIdentity], None],
    new_token: NewToken | None = None,
    now: Callable[[], float] = time.time,
    dice: Callable[[], float] = random.random,
    *,
    task_status: "trio.TaskStatus[WorkloadIdentity]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Obtain the identity and renew it for ever. Started, with the identity, once there is one; control away, that may take long.

    Args: changed - called in this task with each identity, the first included, before it counts as obtained; new_token - gets
    another join token where there is no valid certificate to renew by; now - seconds since 1970.
    Raises: IdentityFailed while there is none yet, if control refuses; afterwards never.
    Cancellation: safe; what is on disk is whole.
    """
    keeper = _Keeper(settings, client, new_token, now, dice)
    identity = await keeper.kept()
    if identity is None:
        identity = await keeper.obtain(None)
        await keeper.save(identity)
    changed(identity)
    task_status.started(identity)
    while True:
        await keeper.wait_due(identity)
        identity = await keeper.obtain(identity)
        await keeper.save(identity)
        LOG.info("the certificate was renewed: %r", identity)
        changed(identity)
