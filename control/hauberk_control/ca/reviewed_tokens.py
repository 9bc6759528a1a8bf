"""Service account tokens: on a cluster a pod proves by its token, which the API server reviews, whose certificate it may have."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec

from hauberk_control.ca.tokens import Grant, TokenRefused, TokensUnavailable
from hauberk_core.identity import SpiffeError, SpiffeId

REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
# A pod asks again when its first call was lost on the way; a token that is revoked must not be good for much longer.
KEPT_SECONDS: Final = 30.0
# Whoever tries with a bad token tries again soon, and the API server has other things to do.
REFUSED_SECONDS: Final = 5.0
# One a pod, of those that started within the last half minute.
MOST_KEPT: Final = 10_000
# Tokens of Kubernetes have about a thousand characters.
LONGEST_TOKEN: Final = 16 * 1024

_USER: Final = "system:serviceaccount:"

Post = Callable[[str, bytes], Awaitable[bytes]]
"""Asks the API server: path and body. Raises: TokensUnavailable."""


class _User(msgspec.Struct):
    username: str = ""


class _ReviewStatus(msgspec.Struct):
    authenticated: bool = False
    user: _User = msgspec.field(default_factory=_User)
    audiences: list[str] = []
    error: str = ""


class _Review(msgspec.Struct):
    status: _ReviewStatus


class _Kept(NamedTuple):
    grant: Grant | None
    refusal: tuple[str, str]
    ends: float


class ReviewedTokens:
    """Has tokens reviewed, and remembers the outcome for moments. Belongs to one asyncio loop."""

    def __init__(
        self, post: Post, audience: str, trust_domain: str, now: Callable[[], float] = time.monotonic, most: int = MOST_KEPT
    ) -> None:
        """Args: audience - whom tokens must be for: others of the same pod prove nothing here; now - seconds."""
        self._post: Final = post
        self._audience: Final = audience
        self._trust_domain: Final = trust_domain
        self._now: Final = now
        self._most: Final = most
        self._kept: Final[OrderedDict[bytes, _Kept]] = OrderedDict()
        """By the tokens' hashes: what is read from this process's memory opens nothing."""

    async def prove(self, token: str) -> Grant:
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise TokenRefused("malformed token", "that is no service account token")
        name = hashlib.sha256(token.encode()).digest()
        kept = self._kept.get(name)
        if kept is None or kept.ends <= self._now():
            kept = await self._review(token)
            self._kept[name] = kept
            self._kept.move_to_end(name)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if kept.grant is None:
            raise TokenRefused(*kept.refusal)
        return kept.grant

    def redeem(self, token: str) -> None:
        """Such a token is good for as long as the API server says so."""

    async def _review(self, token: str) -> _Kept:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        answer = await self._post(REVIEWS, msgspec.json.encode(body))
        try:
            status = msgspec.json.decode(answer, type=_Review).status
        except (msgspec.MsgspecError, ValueError) as error:
            raise TokensUnavailable(f"the API server's review of a token cannot be read: {error}") from error
        if not status.authenticated:
            return self._refuse("bad token", f"the API server does not know this token: {status.error or 'no reason is given'}")
        # A server that knows nothing of audiences answers without any, and its word would be for every token.
        if self._audience not in status.audiences:
            return self._refuse("other audience", f"this token is not for {self._audience!r}; mount one that is")
        namespace, _, account = status.user.username.removeprefix(_USER).partition(":")
        if not status.user.username.startswith(_USER):
            return self._refuse("no service account", "this token is no service account's")
        try:
            identity = SpiffeId(self._trust_domain, namespace, account)
        except SpiffeError as error:
            return self._refuse("no service account", f"this token's account makes no identity: {error}")
        return _Kept(Grant(identity, "", ""), ("", ""), self._now() + KEPT_SECONDS)

    def _refuse(self, reason: str, message: str) -> _Kept:
        return _Kept(None, (reason, message), self._now() + REFUSED_SECONDS)
