"""Join tokens: how a workload that has no certificate yet proves which one it may have.

Whoever may use control's admin socket has one made, for one workload, and hands it to that workload's agent. It is good for one
certificate and for a few minutes. Kept is only its hash, so that what is read from this process's memory opens nothing.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from hauberk_core.identity import SpiffeId

# From making a token to the agent's first call takes a second; a container image may have to be fetched in between.
DEFAULT_LIFETIME: Final = 300.0
LONGEST_LIFETIME: Final = 3600.0
# Tokens not used yet. One a workload, and nobody starts more at a time.
MOST_TOKENS: Final = 10_000

_SECRET_OCTETS: Final = 32
_NAME_OCTETS: Final = 9
_PREFIX: Final = "hbj_"
_TEXT_LENGTH: Final = len(_PREFIX) + 12 + 1 + 43


class Grant(NamedTuple):
    """What a token is good for."""

    identity: SpiffeId
    role: str
    """`sidecar` or `gateway`; empty: the token does not say, and its bearer may be either."""
    name: str
    """Of the workload or the gateway; empty as the role."""


class TokenRefused(Exception):
    """A token is good for nothing; the message says why, as far as the asker may know, and what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason: Final = reason
        """A word for counters and logs."""


class TokensUnavailable(Exception):
    """What a token is good for cannot be found out at the moment; the message says why."""


class Tokens(Protocol):
    """Whoever knows what tokens are good for."""

    async def prove(self, token: str) -> Grant:
        """What `token` is good for, without using it up. Raises: TokenRefused, TokensUnavailable."""
        ...

    def redeem(self, token: str) -> Grant | None:
        """Use it up, where a token is good for once only. Raises: TokenRefused."""
        ...


class TooManyTokens(Exception):
    """No further token is made until some were used or ended."""


class _Kept(NamedTuple):
    secret_hash: bytes
    grant: Grant
    ends: float


class JoinTokens:
    """The tokens that were made and not used. Safe to use from several threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic, most: int = MOST_TOKENS) -> None:
        """Args: now - a clock in seconds that never goes back."""
        self._now: Final = now
        self._most: Final = most
        self._lock: Final = threading.Lock()
        self._kept: Final[dict[str, _Kept]] = {}

    def make(self, grant: Grant, lifetime: float = DEFAULT_LIFETIME) -> str:
        """Make a token.

        Args: lifetime - seconds, at most an hour. Returns: its text, which is nowhere kept.
        Raises: TooManyTokens; ValueError for a lifetime that is not allowed.
        """
        if not 0 < lifetime <= LONGEST_LIFETIME:
            raise ValueError(f"a join token lives more than 0 and at most {LONGEST_LIFETIME:.0f} s, not {lifetime}")
        name = secrets.token_urlsafe(_NAME_OCTETS)
        secret = secrets.token_bytes(_SECRET_OCTETS)
        with self._lock:
            now = self._now()
            if len(self._kept) >= self._most:
                self._forget_ended(now)
            if len(self._kept) >= self._most:
                raise TooManyTokens(f"{self._most} join tokens wait to be used already; use them, or wait until they end")
            self._kept[name] = _Kept(_hash(secret), grant, now + lifetime)
        return f"{_PREFIX}{name}.{base64.urlsafe_b64encode(secret).rstrip(b'=').decode()}"

    def look(self, token: str) -> Grant:
        """What `token` is good for, without using it up. Raises: TokenRefused."""
        with self._lock:
            return self._find(token)[1].grant

    async def prove(self, token: str) -> Grant:
        return self.look(token)

    def redeem(self, token: str) -> Grant:
        """What `token` is good for, once: afterwards for nothing. Raises: TokenRefused."""
        with self._lock:
            name, kept = self._find(token)
            del self._kept[name]
            return kept.grant

    def waiting(self) -> int:
        """How many are not used yet."""
        with self._lock:
            self._forget_ended(self._now())
            return len(self._kept)

    def _find(self, token: str) -> tuple[str, _Kept]:
        name, secret = _take_apart(token)
        kept = self._kept.get(name)
        # The name is no secret; the rest is compared in a time that does not depend on where it differs, known or not.
        right = hmac.compare_digest(_hash(secret), kept.secret_hash if kept is not None else _NO_HASH)
        if kept is None or not right:
            raise TokenRefused(
                "unknown token",
                "the join token is unknown: it was used already, or control started again since; have a new one made",
            )
        if kept.ends <= self._now():
            del self._kept[name]
            raise TokenRefused("expired token", "the join token has expired; have a new one made and use it at once")
        return name, kept

    def _forget_ended(self, now: float) -> None:
        for name in [name for name, kept in self._kept.items() if kept.ends <= now]:
            del self._kept[name]


_NO_HASH: Final = bytes(hashlib.sha256().digest_size)


def _hash(secret: bytes) -> bytes:
    # A secret of 256 random bits needs no slow hash: there is nothing to guess.
    return hashlib.sha256(secret).digest()


def _take_apart(token: str) -> tuple[str, bytes]:
    name, _, encoded = token.removeprefix(_PREFIX).partition(".")
    if len(token) != _TEXT_LENGTH or not token.startswith(_PREFIX) or not token.isascii():
        raise TokenRefused(
            "malformed token", f"that is no join token; they begin with {_PREFIX} and have {_TEXT_LENGTH} characters"
        )
    try:
        return name, base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
    except ValueError:
        raise TokenRefused("malformed token", "that is no join token: its second part is not base64") from None
